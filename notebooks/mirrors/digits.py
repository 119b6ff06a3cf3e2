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
# (mirrors/digits)=
#
# # Which digits are handed?
#
# Every run of {ref}`mirrors/handwriting` has left its numbers in a record.  This page reads the
# records of all random seeds and both objectives, judges the controls together, and answers the
# question digit by digit.  Nothing is trained here.
#
# **You will learn**
#
# - how ten answers are given at once without fooling oneself;
# - whether a digit's handedness is its own or borrowed from the others;
# - how much the choice of objective, and one column of pixels, matter.
#
# **Cost** A few seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from parity_nb.plotting import use_style
from parity_nb.records import Records, load_evidence, provenance
from parity_nb.statistics import joint_null
from parity_nb.tables import summarise

# %% tags=["parameters"]
evidence: str = "study"  # whose records: study (committed) or run (this build)

# %% tags=["hide-input"]
use_style()
run = Records.of("mirrors/digits", globals())
records = load_evidence("mirrors/handwriting", evidence)
shown = records.attrs["evidence"]

# %% [markdown]
# The study uses all of MNIST, with the official 10,000 test digits held out from every seed.  If
# its records are not there, the runs of this build stand in, and the next line says so.

# %% tags=["hide-input"]
assert len(records), "no records: run mirrors/handwriting first"
runs = records.drop_duplicates("file")
counts = runs.groupby(["data", "centred", "loss"]).size().rename("seeds")
print("records of", {"study": "the study", "run": "this build"}[shown])
counts.to_frame()

# %% [markdown]
# ## All digits together
#
# Positive fraction in per cent: mean over seeds with the binomial error of one run; standard
# deviation over seeds; seeds; held-out digits of each.


# %% tags=["hide-input"]
by = ["data", "centred", "loss"]


def table(name):
    rows = summarise(records, name, by).set_index(by)
    text = [f"{100 * r.value:.2f} ± {100 * r.error:.2f}" for r in rows.itertuples()]
    spread = [f"{100 * s:.2f}" if s == s else "" for s in rows.spread]
    return pd.DataFrame(
        {name: text, "spread": spread, "seeds": rows.runs, "held out": rows.n.astype(int)},
        rows.index,
    )


table("positive fraction")

# %% tags=["hide-input"]
table("positive fraction, control")

# %% [markdown]
# The seeds of the study share their test digits, so their spread is that of training only,
# and averaging over them does not shrink the binomial error.  The controls are another matter.
# Each run tosses coins of its own for all digits, so the controls are independent and their
# chi-squares may be added:

# %% tags=["hide-input"]
controls = records[records.name == "positive fraction, control"]
joint = joint_null(controls.value.astype(float), controls.n.astype(float))
print(" ".join(f"{100 * v:.2f}" for v in controls.value))
print(f"controls: {len(controls)}, together chi-square p = {joint:.3f}")
assert joint > 0.001

# %% [markdown]
# Does the objective matter, or the first column of pixels?  Runs of one seed share digits and
# initial weights, so the differences are taken seed by seed: mean and its standard error.

# %% tags=["hide-input"]
wanted = records[records.name == "positive fraction"].astype({"value": float})
paired = wanted.pivot_table("value", index="seed", columns=["centred", "loss"])
pairs = {
    "loss A - loss B": ((True, "A"), (True, "B")),
    "28 columns - 27 columns": ((False, "B"), (True, "B")),
}
for name, (one, other) in pairs.items():
    if one in paired and other in paired:
        d = 100 * (paired[one] - paired[other]).dropna()
        print(f"{name}: {d.mean():.2f} ± {d.std(ddof=1) / len(d) ** 0.5:.2f} % ({len(d)} seeds)")
    else:
        print(f"{name}: not among these records")

# %% [markdown]
# ## Digit by digit
#
# From here on: centred digits, loss B.  For each digit and seed there is an exact interval
# (Clopper and Pearson {cite}`clopper1934`), at a level at which all intervals of a seed hold
# together with 95 % (Bonferroni).  A digit is called handed if the interval of *every* seed lies
# above one half.

# %% tags=["hide-input"]
chosen = records[records.centred & (records.loss == "B")]
kinds = {"all": "", "lean": ", lean", "upright": ", upright", "alone": ", alone"}
questions = chosen.name.str.fullmatch(r"positive fraction of \d(, alone)?")
level = 1 - 0.05 / chosen[questions].name.nunique()


# %% tags=["hide-input"]
def answers(digit, kind):
    """All seeds: fractions, and the lowest and highest end of their exact intervals."""
    rows = chosen[chosen.name == f"positive fraction of {digit}{kinds[kind]}"]
    ends = [
        stats.binomtest(round(v * n), int(n)).proportion_ci(level)
        for v, n in zip(rows.value.astype(float), rows.n, strict=True)
    ]
    values = rows.value.to_numpy(float)
    return (
        values,
        min((e.low for e in ends), default=np.nan),
        max((e.high for e in ends), default=np.nan),
    )


found = {(d, kind): answers(d, kind) for d in range(10) for kind in kinds}

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Held-out digits with f > 0, each digit and all seeds: network trained on all digits, the lean, the same network on digits sheared upright, and networks trained on one digit alone. Points are means over seeds, bars reach from the lowest to the highest end of the seeds' simultaneous exact intervals. The dashed line is symmetry.", "name": "fig-digits-forest"}, "image": {"alt": "For each digit from 0 to 9 up to four points with error bars; the network's are far above one half for every digit."}}
figure, ax = plt.subplots(figsize=(7, 3.8))
for k, kind in enumerate(kinds):
    digits = [d for d in range(10) if len(found[d, kind][0])]
    y = np.array([found[d, kind][0].mean() for d in digits])
    bars = np.abs(np.array([found[d, kind][1:] for d in digits]).reshape(-1, 2) - y[:, None]).T
    ax.errorbar(
        np.array(digits) + 0.16 * (k - 1.5), 100 * y, 100 * bars, fmt="o^Ds"[k], ms=4, label=kind
    )
ax.axhline(50, color="black", linestyle="--", linewidth=1)
ax.set(xlabel="digit", ylabel="positive fraction / %", xticks=range(10))
ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.15), ncols=4)
plt.show()

# %% tags=["hide-input"]
handed = [d for d in range(10) if found[d, "all"][1] > 0.5]
handed_alone = [d for d in range(10) if found[d, "alone"][1] > 0.5]
asked_alone = [d for d in range(10) if len(found[d, "alone"][0])]
print("handed, trained on all digits:", handed)
print(f"handed, trained alone: {handed_alone} of {asked_alone}")

# %% [markdown]
# In the order of the means over seeds:

# %% tags=["hide-input"]
means = pd.Series({d: found[d, "all"][0].mean() for d in range(10)}).sort_values(ascending=False)
print("  ".join(f"{d}: {100 * v:.1f} %" for d, v in means.items()))

# %% [markdown]
# The belief that 0, 1 and 8 are nearly symmetric is a belief about print.  In handwriting they
# lean, and the lean alone, one number without a network, is positive for them more often than
# for the others.

# %% tags=["hide-input"]
symmetric, others = [0, 1, 8], [2, 3, 4, 5, 6, 7, 9]
lean = {d: found[d, "lean"][0].mean() for d in range(10)}
print(pd.Series(lean, name="lean").map(lambda v: f"{100 * v:.1f} %").to_string())
assert np.mean([lean[d] for d in symmetric]) > np.mean([lean[d] for d in others])

# %% [markdown]
# Is lean all that they have?  What is left of the excess over one half when the same digits are
# sheared upright, mean over seeds:

# %% tags=["hide-input"]
for d in symmetric:
    excess = [found[d, kind][0].mean() - 0.5 for kind in ("all", "upright")]
    print(f"{d}: {100 * excess[1]:.1f} of {100 * excess[0]:.1f} points")

# %% [markdown]
# 0 and 8 keep most of it.  The 1 loses more, and the fewer digits a network has seen, the more:
# with 4,000 to train on lean seems to be nearly all that it knows of a 1, with 60,000 it is not.  A
# null result says what a network of that size and training could see, no more.

# %% [markdown]
# ## Borrowed or own?
#
# A network that sees all digits must also tell a 2 from a mirrored 5.  Does it lose by that, or
# gain by having seen more?  Difference of the positive fractions, alone minus all, in per cent;
# both networks of a seed are tested on the same digits, so the error is the spread over seeds, if
# there are several.

# %% tags=["hide-input"]
rows = {}
for d in asked_alone:
    difference = 100 * (found[d, "alone"][0] - found[d, "all"][0])
    spread = difference.std(ddof=1) if len(difference) > 1 else np.nan
    rows[d] = {"alone - all": difference.mean(), "spread": spread, "seeds": len(difference)}
pd.DataFrame(rows).T.round(2).astype({"seeds": int})

# %% [markdown]
# ## What we found
#
# - The controls, taken together, are what a fair coin gives.
# - Handwritten digits are handed, and so are those that look symmetric in print.

# %% tags=["hide-input"]
for d, kind in found:
    rows = chosen[chosen.name == f"positive fraction of {d}{kinds[kind]}"]
    if len(rows):
        error = (rows.error.astype(float) ** 2).mean() ** 0.5
        run.record(
            f"{d}, {kind}", rows.value.astype(float).mean(), error=error, n=int(rows.n.min())
        )
run.record("joint p of the controls", joint, n=len(controls))
saved = run.save()

# %% tags=["hide-input"]
if shown == "study":
    assert handed == list(range(10))
    assert min(found[d, "upright"][1] for d in symmetric) > 0.5

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
