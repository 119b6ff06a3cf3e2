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
# (neutrinos/results)=
#
# # Results: neutrinos
#
# Every run of {ref}`neutrinos/classifier`, {ref}`neutrinos/what-nodes-know` and
# {ref}`neutrinos/domain-adversarial` has left its numbers in a record.  This page reads them: several random
# seeds, each with simulated events of its own, so that a difference between methods can be told from a
# difference between trainings.  Nothing is trained here.
#
# **You will learn**
#
# - whether a network a tenth as large does as well, and what batch, rate and optimiser do;
# - which ways of adapting to another generator gain anything, and the smallest gain that would have shown;
# - whether features from which a probe cannot tell the domain are better features.
#
# **Cost** Seconds, no data set.  The records shown are the committed ones of the `study` size.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from parity_nb.neutrinos.scores import mean_difference, smallest_difference
from parity_nb.plotting import CYCLE, use_style
from parity_nb.records import Records, load_records, provenance, published
from parity_nb.tables import percent

# %% tags=["parameters"]
evidence: str = "study"  # whose records make the tables: study (committed) or run (this build)

# %%
use_style()
run = Records("neutrinos/results", parameters=dict(evidence=evidence))
classifier = load_records("neutrinos/classifier", evidence)
knowing = load_records("neutrinos/what-nodes-know", evidence)
adapting = load_records("neutrinos/domain-adversarial", evidence)
theirs = published("shokar2020").set_index("name").value
for name, records in (("classifier", classifier), ("nodes", knowing), ("adaptation", adapting)):
    print(f"{name}: {records.file.nunique()} runs")

# %% [markdown]
# ## How a table is made
#
# A cell holds the mean over random seeds, the error of that mean and the number of seeds.  The error is the
# scatter between seeds, which have different events, different weights and different batches, divided by
# the root of their number; for one seed it is the binomial error of its test events.


# %%
def over_seeds(records, name, **which):
    """Mean, error of the mean, seeds and test events of a number; None without records."""
    rows = records[records["name"] == name] if len(records) else records
    for key, value in which.items():
        rows = rows[rows[key] == value] if len(rows) else rows
    if rows.empty:
        return None
    values, errors = rows.value.astype(float), rows.error.astype(float).fillna(0)
    between = values.std() / len(rows) ** 0.5 if len(rows) > 1 else 0.0
    inside = np.sqrt((errors**2).sum()) / len(rows)
    return values.mean(), max(between, inside), len(rows), int(rows.n.fillna(0).max())


def cell(found, scale=100, digits=1):
    if found is None:
        return ""
    value, error, seeds, _ = found
    return f"{scale * value:.{digits}f} ± {scale * error:.{digits}f} ({seeds})"


# %% [markdown]
# ## Networks
#
# Accuracy, and the product of purity and efficiency at the cut that was chosen on validation events, in per
# cent, with the number of seeds in brackets.

# %%
plain = classifier
if len(classifier):
    usual = classifier.groupby("network")[["batch", "optimiser", "rate"]].transform("first")
    plain = classifier[(classifier[usual.columns] == usual).all(axis=1)]
networks = list(dict.fromkeys(plain.network)) if len(plain) else []
shown = {
    "weights": "weights",
    "accuracy": "accuracy, genie-like to genie-like",
    "on the second": "accuracy, genie-like to gibuu-like",
    "numu product": "product, numu, genie-like",
    "nue product": "product, nue, genie-like",
}

# %%
table = pd.DataFrame(
    {
        title: {n: over_seeds(plain, name, network=n) for n in networks}
        for title, name in shown.items()
    }
).reindex(columns=list(shown))
if networks:
    table["weights"] = [f"{int(w[0]):,}" for w in table["weights"]]
    print("test events of each generator, a seed:", table["accuracy"].iloc[0][3])
table.map(lambda x: x if isinstance(x, str) else cell(x)) if networks else "not yet run"

# %% [markdown]
# Do 84 % of the weights, one dense layer and the convolution before it, buy anything?  Networks of the same
# random seed have seen the same events, so their differences are taken seed by seed.


# %%
def seed_by_seed(records, name, one, two):
    """Mean difference of two networks over common seeds, its error, and their number."""
    rows = records[records["name"] == name] if len(records) else records
    if rows.empty:
        return None
    pivot = rows.pivot_table(index="seed", columns="network", values="value", aggfunc="first")
    if not {one, two} <= set(pivot):
        return None
    d = (pivot[one] - pivot[two]).dropna().astype(float)
    return (*mean_difference(d, np.zeros(len(d))), len(d)) if len(d) > 1 else None


# %%
smaller = {
    title: seed_by_seed(plain, name, "tenth", "printed")
    for title, name in list(shown.items())[1:]
}
for title, found in smaller.items():
    if found:
        least = smallest_difference(found[1], found[2])
        print(
            f"tenth minus printed, {title}: {100 * found[0]:+.2f} ± {100 * found[1]:.2f} "
            f"({found[2]} seeds; {100 * least:.2f} would have shown)"
        )
    else:
        print(f"tenth minus printed, {title}: not yet run")

# %% [markdown]
# The settings that the source tried, for the network of this book's default: each run has one random seed,
# and its error is the binomial one, so that only large differences count.

# %%
columns = ["network", "optimiser", "batch", "rate", "epochs"]
if len(classifier):
    rows = classifier[classifier["name"] == "accuracy, genie-like to genie-like"]
    tried = rows.groupby(columns).agg(
        accuracy=("value", "mean"), error=("error", "mean"), seeds=("seed", "nunique")
    )
    tried["accuracy"] = [percent(v, e, digits=1) for v, e in zip(tried.accuracy, tried.error, strict=True)]
tried.drop(columns="error") if len(classifier) else "not yet run"

# %% [markdown]
# ## The beam
#
# Three ways to train on events of the beam, and one network trained on balanced events and then corrected.

# %%
ways = ("as it is", "thinned", "weighted")
beam = {
    way: {
        kind: cell(over_seeds(plain, f"{kind}, {way}", network="quick"))
        for kind in ("beam accuracy", "balanced accuracy", "nue found")
    }
    for way in ways
}
pd.DataFrame(beam).T

# %%
corrected = over_seeds(plain, "gain of the corrected scores in the beam", network="quick")
print("gain of correcting a balanced network, in points:", cell(corrected, digits=2) or "not yet run")

# %% [markdown]
# ## Nodes
#
# Dead nodes, and what freezing one fifth of the living ones costs and gains, in points of accuracy.

# %%
wanted = {
    "dead, untrained": "dead nodes, untrained",
    "dead, trained": "dead nodes, trained",
    "first, freezing suspects": "change by freezing 20 %, first generator",
    "second, freezing suspects": "change by freezing 20 %, second generator",
    "correlation numu, second": "correlation of numu and target",
    "the same, shuffled": "shuffled correlation of numu and target",
}
kinds = list(dict.fromkeys(knowing.network)) if len(knowing) else []
nodes = pd.DataFrame(
    {kind: {t: cell(over_seeds(knowing, n, network=kind)) for t, n in wanted.items()} for kind in kinds}
)
nodes if kinds else "not yet run"

# %% [markdown]
# (All in per cent, correlations too.)  Published: 78.4 % of the trained nodes were dead.
#
# ## Adaptation
#
# One row a method: accuracy on source and target test events, of the probe that tells the domains apart from
# the features, and the difference to source-only on the *same* target events.  The runs with the largest number
# of methods make this table.

# %%
if len(adapting):
    breadth = adapting.groupby("file")["name"].transform(lambda n: n.str.startswith("target acc").sum())
    main = adapting[breadth == breadth.max()]
    settings = main[["network", "strength", "gap", "train", "tests", "epochs"]].drop_duplicates()
    print(settings.to_string(index=False))
else:
    main = adapting
names = main["name"] if len(main) else pd.Series(dtype=str)
methods = [n.removeprefix("target accuracy, ") for n in names.unique() if n.startswith("target acc")]


# %%
def against_base(method, where="target"):
    """Paired difference to source-only over seeds: mean, error, seeds."""
    rows = main[names == f"{method} minus source only, {where}"] if len(main) else main
    if rows.empty:
        return None
    d, e = rows.value.astype(float), rows.error.astype(float)
    return (*mean_difference(d, e), len(d))


# %%
gains = {m: against_base(m) for m in methods}
rows = {
    m: {
        **{k: cell(over_seeds(main, f"{k} accuracy, {m}")) for k in ("source", "target", "probe")},
        "target minus source only": cell((*gains[m], 0), digits=2) if gains[m] else "",
        "would have shown": f"{100 * smallest_difference(*gains[m][1:]):.2f}"
        if gains[m] and gains[m][2] > 1
        else "",
    }
    for m in methods
}
pd.DataFrame(rows).T if methods else "not yet run"

# %% [markdown]
# "Would have shown": the difference that so many seeds with this scatter show with a probability of 80 %, in a
# two-sided test at 5 %.  A difference below it that was not found may still be there.
#
# *Strength 0* shares every line with *adversarial*, but for the strength: what it gains, batch normalisation
# over both domains gains, and not the adversary.  *As printed* and *both supervised* have seen target labels.
#
# How much of the gap does each close?  The gap is target-supervised minus source-only.

# %% mystnb={"figure": {"caption": "Difference to source-only on the same target test events, mean and error over random seeds. The band is the gap, what labels of the target would bring; grey names have seen such labels.", "name": "fig-neutrinos-gains"}, "image": {"alt": "One point with error bars a method, on an axis of points of accuracy from zero to the gap."}}
fig, ax = plt.subplots(figsize=(6.4, 3.2))
labelled = {"as printed", "both supervised", "target supervised"}
order = sorted((m for m in methods if gains[m]), key=lambda m: gains[m][0])
for place, m in enumerate(order):
    colour = "grey" if m in labelled else CYCLE[0]
    ax.errorbar(100 * gains[m][0], place, xerr=100 * gains[m][1], fmt="o", color=colour, capsize=3)
if gains.get("target supervised"):
    ax.axvspan(0, 100 * gains["target supervised"][0], color="black", alpha=0.06)
ax.axvline(0, color="black", linewidth=1)
ax.set(xlabel="points of accuracy on the target", yticks=range(len(order)), yticklabels=order)
plt.show()

# %%
gap = gains.get("target supervised")
closed = {}
for m in methods:
    if gap and gap[0] > 0 and gains[m] and m not in labelled:
        closed[m] = gains[m][0] / gap[0]
        error = abs(closed[m]) * np.hypot(gains[m][1] / max(abs(gains[m][0]), 1e-9), gap[1] / gap[0])
        print(f"{m}: {100 * closed[m]:.0f} ± {100 * error:.0f} % of the gap")

# %% [markdown]
# ## Strength
#
# One random seed, all strengths: accuracies and the probe.

# %%
strengths = sorted(adapting.strength.unique()) if len(adapting) else []
scan = {
    s: {
        k: cell(over_seeds(adapting, f"{k} accuracy, adversarial", strength=s))
        for k in ("source", "target", "probe")
    }
    for s in strengths
}
pd.DataFrame(scan).T.rename_axis("strength") if scan else "not yet run"

# %% mystnb={"figure": {"caption": "Adversarial training at several strengths: accuracy on source and target test events, and of the probe, mean over the seeds there are.", "name": "fig-neutrinos-strength"}, "image": {"alt": "Three curves against the strength of the reversal."}}
fig, ax = plt.subplots(figsize=(5.2, 3.2))
for colour, k in zip(CYCLE, ("source", "target", "probe"), strict=False):
    points = {s: over_seeds(adapting, f"{k} accuracy, adversarial", strength=s) for s in strengths}
    points = {s: p for s, p in points.items() if p}
    values, errors = [100 * p[0] for p in points.values()], [100 * p[1] for p in points.values()]
    ax.errorbar(list(points), values, errors, fmt="o-", color=colour, capsize=3, label=k)
ax.axhline(50, color="black", linestyle="--", linewidth=1)
ax.set(xlabel="strength of the reversal", ylabel="accuracy / %")
ax.legend()
plt.show()

# %% [markdown]
# Does an invariant network generalise better?  If the domain were the trouble, the target accuracy should
# rise as the probe falls.  Where it does not, the adversary removes differences that did not hurt, or removes
# them only from its own sight.
#
# ## What we found

# %%
for m, found in gains.items():
    if found:
        run.record(f"{m} minus source only, target", found[0], found[1], found[2])
for title, found in smaller.items():
    if found:
        run.record(f"tenth minus printed, {title}", found[0], found[1], found[2])
for m, value in closed.items():
    run.record(f"share of the gap closed, {m}", value, n=gains[m][2])
saved = run.save()

# %% [markdown]
# The statements that the tables must bear out, where there are records of at least five seeds:

# %%
if gap and gap[2] >= 5:
    print("there is a gap:", bool(gap[0] > 2 * gap[1]))
    for m in ("adversarial", "coral", "mmd", "adda", "blur"):
        if gains.get(m):
            sigma = gains[m][0] / gains[m][1]
            print(f"{m}: {sigma:+.1f} standard errors from source-only")
    base, probe = (over_seeds(main, f"probe accuracy, {m}") for m in ("source only", "adversarial"))
    print(f"probe: {cell(base)} before, {cell(probe)} after the adversary")
    assert gap[0] > 0
else:
    print("not yet run")

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
