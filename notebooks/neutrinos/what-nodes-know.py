# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# (neutrinos/what-nodes-know)=
#
# # What the nodes know
#
# The last hidden layer of a classifier is where it keeps what it has understood.  {cite}`shokar2020`
# opened the layer and looked: most nodes were silent, some answered to one class, some to one
# *generator* of events.  His proposal, for which no time was left, was to freeze those.  This page
# repeats the look, repairs the measure, and tries the proposal.
#
# **You will learn**
#
# - how many nodes of a wide layer do nothing, before and after training;
# - to measure what one node knows, and why the printed measure was the same for every node;
# - what freezing the nodes that know the generator costs, and what it gains, beside freezing others.
#
# **Cost** Half a minute on one CPU core and 1.5 GB of memory.  The default network has 256 nodes in
# that layer; `network="printed"`, with the 1024 nodes of the source, takes five times as long.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from parity_nb.data import choose
from parity_nb.neutrinos.data import domain
from parity_nb.neutrinos.methods import (
    DECAY_OUTPUT,
    compared,
    logits_of,
    purity_efficiency,
    train_classifier,
)
from parity_nb.neutrinos.networks import CLASSES, FULL_SCALE, NETWORKS
from parity_nb.plotting import CYCLE, use_style
from parity_nb.records import Records, provenance, published
from parity_nb.statistics import accuracy, roc_area
from parity_nb.training import Recipe, evaluate

# %% tags=["parameters"]
network: str = "quick"  # quick, printed, mobilenet or tenth: all with a hidden layer
train: int = 3000  # events of each generator to train on
tests: int = 2000  # events of each generator to test on
gap: float = 1.0  # how far the second generator is from the first
epochs: int = 6  # passes over the training events
batch: int = 32  # events a step
rate: float = 0.004  # learning rate, the largest one of the schedule
draws: int = 3  # random choices of nodes to compare with
seed: int = 0  # random seed of events, weights and batches

# %%
use_style()
run = Records.of("neutrinos/what-nodes-know", globals(), run=("network", "gap", "seed"))
make = choose("network", network, NETWORKS)
recipe = Recipe(network, "adamw", rate, batch, epochs, "cross entropy", "one cycle", decay=1e-2)
theirs = published("shokar2020").set_index("name").value
rng = np.random.default_rng(seed)

# %% [markdown]
# ## A network for both generators
#
# As in the source, the network learns from as many simulated events of one generator as of the other,
# and as many of each class ({ref}`neutrinos/classifier`).

# %%
first = domain("genie-like", train, tests, seed, gap=gap)
second = domain("gibuu-like", train, tests, seed, gap=gap)
half = train // 2
mixed = first.train[:half] + second.train[:half]
held = first.test + second.test


# %%
def fresh():
    torch.manual_seed(seed)
    return make()


# %%
def trained(events):
    net = fresh()
    decay = DECAY_OUTPUT if network == "printed" else 0.0
    train_classifier(net, events, recipe, seed, output_decay=decay)
    return net


# %% tags=["nbval-ignore-output"]
net = trained(mixed)
overall = accuracy(logits_of(net, held).softmax(1), held.labels)
print("test events of both generators:", overall)

# %% [markdown]
# ## Silent nodes
#
# A node with ReLU is *dead* if it is zero for every event.  In the source 78.4 % of 1024 nodes were.  A
# node may be dead before any training, so we look at the untrained network too.


# %%
def nodes_of(net, events):
    """Values of the last hidden layer for every event: (N, hidden), zero or larger."""
    layer = nn.Sequential(net.trunk, net.hidden or nn.Identity(), nn.ReLU())
    return evaluate(layer, events.maps, 512, prepare=lambda m: m.float() / FULL_SCALE).numpy()


def dead(values):
    """Nodes that are zero for every event: (N, nodes) -> (nodes,) truth values."""
    return ~(values > 0).any(0)


# %%
before, values = (nodes_of(n, held) for n in (fresh(), net))
silent = {"untrained": dead(before), "trained": dead(values)}
for name, mask in silent.items():
    share = mask.mean()
    print(f"{name}: {100 * share:.1f} % of {len(mask)} nodes are dead")
print(f"published, trained: {theirs['dead nodes']} % of {theirs['nodes']:.0f}")

# %% [markdown]
# A dead node costs a row of weights and does nothing.  How few nodes would do?  The living ones are
# ranked by the size of what they add to the three outputs, and the rest is set to zero.

# %%
last = {k: v.detach().numpy() for k, v in net.output.named_parameters()}
reach = values.std(0) * np.abs(last["weight"]).sum(0)
ranked = np.argsort(-reach)


def with_nodes(k):
    """Accuracy if all nodes but the k that reach furthest are zero."""
    part = values[:, ranked[:k]] @ last["weight"].T[ranked[:k]] + last.get("bias", 0)
    return accuracy(part, held.labels)


# %%
enough = {k: with_nodes(k) for k in (2, 4, 8, 16, 32, 64, values.shape[1])}
print("\n".join(f"{k:>4} nodes: {value}" for k, value in enough.items()))

# %% [markdown]
# ## What one node says
#
# One node is a poor classifier, and can be asked what it knows as one: how pure and how efficient is the best cut
# on its value?  The source took the product of the two.  Cuts lie at zero, where all events are kept, and at
# quantiles of the values.


# %% tags=["subject"]
def best_product(values, signal, cuts=40):
    """Largest purity times efficiency of a cut on one node, (N,), for a signal, (N,).

    A node that knows nothing ends with the share of the signal, and so does a dead one.
    """
    v = values.astype(float)
    places = np.unique(np.quantile(v, np.linspace(0, 1, cuts, endpoint=False)))
    return float(purity_efficiency(v, signal, places)["product"].max())


def products(values, labels, domain):
    """Best product of each node, (N, nodes), for every class and both generators: a row a node.

    Labels (N,) are places in `CLASSES`; domain (N,) is 0 or 1, the columns source and target.
    """
    signals = {name: labels == place for place, name in enumerate(CLASSES)}
    signals |= {"source": domain == 0, "target": domain == 1}
    nodes = values.T
    return pd.DataFrame(
        {name: [best_product(v, truth) for v in nodes] for name, truth in signals.items()}
    )


# %% [markdown]
# A second measure is the area under the ROC curve, minus one half and without its sign: 0 knows nothing, 0.5
# everything.  It also sees small shifts, and nodes that are *low* for a signal.  For the generator it is taken
# within each class and averaged, because a node that knows a class would otherwise seem to know the generator that
# makes more of it.


# %% tags=["subject"]
def beyond_a_coin(values, signal):
    """Distance from 1/2 of the area under each node's ROC curve: (N, nodes), (N,) -> (nodes,)."""
    m, n = int(signal.sum()), int((~signal).sum())
    ranks = stats.rankdata(values, axis=0)[signal].sum(0)
    return np.abs((ranks - m * (m + 1) / 2) / (m * n) - 0.5)


def class_knowledge(values, labels):
    """How well each node alone tells each class from the others: (nodes, 3)."""
    return pd.DataFrame({c: beyond_a_coin(values, labels == k) for k, c in enumerate(CLASSES)})


def generator_knowledge(values, labels, domain):
    """How well each node alone tells the generators apart, class by class: (nodes,).

    A class of which one generator has no event is left out.
    """
    found = []
    for place in range(len(CLASSES)):
        part, target = values[labels == place], domain[labels == place] == 1
        if target.any() and not target.all():
            found.append(beyond_a_coin(part, target))
    return np.mean(found, axis=0) if found else np.zeros(values.shape[1])


# %% [markdown]
# All nodes are ranked at once; for one node it is the area that all of this book uses:

# %%
some, signal = values[:100].max(1), held.labels[:100].numpy() == 0
distance = abs(roc_area(some, signal).value - 0.5)
assert abs(beyond_a_coin(some[:, None], signal)[0] - distance) < 1e-9

# %% [markdown]
# Four living nodes: the best for muon and for electron neutrinos by the first measure, and the two that
# know most of the generator by the second.

# %%
alive = np.flatnonzero(~silent["trained"])
labels, generators = held.labels.numpy(), held.domain.numpy()

# %%
known = generator_knowledge(values[:, alive], labels, generators)
table = products(values[:, alive], labels, generators).set_index(alive)
table["generator"] = known
shown = [*table[["numu", "nue"]].idxmax(), *table.generator.nlargest(2).index]
table.loc[shown].round(3)


# %% tags=["hide-input"]
def node_histograms(values, labels, domain, nodes):
    """Values (N, nodes) of some nodes by class (colour) and generator (dashed), one panel a node."""
    _, axes = plt.subplots(1, len(nodes), figsize=(9, 2.6), sharey=True)
    for ax, node in zip(axes, nodes, strict=True):
        edges = np.linspace(1e-6, np.quantile(values[:, node], 0.995) + 1e-3, 21)
        for place, name in enumerate(CLASSES):
            for generator, style in ((0, "-"), (1, "--")):
                chosen = values[(labels == place) & (domain == generator), node]
                share = np.histogram(chosen, edges)[0] / max(len(chosen), 1)
                label = None if generator else name
                ax.stairs(share, edges, color=CYCLE[place], linestyle=style, label=label)
        ax.set(xlabel=f"node {node}", yscale="log")
    axes[0].set_ylabel("share of events")
    axes[0].legend(fontsize=8)


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Values of four nodes for test events, where they are not zero: the best for muon neutrinos, the best for electron neutrinos, and the two that know most of the generator. Colours are classes; the second generator is dashed.", "name": "fig-nodes-histograms"}, "image": {"alt": "Four panels of six histograms each; in the first two one colour stands apart, in the last two solid and dashed lines differ."}}
node_histograms(values, labels, generators, shown)
plt.show()

# %% [markdown]
# ## A measure
#
# The source sums up a node by the first of these measures: Figure 33.  The printed function takes a node as its
# argument and then cuts on the *score* of the network; the values of the node are collected and counted, never
# compared.  In few words:


# %%
scores = logits_of(net, held).softmax(1)[:, CLASSES.index("nue")].numpy()


def printed_product(node, cut):
    kept = {name: values[(labels == p) & (scores >= cut), node] for p, name in enumerate(CLASSES)}
    purity = len(kept["nue"]) / max(sum(map(len, kept.values())), 1)
    return purity * len(kept["nue"]) / (labels == CLASSES.index("nue")).sum()


# %%
curves = [[printed_product(node, cut) for cut in (0.05, 0.1, 0.2)] for node in alive[:10]]
print("ten nodes, one curve:", all(curve == curves[0] for curve in curves))
assert all(curve == curves[0] for curve in curves)

# %% [markdown]
# Every node gets the same number ({ref}`errata <mirrors/errata>`).  Whether Figure 33, whose points differ, was
# made by another version of the code we cannot know.  A cut on the node itself gives what was meant.
# One should know its floor: where nothing is cut away, the efficiency is one and the purity is the share
# of the signal, so a node that knows nothing has a third for a class and a half for a generator.

# %%
nothing = best_product(rng.random(len(labels)), labels == 0)
print(f"a node of random numbers: {nothing:.3f} for numu")
print(f"living nodes: {table.numu.min():.3f} to {table.numu.max():.3f}")
at_zero = purity_efficiency(values[:, alive[0]], labels == 0, [0.0]).iloc[0]
assert abs(at_zero["product"] - (labels == 0).mean()) < 1e-9

# %%
floor = (generators == 1).mean()
print(f"the second generator: floor {floor:.3f}, best node {table.target.max():.3f}")

# %% [markdown]
# For a generator this measure says little: it rewards a node that is large for many events of one kind and for
# few others, and a generator rarely has such events.  A slight shift of a distribution leaves it on its floor.
#
# ## Does a node that knows a class know a generator?
#
# The source found the strongest correlation between $\nu_\mu$ and the second generator.  With the second measure,
# the area under the ROC curve: rank correlations over living nodes, and the same after the generators have been shuffled among the events of each class, which leaves
# nothing to know:


# %%
def knowledge_of(generators):
    known = class_knowledge(values[:, alive], labels)
    return known.assign(generator=generator_knowledge(values[:, alive], labels, generators))


def shuffled():
    mixed = generators.copy()
    for place in range(3):
        mixed[labels == place] = rng.permutation(mixed[labels == place])
    return mixed


# %%
observed, null = knowledge_of(generators), knowledge_of(shuffled())
correlation = {
    name: {c: stats.spearmanr(t[c], t.generator)[0] for c in CLASSES}
    for name, t in (("observed", observed), ("shuffled", null))
}
pd.DataFrame(correlation).round(2)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Each living node: how well it tells muon neutrinos from other events, and how well it tells the generators apart within a class; grey with shuffled generators. Distance of the area under the ROC curve from one half.", "name": "fig-nodes-correlation"}, "image": {"alt": "Scatter of coloured points, above a band of grey ones near zero."}}
fig, ax = plt.subplots(figsize=(4.6, 3.4))
ax.plot(null.numu, null.generator, "o", color="grey", markersize=3, label="shuffled")
ax.plot(observed.numu, observed.generator, "o", markersize=4, label="observed")
ax.set(xlabel="knowledge of numu", ylabel="knowledge of the generator", xlim=(0, 0.5))
ax.legend()
plt.show()

# %% [markdown]
# What is left of a correlation after shuffling has nothing to do with generators: a node that is rarely active can
# know little of anything, and makes a point near the origin.  The nodes are not independent either, so their number
# makes no error; the scatter between trainings is in {ref}`neutrinos/results`.
#
# ## Freezing the nodes that know
#
# The proposal: take those nodes out, and the classifier should care less about where an event comes from.
# It makes sense where the second generator has no labels.  So this network learns from the *first* one
# only; a node's knowledge is measured with the classes that the network itself assigns; frozen nodes are
# set to zero; and the last layer is fitted again to labelled events of the first generator.  As many
# nodes chosen at random show what freezing alone does.

# %% tags=["nbval-ignore-output"]
single = trained(first.train)

# %%
parts = {"train": first.train, "first": first.test, "second": second.test}
layer = {name: nodes_of(single, part) for name, part in parts.items()}
guess = {k: single.output(torch.as_tensor(layer[k])).argmax(1).numpy() for k in ("first", "second")}
living = np.flatnonzero(~dead(layer["train"]))

# %%
both = np.concatenate([layer["first"], layer["second"]])
where = np.repeat([0, 1], [len(layer["first"]), len(layer["second"])])
classes = np.concatenate([guess["first"], guess["second"]])
suspicion = generator_knowledge(both[:, living], classes, where)
suspects = living[np.argsort(-suspicion)]


# %%
def linear():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=1000, tol=1e-3))


def refitted(nodes):
    """Scores on both test sets by a last layer that sees only these nodes."""
    fit = linear().fit(layer["train"][:, nodes], first.train.labels.numpy())
    return {k: fit.predict_proba(layer[k][:, nodes]) for k in ("first", "second")}


# %%
def told_apart(nodes):
    """How often a linear rule on these nodes knows the generator: on the half not fitted."""
    x, known = both[:, nodes], np.arange(len(both)) % 2 == 0
    return linear().fit(x[known], where[known]).score(x[~known], where[~known])


# %% [markdown]
# Accuracy on both generators, and how well they can still be told apart:

# %%
answers = {"first": first.test.labels, "second": second.test.labels}


def averaged(sets):
    """Mean accuracies over sets of nodes that are kept, and how well generators are told apart."""
    scores = [refitted(nodes) for nodes in sets]
    means = {k: np.mean([accuracy(s[k], answers[k]).value for s in scores]) for k in answers}
    return means | {"told apart": np.mean([told_apart(nodes) for nodes in sets])}


# %%
frozen = {}
for share in (0.0, 0.2, 0.4, 0.6, 0.8):
    k = round(share * len(living))
    frozen[share, "suspects"] = averaged([suspects[k:]])
    frozen[share, "random"] = averaged([rng.permutation(living)[k:] for _ in range(draws)])

# %%
tried = pd.DataFrame(frozen).T.unstack()
(100 * tried).rename_axis("share frozen").round(1)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Accuracy on either generator after freezing a share of the living nodes and fitting the last layer again: nodes that know the generator (solid), and nodes at random (dashed). All points of one colour are from the same test events.", "name": "fig-nodes-frozen"}, "image": {"alt": "Four curves of accuracy against the share of frozen nodes, two for each generator."}}
fig, ax = plt.subplots(figsize=(5.2, 3.2))
for colour, key in zip(CYCLE, answers, strict=False):
    for kind, style in (("suspects", "o-"), ("random", "s--")):
        y = 100 * tried[key][kind]
        ax.plot(100 * tried.index, y, style, color=colour, label=f"{key}, {kind}")
ax.set(xlabel="living nodes frozen / %", ylabel="accuracy / %")
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# Cost and gain, event by event on the same test sets: the network without the suspects minus the whole one.

# %%
whole = refitted(living)
change = {}
for share in (0.2, 0.4, 0.6, 0.8):
    less = refitted(suspects[round(share * len(living)) :])
    for key, truth in answers.items():
        one, two = (torch.as_tensor(scores[key]) for scores in (less, whole))
        change[share, key] = compared(one, two, truth)
        print(f"{share:.0%} frozen, {key} generator: {change[share, key]}")

# %% [markdown]
# ## What we found

# %% tags=["hide-input"]
run.record("accuracy", overall.value, overall.error, overall.n)
for name, mask in silent.items():
    run.record(f"dead nodes, {name}", mask.mean(), n=len(mask))
for kept, value in enough.items():
    run.record(f"accuracy with {kept} nodes", value.value, value.error, value.n)

# %% tags=["hide-input"]
for c in CLASSES:
    for name, row in correlation.items():
        run.record(f"correlation of {c} and generator, {name}", row[c], n=len(alive))
for name, t in (("observed", observed), ("shuffled", null)):
    run.record(f"knowledge of the generator, {name}", t.generator.mean(), n=len(alive))
run.record("best product of a node, second generator", table.target.max(), n=len(held))

# %% tags=["hide-input"]
for (share, kind), means in frozen.items():
    for key, value in means.items():
        run.record(f"{key}, {kind}, {share:.0%} frozen", value, n=tests)
for (share, key), c in change.items():
    run.record(f"change by freezing {share:.0%}, {key} generator", c.difference, c.error, c.n)
saved = run.save()

# %% [markdown]
# - The printed measure of a node does not depend on the node.  Measured as meant, it has a floor, which is
#   where dead nodes sit.
# - A few dozen of the nodes carry nearly all of the decision; with fewer, it is a matter of chance which classes
#   are left.
# - The nodes that know the generator can be found without target labels.  What freezing them costs and gains is in
#   {ref}`neutrinos/results`; generators that could be told apart still can be afterwards, for what one node knew,
#   others know.

# %% tags=["hide-input"]
assert table[["numu", "nue", "nc"]].min().min() > 0.2
if train * epochs > 10_000:
    assert enough[64].value > enough[values.shape[1]].value - 0.05
    before, after = tried["told apart"]["suspects"][[0.0, 0.2]]
    assert before < 0.55 or after > 0.5

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
