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
# (calorimeters/symmetric-networks)=
#
# # Symmetric networks
#
# The detector is a cylinder: the image may be rolled in azimuth, its two ends may be exchanged, and
# the class of the event stays the same.  A bachelor's thesis {cite}`irootsar2023` set out to build this
# into the first pooling layer of a network, and to teach it by augmentation without a bias.  This page
# measures its layer, builds one that is exact, and compares both with augmentation, on **simulated**
# events.  Its records for many random seeds are read by {ref}`calorimeters/what-symmetry-buys`.
#
# **You will learn**
#
# - why averaging feature maps does not make a network invariant, and what does;
# - why a set of transformations must be closed before one averages over it;
# - how to compare augmentations fairly: equally many steps, one frozen test set, event by event.
#
# **Cost** About a minute on two CPU cores and two gigabytes of memory at the default size.  The
# study, about two minutes of one core a run, takes several sizes of training sets and more steps;
# the published sizes are `full` and want a GPU.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from parity_nb import symmetry as sym
from parity_nb.calorimeters.data import labelled
from parity_nb.calorimeters.methods.classification import correct, logits, prepare, recipe, train
from parity_nb.calorimeters.networks.classifiers import (
    CLASSIFIERS,
    detector_group,
    published_variants,
    symmetry_averaging,
)
from parity_nb.calorimeters.world.cylinder_detector import Detector
from parity_nb.calorimeters.world.generator import make_class
from parity_nb.data import choose
from parity_nb.plotting import CYCLE, use_style
from parity_nb.records import Records, provenance
from parity_nb.statistics import accuracy, paired
from parity_nb.symmetry import Element, Group, Symmetrised, equivariance_error, rolls, semidirect

# %% tags=["parameters"]
task: str = "two"  # two: sphalerons and one kind of black hole; six: and five kinds of black holes
network: str = "plain@0.25"  # network that is trained with and without augmentation, with a width, such as plain@0.25
exact_network: str = "cylinder@0.5"  # exactly symmetric network, with a width
schemes: str = "eta flip,phi roll,all"  # augmentations: eta flip, half turn, phi roll, flips, all
events: int = 500  # training events a class
offset: int = 0  # events that each seed may use; 0: as many as `events`, so that seeds share none
tests: int = 500  # test events a class, the same for every seed and scheme
steps: int = 60  # gradient steps of every training
batch: int = 64  # events a step
audited: int = 16  # images on which untrained networks are measured
files: str = ""  # folder with the HDF5 files of the source; none: simulated events
seed: int = 0  # random seed of training events, weights, batches and augmentation

# %%
use_style()
run = Records.of(
    "calorimeters/symmetric-networks", globals(), run=("task", "network", "events", "seed")
)
moves = {
    "eta flip": sym.mirror,
    "half turn": sym.half_turn,
    "roll by 1": lambda x: sym.roll(x, 1),
    "roll by 13": lambda x: sym.roll(x, 13),
}

# %% [markdown]
# ## The group
#
# Rows of the image run round the beam, columns along it.  The symmetries are all rolls of the rows,
# the eta flip (left and right), the half turn of the image (both beams exchanged), and their
# products.  A group must contain the product of any two of its members; `Group` multiplies them
# all.

# %%
whole = semidirect(rolls(50), detector_group())
print(len(whole), "symmetries of an image of 50 rows:", whole.names[:6], "...")

# %% [markdown]
# An eta flip is parity, up to a rotation about the beam.  To ignore it is to assume that both classes
# conserve parity, or do not show that they do not; {ref}`calorimeters/detector` says what the
# magnetic field does to the half turn.
#
# The thesis's `VGGNet2` averages the feature maps of four images: itself, rolled by half of its
# height, flipped, and turned by a half.  Is that a group?

# %%
probe = torch.arange(64.0).reshape(1, 1, 8, 8)
acts = (sym.identity, lambda x: sym.roll(x, 4), sym.mirror, sym.half_turn)
names = ("e", "roll by half", "eta flip", "half turn")
assert all(torch.equal(a(probe), v) for a, v in zip(acts, published_variants(probe), strict=True))
try:
    Group([Element(n, a, 1) for n, a in zip(names, acts, strict=True)], probe)
except ValueError as error:
    print(error)

# %% [markdown]
# It is not.  The flip of a roll is missing, and so is the phi flip, the half turn of the flip.  So even
# an exact average over these four would change when the image is flipped
# ({ref}`errata <mirrors/errata>`, entries 28 and 29).
#
# ## The averaging layer
#
# In the thesis's other network the first pooling layer takes the mean of a feature map $y$, its
# flip, its roll by one pixel and the flip of its roll.  In $y$ this is even:

# %%
y = torch.randn(8, 16, 24, 24, generator=torch.Generator().manual_seed(seed)).double()
even = equivariance_error(symmetry_averaging, y, sym.mirror, sym.identity).relative
print("the layer is even in its own input:", even < 1e-12)
assert even < 1e-12

# %% [markdown]
# But $y$ is what a convolution has made of the image, and a convolution does not commute with a
# flip: it would have to flip its kernel as well.

# %%
torch.manual_seed(seed)
convolution = nn.Conv2d(3, 16, 3, padding=1).double()
x = torch.rand(8, 3, 24, 24, generator=torch.Generator().manual_seed(seed)).double()
gap = equivariance_error(convolution, x, sym.mirror, sym.mirror).relative
after = equivariance_error(
    lambda x: symmetry_averaging(convolution(x)), x, sym.mirror, sym.identity
)
print(
    f"flip before or after the convolution: {gap:.2f}; layer of a flipped image: {after.relative:.2f}"
)
assert min(gap, after.relative) > 0.05

# %% [markdown]
# The differences are relative to the spread over images and pixels.  Averaging over a roll by one
# pixel, in turn, makes a blur and not an invariance.
#
# ## Exact, in one layer
#
# What does it take?  The image is padded in azimuth by its own other end and along the beam with
# zeros; the convolution moves in steps of one pixel, so that a roll of the image rolls its output; a
# maximum over the *whole* azimuth forgets by how much.  Flips are left to an average over a closed
# group, taken at the end, of the output.


# %% tags=["subject"]
class OneLayer(nn.Module):
    def __init__(self, beam, classes=2):
        super().__init__()
        self.convolution = nn.Conv2d(3, 16, 5)
        self.out = nn.Linear(16 * beam, classes)

    def forward(self, x):
        x = functional.pad(x, (0, 0, 2, 2), mode="circular")  # azimuth
        x = functional.pad(x, (2, 2, 0, 0))  # along the beam
        return self.out(self.convolution(x).relu().amax(-2).flatten(1))


# %% [markdown]
# `Symmetrised` is the projection of the whole book, here with all signs $+1$.  The larger classifier
# `cylinder` is built alike: three convolutions, and besides the maximum the mean over azimuth, which can
# count.
#
# ## All networks in one table
#
# How much does the difference of two logits change when the image is moved, relative to its spread
# over images?  Zero is invariance; about 1.4 are two unrelated numbers.  Weights are random, batch
# normalisation has seen the images, and the images are simulated black holes on 48 and on
# 32 pixels, sizes that can be halved.


# %%
def pictures(size):
    """Simulated black holes on size x size pixels."""
    detector = Detector(rows=size, columns=size)
    return prepare(detector.images(make_class("BH_n4_M10", audited, seed), seed))


# %%
def untrained(name, size):
    """A network with random weights, as it is before training."""
    torch.manual_seed(seed)
    if name == "one layer":
        return Symmetrised(OneLayer(size), detector_group())
    options = {"size": size} if name in ("simple", "vgg", "residual", "cylinder") else {}
    return CLASSIFIERS[name](width=0.25, **options)


# %%
def residual(model, x, act):
    """Relative change of the difference of the first two logits."""
    return equivariance_error(
        lambda x: model(x)[:, 0] - model(x)[:, 1], x, act, sym.identity
    ).relative


# %%
PUBLISHED = ("simple", "plain", "averaging", "vgg", "residual", "resnet18")
measured = {}
for size in (48, 32):
    x = pictures(size)
    for name in (*PUBLISHED, "one layer", "cylinder"):
        model = untrained(name, size).train()
        with torch.no_grad():
            model(x)
        for move, act in moves.items():
            measured[name, size, move] = residual(model.eval(), x, act)
pd.Series(measured).unstack([1, 2]).map("{:.2g}".format)

# %% [markdown]
# The sources' networks, the symmetric ones among them, change under every move.  The exact ones do
# so at the level of rounding of 32-bit numbers.

# %%
exact = [v for (name, _, _), v in measured.items() if name in ("one layer", "cylinder")]
inexact = [v for (name, _, _), v in measured.items() if name not in ("one layer", "cylinder")]
print("exact ones below 1e-6:", max(exact) < 1e-6, "; all others above 0.01:", min(inexact) > 0.01)
assert max(exact) < 1e-6 and min(inexact) > 0.01

# %% tags=["hide-input"]
for name in PUBLISHED:
    worst = max(v for (n, _, _), v in measured.items() if n == name)
    run.record(f"largest residual, untrained {name}", worst, n=audited)

# %% [markdown]
# ## Augmentation
#
# The other way is to show the network moved copies and let it learn the symmetry.  To compare fairly:
#
# - all trainings start from the same weights, see the same events in the same order, and take equally
#   many steps; copies are drawn afresh every time, not stored;
# - the test events are set aside and never moved; nothing is chosen by looking at them;
# - `again` is a second training without augmentation, from other weights.  What it changes is the
#   noise of training, and no scheme is worth more than its gain over that.
#
# Half of the images of a batch are flipped, half are turned, by coins of their own, and each is rolled by
# a number of rows that is uniform over the whole turn:


# %% tags=["subject"]
def one_half(act):
    """Do something to every image of a batch (N, C, phi, eta) whose coin falls so."""

    def move(images):
        coins = torch.rand(len(images), device=images.device) < 0.5
        return torch.where(coins[:, None, None, None], act(images), images)

    return move


def any_roll(images):
    """Roll each image of a batch by rows of its own."""
    shifts = torch.randint(images.shape[-2], (len(images),), device=images.device)
    return sym.roll_each(images, shifts)


# %%
MOVES = {
    "eta flip": one_half(sym.mirror),
    "half turn": one_half(sym.half_turn),
    "phi roll": any_roll,
}
SCHEMES = {
    "none": (),
    **{name: (name,) for name in MOVES},
    "flips": ("eta flip", "half turn"),
    "all": tuple(MOVES),
}


# %%
def augment(images, scheme):
    """The moves of a scheme, one after the other."""
    for move in choose("scheme", scheme, SCHEMES):
        images = MOVES[move](images)
    return images


# %% [markdown]
# Now the events, and one recipe for all.

# %%
train_on, test_on = labelled(task, events, tests, seed, offset or None, files)
labels, classes = test_on.labels, len(test_on.classes)
how = recipe(steps, len(train_on), batch)
print(f"{len(train_on)} events to train on, {len(labels)} to test on, {how.epochs} passes")


# %%
def build(words, weights):
    """A network from `name` or `name@width`, with weights of a random seed."""
    name, _, width = words.partition("@")
    torch.manual_seed(weights)
    return choose("network", name, CLASSIFIERS)(classes, float(width or 1))


# %%
plan = {"none": (network, "none", seed), "again": (network, "none", seed + 1000)}
plan |= {scheme: (network, scheme, seed) for scheme in schemes.split(",")}
plan["cylinder"] = (exact_network, "none", seed)
assert set(schemes.split(",")) <= set(SCHEMES)

# %%
outputs, models, times = {}, {}, {}
for name, (words, scheme, weights) in plan.items():
    models[name] = build(words, weights)
    times[name] = train(
        models[name], train_on, how, weights, partial(augment, scheme=scheme)
    ).seconds
    outputs[name] = logits(models[name], test_on)
    print(f"{name}: {accuracy(outputs[name], labels)}")

# %% [markdown]
# Each is compared with `none` on the same events.  The error of the difference comes from the events
# where only one of the two is right; so does the $p$-value {cite}`mcnemar1947`, and the interval,
# which holds 68 % of 2,000 bootstrap samples of the events.

# %% tags=["hide-input"]
rng = np.random.default_rng(seed)
rows = {}
for name, values in outputs.items():
    found = accuracy(values, labels)
    run.record(f"accuracy, {name}", found.value, found.error, found.n)
    if name != "none":
        gain = paired(correct(values, labels), correct(outputs["none"], labels))
        run.record(f"gain, {name}", gain.difference, gain.error, gain.n)
        share = (gain.better + gain.worse) / gain.n
        run.record(f"disagreement, {name}", share, (share * (1 - share) / gain.n) ** 0.5, gain.n)
        parts = np.array([gain.better, gain.worse, gain.n - gain.better - gain.worse]) / gain.n
        drawn = rng.multinomial(gain.n, parts, 2000)
        low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / gain.n, [0.16, 0.84])
        rows[name] = [str(found), str(gain), f"{low:+.2%} to {high:+.2%}"]
pd.DataFrame(rows, index=["accuracy", "minus none", "bootstrap"]).T

# %% [markdown]
# ## Bias
#
# An augmentation that favours a class would move the shares of the labels that are given, whatever it
# does to the accuracy.  Half of the test events, or a sixth, are sphalerons; how many are called so?

# %% tags=["hide-input"]
truth = labels == 0
for name, values in outputs.items():
    called = values.argmax(1) == 0
    excess = (called.double() - truth.double()).mean().item()
    moved = (called != truth).double().mean().item()
    error = ((moved - excess**2) / len(labels)) ** 0.5
    run.record(f"excess of sphalerons, {name}", excess, error, len(labels))

# %% [markdown]
# A short training leaves such an excess in any network; what an augmentation adds is its difference
# from `none`, and the scatter of that over seeds is the measure.
#
# ## What was learned
#
# How invariant is a network that was trained with moved copies?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Change of a trained network's output under four moves of the test images, relative to its spread; further left is more invariant. The exact network is at the rounding of 32-bit numbers; what is below 1e-8 is drawn there.", "name": "fig-symmetric-residuals"}, "image": {"alt": "Dots in rows, one row a training scheme, on a logarithmic axis: all trained networks lie between a tenth and one, the cylinder far to the left below one millionth."}}
x = prepare(test_on.images[:: max(1, len(labels) // 200)])
fig, ax = plt.subplots(figsize=(6.4, 3.2))
for colour, (move, act) in zip(CYCLE, moves.items(), strict=False):
    learned = [residual(models[name].eval(), x, act) for name in plan]
    ax.plot(np.maximum(learned, 1e-8), list(plan), "o", color=colour, label=move)
    for name, value in zip(plan, learned, strict=True):
        measured[name, "trained", move] = value
ax.set(xscale="log", xlabel="relative change of the output", xlim=(5e-9, 3))
ax.invert_yaxis()
ax.legend(fontsize=8, loc="center")
plt.show()

# %% [markdown]
# Whether augmentation makes a network more indifferent to the moves that it was shown is a matter of
# steps and seeds, and {ref}`calorimeters/what-symmetry-buys` averages over them.  Invariant it makes none.
#
# ## What we found

# %% tags=["hide-input"]
for name in plan:
    for move in moves:
        value = measured[name, "trained", move]
        if name == "cylinder":
            run.record(f"residual below 1e-6, cylinder, {move}", value < 1e-6, n=len(x))
        else:
            run.record(f"residual, {name}, {move}", value, n=len(x))

# %% tags=["nbval-ignore-output"]
for name, seconds in times.items():
    run.record(f"training time, {name}", seconds, unit="s")
saved = run.save()

# %% [markdown]
# - An average over feature maps, or over transformations that are no group, leaves a network that
#   changes under every one of them.
# - Circular padding, no steps along the azimuth before it is pooled as a whole, and an average of
#   outputs over a closed group are exact, for any weights, before training and after.
# - A comparison needs equally many steps, pairs of answers to the same events, and the noise of
#   training as a yardstick.  Whether an augmentation pays is a matter of size, and
#   {ref}`calorimeters/what-symmetry-buys` answers it with many seeds.

# %%
trained = {name: [measured[name, "trained", move] for move in moves] for name in plan}
assert max(trained["cylinder"]) < 1e-6
assert min(min(trained[name]) for name in plan if name != "cylinder") > 1e-3

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
