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
# (calorimeters/resimulation)=
#
# # A symmetry that the detector breaks
#
# Nature may have a symmetry and the detector none.  Collisions do not know how a calorimeter is
# cut into cells, and an image of cells turned by 45 degrees is no image that the calorimeter would
# have made.  Whoever wants to tell a network of the symmetry has to say so *before* the detector:
# turn the event, and simulate the detector again {cite}`witkowski2023learning`.
#
# **You will learn**
#
# - to measure which symmetries a detector keeps, exactly and one by one;
# - what distinguishes turning an event from turning its image, and what an interpolation does;
# - {term}`encouraged invariance`: a penalty on the difference between copies, and what it costs;
# - why the area under the ROC curve cannot see a network fall silent.
#
# **Cost** About 30 seconds on one CPU core and one gigabyte of memory.  A GPU changes nothing at
# this size.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from parity_nb.calorimeters.methods import resimulation as shared
from parity_nb.calorimeters.methods.resimulation import ANGLES, SCHEMES, make_ensemble, train
from parity_nb.calorimeters.networks.cell_lists import NETWORKS
from parity_nb.calorimeters.world.disc import (
    DETECTORS,
    OBLONG,
    UNIFORM,
    draw_events,
    log_likelihood_ratio,
    shower,
    turn,
)
from parity_nb.plotting import use_style
from parity_nb.records import Records, provenance
from parity_nb.statistics import roc_area
from parity_nb.symmetry import equivariance_error, identity
from parity_nb.training import fabric

# %% tags=["parameters"]
concentration: float = 0.575  # how much signal prefers the centre, 0 to 1; the default is tuned
events: int = 1200  # training events of each network
networks: int = 2  # networks of each kind, with events and weights of their own
steps: int = 300  # gradient steps of 128 images each
tests: int = 4000  # test events
seed: int = 0  # random seed of events, weights and batches

# %%
use_style()
run = Records.of("calorimeters/resimulation", globals())
device = fabric().device
chance = torch.Generator(device).manual_seed(seed)

# %% [markdown]
# ## Events
#
# An event is a set of 15 to 17 points in the unit disc, with energies.  In background events the
# points are uniform; in signal events their density is
#
# $$ p(x, y) = \frac{1 + a\,(1 - 2 r^2)}{\pi} , $$
#
# a little larger in the centre.  (The published events come ready made.  Their average images look
# like this; how they were made is not said.  Lengths are in radii of the disc, energies in units
# of their mean.)  Nothing here has a direction, so the best statistic, the likelihood ratio, does not
# change when the event is turned.  How well does it tell signal from background?

# %%
points, label = draw_events(tests, chance, concentration)
truth = roc_area(log_likelihood_ratio(points, concentration), label)
run.record("AUC, truth before the detector", truth.value, truth.error, tests)


# %%
def best(points):
    return log_likelihood_ratio(points.double(), concentration)


kept = equivariance_error(best, points, lambda p: turn(p.double(), 45), identity)
print(f"the likelihood ratio changes by {kept.relative:.0e} of its spread")
assert kept.relative < 1e-9

# %% [markdown]
# That is the bound for all that follows: no network that sees only cells can do better.
#
# ## Two detectors
#
# Every point makes a shower of 24 particles, 0.045 wide.  The *uniform* detector has 32 by 32
# cells, the *non-uniform* one 32 by 4.  To turn an event before the detector is to turn its points.
# To turn it afterwards is to turn the image: each pixel asks where its centre came from and
# interpolates there.  Oblong cells first share their energy out over eight square ones, which are
# added up again in the end:


# %% tags=["subject"]
def turned_image(images, degrees):
    """Rotate images (N, 32, 32) or (N, 32, 4), first axis x, anticlockwise from x to y."""
    rows, columns = images.shape[1:]
    fold = rows // columns
    squares = images.repeat_interleave(fold, 2) / fold
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    back = images.new_tensor([[c, -s, 0], [s, c, 0]])
    grid = functional.affine_grid(back[None], [1, 1, rows, rows], align_corners=False)
    turned = functional.grid_sample(squares[None], grid, align_corners=False)[0]
    return turned.reshape(-1, rows, columns, fold).sum(3)


# %% [markdown]
# {numref}`fig-resimulation-event` shows an event in both detectors, and turned by 45 degrees: before
# the detector and after it.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One simulated event. Left: in the uniform (top) and the non-uniform detector. Middle: the event turned by 45 degrees and simulated again. Right: the image turned by 45 degrees.", "name": "fig-resimulation-event"}, "image": {"alt": "Six square pictures of the unit disc with reddish cells. In the lower row the cells are eight times as wide as high; turned after the detector they smear over most of the disc."}}
event = points[1:2]
fig, axes = plt.subplots(2, 3, figsize=(6.4, 4.4), sharex=True, sharey=True)
for row, sees in zip(axes, (UNIFORM, OBLONG), strict=True):
    seen = sees.respond(event, chance)
    pictures = (seen, sees.respond(turn(event, 45), chance), turned_image(seen, 45))
    for ax, image in zip(row, pictures, strict=True):
        picture = image[0].cpu().where(image[0].cpu() > 0, torch.nan).T
        ax.imshow(
            picture, cmap="Reds", origin="lower", extent=(-1, 1, -1, 1), vmin=0, aspect="equal"
        )
        ax.grid(visible=False)
for ax, text in zip(axes[0], ("as it is", "turned before", "turned after"), strict=True):
    ax.text(0, 1.08, text, ha="center")
for row, sees in zip(axes, (UNIFORM, OBLONG), strict=True):
    row[0].set_ylabel(f"{sees.name}, y")
for ax in axes[1]:
    ax.set_xlabel("x")
plt.show()

# %% [markdown]
# {ref}`calorimeters/resimulation-training` turns images in the same way.

# %%
assert torch.allclose(turned_image(seen, 45), shared.turn_images(seen, 45))

# %% [markdown]
# The book's measure says what the eye suspects.  Let $T$ turn particles and $R$ turn images; if the
# detector $D$ kept the symmetry, then $D(Tx) = R(Dx)$.  The showers are the same on both sides, so
# all that differs is the detector:


# %%
def residual(sees, degrees):
    particles = shower(points[:200].double(), chance)
    return equivariance_error(
        sees.image, particles, lambda p: turn(p, degrees), lambda x: turned_image(x, degrees)
    ).relative


# %%
audit = pd.DataFrame(
    {name: {angle: residual(d, angle) for angle in ANGLES[1:]} for name, d in DETECTORS.items()}
)
audit.rename_axis("degrees").round(3)

# %% [markdown]
# The uniform detector keeps quarter turns exactly, because its cells go over into cells, the
# non-uniform one only the half turn.  For everything else the residual is of the order of the image
# itself.  This is the known answer that the code has to give:

# %%
for name, exact in (("uniform", [90, 180, 270]), ("non-uniform", [180])):
    assert (audit[name][exact] < 1e-6).all()
    assert (audit[name].drop(exact) > 0.3).all()
    run.record(f"residual at 45 degrees, {name}", audit[name][45], n=200)

# %% [markdown]
# ## What turning an image does
#
# The networks take a list of active cells, $x$, $y$ and energy of each, with room for 172 or 112 of
# them.  An interpolation spreads every cell over its neighbours.  How many cells are active, and how
# many lists are too short?

# %% tags=["hide-input"]
lengths = {}
for name, sees in DETECTORS.items():
    seen = sees.respond(points, chance)
    again = sees.respond(turn(points, 45), chance)
    for way, images in (("as it is", seen), ("before", again), ("after", turned_image(seen, 45))):
        active = (images > 0).sum((1, 2)).double()
        full = (active > sees.capacity).double().mean().item()
        lengths[name, way] = {"active cells": active.mean().item(), "lists too short": full}
        run.record(f"active cells, {name}, {way}", active.mean().item(), n=tests)
pd.DataFrame(lengths).T.round(3)

# %% [markdown]
# Turned before the detector, an event looks like any other; turned after it, it looks like none.
# A network that is trained on such images learns, seven times out of eight, what no test event will
# ever show.  (Of lists that are too short we keep the cells with the most energy.)

# %%
for name in DETECTORS:
    rows = {way: lengths[name, way]["active cells"] for way in ("as it is", "before", "after")}
    assert abs(rows["before"] / rows["as it is"] - 1) < 0.02 < rows["after"] / rows["as it is"] - 1

# %% [markdown]
# The published code has two faults here, which make the images that were turned afterwards worse
# than they need to be.  It turns about a corner of four cells as if whole numbers were corners, but
# they are middles, so that a half turn moves the image by a cell along both axes.  And it keeps the
# *first* 172 cells of the list, row by row.  How far does the centre of the energy move, and what is
# the largest $x$ that is left?

# %%
seen = UNIFORM.respond(points[:500], chance)
centres = UNIFORM.centres(device)


def centre_of_energy(images):
    return images.flatten(1) @ centres / images.sum((1, 2))[:, None]


moved = centre_of_energy(shared.turn_images_as_published(seen, 180)) + centre_of_energy(seen)
cut = UNIFORM.cells(shared.turn_images_as_published(seen, 45), keep="first")[..., 0].amax(1)
print(f"a half turn moves the centre by {moved.mean(0).tolist()}; a cell is {2 / 32} wide")
run.record("largest x in the list, as published", cut.mean().item(), n=500)
assert (moved.mean(0) > 0.04).all() and cut.mean() < 0.7

# %% [markdown]
# On our events, at 45 degrees, the right-hand part of the disc is missing
# ({ref}`errata <mirrors/errata>`).  The schemes called `post` below are free of both faults;
# `post-published` has them, so that their share of the effect can be told.
#
# ## Which networks know the symmetry?
#
# The published networks are a fully connected one (FCN), which takes the list as a vector, and a
# particle-flow network (PFN) {cite}`komiske2019energy`, which sums a function of each cell.  Of ours
# one is told $r$ instead of $x$ and $y$, and one mixes both kinds {cite}`nabat2024learning`.
# Untrained, on lists whose cells are turned by 45 degrees:

# %%
sees = OBLONG
cells = sees.cells(sees.respond(points[:500], chance)).double().cpu()
invariance = {}
for name, make in NETWORKS.items():
    torch.manual_seed(seed)
    network = make(sees.capacity, 64).double()
    network.set_scale(cells)
    invariance[name] = equivariance_error(network, cells, lambda c: turn(c, 45), identity).relative
pd.Series(invariance, name="relative change of the output").map("{:.1e}".format)

# %%
for name, value in invariance.items():
    run.record(f"invariance, {name}", value, n=500)
    assert value < 1e-9 if name == "invariant" else value > 1e-3

# %% [markdown]
# Exactly invariant is only one, and only under turns of the *list*.  An event that is turned before
# the detector gives another list, and it may answer differently.  That is the symmetry that one
# would like to have, and no network has it by construction.
#
# ## Copies
#
# So the network is shown copies.  An event has eight, turned by multiples of 45 degrees, either before
# the detector (*pre*), which then makes new showers, or after it (*post*):


# %% tags=["subject"]
def eight_copies(points, sees, way, chance):
    """Lists of the cells of each event and of its seven turned copies: (N, 8, capacity, 3)."""
    images = [sees.respond(points, chance)]
    for degrees in ANGLES[1:]:
        if way == "pre":
            images.append(sees.respond(turn(points, degrees), chance))
        else:
            images.append(turned_image(images[0], degrees))
    return torch.stack([sees.cells(image) for image in images], 1)


# %%
def repeated(make, way):
    return make(points[:20], OBLONG, way, torch.Generator(device).manual_seed(seed))


for way in ("pre", "post"):
    assert torch.allclose(repeated(eight_copies, way), repeated(shared.copies, way))

# %% [markdown]
# The last lines say that {ref}`calorimeters/resimulation-training` makes the same copies.
#
# ## Encouraged invariance
#
# Copies may be shown one by one, as further events.  Or they come together, and the loss has a
# penalty on what is different between them:
#
# $$ L = \text{cross-entropy} + c \cdot \text{mean over events of } \operatorname{Var}_{\text{copies}} (\text{output}) . $$
#
# The output is the probability of signal.  Many small networks are trained side by side, each with a
# loss of its own:


# %% tags=["subject"]
def encouraged(logits, labels, c):
    """Losses (K,) of K networks: logits (K, events, copies), labels (K, events), c (K,)."""
    target = labels[..., None].expand_as(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(
        (1, 2)
    )
    if logits.shape[2] == 1:
        return entropy
    return entropy + c * logits.sigmoid().var(2).mean(1)


# %%
logits = torch.randn(2, 50, 8, generator=torch.Generator().manual_seed(seed))
example = logits, (torch.arange(100).reshape(2, 50) % 2).float(), torch.tensor([1.0, 30.0])
same = logits[..., :1].expand_as(logits)  # all copies alike: no penalty
assert torch.allclose(encouraged(*example), shared.objective(*example))
assert torch.allclose(encouraged(same, *example[1:]), encouraged(same[..., :1], *example[1:]))

# %% [markdown]
# ## Training
#
# Five ways of showing the training events to an FCN: as they are (*none*); in copies that come one by
# one, turned *post* or *pre* detector; and the same two with *encouraged invariance*.  All make the same number of gradient steps with the same number of images; an event with its copies
# counts as eight.  (In the published code an epoch of augmented images has eight times as many steps
# as one without, at equal batch size.)


# %%
def sample(n):
    """Training events with copies of every way, validation events, and labels."""
    made, known = draw_events(n, chance, concentration)
    held, held_label = draw_events(1000, chance, concentration)
    ways = {way: eight_copies(made, sees, way, chance) for way in ("pre", "post")}
    return ways, known, sees.cells(sees.respond(held, chance)), held_label


samples = [sample(events) for _ in range(networks)]
validation = torch.stack([s[2] for s in samples]), torch.stack([s[3] for s in samples])
labels = torch.stack([s[1] for s in samples])
test_cells = sees.cells(sees.respond(points, chance))


# %%
def trained(scheme, penalty):
    """One ensemble of FCNs, `networks` for each penalty, and how its training went."""
    ways = torch.stack([s[0][scheme.way or "pre"] for s in samples])
    owner = list(range(networks)) * len(penalty)
    size = [events] * len(owner)
    make = lambda: NETWORKS["fcn"](sees.capacity, 128)  # noqa: E731
    ensemble = make_ensemble(make, ways, size, owner, owner, device)
    curve = train(
        ensemble, ways, labels, size, owner, scheme, validation,
        steps=steps, rate=3e-4, penalty=np.repeat(penalty, networks).tolist(), seed=seed,
        loss_of=encouraged,
    )  # fmt: skip
    return ensemble, curve


# %% [markdown]
# Five short trainings, two networks each:

# %%
five = ["none", "post", "pre", "post-encouraged", "pre-encouraged"]
curves, found = {}, {}
for name in five:
    ensemble, curves[name] = trained(SCHEMES[name], [30.0])
    found[name] = [roc_area(scores, label) for scores in ensemble.evaluate(test_cells)]

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Area under the ROC curve on the validation events against gradient steps, non-uniform detector, FCN, mean over networks.", "name": "fig-resimulation-steps"}, "image": {"alt": "Five curves of the validation AUC against the number of gradient steps, one a scheme."}}
for name, curve in curves.items():
    plt.plot(curve.steps, curve.auc.mean(1), label=name)
plt.gca().set(xlabel="gradient steps", ylabel="validation AUC")
plt.legend()
plt.show()

# %% [markdown]
# The validation events are the same for all five, so the curves move up and down together by about
# the error of one AUC of so few events; their order is better known than their height.  They also
# choose the checkpoint: without that choice *none* would be judged after it has learned its events by
# heart.
#
# On test events, with the weights that were best on validation events; the error is that of the test
# sample, one and the same for all, and two networks say little about the scatter between samples.

# %% tags=["hide-input"]
summary = pd.DataFrame(
    {
        "AUC": {n: np.mean([a.value for a in areas]) for n, areas in found.items()},
        "error": {n: np.mean([a.error for a in areas]) for n, areas in found.items()},
        "scatter": {
            n: np.std([a.value for a in areas], ddof=1) if networks > 1 else np.nan
            for n, areas in found.items()
        },
    }
)
summary.round(3)

# %% [markdown]
# This is one detector, one network and one size of the sample, too small to decide anything; the
# table with errors, beside the published one, is in {ref}`calorimeters/resimulation-results`.
# How long did it take?  Steps are not seconds, for copies have to be made, and before the detector
# each costs a simulation.

# %% tags=["nbval-ignore-output"]
for name, curve in curves.items():
    run.record(f"seconds of training, {name}", float(curve.seconds[-1]), unit="s")

# %% [markdown]
# ## A penalty that silences
#
# A constant output is perfectly invariant.  Only the cross-entropy speaks against it, and the larger
# the penalty, the less it is heard.  The same training with other penalties, all at once:

# %%
penalties = [0.0, 1.0, 30.0, 1000.0, 100_000.0]
ensemble, curve = trained(SCHEMES["pre-encouraged"], penalties)
scores = ensemble.evaluate(test_cells).reshape(len(penalties), networks, -1)
entropy = functional.binary_cross_entropy_with_logits
collapse = pd.DataFrame(index=pd.Index(penalties, name="penalty"))
collapse["AUC"] = [np.mean([roc_area(s, label).value for s in group]) for group in scores]
collapse["scatter of outputs"] = scores.sigmoid().std(2).mean(1)
collapse["cross-entropy"] = [entropy(g, label.cpu().expand_as(g)).item() for g in scores]
collapse.round(4)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What a growing penalty does to the scatter of the outputs over events, and to the area under the ROC curve.", "name": "fig-resimulation-collapse"}, "image": {"alt": "Two panels against the penalty on a logarithmic axis: the scatter of the outputs, also logarithmic, and the area under the curve with error bars."}}
fig, axes = plt.subplots(1, 2, figsize=(6.8, 2.8))
for ax, name in zip(axes, ("scatter of outputs", "AUC"), strict=True):
    error = 0 * collapse["AUC"] if ax is axes[0] else summary["error"].mean()
    ax.errorbar(np.maximum(penalties, 0.1), collapse[name], error, fmt="o-")
    ax.set(xscale="log", xlabel="penalty (0 drawn at 0.1)", ylabel=name)
axes[0].set_yscale("log")
plt.show()

# %% [markdown]
# The outputs fall silent, and the cross-entropy returns to $\log 2 = 0.693$, that of a network that
# says nothing.  The area under the ROC curve depends on the order of the outputs alone: between no
# penalty and 30, where most of the scatter has gone, it stays where it was, and falls only where the
# training fails.  Whoever tunes the penalty on it does not see how silent the network is.  (A
# penalty on the *share* of the scatter that is between copies would not reward silence.)

# %% tags=["hide-input"]
for penalty, row in collapse.iterrows():
    run.record(f"scatter of outputs, penalty {penalty:g}", row["scatter of outputs"], n=networks)
    run.record(f"AUC, penalty {penalty:g}", row["AUC"], n=networks)
spread, loss = collapse["scatter of outputs"], collapse["cross-entropy"]
if steps >= 200:
    assert spread.iloc[-1] < 0.05 * spread.iloc[0] and abs(loss.iloc[-1] - np.log(2)) < 0.01
    assert spread[30.0] < 0.4 * spread[0.0] and abs(collapse.AUC[30.0] - collapse.AUC[0.0]) < 0.03

# %% [markdown]
# ## What we found
#
# Detectors keep few of the turns of their events, and exactly those that map cells onto cells.
# Images turned after the detector have more active cells than any event.  No network beat the truth.

# %%
for name, row in summary.iterrows():
    run.record(f"AUC, {name}", row["AUC"], row["error"], tests)
    assert row["AUC"] < truth.value + 4 * np.hypot(row["error"], truth.error)
saved = run.save()

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
