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
# (mirrors/photographs-results)=
#
# # Results: photographs
#
# Every run of {ref}`mirrors/photographs` has left its numbers in a record.  This page reads them:
# shoes and clothes (Fashion-MNIST {cite}`xiao2017fashion`), colour photographs (CIFAR-10
# {cite}`krizhevsky2009`), silhouettes of animals, and handwritten digits.  Nothing is trained
# here, and no data set is needed.
#
# **You will learn**
#
# - which of these sets are handed, and how much of it a linear function sees;
# - why the handedness of CIFAR-10 says nothing about the world;
# - what colour, dilution and compression do, each compared with its proper partner.
#
# **Cost** Seconds, no data set.  The records shown are the committed ones of the `study` size:
# all 60,000 photographs of CIFAR-10, and 5,000 to 30,000 pictures of the other sets.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from parity_nb.plotting import use_style
from parity_nb.records import Records, load_records, provenance, published
from parity_nb.statistics import joint_null
from parity_nb.tables import percent, summarise

# %% tags=["parameters"]
evidence: str = "study"  # whose records make the tables: study (committed) or run (this build)

# %% tags=["hide-input"]
use_style()
run = Records.of("mirrors/photographs-results", globals())
this_build = load_records("mirrors/photographs", "run")
committed = load_records("mirrors/photographs", "study") if evidence == "study" else this_build
if this_build.empty and committed.empty:
    raise FileNotFoundError("there are no records yet: run the chapter mirrors/photographs first")

# %% [markdown]
# Sets of which the committed study has no records yet are shown by the small runs of this build, and
# the next line counts them.  Rows without a record are left out.

# %% tags=["hide-input"]
lacking = this_build
if len(committed) and len(this_build):
    lacking = this_build[~this_build.dataset.isin(committed.dataset)]
study = pd.concat([part for part in (committed, lacking) if len(part)], ignore_index=True)
print(f"{committed.file.nunique()} runs of {evidence}, {lacking.file.nunique()} of this build")

# %% [markdown]
# ## What is handed
#
# Positive fractions of held-out pictures, in per cent: the best linear odd function and the
# network, with the binomial error of one run and the standard deviation over random seeds.  The test
# pictures of different seeds are different.  A share of 1 is the set as photographed, 0 its control.


# %% tags=["hide-input"]
by = ["dataset", "cut", "shrink", "share"]
plain = study[study.jpeg == 0]
untouched = plain[(plain.cut == 0) & (plain.shrink == 1)]


# %% tags=["hide-input"]
def column(name):
    """Mean of a number over seeds as text, one row for each combination of `by`."""
    rows = summarise(plain, name, by).set_index(by)
    return pd.Series(map(percent, rows.value, rows.error), rows.index, dtype=object)


# %% tags=["hide-input"]
counts = summarise(plain, "positive fraction", by).set_index(by)

# %% tags=["hide-input"]
table = pd.DataFrame(
    {
        "linear": column("linear"),
        "network": column("positive fraction"),
        "spread": [f"{100 * s:.2f}" if s == s else "" for s in counts.spread],
        "seeds": counts.runs,
        "test images": counts.n.astype(int),
    },
    index=counts.index,
).sort_index(ascending=[True, True, True, False])
table

# %% [markdown]
# Is the network better than the linear function?  Each run compares the two on the same pictures;
# the runs of a row have different test pictures, so their differences are averaged, and the error is
# the larger of the paired one and the scatter between seeds.


# %% tags=["hide-input"]
def mean_difference(name, **which):
    """Mean over runs of a paired difference, its error, and the number of runs and images."""
    rows = plain[plain.name == name]
    for key, value in which.items():
        rows = rows[rows[key] == value]
    if rows.empty:
        return None
    values, errors = rows.value.astype(float), rows.error.astype(float)
    inside = np.sqrt((errors**2).sum()) / len(rows)
    between = values.std() / np.sqrt(len(rows)) if len(rows) > 1 else 0.0
    return values.mean(), max(inside, between), len(rows), int(rows.n.sum())


# %% tags=["hide-input"]
gains = {}
for key in sorted(key[:3] for key in counts.index if key[3] == 1):
    which = dict(zip(by, key, strict=False))
    gains[key] = mean_difference("network minus linear", **which, share=1.0)
    value, error, runs, n = gains[key]
    text = f"{percent(value, error)} % ({value / error:+.1f} sigma, {runs} runs, {n} images)"
    print(f"{key[0]:>12}, cut {key[1]}, shrunk by {key[2]}: {text}")

# %% [markdown]
# ## The controls, judged together
#
# One chi-square p-value for all controls without compression, and each of their values.

# %% tags=["hide-input"]
controls = plain[(plain.share == 0) & plain.name.isin(["positive fraction", "linear"])]

# %% tags=["hide-input"]
joint = {}
for name, members in controls.groupby("name"):
    joint[name] = joint_null(members.value.astype(float), members.n.astype(float))
    print(f"{name}: {len(members)} runs, chi-square p = {joint[name]:.3f}")
    print("   ", " ".join(f"{100 * value:.1f}" for value in members.value))

# %% [markdown]
# ## Which classes
#
# Positive fraction of the network class by class, all seeds together
# ({numref}`fig-photographs-results-classes`).


# %% tags=["hide-input"]
def per_class(dataset, cut=0):
    """Positive fraction and error of each class, over all seeds, in order."""
    rows = plain[(plain.dataset == dataset) & (plain.cut == cut) & (plain.share == 1)]
    rows = rows[rows.name.str.startswith("class ") & (rows.shrink == 1)]
    n = rows.n.astype(float)
    sums = pd.DataFrame({"name": rows.name.str[6:], "n": n, "k": n * rows.value.astype(float)})
    sums = sums.groupby("name").sum()
    p = sums.k / sums.n
    return pd.DataFrame({"p": p, "error": np.sqrt(p * (1 - p) / sums.n)}).sort_values("p")


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Positive fraction of the network for each class, with binomial errors, over all seeds; the dashed line is no handedness. Filled: the pictures as they are; open: without their two outermost columns and rows, where that was run.", "name": "fig-photographs-results-classes"}, "image": {"alt": "Panels of points with error bars, one panel a data set and one row a class, on an axis of positive fraction."}}
panels = [d for d in ("digits", "fashion", "cifar-10", "animals") if len(per_class(d))]
fig, axes = plt.subplots(
    1, len(panels), figsize=(2.4 * len(panels) + 1, 3.2), sharex=True, squeeze=False
)
for ax, dataset in zip(axes[0], panels, strict=True):
    order = per_class(dataset).index
    for cut, filling in ((0, None), (2, "white")):
        rows = per_class(dataset, cut)
        if len(rows):
            rows = rows.loc[order]
            ax.errorbar(100 * rows.p, order, xerr=100 * rows.error, fmt="o", ms=4, mfc=filling)
    ax.axvline(50, color="black", linestyle="--", linewidth=1)
    ax.set(xlabel=f"{dataset}\nf > 0 / %")
plt.show()

# %% [markdown]
# Handwriting is a fact about the world, and so is what is to be expected of clothes, if only about
# the world of shops: all toes point the same way, shirts are buttoned over from one side.
# Silhouettes of animals ought to face either way.  If they do not, suspect near copies, which the
# exact comparison of our split lets pass: with copies in training and test the pictures are not
# independent ({ref}`mirrors/parity-odd-functions`).
#
# ## CIFAR-10: not the world
#
# Photographs of aeroplanes, frogs and ships are another matter.  All classes lean a little, and no
# story about frogs comes to mind.  So look where it sits: the fixed
# network, on pictures in which either the edges or the middle were made symmetric
# ({numref}`fig-photographs-results-columns`).

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Positive fraction of the fixed networks when only the middle (circles) or only the edges (squares) can still tell left from right: mean over seeds; the bar is the larger of the binomial error and the spread over seeds.", "name": "fig-photographs-results-columns"}, "image": {"alt": "Panels with two curves each against the number of columns at each edge."}}
fig, axes = plt.subplots(
    1, len(panels), figsize=(2.4 * len(panels) + 1, 2.8), sharey=True, squeeze=False
)
for ax, dataset in zip(axes[0], panels, strict=True):
    rows = untouched[(untouched.dataset == dataset) & (untouched.share == 1)]
    for what, marker in (("without outer ", "o"), ("only outer ", "s")):
        chosen = rows[rows.name.str.startswith(what)]
        seeds = chosen[["value", "error"]].astype(float)
        seeds = seeds.groupby(chosen.name.str.removeprefix(what).astype(int))
        means, spread = seeds.mean(), seeds.value.std()
        bar = 100 * np.fmax(means.error, spread)
        label = "middle only" if marker == "o" else "edges only"
        ax.errorbar(
            means.index, 100 * means.value, bar, fmt=f"{marker}-", ms=4, capsize=2, label=label
        )
    ax.axhline(50, color="black", linestyle="--", linewidth=1)
    ax.set(xlabel=f"columns at each edge\n{dataset}")
axes[0, 0].set(ylabel="f > 0 / %")
axes[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# And without any network, linear functions that may use only some of the columns, against the whole:

# %% tags=["hide-input"]
names = ["linear", "linear, outer two columns", "linear, all but the outer two"]

# %% tags=["hide-input"]
parts = {name: summarise(plain[plain.share == 1], name, by).set_index(by) for name in names}
pd.DataFrame(
    {
        name: pd.Series(map(percent, rows.value, rows.error), rows.index, dtype=object)
        for name, rows in parts.items()
    }
)

# %% [markdown]
# Digits have nothing at the edges.  In CIFAR-10 it is the other way round: the outermost columns of
# 32 hold nearly all that the network finds, and most of what a linear function finds.  No animal
# lives there.  Somebody's program cropped or shrank the pictures and treated the left edge
# differently from the right; it has left its signature in sixty thousand of them, and a network
# reads it much better than a linear function does.  (It reads it best on ships and aeroplanes,
# perhaps because little happens at the edges of a sky.)  A control cannot notice, for its coin is
# thrown after that program ran.
#
# ## What is left
#
# Once two pixels are cut off all around, what can functions find that are trained anew?  And is it in
# what the pictures show, or in their finest detail, where enlarging, shrinking and compressing leave
# traces?  Averaging squares of pixels removes the detail:


# %% tags=["hide-input"]
def left_over(name):
    """Mean over seeds and standard deviations above one half of all seeds together, by shrink."""
    rows = summarise(plain[(plain.cut == 2) & (plain.share == 1)], name, ["shrink"])
    sigma = (2 * rows.value - 1).astype(float) * np.sqrt(rows.n.astype(float) * rows.runs)
    return rows.assign(sigma=sigma).set_index("shrink")[["value", "error", "sigma", "runs"]]


# %% tags=["hide-input"]
left = {name: left_over(name) for name in ("linear", "positive fraction")}
pd.concat(left, axis="columns")

# %% [markdown]
# Only that may be called a property of what was photographed: less than three points above one half.
#
# ## Colour
#
# Colour minus grey on the same pictures, two networks of the same kind trained alike:

# %% tags=["hide-input"]
colour = {}
for key in gains:
    which = dict(zip(by, key, strict=False))
    if found := mean_difference("colour minus grey", **which, share=1.0):
        colour[key] = found
        value, error, runs, n = found
        text = f"{percent(value, error)} % ({value / error:+.1f} sigma, {runs} runs, {n} images)"
        print(f"{key[0]:>12}, cut {key[1]}, shrunk by {key[2]}: {text}")

# %% [markdown]
# The inked digits are the case with a known answer: in grey there is nothing to see.  For
# photographs, what Gibbon (2023) read off two single fractions, 70.7 % in colour and 70.0 % in
# grey, is here a difference on the same pictures; with several seeds its error includes the luck of
# the training.  A signature of a program needs no colour, and CIFAR-10 is as handed in grey.
#
# ## Dilution
#
# A fixed network obeys $\tfrac12 + q(p-\tfrac12)$; each run has tested it.  Networks that were
# *trained* on the diluted set have less to learn from:

# %% tags=["hide-input"]
retrained = summarise(untouched, "positive fraction", ["dataset", "share"])
whole = retrained[retrained.share == 1].set_index("dataset")

# %% tags=["hide-input"]
losses = {}
for row in retrained[(retrained.share > 0) & (retrained.share < 1)].itertuples():
    full = whole.loc[row.dataset]
    expected = 0.5 + row.share * (full.value - 0.5)
    error = np.sqrt(sum(max(r.error, r.spread) ** 2 / r.runs for r in (row, full)))
    losses[row.dataset, row.share] = (expected - row.value, error)
    print(
        f"{row.dataset}, q = {row.share:g}: retrained {percent(row.value, row.error)} %, "
        f"identity {100 * expected:.2f} %, loss {percent(expected - row.value, error)} %"
    )

# %% [markdown]
# The snails of the source went from 70.7 % to 58.8 % when slugs were added.  If the slugs were
# symmetric and the network had lost nothing, the share of snails would follow:

# %% tags=["hide-input"]
snails = published("gibbon2023snails").set_index("name")
p, diluted = (snails.loc[name] for name in ("L2 S", "L5 S"))
q = (diluted.value - 50) / (p.value - 50)
error = q * np.hypot(diluted.error / (diluted.value - 50), p.error / (p.value - 50))
print(f"at least {100 * q:.0f} ± {100 * error:.0f} % snails (binomial errors only)")
run.record("snails in the source's diluted set, at least", q, error)

# %% [markdown]
# ## Compression
#
# Controls whose coin was thrown before the compression.  Only a fraction well above one half is a
# detection; it convicts JPEG, since without it the same controls show nothing.

# %% tags=["hide-input"]
jpeg = study[(study.jpeg > 0) & (study.share == 0) & (study.name == "positive fraction")]
compressed = summarise(jpeg, "positive fraction", ["dataset", "jpeg"])

# %% tags=["hide-input"]
for row in compressed.itertuples():
    sigmas = (2 * row.value - 1) * np.sqrt(row.n * row.runs)
    print(
        f"{row.dataset}, quality {row.jpeg}: {percent(row.value, row.error)} %, {sigmas:+.1f} sigma"
    )
    run.record(f"excess, {row.dataset}, quality {row.jpeg}", sigmas, 1.0, int(row.n * row.runs))

# %% [markdown]
# The same for the linear function, which every run on an unchanged set has tried on some of it.

# %% tags=["hide-input"]
tried = untouched[untouched.name.str.startswith("linear, coin before JPEG")]

# %% tags=["hide-input"]
rows = {}
for (dataset, name), members in tried.groupby(["dataset", "name"]):
    n = members.n.astype(float)
    excess = ((2 * members.value.astype(float) - 1) * n).sum() / n.sum() ** 0.5
    what = f"{dataset}, in grey" if ", in grey" in name else dataset
    rows[what, int(name.rpartition(" ")[2])] = excess
convicted = pd.Series(rows).unstack().rename_axis(columns="excess in sigma at quality")
convicted.round(1)

# %% [markdown]
# Pictures of 28 pixels, such as digits, hold no whole number of blocks.  Those of CIFAR-10 do, and
# JPEG is convicted all the same, at every quality but the worst.  In grey next to nothing is left of
# that: it is the doubling of the two colour differences that knows left from right, and at quality 1
# there is little to double.
#
# ## What we found

# %% tags=["hide-input"]
for (dataset, cut, shrink, share), row in counts.iterrows():
    error = np.nanmax([row.error, row.spread])
    name = f"{dataset}, cut {cut}, shrunk by {shrink}, share {share:g}"
    run.record(name, row.value, error, int(row.n))
for what, found in (("network minus linear", gains), ("colour minus grey", colour)):
    for (dataset, cut, shrink), (value, error, _, n) in found.items():
        run.record(f"{what}, {dataset}, cut {cut}, shrunk by {shrink}", value, error, n)
for (dataset, share), (value, error) in losses.items():
    run.record(f"loss by retraining, {dataset}, share {share:g}", value, error)
for name, p in joint.items():
    run.record(f"joint p of controls, {name}", p)
saved = run.save()

# %% [markdown]
# What must hold: the controls are null together; digits and clothes are handed; on CIFAR-10 the
# network is better than the linear function, as handed in grey as in colour, and lives at the
# edges, so that little is left without them; and compression convicts where the text says so.

# %% tags=["hide-input"]
for name, p in joint.items():
    assert p > 0.001, name


def excess(name, dataset):
    """Standard deviations above one half, all seeds of a set as photographed together."""
    rows = untouched[(untouched.name == name) & (untouched.dataset == dataset)]
    rows = rows[rows.share == 1]
    n = rows.n.astype(float)
    return ((2 * rows.value.astype(float) - 1) * n).sum() / n.sum() ** 0.5


# %% tags=["hide-input"]
sets = {key[0] for key in gains if evidence == "study" and len(committed)}
sets &= set(committed.dataset) if sets else set()  # what small runs found is not evidence
for dataset in {"digits", "fashion"} & sets:
    assert excess("positive fraction", dataset) > 10
if "digits-inked" in sets:
    value, error, _, _ = colour["digits-inked", 0, 1]
    assert value > 5 * error
if "digits" in sets:
    assert (convicted.loc["digits"] > 5).all()

# %% tags=["hide-input"]
if "cifar-10" in sets:
    value, error, _, _ = gains["cifar-10", 0, 1]
    assert value > 5 * error
    assert abs(colour["cifar-10", 0, 1][0]) < 0.02
    assert excess("linear, outer two columns", "cifar-10") > 5
    assert excess("only outer 4", "cifar-10") > 5 * abs(excess("without outer 4", "cifar-10"))
    assert all((rows.value < 0.53).all() for rows in left.values())
    assert (convicted.loc["cifar-10", [20, 90]] > 5).all() and abs(convicted.loc["cifar-10", 1]) < 5
    if "cifar-10, in grey" in convicted.index:
        assert (convicted.loc["cifar-10, in grey"] < convicted.loc["cifar-10", 90] / 4).all()

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
