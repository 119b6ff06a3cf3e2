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
# (discovery/music)=
#
# # Pitch, rhythm and melody in latent neurons
#
# Nobody told the network what a pitch is.  It learned to squeeze two bars of a melody through a few
# noisy neurons.  Do human concepts come out?  {cite}`barenboim2024music` asked this of a network
# with 512 latent neurons trained on millions of pieces, and found a few dozen "music neurons" among
# "noise neurons", pitch and rhythm in the first of them, little of melody.  Neither that network nor
# its music can be had here.  This page trains a small one on folk tunes and asks again, with a
# control that decides whether *neurons* mean anything.
#
# **You will learn**
#
# - to rank latent neurons by what they cost, and to switch off those that say nothing;
# - to compare them with features of pitch, rhythm and melody;
# - what transposition, a symmetry of melodies, does to them;
# - how to tell a meaningful neuron from a meaningful direction;
# - what a neuron does to a tune, to look at and to listen to.
#
# **Cost** Half a minute on one CPU core and one gigabyte of memory; a GPU helps at the `study` size.

# %%
from base64 import b64encode
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import HTML, Audio
from mido import Message, MetaMessage, MidiFile, bpm2tempo
from torch import nn
from torch.nn.functional import cross_entropy

from parity_nb.data import build_dir, written
from parity_nb.discovery.data.tunes import tune_windows
from parity_nb.discovery.files.abc_tunes import COLLECTIONS, HOLD, REST, STEPS
from parity_nb.discovery.methods.latents import (
    USED,
    bottleneck_recipe,
    correlation_of,
    encode,
    information,
)
from parity_nb.discovery.networks import Coder, mlp
from parity_nb.plotting import CYCLE, use_style
from parity_nb.records import Records, provenance
from parity_nb.symmetry import equivariance_error, identity
from parity_nb.training import fit

# %% tags=["parameters"]
path: str = ""  # file of windows made elsewhere; empty: read from the tunes that music21 ships
essen: bool = True  # use the Essen collection too, which is for non-commercial use
windows: int = 8000  # two-bar windows to train on; 0: all
tests: int = 3000  # windows to test on; 0: all
epochs: int = 10  # passes over the training windows
latents: int = 64  # latent neurons that are offered
width: int = 256  # hidden neurons of encoder and decoder
beta: float = 0.3  # price of a nat, in nats of the melody
batch: int = 64  # windows a step
seed: int = 0  # random seed of the choice of windows, weights and batches; picks the test fold

# %% tags=["hide-input"]
use_style()
run = Records.of("discovery/music", globals(), run=("seed",))

# %%
chance = np.random.default_rng(seed)
recipe = bottleneck_recipe(epochs, batch)

# %% [markdown]
# ## Tunes
#
# The package `music21` {cite}`cuthbert2010music21` ships some thirteen thousand tunes in ABC notation.
# They are read where they are installed, and copied nowhere; most are old tunes, and the collection of
# Essen may be used for non-commercial ends only.  A small reader of the one-voice part of ABC needs a
# few seconds.  Kept are tunes in 4/4 and 2/2, in full bars without tuplets, on a grid of sixteenths;
# two neighbouring bars are a *window*.  Of each of its 32 steps it says which pitch begins, that the
# note is held, or that there is none.  A window with a note below C3 or above E6 is left out.


# %%
LOWEST = 48  # MIDI number of C3
HIGHEST = 88  # of E6


def within_range(windows):
    """The windows whose pitches the network knows."""
    steps = windows.steps
    return windows[((steps <= HOLD) | ((steps >= LOWEST) & (steps <= HIGHEST))).all(1)]


everything = within_range(tune_windows(path))
if not essen:
    everything = everything[everything.collection != everything.collections.index("essenFolksong")]

# %% tags=["hide-input"]
counts = np.bincount(everything.collection, minlength=len(everything.collections))
pd.DataFrame(
    {"windows": counts, "what": [COLLECTIONS.get(c, "") for c in everything.collections]},
    index=everything.collections,
)

# %% [markdown]
# Windows of one tune resemble each other, so a fifth of the *tunes* is held out; a held-out window
# that occurs, note for note, in a training tune is dropped.


# %% tags=["subject"]
def split_by_tune(windows, fold, folds=5):
    """Training and held-out windows, no tune in both; every `folds`-th tune, from `fold` on.

    Held-out windows that also occur, note for note, in a training tune are dropped.

    Raises:
        ValueError: if either part is empty.
    """
    held = windows.tune % folds == fold % folds
    known = {row.tobytes() for row in windows.steps[~held]}
    new = np.array([row.tobytes() not in known for row in windows.steps])
    train, test = windows[~held], windows[held & new]
    if not len(train) or not len(test):
        raise ValueError(f"{len(train)} windows to train on and {len(test)} to test on: too few")
    return train, test


# %% [markdown]
# As many as the parameters say are taken at random.


# %%
def some(part, n):
    """At most n windows at random; 0 for all."""
    return part[chance.permutation(len(part))[: n or None]]


train, test = split_by_tune(everything, fold=seed)
train, test = some(train, windows), some(test, tests)
print(f"{len(train)} windows to train on, {len(test)} to test on")
assert not set(train.tune) & set(test.tune)

# %% [markdown]
# To draw a window, or to play it, notes are read off its steps.


# %% tags=["subject"]
class Note(NamedTuple):
    """A note: MIDI pitch, start and length in sixteenths."""

    pitch: int
    start: int
    length: int


def notes(steps):
    """Notes of one melody, (32,)."""
    found = []
    for start, step in enumerate(steps.tolist()):
        if step > HOLD:
            found.append(Note(step, start, 1))
        elif step == HOLD and found and found[-1].start + found[-1].length == start:
            found[-1] = found[-1]._replace(length=found[-1].length + 1)
    return found


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Four held-out windows of two bars. Each bar is a note; the lines are quarters.", "name": "fig-music-windows"}, "image": {"alt": "Four piano rolls, each with some ten to twenty short horizontal bars."}}
def roll(ax, steps, color=CYCLE[0]):
    """Draw one melody as a piano roll."""
    for note in notes(steps):
        ax.barh(note.pitch, note.length - 0.2, left=note.start, height=0.9, color=color)
    ax.set(xlim=(0, 32), xticks=range(0, 33, 16), xlabel="sixteenths")
    ax.xaxis.set_minor_locator(plt.MultipleLocator(4))


fig, axes = plt.subplots(1, 4, figsize=(8, 2.2), sharey=True)
for ax, steps in zip(axes, test.steps[:4], strict=True):
    roll(ax, steps)
axes[0].set_ylabel("MIDI pitch")
plt.show()

# %% [markdown]
# ## A network with noisy neurons
#
# Encoder, latent neurons with a price, decoder: as in {ref}`discovery/conserved-quantities`, but now
# the question is always the same, "what was the melody?".  A melody comes as 32 numbers, which the
# first layer sees as zeros and ones.


# %% tags=["subject"]
TOKENS = 2 + HIGHEST - LOWEST + 1  # rest, hold and the pitches


def tokens(steps):
    """Steps (N, 32) -> tokens (N, 32) int64: 0 rest, 1 hold, 2 the lowest pitch, and so on.

    Raises:
        ValueError: for a pitch outside the range.
    """
    steps = np.asarray(steps)
    pitched = steps > HOLD
    if pitched.any() and (steps[pitched].min() < LOWEST or steps[pitched].max() > HIGHEST):
        raise ValueError(
            f"pitches run from {steps[pitched].min()} to {steps[pitched].max()}; the network knows "
            f"{LOWEST} to {HIGHEST}: leave out these windows with `within_range`"
        )
    return torch.tensor(np.where(pitched, steps.astype(int) - LOWEST + 2, steps), dtype=torch.int64)


def steps_of(token):
    """Tokens (N, 32) -> steps (N, 32) uint8, the reverse of `tokens`."""
    t = token.cpu().numpy()
    return np.where(t > HOLD, t + LOWEST - 2, t).astype(np.uint8)


x_train, x_test = tokens(train.steps), tokens(test.steps)

# %% [markdown]
# The decoder gives all 32 steps at once.  One that went from note to note would know much from the
# notes before, and could leave the latent neurons idle.


# %% tags=["subject"]
class StepEmbedding(nn.Module):
    """A linear layer on tokens written as zeros and ones, (N, 32) int64 -> (N, width) float32.

    Looking the 32 columns up and adding them is the same and several times as fast.
    """

    def __init__(self, width):
        super().__init__()
        self.columns = nn.EmbeddingBag(2 * STEPS * TOKENS, width, mode="sum")
        nn.init.normal_(self.columns.weight, std=(2 * STEPS) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, token):
        """(N, 32) int64 -> (N, width)."""
        first = torch.arange(token.shape[1], device=token.device) * TOKENS
        return self.columns(token + first) + self.bias


def melody_coder(latents, width):
    """A variational autoencoder of two-bar melodies; the decoder gives (N, 32 * TOKENS) logits.

    The decoder gives all steps at once, so that what it knows of the melody can only come from
    the latent neurons, and not from the notes before.
    """
    inputs = 2 * STEPS * TOKENS
    encoder = nn.Sequential(StepEmbedding(width), nn.ELU(), mlp(width, width, 2 * latents))
    return Coder(encoder, mlp(latents, width, width, inputs), latents)


# %% [markdown]
# In training each melody is moved by up to three semitones, unless it would leave the range.  The loss
# is the cross entropy of the steps, in nats a melody, plus the price of the latent neurons.


# %% tags=["subject"]
def transpose(token, semitones):
    """Tokens (N, 32) moved by so many semitones, one number for all or (N, 1).

    A melody that would leave the range stays as it is.
    """
    moved = torch.where(token > HOLD, token + semitones, token)
    pitched = token > HOLD
    fits = ((moved >= 2) & (moved < TOKENS) | ~pitched).all(1, keepdim=True)
    return torch.where(fits, moved, token)


def melody_loss(logits, token):
    """Cross entropy of the steps, nats a melody: (N, 32 * TOKENS) and (N, 32) -> ()."""
    return cross_entropy(logits.unflatten(1, (-1, TOKENS)).mT, token, reduction="sum") / len(token)


def melody_step(beta, shift=0):
    """The step for `training.fit` on tokens: cross entropy plus beta times KL.

    Args:
        beta: price of a nat.
        shift: each melody is transposed by a random number of semitones up to so many.
    """

    def make(model):
        def step(batch):
            if shift:
                by = torch.randint(-shift, shift + 1, (len(batch), 1), device=batch.device)
                batch = transpose(batch, by)
            coded = model(batch)
            return melody_loss(coded.output, batch) + beta * coded.kl.sum(-1).mean()

        return step

    return make


# %% tags=["nbval-ignore-output"]
torch.manual_seed(seed)
model = melody_coder(latents, width)
history = fit(model, x_train, recipe, seed, melody_step(beta, shift=3))
print(f"{history.seconds:.0f} s on {history.device}; {recipe}")


# %% [markdown]
# How good is it?  Cross entropy in nats a melody, and the share of the 32 steps that are right.  Most
# steps are holds; a melody that never moves is the floor.


# %%
@torch.no_grad()
def score(z, x):
    """Cross entropy and share of right steps when the decoder sees these latent values."""
    logits = model.eval().decode(z)
    right = logits.unflatten(1, (-1, TOKENS)).argmax(-1) == x
    return melody_loss(logits, x).item(), right.float().mean(1)


# %%
code = encode(model, x_test)
full, right = score(code.mean, x_test)
floor = (x_test == HOLD).float().mean().item()
run.record("cross entropy", full, n=len(test), unit="nat")
run.record("steps right", right.mean(), right.std() / len(test) ** 0.5, len(test))
print(f"holds only: {floor:.3f}")

# %% [markdown]
# ## Music neurons and noise neurons
#
# The relevance of a neuron is its average KL divergence.  Those above a tenth of a nat are music
# neurons, the others noise neurons.  What is lost if the noise neurons are set to zero, and what if
# only they are kept ({numref}`fig-music-relevance`)?

# %%
order, relevance = code.order, code.relevance
music = order[: max(1, code.used)]
of_music = torch.zeros(latents, dtype=torch.bool)
of_music[music] = True

# %%
without_noise, right_music = score(code.mean * of_music, x_test)
only_noise, right_noise = score(code.mean * ~of_music, x_test)

# %% tags=["hide-input"]
run.record("music neurons", code.used, n=len(test))
for name, nats, part in (
    ("noise neurons zeroed", without_noise, right_music),
    ("music neurons zeroed", only_noise, right_noise),
):
    run.record(f"steps right, {name}", part.mean(), part.std() / len(test) ** 0.5, len(test))
    run.record(f"nats lost, {name}", nats - full, n=len(test), unit="nat")

# %%
kept = [k for k in (0, 1, 2, 3, 5, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512) if k <= latents]

# %%
by_kept = []
for k in kept:
    mask = torch.zeros(latents)
    mask[order[:k]] = 1
    by_kept.append(score(code.mean * mask, x_test)[1].mean().item())

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Left: relevance of the latent neurons by rank; the dashed line parts music neurons from noise neurons. Right: share of right steps on held-out windows when only the most relevant neurons are kept and the others are zero; the dotted line is a melody of holds only.", "name": "fig-music-relevance"}, "image": {"alt": "Left, a falling curve of nats against rank crossing a dashed line. Right, a curve that rises with the number of neurons kept and then levels off."}}
fig, (left, right_ax) = plt.subplots(1, 2, figsize=(7.2, 3))
left.semilogy(range(1, latents + 1), relevance[order], ".-")
left.axhline(USED, color="black", linestyle="--", linewidth=1)
left.set(xlabel="neuron, by rank", ylabel="relevance / nat")
right_ax.plot(kept, by_kept, "o-")
right_ax.axhline(floor, color="black", linestyle=":", linewidth=1)
right_ax.set(xlabel="neurons kept", ylabel="steps right")
plt.show()

# %% [markdown]
# ## Human concepts
#
# Seventeen features say what a human might: six of rhythm, four of pitch, seven of melody.  Melody here is
# what does not change when the tune is transposed or its notes are held longer: its direction, its
# intervals, whether the second bar repeats the first.  For each pair of neuron and feature the mutual
# information, turned into a coefficient that is zero for independence and one for a function
# {cite}`linfoot1957`.  It sees non-linear dependence too, as the $\phi_K$ of the source does.

# %% tags=["subject"]
FEATURES = {
    "mean pitch": "pitch",
    "highest pitch": "pitch",
    "lowest pitch": "pitch",
    "last pitch": "pitch",
    "notes": "rhythm",
    "notes off the beat": "rhythm",
    "longest note": "rhythm",
    "unevenness": "rhythm",
    "rests": "rhythm",
    "more notes in bar 2": "rhythm",
    "range": "melody",
    "direction": "melody",
    "mean interval": "melody",
    "leaps": "melody",
    "turns": "melody",
    "pitch classes": "melody",
    "bars alike": "melody",
}


def features_of(row):
    """Features of one melody (32,), in the order of `FEATURES`."""
    found = notes(row)
    if not found:
        return [float("nan")] * len(FEATURES)
    pitch = np.array([n.pitch for n in found], dtype=float)
    length = np.array([n.length for n in found], dtype=float)
    start = np.array([n.start for n in found])
    steps = np.diff(pitch)
    moves = np.sign(steps[steps != 0])
    rising = 0.0
    if len(pitch) > 2 and pitch.std() > 0:
        rising = float(np.corrcoef(np.arange(len(pitch)), pitch)[0, 1])
    half = len(row) // 2
    return [
        float((pitch * length).sum() / length.sum()),
        pitch.max(),
        pitch.min(),
        pitch[-1],
        len(found),
        float((start % 4 != 0).mean()),
        length.max(),
        length.std(),
        float((row == REST).mean()),
        float((start >= half).sum() - (start < half).sum()),
        float(np.ptp(pitch)),
        rising,
        float(np.abs(steps).mean()) if len(steps) else 0.0,
        float((np.abs(steps) > 2).mean()) if len(steps) else 0.0,
        float((moves[1:] != moves[:-1]).mean()) if len(moves) > 1 else 0.0,
        len(set((pitch % 12).tolist())),
        float((row[:half] == row[half:]).mean()),
    ]


# %% [markdown]
# Pitches are MIDI numbers, intervals semitones, lengths sixteenths.


# %% tags=["subject"]
def describe(steps):
    """Features of melodies (N, 32), one row each, columns as in `FEATURES`.

    "Notes off the beat" is the
    share of notes that begin between quarters; "unevenness" the standard deviation of the notes'
    lengths; "direction" the correlation of pitch with the number of the note; "leaps" the share of
    intervals above two semitones; "turns" the share of notes at which the melody changes between
    rising and falling; "bars alike" the share of steps that are the same in both bars.  A melody
    without a note has no features: they are NaN.
    """
    return pd.DataFrame([features_of(row) for row in np.asarray(steps)], columns=list(FEATURES))


features = describe(test.steps)

# %%
bins = max(2, min(12, int((len(test) / 10) ** 0.5)))
head = music[:24].tolist()


# %%
def concepts(values):
    """Information of each column of values (N, K) about each feature, in nats: (K, features)."""
    nats = [[information(v, features[f], bins, shuffles=5)[0] for f in FEATURES] for v in values.T]
    return pd.DataFrame(np.maximum(nats, 0), columns=list(FEATURES))


nats = concepts(code.mean[:, head].numpy())

# %%
coefficients = pd.DataFrame(correlation_of(nats), columns=nats.columns)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "How much the most relevant neurons know of each feature, from 0 to 1. Features of pitch, rhythm and melody are parted by lines.", "name": "fig-music-concepts"}, "image": {"alt": "A heat map of seventeen features by two dozen neurons; the first few columns are dark for pitch and rhythm, melody rows are pale."}}
fig, ax = plt.subplots(figsize=(7.2, 4))
edges = (0.5, len(head) + 0.5, len(FEATURES) - 0.5, -0.5)
shown = ax.imshow(coefficients.T, cmap="viridis", vmin=0, vmax=1, aspect="auto", extent=edges)
kinds = list(FEATURES.values())
for row in range(1, len(kinds)):
    if kinds[row] != kinds[row - 1]:
        ax.axhline(row - 0.5, color="white", linewidth=2)
ax.set_yticks(range(len(FEATURES)), list(FEATURES))
ax.set(xlabel="neuron, by rank")
ax.grid(False)
fig.colorbar(shown, label="coefficient")
plt.show()

# %% [markdown]
# ## Transposition
#
# A melody moved by some semitones is the same melody: that is a symmetry of music, exact to the ear
# and approximate in the tunes, which were written for instruments with a range.  The network saw it in
# training.  Which neurons notice?  The measure is the book's, the change over the spread
# ({ref}`mirrors/parity-odd-functions`), for a move by two semitones.  A neuron that stands for a
# height moves by the same amount for all melodies: the part of the change that is the same for all is
# given too.

# %%
moved = transpose(x_test, 2)
fits = (moved != x_test).any(1)
up = lambda x: transpose(x, 2)  # noqa: E731

# %%
change, common = {}, {}
for k in head:
    value = lambda x, k=k: encode(model, x).mean[:, k]  # noqa: E731
    change[k] = equivariance_error(value, x_test[fits], up, identity).relative
    before = value(x_test[fits])
    common[k] = abs((value(moved[fits]) - before).mean() / before.std()).item()

# %% [markdown]
# ## Theme and variation
#
# The source speaks of theme neurons and variation neurons without defining them in what we could
# read.  Ours: a *theme* neuron has much the same value in all windows of a tune, a *variation* neuron
# changes from window to window.  The measure is the share of its variance that lies between tunes.
# Overlapping windows share a bar, so only every second is taken.


# %% tags=["subject"]
def intraclass(values, groups):
    """Share of the variance that lies between groups (one-way random effects, Fisher's ICC).

    1: every group has one value of its own; 0: groups tell nothing (it may come out below).

    Args:
        values: (N,).
        groups: (N,) labels; groups with one item are left out.

    Raises:
        ValueError: if fewer than two groups have two items.
    """
    values, groups = np.asarray(values, dtype=float), np.asarray(groups)
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    keep = counts[index] > 1
    values, index = values[keep], np.unique(index[keep], return_inverse=True)[1]
    counts = np.bincount(index)
    if len(counts) < 2:
        raise ValueError("intraclass needs at least two groups of at least two items")
    means = np.bincount(index, values) / counts
    between = (counts * (means - values.mean()) ** 2).sum() / (len(counts) - 1)
    within = ((values - means[index]) ** 2).sum() / (len(values) - len(counts))
    size = (len(values) - (counts**2).sum() / len(values)) / (len(counts) - 1)
    total = between + (size - 1) * within
    return float((between - within) / total) if total > 0 else 0.0


# %%
apart = test.bar % 2 == 0
theme = {k: intraclass(code.mean[apart, k], test.tune[apart]) for k in head}

# %%
by_kind = {
    kind: coefficients[[f for f, what in FEATURES.items() if what == kind]].max(axis=1).to_numpy()
    for kind in ("pitch", "rhythm", "melody")
}

# %% tags=["hide-input"]
table = pd.DataFrame(
    {
        "nats": relevance[head].numpy(),
        **by_kind,
        "changes when transposed": [change[k] for k in head],
        "the same for all": [common[k] for k in head],
        "theme": [theme[k] for k in head],
    },
    index=pd.RangeIndex(1, len(head) + 1, name="neuron"),
)
table.head(8).round(2)

# %% [markdown]
# (Under pitch, rhythm and melody stands the largest coefficient of that kind.)  If a neuron held the
# melody that an ear recognises in any key, transposing would leave it alone, and the column would show
# zero.  One means that moving the tune by two semitones changes the neuron as much as taking another
# tune does.
#
# ## Neurons or directions?
#
# The neurons carry these concepts; some directions in the space of neurons must.  Is a *neuron* a better
# place to look than any direction?  Turn the latent space of the music neurons by a random rotation:
# the same information, other axes.  If the network has sorted concepts into neurons, one of them holds
# a larger part of what all of them together know about a feature than one turned axis does.


# %%
def sorting(values):
    """Largest share of one column in the information on each kind of feature, (3,)."""
    table = concepts(values)
    kinds = {kind: [f for f in FEATURES if FEATURES[f] == kind] for kind in by_kind}
    return np.array([(table[c].max() / table[c].sum().clip(1e-9)).mean() for c in kinds.values()])


values = code.mean[:, head].numpy()
values = (values - values.mean(0)) / values.std(0)

# %%
own = sorting(values)
turns = [np.linalg.qr(chance.normal(size=(len(head),) * 2))[0] for _ in range(8)]
turned = np.array([sorting(values @ q) for q in turns])

# %% tags=["hide-input"]
sorted_in = pd.DataFrame(
    {"neurons": own, "turned axes": turned.mean(0), "scatter": turned.std(0, ddof=1)},
    index=list(by_kind),
)
sorted_in.round(3)

# %% [markdown]
# ## One neuron, swept
#
# Take a tune that the network has not seen, encode it, and turn one knob: the most relevant neuron,
# from low to high in steps of its own spread.  {numref}`fig-music-sweep` shows what comes out.


# %%
@torch.no_grad()
def decode(model, z):
    """Latent values (N, K) -> the most probable tokens (N, 32); a hold after a rest is a rest."""
    token = model.eval().decode(z).unflatten(1, (-1, TOKENS)).argmax(-1)
    for step in range(token.shape[1]):
        before = token[:, step - 1] if step else torch.zeros_like(token[:, 0])
        token[:, step] = torch.where(
            (token[:, step] == HOLD) & (before == REST), REST, token[:, step]
        )
    return token


# %%
irish = np.flatnonzero(test.collection == 0)
chosen = int(irish[score(code.mean[irish], x_test[irish])[1].argmax()])
z = code.mean[chosen].clone()
knob = int(order[0])
settings = code.mean[:, knob].mean() + code.mean[:, knob].std() * torch.linspace(-2, 2, 5)

# %%
swept = z.repeat(5, 1)
swept[:, knob] = settings
melodies = steps_of(decode(model, swept))

# %%
print("tune:", test.titles[test.tune[chosen]])

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One tune, decoded with its most relevant neuron set to values from two standard deviations below the mean (left) to two above (right).", "name": "fig-music-sweep"}, "image": {"alt": "Five piano rolls of two bars; the melody changes from left to right, in height or in the number of notes."}}
fig, axes = plt.subplots(1, 5, figsize=(8, 2.3), sharey=True)
for ax, steps in zip(axes, melodies, strict=True):
    roll(ax, steps)
axes[0].set_ylabel("MIDI pitch")
plt.show()

# %% [markdown]
# And to listen to.  Everything is made from the notes, with no samples of instruments: a tone with
# three overtones for each, and a MIDI file.


# %% tags=["subject"]
RATE = 8000  # samples a second: enough for a flute, and small in a page
BEATS = 120  # quarter notes a minute
TICKS = 24  # MIDI ticks in a sixteenth


def waveform(melody, rest=0.3):
    """Sound of one voice, (samples,) float from -1 to 1 at `RATE` samples a second.

    Each note is a tone with three overtones, equal temperament, A4 (MIDI 69) at 440 Hz, that
    dies away; `rest` seconds of silence follow.
    """
    sixteenth = 15 / BEATS
    end = max((n.start + n.length for n in melody), default=0) * sixteenth + rest
    sound = np.zeros(int(end * RATE) + 1)
    for note in melody:
        t = np.arange(int(note.length * sixteenth * RATE)) / RATE
        frequency = 440 * 2 ** ((note.pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * k * frequency * t) / k**2 for k in (1, 2, 3))
        # A short fade at both ends: a jump would click.
        fade = np.minimum(1, np.minimum(t, t[-1] - t) / 0.01)
        first = int(note.start * sixteenth * RATE)
        sound[first : first + len(t)] += 0.5 * tone * fade * np.exp(-1.5 * t)
    return np.clip(sound, -1, 1)


def midi(melody):
    """A MIDI file (format 0) of one voice, of notes with pitches 0 to 127."""
    file = MidiFile(type=0, ticks_per_beat=4 * TICKS)
    track = file.add_track()
    track.append(MetaMessage("set_tempo", tempo=bpm2tempo(BEATS)))
    events = [(n.start, "note_on", n.pitch) for n in melody]
    events += [(n.start + n.length, "note_off", n.pitch) for n in melody]
    now = 0
    for time, kind, pitch in sorted(events):  # a note ends before another begins
        track.append(Message(kind, note=pitch, velocity=80, time=TICKS * (time - now)))
        now = time
    return file


# %% tags=["hide-input"]
def player(melodies, folder):
    """Melodies (32,) to hear in the page, each with its MIDI file, also under `folder`."""
    rows = ""
    for name, steps in melodies.items():
        path = folder / f"{name}.mid"
        with written(path) as part:
            midi(notes(steps)).save(part)
        file = b64encode(path.read_bytes()).decode()
        heard = Audio(waveform(notes(steps)), rate=RATE)._repr_html_()
        heard = heard.replace("<audio", f"<audio aria-label='melody, {name}'")
        link = f"<a download='{name}.mid' href='data:audio/midi;base64,{file}'>MIDI</a>"
        rows += f"<tr><td>{name}</td><td>{heard}</td><td>{link}</td></tr>"
    return HTML(f"<table>{rows}</table>")


# %% [markdown]
# The tune as it was, and with the knob at low, middle and high:

# %%
named = {"as printed": test.steps[chosen]}
named |= dict(zip(("low", "middle", "high"), melodies[::2], strict=True))
player(named, build_dir() / f"music/{run.run}")

# %% [markdown]
# What the knob did, in the words of the features, over many tunes: the mean change of each from low to
# high in units of its spread over tunes.

# %%
pair = code.mean[:500].repeat(2, 1, 1)
pair[0, :, knob], pair[1, :, knob] = settings[0], settings[-1]
low, high = (describe(steps_of(decode(model, p))) for p in pair)

# %%
effect = ((high - low).mean() / features.std()).dropna()
effect.sort_values(key=abs, ascending=False).head(5).round(2).to_frame("change, low to high")

# %% [markdown]
# ## What we found

# %% tags=["hide-input"]
n = len(test)
for kind in by_kind:
    run.record(f"best neuron on {kind}", by_kind[kind].max(), n=n)
    run.record(f"neurons on {kind} above 0.3", int((by_kind[kind] > 0.3).sum()), n=n)

# %% tags=["hide-input"]
for row, kind in enumerate(by_kind):
    run.record(f"sorting of {kind}", own[row], n=n)
    run.record(f"sorting of {kind}, turned", turned[:, row].mean(), turned[:, row].std(ddof=1), n)

# %% tags=["hide-input"]
invariant = sum(value < 0.2 for value in change.values())
run.record("first neurons that transposition leaves alone", invariant, n=n)
run.record("change of neuron 1 when transposed", change[head[0]], n=n)
run.record("median change when transposed", float(np.median(list(change.values()))), n=n)
height = coefficients["mean pitch"].argmax()
run.record("change of the neuron on mean pitch, part the same for all", common[head[height]], n=n)

# %% tags=["hide-input"]
run.record("theme, most", max(theme.values()), n=int(apart.sum()))
run.record("theme, least", min(theme.values()), n=int(apart.sum()))
run.record("strongest effect of neuron 1", effect.abs().idxmax())
saved = run.save()

# %% [markdown]
# Noise neurons can be switched off at little cost, and music neurons cannot.  The best neuron on pitch
# knows more than the best on melody, which two bars hardly have.  Whether concepts are *sorted* into
# neurons is what the rotated axes decide; {ref}`discovery/latent-concepts` has it for several random
# seeds.

# %%
if len(train) * epochs >= 60_000:
    assert right.mean() > floor + 0.1
    assert without_noise - full < 0.2 * (only_noise - full)
    assert by_kind["pitch"].max() > by_kind["melody"].max()

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
