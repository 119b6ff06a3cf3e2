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
# (mirrors/ways-to-be-fooled)=
#
# # Ways to be fooled
#
# The tests of the last chapter keep their promise if the test items are independent, the function
# is odd and fixed beforehand, and everything between the world and the network commutes with the
# mirror.  Published analyses have broken each of these rules.  Here every one of them is broken on
# purpose, often enough to measure how often a detection follows where there is nothing to detect;
# then it is repaired.
#
# **You will learn**
#
# - nine ways to a false detection, how often each fires, and the repair;
# - which customs that look dangerous are not;
# - to let `audit_pipeline` name the step of an image pipeline that knows left from right;
# - a checklist.
#
# **Cost** About half a minute on one CPU core and little more than a gigabyte of memory.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import skimage.data
import torch
from scipy import stats
from scipy.special import expit
from torch.nn.functional import avg_pool2d, dropout
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import center_crop

from parity_nb.audit import WHOLE, audit_pipeline
from parity_nb.images import reencode_jpeg, resize
from parity_nb.plotting import NEGATIVE, POSITIVE, use_style
from parity_nb.records import Records, provenance, published
from parity_nb.symmetry import mirror, mirror_where, random_half

# %% tags=["parameters"]
seed: int = 0  # random seed of everything
repeats: int = 4000  # repetitions of the experiments that only count
trainings: int = 200  # repetitions of the experiments with trained or random networks
items: int = 400  # test items of each experiment
jpeg_repeats: int = 50  # repetitions of the experiment with JPEG files
photographs: int = 16  # pieces of photographs with which pipelines are audited
audits: int = 40  # repeated audits of one random step

# %%
use_style()
run = Records.of("mirrors/ways-to-be-fooled", globals())
rng = np.random.default_rng(seed)
torch.manual_seed(seed)
coin = torch.Generator().manual_seed(seed)

# %% [markdown]
# Every experiment ends in a p-value, and detects if that is at most 5%.  Where there is nothing to
# find it should do so in at most 5% of the repetitions.


# %%
def exact_p(positive, n, chance=0.5):
    """P(at least so many positives of n); arrays of equal shape."""
    return stats.binom.sf(np.asarray(positive) - 1, n, chance)


# %%
def count_p(f):
    """Exact p-values of the counts of each row of f, (repeats, items), without its zeros."""
    f = np.asarray(f)
    return exact_p((f > 0).sum(1), (f != 0).sum(1))


# %% [markdown]
# Each rule leaves one line in a table: how often the faulty version detects, how often the
# repaired one, and how often it should.  A faulty version must fire more often than chance allows
# once in a thousand, or this chapter has nothing to teach; a repaired one must not.

# %%
lines = {}


# %%
def compare(rule, fooled, repaired, nominal=0.05):
    lines[rule] = {"nominal": nominal}
    for version, fired in (("fooled", fooled), ("repaired", repaired)):
        n, hits = len(fired), int(np.sum(fired))
        error = np.sqrt(max(hits, 1) * max(n - hits, 1) / n**3)
        lines[rule] |= {version: hits / n, f"{version} error": error}
        run.record(f"{rule}, {version}", hits / n, error, n)
        assert (version == "fooled") == (hits > stats.binom.isf(0.001, n, nominal)), rule


# %% [markdown]
# ## Counting
#
# ### Ties are counted on one side
#
# A network that ends in a ReLU says exactly zero to some items *and* to their mirror images, and
# so does $f$.  Whoever counts $f\ge0$, or fills a histogram whose first bin is $[0, d)$, counts
# them as positive.  One in ten is enough.

# %%
x = rng.standard_normal((repeats, items))
f = np.maximum(x - 0.125, 0) - np.maximum(-x - 0.125, 0)
print(f"zeros: {(f == 0).mean():.3f} of all items")
compare("ties on one side", exact_p((f >= 0).sum(1), items) <= 0.05, count_p(f) <= 0.05)

# %% [markdown]
# The opposite custom, a zero that counts as negative ({ref}`errata <mirrors/errata>`, entry 4), fools nobody; it
# hides what is there.  In this book zeros count one half in the fraction that is printed and are
# left out of every test.
#
# ### Test batches overlap
#
# A loader is shuffled afresh, its first batch is evaluated, and that is done ten times
# ({ref}`errata <mirrors/errata>`, entries 1 to 3).  The number of evaluations is that of the test items, but some
# were drawn several times.  Drawing a batch without replacement is the hypergeometric
# distribution; on paper the test fires in $1-\Phi(1.64/\sqrt{1.9}) = 12\%$ of all cases.

# %%
positive = rng.binomial(items, 0.5, repeats)
batch = rng.hypergeometric(positive, items - positive, items // 10, size=(10, repeats))
redrawn = exact_p(batch.sum(0), 10 * (items // 10)) <= 0.05
compare("overlapping batches", redrawn, exact_p(positive, items) <= 0.05)

# %% [markdown]
# The same happens, only worse, to overlapping pieces of one picture, to frames of one burst
# ({ref}`mirrors/parity-odd-functions`), and to augmented copies in the test set: averages of $f$
# over what belongs together are independent, its single values are not.
#
# ### A fraction below one half is read as a detection
#
# "The sign is arbitrary", so a fraction of 47% is turned into 53%.  But the sign was fixed in
# training.  Who accepts both sides has twice the false detections:

# %%
positive = rng.binomial(items, 0.5, repeats)
either = exact_p(np.maximum(positive, items - positive), items) <= 0.05
compare("either side counts", either, exact_p(positive, items) <= 0.05)

# %% [markdown]
# Worse than the factor of two is what goes unnoticed.  A held-out fraction far below one half
# happens, and it is a symptom: of mirror twins across the split, or of a test set unlike the
# training set.  A published example: a set with a signal in one picture of a thousand is called
# detected with 47.6% {cite}`hewson2024chiral` (version 2 of the preprint).
#
# ### A fraction exceeds its cap
#
# If a share $q$ of the items carries a signal and the rest is symmetric, no function reaches more
# than $\tfrac12 + \tfrac q2$.  So the cap tests the *analysis*.  The exact p-value of a
# fraction above its cap:

# %%
table = published("hewson2024chiral").set_index("name")
table = table[table.index.str.contains("%") & ~table.index.str.endswith("SLR")]
share = table.index.str.extract(r"([\d.]+) ?%", expand=False).astype(float) / 100
table["cap"] = 50 + 50 * share
table["p"] = exact_p((table.value * table.n / 100).round(), table.n, table.cap / 100)
print(table[["value", "n", "cap", "p"]].to_string(formatters={"p": "{:.1e}".format}))

# %% [markdown]
# Either "per cent" does not mean per cent of the pictures or groups there, or items were not
# independent ({ref}`errata <mirrors/errata>`).  What does a leak look like?  Items are vectors of 100 numbers, one
# in a hundred with a signal.  The function is linear, trained in closed form: of all linear odd
# functions it has the smallest loss A.


# %%
def train_linear(x, ridge=0.1):
    """Weights (..., D) of the linear function with the largest mean over std on x (..., n, D)."""
    mean = x.mean(-2)
    centred = x - mean[..., None, :]
    covariance = centred.transpose(-1, -2) @ centred / x.shape[-2]
    scale = covariance.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    return torch.linalg.solve(covariance + ridge * scale * torch.eye(x.shape[-1]), mean)


# %%
def values(x, weights):
    return (x @ weights[..., None]).squeeze(-1)


# %% [markdown]
# The test set once is new, and once three in ten of its items are noisy copies of training items,
# as overlapping pieces of a sky would be.

# %%
q = 0.01
fractions = {"leak": [], "new": []}

# %%
for _ in range(trainings):
    train, test = torch.randn(2, items, 100)
    for population in (train, test):
        population[torch.rand(items) < q, 0] += 3
    f = train_linear(train)
    fractions["new"].append((values(test, f) > 0).sum())
    known = int(0.3 * items)
    test[:known] = train[:known] + 0.3 * torch.randn(known, 100)
    fractions["leak"].append((values(test, f) > 0).sum())

# %%
above = {k: exact_p(v, items, 0.5 + q / 2) <= 0.05 for k, v in fractions.items()}
for name, v in fractions.items():
    print(f"{name}: on average {np.mean(v) / items:.3f} positive, cap {0.5 + q / 2}")
compare("fraction above its cap", above["leak"], above["new"])

# %% [markdown]
# ## Training
#
# ### One network for two sets
#
# The appendix of {cite}`gibbon2023snails` makes one network and trains it on the set S, then, from
# the weights that it has, on the control SLR ({ref}`errata <mirrors/errata>`, entry 8).  In miniature: vectors that
# lean, a linear network, twenty steps of gradient descent with loss B.


# %%
def descend(x, weights, steps=20, rate=0.3):
    """Gradient descent on the mean of -log sigmoid(w x); x (..., n, D), weights (..., D)."""
    for _ in range(steps):
        f = np.einsum("rnd,rd->rn", x, weights)
        weights = weights + rate * np.einsum("rn,rnd->rd", expit(-f), x) / x.shape[1]
    return weights


# %%
def lean(n, by=0.3):
    return rng.standard_normal((trainings, n, 6)) + by * np.eye(6)[0]


def tossed(x):
    return x * rng.choice([-1, 1], x.shape[:2])[..., None]


# %%
s, control = lean(items), tossed(lean(items))
start = 0.1 * rng.standard_normal((trainings, 6))
slr_networks = {"shared": descend(control, descend(s, start)), "fresh": descend(control, start)}
s_test, control_test = lean(items), tossed(lean(items))

# %% [markdown]
# The control's own test stays honest: its items are new and symmetric, and then no history of
# the weights can matter.

# %%
for name, w in slr_networks.items():
    p = count_p(np.einsum("rnd,rd->rn", control_test, w))
    run.record(
        f"control by {name} network",
        (p <= 0.05).mean(),
        (0.05 * 0.95 / trainings) ** 0.5,
        trainings,
    )
    assert (p <= 0.05).sum() <= stats.binom.isf(0.001, trainings, 0.05)

# %% [markdown]
# What is lost is the meaning of the control.  The same source shows the SLR network the set S, finds
# 50.8% and concludes that even a network trained on a symmetric set finds the asymmetry.  Which
# side should a network that knows nothing of S favour?  Either, in half of the runs each:

# %%
favours = {
    name: (np.einsum("rnd,rd->rn", s_test, w) > 0).mean(1) > 0.5 for name, w in slr_networks.items()
}
compare("control shares S's weights", favours["shared"], favours["fresh"], nominal=0.5)

# %% [markdown]
# The network remembers.  With fresh weights the SLR network leans as well, to either side, since S
# is asymmetric and any function will show it; but it has learned nothing.
#
# The same habit does real harm from fold to fold.  Test items of the second fold were training
# items of the first, and a network that goes on from there has seen them.  On a symmetric
# population of vectors with 100 numbers:

# %%
one, other = rng.standard_normal((2, trainings, items, 100))
start = np.zeros((trainings, 100))
second = {"shared": descend(other, descend(one, start)), "fresh": descend(other, start)}
found = {n: count_p(np.einsum("rnd,rd->rn", one, w)) <= 0.05 for n, w in second.items()}
compare("folds share weights", found["shared"], found["fresh"])

# %% [markdown]
# ### Dropout is left on
#
# In training mode $g(x)$ and $g(Px)$ pass through different random masks, and $f$ is not odd.  Is
# that a false detection?  It depends on the masks.  A network with one hidden layer, made to
# prefer one direction, on a symmetric population:


# %%
def with_masks(how, by=0.0, n=items, hidden=8):
    """Values of f on new items that lean by `by`, with dropout of one half done in three ways."""
    x, w = torch.randn(n, 6), torch.randn(hidden, 6)
    x[:, 0] += by
    g = []
    for copy in (x, -x):
        h = torch.relu(copy @ w.T)
        if how == "for each item":
            h = dropout(h, 0.5)
        elif how == "once a call":
            h = h * dropout(torch.ones(hidden), 0.5)
        g.append(h @ w[:, 0])
    return (g[0] - g[1]).numpy()


# %%
ways = ("off", "for each item", "once a call")
masks = {how: count_p([with_masks(how) for _ in range(trainings)]) <= 0.05 for how in ways}
compare("dropout, one mask a call", masks["once a call"], masks["off"])
run.record("dropout, a mask for each item", masks["for each item"].mean(),
           (0.05 * 0.95 / trainings) ** 0.5, trainings)  # fmt: skip
assert masks["for each item"].sum() <= stats.binom.isf(0.001, trainings, 0.05)

# %% [markdown]
# Ordinary dropout draws a mask for every item.  Then $f$ is odd in distribution, and that is
# enough: an item and its mirror image are still equally likely to come out positive.  One mask for
# a whole call is another matter, and not exotic: `randomness="same"` in `vmap`, stochastic depth in
# batch mode, a random seed that is reset before every image "so that it is reproducible".  All
# items then share one lopsided function, which leans to some side in most runs.
#
# What ordinary dropout costs is power.  The same network, on items that do lean:

# %%
leaning = {how: count_p([with_masks(how, 0.2) for _ in range(trainings)]) <= 0.05 for how in ways}
for how in ways[:2]:
    rate = leaning[how].mean()
    error = (rate * (1 - rate) / trainings) ** 0.5
    run.record(f"an asymmetry is found with dropout {how}", rate, error, trainings)
assert leaning["off"].mean() > leaning["for each item"].mean()

# %% [markdown]
# So evaluation mode, always; it costs nothing.
#
# ## The pipeline
#
# ### A step does not commute with the mirror
#
# Textures without any handedness, smooth random fields, are stored as JPEG files of quality 50, 60
# or 64 pixels wide.  Blocks of eight fill the second width and not the first
# ({ref}`snails/model-snails`).  The function sees the mean absolute step between neighbouring
# columns, and its weights are trained in closed form as above.


# %%
def textures(n, width):
    field = avg_pool2d(torch.rand(n, 1, 20, width + 4), 5, 1)
    return (255 * (field - 0.2) / 0.6).clamp(0, 255).byte()


# %%
def odd_steps(x):
    """How much larger each step between columns is than its mirror image, (n, width / 2 - 1)."""
    steps = (x[..., 1:].float() - x[..., :-1].float()).abs().mean((1, 2))
    return (steps - mirror(steps))[:, : steps.shape[1] // 2]


# %%
few = 60
stored = {}

# %%
for width in (60, 64):
    files = reencode_jpeg(textures(2 * few * jpeg_repeats, width), 50)
    train, test = odd_steps(files).unflatten(0, (jpeg_repeats, 2, few)).unbind(1)
    stored[width] = count_p(values(test, train_linear(train))) <= 0.05
compare("JPEG that does not fit", stored[60], stored[64])

# %% [markdown]
# The textures are innocent; the network has found the block grid, and it takes sixty pictures to
# learn it.
#
# ### The control is mirrored after the pipeline
#
# Would a control have told?  The pictures are noise and the camera is brighter on the right.  The
# set S "shows" a violation.  It is believed if the control, where a coin mirrors half of the
# pictures, shows none.


# %%
def camera(x):
    return x + torch.linspace(-0.3, 0.3, x.shape[-1])


def odd_pixels(x):
    return (x - mirror(x))[..., : x.shape[-1] // 2].flatten(-2)


# %%
def analyse(make):
    """p-values of complete analyses: training and held-out pictures made by `make`."""
    train, test = (odd_pixels(make(torch.randn(items, 8, 8))) for _ in range(2))
    return float(count_p(values(test, train_linear(train))[None])[0])


# %%
def coin_last(x):
    return mirror_where(camera(x), random_half(len(x), coin))


def coin_first(x):
    return camera(mirror_where(x, random_half(len(x), coin)))


# %%
worlds = (camera, coin_last, coin_first)
p = {make: np.array([analyse(make) for _ in range(trainings)]) for make in worlds}
believed = {c: (p[camera] <= 0.05) & (p[c] > 0.05) for c in worlds[1:]}
compare("control mirrored last", believed[coin_last], believed[coin_first])

# %% [markdown]
# A coin that is tossed last makes every odd function a fair coin, whatever the camera does
# ({ref}`errata <mirrors/errata>`, entry 6).  Tossed first, in the world, it lets the camera convict itself.
#
# ## All together
#
# Nine experiments, {numref}`fig-fooled-rates`: red is the fault, blue the repair, and the black
# stroke what the rate should be.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "How often an asymmetry is detected where there is none, with a fault (red) and after its repair (blue), and the nominal rate (black strokes: one in twenty, but one half where the question is which side a network favours).", "name": "fig-fooled-rates"}, "image": {"alt": "A chart with one row for each fault. Red points lie between ten and a hundred per cent, blue points on or below black strokes at five per cent, in one row at fifty."}}
summary = pd.DataFrame(lines).T
figure, ax = plt.subplots(figsize=(7.2, 3.9))
rows = np.arange(len(summary))[::-1]
ax.hlines(rows, summary["repaired"], summary["fooled"], color="0.8", linewidth=2, zorder=1)
for version, colour in (("fooled", POSITIVE), ("repaired", NEGATIVE)):
    error = summary[f"{version} error"]
    ax.errorbar(summary[version], rows, xerr=error, fmt="o", color=colour, label=version)
ax.plot(summary["nominal"], rows, "|", color="black", markersize=13, label="nominal")
ax.set(yticks=rows, xlim=(-0.02, 1.03), xlabel="rate of detections")
ax.set_yticklabels(summary.index)
ax.grid(axis="y", visible=False)
ax.legend(loc="upper center", bbox_to_anchor=(0.45, 1.14), ncols=3)
plt.show()

# %%
printed = summary[["nominal"]].copy()
for version in ("fooled", "repaired"):
    pairs = zip(summary[version], summary[f"{version} error"], strict=True)
    printed[version] = [f"{100 * value:.1f} ± {100 * error:.1f} %" for value, error in pairs]
printed["nominal"] = [f"{100 * value:.0f} %" for value in printed["nominal"]]
printed

# %% [markdown]
# ## Auditing a pipeline
#
# Of all faults those of the pipeline are the ones that no statistics can repair.  So audit it, step
# by step, before training.  A step $T$ that is a *function* is harmless if $T(Px) = P\,T(x)$, and
# {func}`~parity_nb.audit.audit_pipeline` compares the two.
#
# A step that tosses coins will not pass that: two random crops of one picture differ anyway.  It is
# harmless if $P\,T\,P$ has the same *law* as $T$.  The audit draws sixteen results of $T(x)$ and
# sixteen of $P\,T(Px)$ for each picture.  If the laws are the same, these thirty-two are
# exchangeable, so shuffling them gives the null distribution of any measure of their difference;
# it takes the energy distance {cite}`szekely2013energy`, which vanishes for equal laws only.  The
# pictures may be anything: each is compared with itself, so they need be neither symmetric nor
# many.
#
# Ours are pieces of photographs that come with scikit-image.

# %%
sources = [getattr(skimage.data, name)() for name in ("coffee", "chelsea", "astronaut")]
pieces = []

# %%
for k in range(photographs):
    whole = torch.from_numpy(sources[k % 3].copy()).permute(2, 0, 1)
    top, left = (int(rng.integers(size - 96)) for size in whole.shape[1:])
    pieces.append(whole[:, top : top + 96, left : left + 96])
raw = torch.stack(pieces)

# %% [markdown]
# A pipeline as one might write it without a thought:

# %%
careless = {
    "resize to 60": partial(resize, size=60),
    "JPEG, 60 pixels wide": partial(reencode_jpeg, quality=75),
    "centre crop to 53": partial(center_crop, output_size=[53]),
    "colour jitter": v2.ColorJitter(brightness=0.2, contrast=0.2, hue=0.05),
    "random crop to 48": v2.RandomCrop(48),
    "rotation by 0 to 15 degrees": v2.RandomRotation((0, 15)),
}

# %%
verdicts = audit_pipeline(careless, raw, seed=seed)
verdicts.round(4).astype(object).where(verdicts.notna(), "")

# %% [markdown]
# Three steps are named.  The JPEG and the crop, sixty minus fifty-three leaves an odd margin, are
# functions and do not commute; the rotation goes one way only.  The random crop and the colour
# jitter pass, though no two of their results agree: their *laws* are symmetric.  `rms` is in pixel
# levels, and for random steps estimated between mean results, where a few levels may be
# chance and `p` decides; `relative` divides it by the standard deviation of the result.

# %%
guilty = ["JPEG, 60 pixels wide", "centre crop to 53", "rotation by 0 to 15 degrees", WHOLE]
assert list(verdicts.index[verdicts.verdict == "breaks"]) == guilty
for step in guilty:
    run.record(f"audit, {step}, relative", verdicts.relative[step], n=photographs)

# %% [markdown]
# The repairs are small: widths that blocks fill, even margins, both ways.

# %%
careful = {
    "resize to 64": partial(resize, size=64),
    "JPEG, 64 pixels wide": partial(reencode_jpeg, quality=75),
    "centre crop to 54": partial(center_crop, output_size=[54]),
    "colour jitter": careless["colour jitter"],
    "random crop to 48": careless["random crop to 48"],
    "rotation by -15 to 15 degrees": v2.RandomRotation((-15, 15)),
}

# %%
repaired = audit_pipeline(careful, raw, seed=seed)
assert "breaks" not in set(repaired.verdict)
repaired.round(4).astype(object).where(repaired.notna(), "")

# %% [markdown]
# "Nearly" is the JPEG that fits: its rounding is not mirrored, which costs about a level.  Whether
# a network could use that is a question for a network ({ref}`snails/results`: not ours).
#
# Does a random flip at the end, common in augmentation, make a faulty pipeline harmless?  For the
# test it does, and it makes the test worthless, as the coin that was tossed last.  The audit is not
# impressed, because it compares what becomes of one and the same picture:

# %%
flipped = {
    "centre crop to 53": careless["centre crop to 53"],
    "random flip": lambda x: mirror_where(x, random_half(len(x), None)),
}

# %%
hidden = audit_pipeline(flipped, raw, seed=seed)
print(hidden[["p", "verdict"]].to_string(na_rep=""))
assert list(hidden.index[hidden.verdict == "breaks"]) == ["centre crop to 53", WHOLE]

# %% [markdown]
# ### How far to trust the audit
#
# Two questions for the random steps.  Is the p-value of a symmetric step uniform?  And how small a
# fault is found?  Small pieces, eight draws, and rotations by angles from $-10+b$ to $10+b$
# degrees, audited again and again:

# %%
pieces = raw[:6, :, 32:64, 32:64]


def audit_rotation(bias, k):
    step = {"rotation": v2.RandomRotation((bias - 10, bias + 10))}
    small = {"draws": 8, "permutations": 199, "level": 0.05}
    return audit_pipeline(step, pieces, seed=seed + k, **small).p["rotation"]


# %%
null = [audit_rotation(0.0, k) for k in range(audits)]
uniform = stats.kstest(null, "uniform").pvalue
run.record("audits of a symmetric rotation, Kolmogorov-Smirnov p", uniform, n=audits)
assert uniform > 0.001

# %%
for bias in (1.0, 2.0, 4.0):
    hits = np.mean([audit_rotation(bias, k) <= 0.05 for k in range(audits // 3)])
    error = np.sqrt(max(hits * (1 - hits), 0.05) / (audits // 3))
    run.record(f"rotation, biased by {bias:g} degrees, found at 5%", hits, error, audits // 3)
assert hits > 0.9

# %% [markdown]
# Six little pictures are enough for a bias of four degrees in twenty.  The limits: what is small
# beside the random scatter takes more draws; what happens to one picture in a thousand is missed
# with dozens; and "not seen" is not "not there".  Nor is every step that breaks a danger: a shift
# by one pixel does not commute, and no population that lives anywhere in the frame could show it.
# The audit is stricter than it need be, which is the right side to err on.

# %% [markdown]
# ## A checklist
#
# | Rule | The symptom, if it is broken | What to do |
# | --- | --- | --- |
# | Zeros belong to neither side | controls off one half, always to the same side | drop them from tests, print one half |
# | One value for one observation | controls scatter too widely | evaluate each item once; average over frames and patches |
# | Only $f>0$ is a success | fractions below one half are "found" | one-sided tests; below one half, look for twins across the split |
# | At most $\tfrac12+\tfrac q2$ | a faint signal with a large fraction | test against the cap; split by observation |
# | Fresh weights for every set and fold | a control that knows the signal | a new network, a new random seed |
# | Evaluation mode | values change from call to call | `model.eval()`; test the oddness |
# | Steps commute with the mirror | the control is not one half | `audit_pipeline` before training |
# | The control is mirrored first | the control is *always* one half | toss the coin for the rawest image |
# | Controls, many, through everything | no idea of the above | p-values uniform, {ref}`as here <mirrors/testing-for-asymmetry>` |
#
# ## What we found
#
# - Each fault produces detections where there is nothing, from twice the nominal rate to nearly
#   always; each repair brings the rate back.
# - Two suspects are innocent of false detections: dropout with a mask for each item, which only
#   loses power, and weights shared with the control, as long as it is tested on its own items.
# - Fractions of a published study exceed what their own description allows.
# - The audit names the guilty steps of an image pipeline, random ones included, and lets the
#   others pass.

# %%
expected = stats.norm.sf(stats.norm.isf(0.05) / 1.9**0.5)
overlap = summary.loc["overlapping batches"]
run.record("overlapping batches, on paper", expected)
assert abs(overlap["fooled"] - expected) < 4 * overlap["fooled error"] + 0.02
assert (summary["fooled"] > 1.3 * summary["nominal"]).all()
saved = run.save()

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
