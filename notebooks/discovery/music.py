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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from parity_nb.data import build_dir
from parity_nb.discovery import melodies as m
from parity_nb.discovery.latents import (
    USED,
    bottleneck_recipe,
    correlation_of,
    encode,
    information,
    intraclass,
)
from parity_nb.discovery.sound import Player, write_midi
from parity_nb.discovery.tunes import COLLECTIONS, HOLD, tune_windows
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

# %%
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
# two neighbouring bars are a *window*.

# %%
everything = m.within_range(tune_windows(path))
if not essen:
    everything = everything[everything.collection != everything.collections.index("essenFolksong")]

# %%
counts = np.bincount(everything.collection, minlength=len(everything.collections))
pd.DataFrame(
    {"windows": counts, "what": [COLLECTIONS.get(c, "") for c in everything.collections]},
    index=everything.collections,
)

# %% [markdown]
# Windows of one tune resemble each other, so a fifth of the *tunes* is held out; a held-out window
# that occurs, note for note, in another tune is dropped.


# %%
def some(part, n):
    """At most n windows at random; 0 for all."""
    return part[chance.permutation(len(part))[: n or None]]


# %%
train, test = m.split_by_tune(everything, fold=seed)
train, test = some(train, windows), some(test, tests)
x_train, x_test = m.tokens(train.steps), m.tokens(test.steps)
print(f"{len(train)} windows to train on, {len(test)} to test on")
assert not set(train.tune) & set(test.tune)


# %% mystnb={"figure": {"caption": "Four held-out windows of two bars. Each bar is a note; the lines are quarters.", "name": "fig-music-windows"}, "image": {"alt": "Four piano rolls, each with some ten to twenty short horizontal bars."}}
def roll(ax, steps, color=CYCLE[0]):
    """Draw one melody as a piano roll."""
    for note in m.notes(steps):
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
# the question is always the same, "what was the melody?".  The decoder gives all 32 steps at once.
# One that went from note to note would know much from the notes before, and could leave the latent
# neurons idle.  In training each melody is moved by up to three semitones.

# %% tags=["nbval-ignore-output"]
torch.manual_seed(seed)
model = m.melody_coder(latents, width)
history = fit(model, x_train, recipe, seed, m.melody_step(beta, shift=3))
print(f"{history.seconds:.0f} s on {history.device}; {recipe}")


# %% [markdown]
# How good is it?  Cross entropy in nats a melody, and the share of the 32 steps that are right.  Most
# steps are holds; a melody that never moves is the floor.


# %%
@torch.no_grad()
def score(z, x=x_test):
    """Cross entropy and share of right steps when the decoder sees these latent values."""
    logits = model.eval().decode(z)
    right = logits.unflatten(1, (-1, m.TOKENS)).argmax(-1) == x
    return m.melody_loss(logits, x).item(), right.float().mean(1)


# %%
code = encode(model, x_test)
full, right = score(code.mean)
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
without_noise, right_music = score(code.mean * of_music)
only_noise, right_noise = score(code.mean * ~of_music)

# %%
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
    by_kept.append(score(code.mean * mask)[1].mean().item())

# %% mystnb={"figure": {"caption": "Left: relevance of the latent neurons by rank; the dashed line parts music neurons from noise neurons. Right: share of right steps on held-out windows when only the most relevant neurons are kept and the others are zero; the dotted line is a melody of holds only.", "name": "fig-music-relevance"}, "image": {"alt": "Left, a falling curve of nats against rank crossing a dashed line. Right, a curve that rises with the number of neurons kept and then levels off."}}
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

# %%
features = m.describe(test.steps)

# %%
bins = max(2, min(12, int((len(test) / 10) ** 0.5)))
head = music[:24].tolist()


# %%
def concepts(values):
    """Information of each column of values (N, K) about each feature, in nats: (K, features)."""
    nats = [
        [information(v, features[f], bins, shuffles=5)[0] for f in m.FEATURES] for v in values.T
    ]
    return pd.DataFrame(np.maximum(nats, 0), columns=list(m.FEATURES))


nats = concepts(code.mean[:, head].numpy())

# %%
coefficients = pd.DataFrame(correlation_of(nats), columns=nats.columns)

# %% mystnb={"figure": {"caption": "How much the most relevant neurons know of each feature, from 0 to 1. Features of pitch, rhythm and melody are parted by lines.", "name": "fig-music-concepts"}, "image": {"alt": "A heat map of seventeen features by two dozen neurons; the first few columns are dark for pitch and rhythm, melody rows are pale."}}
fig, ax = plt.subplots(figsize=(7.2, 4))
edges = (0.5, len(head) + 0.5, len(m.FEATURES) - 0.5, -0.5)
shown = ax.imshow(coefficients.T, cmap="viridis", vmin=0, vmax=1, aspect="auto", extent=edges)
kinds = list(m.FEATURES.values())
for row in range(1, len(kinds)):
    if kinds[row] != kinds[row - 1]:
        ax.axhline(row - 0.5, color="white", linewidth=2)
ax.set_yticks(range(len(m.FEATURES)), list(m.FEATURES))
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
moved = m.transpose(x_test, 2)
fits = (moved != x_test).any(1)
up = lambda x: m.transpose(x, 2)  # noqa: E731

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

# %%
apart = test.bar % 2 == 0
theme = {k: intraclass(code.mean[apart, k], test.tune[apart]) for k in head}

# %%
by_kind = {
    kind: coefficients[[f for f, what in m.FEATURES.items() if what == kind]].max(axis=1).to_numpy()
    for kind in ("pitch", "rhythm", "melody")
}

# %%
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
    kinds = {kind: [f for f in m.FEATURES if m.FEATURES[f] == kind] for kind in by_kind}
    return np.array([(table[c].max() / table[c].sum().clip(1e-9)).mean() for c in kinds.values()])


values = code.mean[:, head].numpy()
values = (values - values.mean(0)) / values.std(0)

# %%
own = sorting(values)
turns = [np.linalg.qr(chance.normal(size=(len(head),) * 2))[0] for _ in range(8)]
turned = np.array([sorting(values @ q) for q in turns])

# %%
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
irish = np.flatnonzero(test.collection == 0)
chosen = int(irish[score(code.mean[irish], x_test[irish])[1].argmax()])
z = code.mean[chosen].clone()
knob = int(order[0])
settings = code.mean[:, knob].mean() + code.mean[:, knob].std() * torch.linspace(-2, 2, 5)

# %%
swept = z.repeat(5, 1)
swept[:, knob] = settings
melodies = m.steps_of(m.decode(model, swept))

# %%
print("tune:", test.titles[test.tune[chosen]])

# %% mystnb={"figure": {"caption": "One tune, decoded with its most relevant neuron set to values from two standard deviations below the mean (left) to two above (right).", "name": "fig-music-sweep"}, "image": {"alt": "Five piano rolls of two bars; the melody changes from left to right, in height or in the number of notes."}}
fig, axes = plt.subplots(1, 5, figsize=(8, 2.3), sharey=True)
for ax, steps in zip(axes, melodies, strict=True):
    roll(ax, steps)
axes[0].set_ylabel("MIDI pitch")
plt.show()

# %% [markdown]
# And to listen to: the tune as it was, and with the knob at low, middle and high.

# %%
named = {"as printed": test.steps[chosen]}
named |= dict(zip(("low", "middle", "high"), melodies[::2], strict=True))
for name, steps in named.items():
    write_midi(m.notes(steps), build_dir() / f"music/{run.run}/{name}.mid")
Player({name: m.notes(steps) for name, steps in named.items()})

# %% [markdown]
# What the knob did, in the words of the features, over many tunes: the mean change of each from low to
# high in units of its spread over tunes.

# %%
pair = code.mean[:500].repeat(2, 1, 1)
pair[0, :, knob], pair[1, :, knob] = settings[0], settings[-1]
low, high = (m.describe(m.steps_of(m.decode(model, p))) for p in pair)

# %%
effect = ((high - low).mean() / features.std()).dropna()
effect.sort_values(key=abs, ascending=False).head(5).round(2).to_frame("change, low to high")

# %% [markdown]
# ## What we found

# %%
n = len(test)
for kind in by_kind:
    run.record(f"best neuron on {kind}", by_kind[kind].max(), n=n)
    run.record(f"neurons on {kind} above 0.3", int((by_kind[kind] > 0.3).sum()), n=n)

# %%
for row, kind in enumerate(by_kind):
    run.record(f"sorting of {kind}", own[row], n=n)
    run.record(f"sorting of {kind}, turned", turned[:, row].mean(), turned[:, row].std(ddof=1), n)

# %%
invariant = sum(value < 0.2 for value in change.values())
run.record("first neurons that transposition leaves alone", invariant, n=n)
run.record("change of neuron 1 when transposed", change[head[0]], n=n)
run.record("median change when transposed", float(np.median(list(change.values()))), n=n)
height = coefficients["mean pitch"].argmax()
run.record("change of the neuron on mean pitch, part the same for all", common[head[height]], n=n)

# %%
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
