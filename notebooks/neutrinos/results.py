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
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from parity_nb.plotting import CYCLE, use_style
from parity_nb.records import Records, load_evidence, provenance, published
from parity_nb.tables import NOT_RUN, percent

# %% tags=["parameters"]
evidence: str = "study"  # whose records make the tables: study (committed) or run (this build)

# %% tags=["hide-input"]
use_style()
run = Records.of("neutrinos/results", globals())
classifier = load_evidence("neutrinos/classifier", evidence)
knowing = load_evidence("neutrinos/what-nodes-know", evidence)
adapting = load_evidence("neutrinos/domain-adversarial", evidence)
theirs = published("shokar2020").set_index("name").value
for name, records in (("classifier", classifier), ("nodes", knowing), ("adaptation", adapting)):
    print(f"{name}: {records.file.nunique()} runs")

# %% [markdown]
# ## How a table is made
#
# A cell holds the mean over random seeds, the error of that mean, and the number of seeds in brackets.  The
# error is the scatter between seeds, which have different events, weights and batches, divided by the root of
# their number, or the binomial one of the test events if that is larger.  All in per cent.


# %% tags=["subject"]
def mean_difference(values, errors):
    """Mean over random seeds, and the larger of two errors: of the events in the runs, or between runs.

    The scatter between the runs has the random seeds in it.
    """
    d, e = np.asarray(values, float), np.asarray(errors, float)
    within = np.sqrt(np.square(e).sum()) / len(d)
    between = d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 1 else 0.0
    return float(d.mean()), float(max(within, between))


def smallest_difference(error, runs, level=0.05, power=0.8):
    """The difference that so many runs would have shown, two-sided, with probability `power`.

    `error` is that of the mean difference; the number of runs enters through Student's t.  One run
    says nothing of its scatter, and is refused with a ValueError.
    """
    if runs < 2:
        raise ValueError("the scatter between runs needs at least two of them")
    t = stats.t(runs - 1)
    return float(error * (t.isf(level / 2) + t.isf(1 - power)))


# %% [markdown]
# Such a mean knows how many runs and how many test events it is of, and the difference that would have shown.


# %% tags=["subject"]
@dataclass(frozen=True)
class Mean:
    """A mean over so many `seeds` with its error; `n` is the number of test events of one run."""

    value: float
    error: float
    seeds: int
    n: int

    def text(self, scale=100, digits=1):
        """The mean, its error, and the number of seeds in brackets; per cent by default."""
        value, error = scale * self.value, scale * self.error
        return f"{value:.{digits}f} ± {error:.{digits}f} ({self.seeds})"

    @property
    def least(self):
        """The difference that would have shown; infinite for one seed."""
        return smallest_difference(self.error, self.seeds) if self.seeds > 1 else float("inf")


def text(found, scale=100, digits=1):
    """`Mean.text`, or nothing."""
    return "" if found is None else found.text(scale, digits)


def most_events(rows):
    """The largest number of test events of these records."""
    return int(pd.to_numeric(rows["n"]).fillna(0).max())


def over_seeds(records, name, **which):
    """Mean of a number over runs, chosen by values of their parameters; None if there is none."""
    rows = records[records["name"] == name]
    for key, value in which.items():
        rows = rows[rows[key] == value] if len(rows) else rows
    if rows.empty:
        return None
    errors = pd.to_numeric(rows["error"]).fillna(0.0)
    value, error = mean_difference(rows["value"].astype(float), errors)
    return Mean(value, error, len(rows), most_events(rows))


# %% [markdown]
# Runs of one random seed have the same events.  A difference that is taken seed by seed is free of what events
# have in common; fewer than two common seeds make none.


# %% tags=["subject"]
def seed_by_seed(records, name, one, two, column="network"):
    """Mean over common seeds of a number for value `one` of a column minus that for value `two`."""
    rows = records[records["name"] == name]
    if rows.empty:
        return None
    pivot = rows.pivot_table(index="seed", columns=column, values="value", aggfunc="first")
    if not {one, two} <= set(pivot):
        return None
    difference = (pivot[one] - pivot[two]).dropna().astype(float)
    if len(difference) < 2:
        return None
    value, error = mean_difference(difference, np.zeros(len(difference)))
    return Mean(value, error, len(difference), most_events(rows))


# %% [markdown]
# A sweep may hold complete runs and shorter ones, and may change one setting at a time about its own default:
# tables are made of complete runs, and of the commonest settings.


# %% tags=["hide-input"]
def widest(records, begins):
    """The runs that have the largest number of numbers whose names begin so."""
    if records.empty:
        return records
    counts = records["name"].str.startswith(begins).groupby(records["file"]).transform("sum")
    return records[counts == counts.max()]


def commonest(records, columns, within):
    """Runs whose `columns` have the commonest combination for their value of `within`."""
    if records.empty:
        return records
    kept = []
    for _, group in records.groupby(within, sort=False):
        settings = group.drop_duplicates("file")[columns].value_counts()
        chosen = np.logical_and.reduce(
            [group[c] == v for c, v in zip(columns, settings.index[0], strict=True)]
        )
        kept.append(group[chosen])
    return pd.concat(kept)


# %% [markdown]
# ## Networks
#
# Accuracy, and the product of purity and efficiency at the cut that was chosen on validation events.

# %% tags=["hide-input"]
settings = ["batch", "optimiser", "rate", "epochs", "train", "tests"]
plain = commonest(classifier, settings, within="network")
networks = list(dict.fromkeys(plain.network)) if len(plain) else []
shown = {
    "accuracy": "accuracy, genie-like to genie-like",
    "on the second": "accuracy, genie-like to gibuu-like",
    "numu product": "product, numu, genie-like",
    "nue product": "product, nue, genie-like",
}

# %% tags=["hide-input"]
lines = {n: {t: text(over_seeds(plain, v, network=n)) for t, v in shown.items()} for n in networks}
for n in networks:
    lines[n]["weights"] = f"{over_seeds(plain, 'weights', network=n).value:,.0f}"
pd.DataFrame(lines).T if networks else NOT_RUN

# %% [markdown]
# Beside the accuracies that the source's notebooks print, each of one training and one test set, which have no
# errors.  It is **not a test of reproduction**: the events are others, and simpler.  An error of many points means
# that one of the trainings never left chance.

# %% tags=["hide-input"]
ours = {
    "GENIE to GENIE": "accuracy, genie-like to genie-like",
    "GENIE to GiBUU": "accuracy, genie-like to gibuu-like",
    "both to both": "accuracy, both to both",
}
beside = {n: {k: text(over_seeds(plain, v, network=n)) for k, v in ours.items()} for n in networks}
pd.DataFrame(beside | {"published": {k: f"{theirs[k]:.1f}" for k in ours}})

# %% [markdown]
# Do the dense layer and the convolution before it, nine tenths of the weights, buy anything?  Networks of the
# same random seed have seen the same events, so they are compared seed by seed.  In brackets the number of
# seeds, then the difference that so many with this scatter would have shown with a probability of 80 %, in a
# two-sided test at 5 %.


# %% tags=["hide-input"]
def difference(found, digits=2):
    """Text of a mean difference with the smallest one that would have shown."""
    if found is None:
        return NOT_RUN
    least = f", would have shown {100 * found.least:.{digits}f}" if found.seeds > 1 else ""
    return found.text(digits=digits) + least


# %% tags=["hide-input"]
smaller = {t: seed_by_seed(plain, v, "tenth", "printed") for t, v in shown.items()}
pd.Series({t: difference(d) for t, d in smaller.items()}, name="tenth minus printed").to_frame()

# %% [markdown]
# And the network of torchvision's blocks, with true expansion, against the printed one:

# %% tags=["hide-input"]
wider = {t: seed_by_seed(plain, v, "mobilenet", "printed") for t, v in shown.items()}
pd.Series({t: difference(d) for t, d in wider.items()}, name="mobilenet minus printed").to_frame()

# %% [markdown]
# Settings that the source tried (its section 2.5), on the network that the pages use.  Each has one random seed
# but the default, so only differences of several binomial errors mean anything.

# %% tags=["hide-input"]
quick = classifier[
    (classifier["name"] == shown["accuracy"]) & (classifier.get("network") == "quick")
]
columns = ["optimiser", "batch", "rate"]
if len(quick):
    tried = quick.groupby(columns).agg(
        value=("value", "mean"), error=("error", "mean"), seeds=("seed", "nunique")
    )
    tried["accuracy / %"] = list(map(percent, tried.value, tried.error))
tried[["accuracy / %", "seeds"]] if len(quick) else NOT_RUN

# %% [markdown]
# ## The beam
#
# Three ways to train on events of the beam: accuracy there, on balanced events, and the share of $\nu_e$ that
# are called so.

# %% tags=["hide-input"]
ways, kinds = (
    ("as it is", "thinned", "weighted"),
    ("beam accuracy", "balanced accuracy", "nue found"),
)
pd.DataFrame(
    {k: {w: text(over_seeds(plain, f"{k}, {w}", network="quick")) for w in ways} for k in kinds}
)

# %% [markdown]
# And a network that was trained on balanced events, with its scores corrected for the beam:

# %% tags=["hide-input"]
name = "gain of the corrected scores in the beam"
corrected = over_seeds(plain, name, network="quick") if len(plain) else None
print("accuracy gained in the beam:", difference(corrected))

# %% [markdown]
# ## Nodes
#
# Dead nodes, the correlation that Figure 33 of {cite}`shokar2020` is about, how few nodes do, and what freezing a
# share of the living nodes does to the accuracy on either generator.

# %% tags=["hide-input"]
wanted = {
    "dead, untrained": "dead nodes, untrained",
    "dead, trained": "dead nodes, trained",
    "correlation, numu and generator": "correlation of numu and generator, observed",
    "the same, shuffled": "correlation of numu and generator, shuffled",
    "accuracy with 8 nodes": "accuracy with 8 nodes",
    "accuracy with all": "accuracy",
    "freezing 20 %: first": "change by freezing 20%, first generator",
    "freezing 20 %: second": "change by freezing 20%, second generator",
    "freezing 60 %: first": "change by freezing 60%, first generator",
    "freezing 60 %: second": "change by freezing 60%, second generator",
    "second, 60 % suspects": "second, suspects, 60% frozen",
    "second, 60 % at random": "second, random, 60% frozen",
    "told apart, none frozen": "told apart, suspects, 0% frozen",
    "told apart, 60 % suspects": "told apart, suspects, 60% frozen",
    "told apart, 60 % at random": "told apart, random, 60% frozen",
}

# %% tags=["hide-input"]
kinds = list(dict.fromkeys(knowing.network)) if len(knowing) else []
table = {k: {t: text(over_seeds(knowing, n, network=k)) for t, n in wanted.items()} for k in kinds}
pd.DataFrame(table) if kinds else NOT_RUN

# %% [markdown]
# Published: 78.4 % of 1024 nodes were dead.
#
# ## Adaptation
#
# One row a method: accuracy on source and target test events, and of the probe that tells the domains apart from
# the features; then the difference to source-only on the *same* target events.  *Printed head* is *adversarial*
# with the small head behind dropout that the source prints.  *Strength 0* shares every line
# with *adversarial* but the strength: what it gains, batch normalisation over both domains gains.  *Coral* and
# *mmd* make features alike by a distance in place of an adversary {cite}`sun2016,gretton2012`, *adda* adapts a
# second copy of the network {cite}`tzeng2017`, *blur* is the augmentation of $\nu_e$ that the source proposes;
# each was given one strength; that of the adversary had been chosen among a few on other events, without
# labels of the target.  *As printed*, *both supervised* and *target supervised* have seen such labels.

# %% tags=["hide-input"]
main = widest(adapting, "target accuracy")
if len(main):
    print(main[["network", "strength", "gap", "train", "tests", "epochs"]].drop_duplicates())
names = list(dict.fromkeys(main["name"]))
begin = "target accuracy, "
methods = [n.removeprefix(begin) for n in names if n.startswith(begin)]

# %% tags=["hide-input"]
gains = {m: over_seeds(main, f"{m} minus source only, target") for m in methods}
costs = {m: over_seeds(main, f"{m} minus source only, source") for m in methods}
rows = {
    m: {k: text(over_seeds(main, f"{k} accuracy, {m}")) for k in ("source", "target", "probe")}
    for m in methods
}
for m in methods:
    rows[m]["target minus source only"] = difference(gains[m]) if gains[m] else ""
pd.DataFrame(rows).T if methods else NOT_RUN

# %% [markdown]
# A difference that was not found and is smaller than what would have shown may still be there.
#
# The gap is *target supervised* minus *source only*, all on the same events ({numref}`fig-neutrinos-gains`).

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Difference to source-only on the same target test events, mean and error over random seeds. The band is the gap, what labels of the target bring; methods in grey have seen such labels.", "name": "fig-neutrinos-gains"}, "image": {"alt": "One point with error bars a method, on an axis of points of accuracy from zero to the gap."}}
labelled = {"as printed", "both supervised", "target supervised"}
order = sorted((m for m in methods if gains[m]), key=lambda m: gains[m].value)
fig, ax = plt.subplots(figsize=(6.4, 0.28 * len(order) + 1.2))
for place, m in enumerate(order):
    colour, g = "grey" if m in labelled else CYCLE[0], gains[m]
    ax.errorbar(100 * g.value, place, xerr=100 * g.error, fmt="o", color=colour, capsize=3)
if gap := gains.get("target supervised"):
    ax.axvspan(0, 100 * gap.value, color="black", alpha=0.06)
ax.axvline(0, color="black", linewidth=1)
ax.set(xlabel="points of accuracy on the target", yticks=range(len(order)), yticklabels=order)
plt.show()

# %% tags=["hide-input"]
closed = {}
for m in [m for m in methods if gap and gap.value > 0 and gains[m] and m not in labelled]:
    g = gains[m]
    error = np.hypot(g.error, g.value / gap.value * gap.error) / gap.value
    closed[m] = (g.value / gap.value, error, g.seeds)
    print(f"{m}: {100 * closed[m][0]:.0f} ± {100 * error:.0f} % of the gap")

# %% [markdown]
# ## No gap
#
# The control: with `gap=0` the second generator is the first, but for weights that accepting events uses up.  A
# discriminator and a probe should be coins, and target labels should bring nothing.  What an adversary costs where
# there is nothing to adapt is in the line before the last.

# %% tags=["hide-input"]
near = adapting[adapting.gap == 0] if len(adapting) else adapting
known = ("generator told apart", "probe accuracy, source only", "probe accuracy, adversarial")
gained = ("adversarial minus source only, target", "target supervised minus source only, target")
control = {n: over_seeds(near, n) for n in (*known, *gained)}
pd.Series({n: text(c, digits=2) or NOT_RUN for n, c in control.items()}, name="gap 0").to_frame()

# %% [markdown]
# ## Strength
#
# How strong should the adversary be?  All strengths that were run: accuracies, and the probe.  Strength 0 is the
# control: batch normalisation sees both domains, and nothing else is different.

# %% tags=["hide-input"]
far = adapting[adapting.gap == 1] if len(adapting) else adapting
strengths = sorted(set(far.strength)) if len(far) else []
parts = ("source", "target", "probe")
scan = {
    s: {k: over_seeds(far, f"{k} accuracy, adversarial", strength=s) for k in parts}
    for s in strengths
}
lines = {s: {k: text(v) for k, v in row.items()} for s, row in scan.items()}
pd.DataFrame(lines).T.rename_axis("strength") if scan else NOT_RUN

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Adversarial training at several strengths: accuracy on source and target test events, and of the probe; mean and error over the random seeds there are. The dashed line is a probe that knows nothing.", "name": "fig-neutrinos-strength"}, "image": {"alt": "Three curves against the strength of the reversal on a logarithmic axis."}}
fig, ax = plt.subplots(figsize=(5.2, 3.2))
for colour, k in zip(CYCLE, parts, strict=False):
    drawn = {s: row[k] for s, row in scan.items() if s > 0 and row[k]}
    points = [(s, 100 * found.value, 100 * found.error) for s, found in drawn.items()]
    x, y, e = np.array(points).reshape(-1, 3).T
    ax.errorbar(x, y, e, fmt="o-", color=colour, capsize=3, label=k)
ax.axhline(50, color="black", linestyle="--", linewidth=1)
ax.set(xscale="log", xlim=(0.05, 20), xlabel="strength of the reversal", ylabel="accuracy / %")
ax.legend()
plt.show()

# %% [markdown]
# Does an invariant network generalise better?  If the difference of domains were the trouble, the target accuracy
# should rise as the probe falls.  Where the two do not go together, the adversary removed differences that did
# not hurt, or hid them from its own head only.
#
# ## What we found
#
# The statements that the tables bear, where there are records of at least five seeds:

# %% tags=["hide-input"]
strong = {m: g for m, g in gains.items() if g and g.seeds >= 5}
for m, g in strong.items():
    sure = abs(g.value) > g.least
    verdict = "differs" if sure else "is not told apart"
    print(f"{m} {verdict} from source only: {g.value / g.error:+.1f} standard errors")
if not strong:
    print(NOT_RUN)

# %% tags=["hide-input"]
for m, g in gains.items():
    if g:
        run.record(f"{m} minus source only, target", g.value, g.error, g.seeds)
        run.record(f"{m} minus source only, source", costs[m].value, costs[m].error, g.seeds)
for m, (value, error, seeds) in closed.items():
    run.record(f"share of the gap closed, {m}", value, error, seeds)

# %% tags=["hide-input"]
for t, g in smaller.items():
    if g:
        run.record(f"tenth minus printed, {t}", g.value, g.error, g.seeds)
saved = run.save()

# %% tags=["hide-input"]
if gap and gap.seeds >= 5:
    assert gap.value > 2 * gap.error, "no gap: nothing to close"
for n, c in control.items():
    if c and c.seeds >= 5:
        assert abs(c.value - 0.5 * (n in known)) < 8 * c.error, f"the control fails: {n}"

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
