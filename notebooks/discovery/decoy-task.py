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
# (discovery/decoy-task)=
#
# # The decoy task
#
# Does a network that is busy with something else notice that its picture is symmetric?
# {cite}`barenboim2021symmetry` ask this with a *decoy task*: a picture in two tones, made from a
# potential of physics; a small network that learns the tone of each pixel from its coordinates;
# and a look at the last hidden layer, which nobody told anything about symmetry.  This page builds
# all of it.  Whether the hidden layer knows the symmetry is the question of
# {ref}`discovery/symmetry-score`.
#
# Paper and talk {cite}`sanz2023talk` do not list templates, networks, stopping rule or picture size.
# All of these are ours, the potentials are simulated, and nothing here is a test of reproduction.
#
# **You will learn**
#
# - to make potentials of a known symmetry class with the projection that runs through this book;
# - to train hundreds of networks at once with `torch.func`, and to check that each is trained as if
#   it were alone;
# - what a PCA image is, and how much of it is chance;
# - to ask a hidden layer for a symmetry directly, with no second network in between.
#
# **Cost** About 20 seconds on one CPU core and one gigabyte of memory.  A GPU trains thousands
# of networks in the time of a hundred.

# %%
import inspect
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from parity_nb.discovery.methods.decoys import Adam, DecoyNet, fresh, gradients, train_decoys
from parity_nb.discovery.methods.pca_images import output_images, pca_images
from parity_nb.discovery.world.correlations import around
from parity_nb.discovery.world.templates import (
    CLASSES,
    FAMILIES,
    MATRICES,
    draw,
    pixel_grid,
    point_group,
    two_tones,
)
from parity_nb.plotting import CYCLE, image_grid, use_style
from parity_nb.records import Records, provenance
from parity_nb.symmetry import Symmetrised, equivariance_error, identity

# %% tags=["parameters"]
pixels: int = 32  # side of the pictures, pixels
each: int = 3  # pictures of every class and family
width: int = 32  # units in each hidden layer
target: float = 0.93  # accuracy on held-out pixels at which a network stops
most: int = 500  # steps after which it stops in any case
noise: float = 0.02  # share of the pixels whose tone is swapped
twins: int = 6  # networks that learn one and the same picture
seed: int = 0  # random seed of templates, noise, weights and pixels

# %%
use_style()
run = Records.of("discovery/decoy-task", globals(), run=("seed",))
rng = np.random.default_rng(seed)
xy = pixel_grid(pixels)

# %% [markdown]
# ## A potential with a symmetry
#
# Take any function $g$ of the plane and average it over a group $G$,
#
# $$ V(x) = \frac{1}{|G|} \sum_{h \in G} g(h x) . $$
#
# This is the projection of {ref}`mirrors/parity-odd-functions` with all signs $\chi = +1$; the result
# is invariant, whatever $g$ is.  Here $G$ acts on points of the plane, and $g$ is a lone Gaussian
# well, which has no symmetry about the centre:


# %%
def well(points):
    centre = torch.tensor([0.5, 0.2], dtype=points.dtype)
    return -torch.exp(-(points - centre).square().sum(-1) / 0.1)


square = point_group("e", "R90", "R180", "R270", "P", "R90 P", "R180 P", "R270 P")
trap = Symmetrised(well, square)

# %%
points = torch.from_numpy(rng.uniform(-1, 1, (1000, 2)))
for name, V in (("one well", well), ("averaged", trap)):
    errors = [equivariance_error(V, points, e.act, identity).relative for e in square.elements]
    print(f"{name}: invariant under all eight: {max(errors) < 1e-6}")
assert max(errors) < 1e-6

# %% [markdown]
# Eight copies of a well are a trap with the symmetry of the square.  Five *families* of base
# potentials (wells, charges, standing waves, ridges, multipoles) go with seven *classes* of symmetry.
# Every family occurs in every class and was made by the same machine, so that a family says nothing
# about the class: what a classifier finds in a family that it was never shown is symmetry and not
# the look of a family.

# %% tags=["hide-input"]
table = {
    c.name: {"group": c.symbol, "terms in g": c.terms, "copies": len(c.orbit(points[None]))}
    for c in CLASSES.values()
}
pd.DataFrame(table).T

# %% [markdown]
# For all rotations O(2), and for the shifts R along a line, there are too many copies to add; $g$ is
# read at one point of each orbit instead.  Smooth potentials with four turns and no mirror are hard to
# come by: they are nearly mirror images of themselves unless the plane is twisted, like milk in
# coffee.  Half of those without any symmetry are twisted too, lest the twist give the class away.
#
# ## Two tones
#
# Each template gets a random turn, shift and scale, and is cut at a level that leaves between 30 and
# 70 per cent of the picture dark.  Then some pixels are swapped.  {numref}`fig-decoy-templates`
# shows them before that.

# %%
templates = {
    (kind, family): draw(kind, family, each, rng) for kind in CLASSES for family in FAMILIES
}
clean = torch.cat([two_tones(t.values(xy), share) for t, share in templates.values()])
swapped = torch.from_numpy(rng.random(clean.shape) < noise)
tones = clean ^ swapped
kinds = np.repeat([kind for kind, _ in templates], each)
print(f"{len(tones)} pictures of {pixels} x {pixels} pixels")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Simulated templates, cut at a level: one class of symmetry a row (none, mirror, two mirrors, turns, turns and mirrors, rotation, translation), the five families twice in each row.", "name": "fig-decoy-templates"}, "image": {"alt": "Seven rows of ten black and white pictures: blobs without symmetry, blobs with one mirror, with two, pinwheels, squares, discs and rings, stripes."}}
shown = [i for k in range(len(templates)) for i in (each * k, each * k + min(1, each - 1))]
image_grid(clean[shown].reshape(-1, 1, pixels, pixels).float(), columns=10)
plt.show()

# %% [markdown]
# Is a template what its class says?  Ask the picture itself: upright and centred, it is compared
# with its own mirror images and turns (the correlation, 1 for equal ones).  A largest correlation of
# 0.65 was allowed where the class has no such symmetry; draws above it were thrown away.


# %%
def upright(kind, family):
    some, share = templates[kind, family]
    own = two_tones(some.own_values(xy.expand(len(some), -1, -1)), share)
    found = around(own.float().reshape(-1, 1, pixels, pixels), torch.zeros(1, 2))
    return found.mirrors.amax(-1), found.turns[..., 32], found.turns[..., 16], found.turns.mean(-1)


columns = ["best mirror", "half turn", "quarter turn", "all turns"]
measured = {
    kind: torch.stack(
        [torch.cat(v) for v in zip(*(upright(kind, f) for f in FAMILIES), strict=True)]
    )
    for kind in CLASSES
}
direct = pd.DataFrame({k: v.mean((1, 2)).numpy() for k, v in measured.items()}, index=columns).T
direct.round(2)

# %%
assert direct.loc["mirror", "best mirror"] > 0.9 > 0.65 > direct.loc["turns", "best mirror"]
assert direct.loc["turns", "quarter turn"] > 0.9 > 0.65 > direct.loc["two mirrors", "quarter turn"]
assert (
    direct.loc["rotation", "all turns"] > 0.9 > 0.65 > direct.loc["turns and mirrors", "all turns"]
)

# %% [markdown]
# ## The task, and hundreds of networks at once
#
# The data of one network are the pixels of one picture: rows $(x, y)$ and a tone, 0 or 1.

# %%
net = DecoyNet(width)
print(net)
print(f"{sum(w.numel() for w in net.parameters()):,} weights, {len(xy):,} pixels")

# %% [markdown]
# A single small network keeps no processor busy; most of the time goes into starting operations.  So
# stack the weights of all networks (`parity_nb.ensembles`), write the loss of *one*, take its
# gradient, and map it over the stack.  The multiplications of all networks become one.  This is the
# function that trains here and in {ref}`discovery/symmetry-score`:

# %% tags=["hide-input"]
print(inspect.getsource(gradients))

# %% [markdown]
# The known answer first: the stacked gradient must be that of each network alone.

# %%
stack = fresh(8, width, seed)
goal = tones[:8].float()
together = gradients(stack, xy, goal)
differences = []
for i in range(stack.size):
    alone = stack.network(i)
    binary_cross_entropy_with_logits(alone(xy)[0], goal[i]).backward()
    for name, weight in alone.named_parameters():
        gap = (together[name][i] - weight.grad).abs().max() / weight.grad.abs().max()
        differences.append(gap.item())
print("the same gradients, to rounding:", max(differences) < 1e-4)
assert max(differences) < 1e-4

# %% [markdown]
# Adam {cite}`kingma2015adam` works weight by weight, so that it can be written for the stack too.

# %% tags=["hide-input"]
print(inspect.getsource(Adam))

# %% [markdown]
# Ten steps of it, and ten of `torch.optim.Adam` with the last network of the stack alone:

# %%
ours, theirs = Adam(stack.weights, 0.02), torch.optim.Adam(alone.parameters(), 0.02)
for _ in range(10):
    ours.step(stack.weights, gradients(stack, xy, goal))
    theirs.zero_grad()
    binary_cross_entropy_with_logits(alone(xy)[0], goal[-1]).backward()
    theirs.step()
apart = [(stack.weights[name][-1] - w).abs().max().item() for name, w in alone.named_parameters()]
print("the same weights, to rounding:", max(apart) < 1e-3)
assert max(apart) < 1e-3

# %% [markdown]
# A quarter of the pixels is held out, and every network stops when its accuracy there first reaches
# the target, so that no picture is learnt better than another; it then leaves the stack.  The target
# lies below what is left of a perfect picture when some pixels are swapped, so that a network may
# stop before it learns those by heart.

# %% tags=["nbval-ignore-output"]
start = time.perf_counter()
decoys = train_decoys(tones, xy, width, target, most, seed=seed)
seconds = time.perf_counter() - start
print(f"{len(decoys)} networks in {seconds:.0f} s")
run.record("time a network and step", 1e3 * seconds / decoys.steps.sum().item(), unit="ms")

# %% tags=["hide-input"]
progress = pd.DataFrame({"class": kinds, "steps": decoys.steps, "reached": decoys.reached})
by_class = progress.groupby("class", sort=False)[["reached", "steps"]].mean()
by_class.round(2)

# %% [markdown]
# Some pictures are harder than others, and classes differ in that: given time, discs and stripes are
# learnt quickly, pinwheels slowly, and not every network gets there within its steps.  Keep it in
# mind.  The *number of steps* alone says something about the class, without any hidden layer, and
# will have to be a control.
#
# ## PCA images
#
# At each pixel the last hidden layer has as many values as it has units.  Principal components reduce
# them to three, which make a picture in red, green and blue: the PCA image.  The sign of a component
# means nothing; we take the one with a positive third moment.

# %%
images, shares = pca_images(decoys.trained, xy)
learned = output_images(decoys.trained, xy)
for k, share in enumerate(shares.mean(0)):
    run.record(
        f"variance in component {k + 1}", share.item(), shares[:, k].std().item(), len(shares)
    )

# %% [markdown]
# Each component is drawn from its second to its 98th percentile.


# %%
def as_colours(images):
    """Three components (N, 3, S, S) as red, green and blue."""
    flat = images.flatten(2)
    low, high = (flat.quantile(q, -1, keepdim=True) for q in (0.02, 0.98))
    return ((flat - low) / (high - low).clamp_min(1e-6)).clamp(0, 1).reshape(images.shape)


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Nine pictures: as drawn, with a few pixels swapped; as the network reproduces them; and the PCA image of its last hidden layer.", "name": "fig-decoy-pca"}, "image": {"alt": "Three rows of nine pictures: black and white templates, the same in soft grey tones, and colourful versions in which the outlines of the templates are visible."}}
some = np.linspace(0, len(tones) - 1, 9).astype(int)
rows = [tones[some].reshape(-1, 1, pixels, pixels).float(), learned[some]]
rows = [row.expand(-1, 3, -1, -1) for row in rows] + [as_colours(images[some])]
image_grid(torch.cat(rows), columns=9)
plt.show()

# %% [markdown]
# The outline of the picture is there, since the next layer makes the tone of it by one weighted sum.
# So are colours that have nothing to do with it.  How much of a PCA image is chance?  Let several
# networks, with other weights at the start, learn one and the same picture.

# %%
model = int(np.argmax(kinds == "turns and mirrors"))
repeated = train_decoys(tones[model].expand(twins, -1), xy, width, target, most, seed=seed + 1)
copies, _ = pca_images(repeated.trained, xy)
same = output_images(repeated.trained, xy)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One picture, learnt by several networks that differ only in their weights at the start: what they reproduce, and their PCA images.", "name": "fig-decoy-twins"}, "image": {"alt": "Two rows of pictures: above, nearly the same grey square-like shape each time; below, different colours and shapes each time."}}
image_grid(torch.cat([same.expand(-1, 3, -1, -1), as_colours(copies)]), columns=twins)
plt.show()


# %%
def alike(x):
    """Mean absolute correlation between different pictures (N, M), and its error."""
    c = torch.corrcoef(x).abs()
    pairs = c[*torch.triu_indices(len(x), len(x), 1)]
    return pairs.mean().item(), (pairs.std() / len(x) ** 0.5).item()


# %% [markdown]
# How alike are two networks that learnt the same picture, and two that learnt different ones?  (The
# errors count networks, not pairs.)

# %%
others = torch.from_numpy(rng.permutation(len(images))[:60])
for name, x in (("of one picture", copies), ("of others", images[others])):
    for k in range(3):
        value = alike(x[:, k].flatten(1))
        run.record(f"correlation {name}, component {k + 1}", *value, n=len(x))
run.record("correlation of one picture, output", *alike(same.flatten(1)), n=twins)

# %% [markdown]
# "At first sight all the PCAs look different, changing from run to run and from image to image", says
# the talk {cite}`sanz2023talk`.  The first component does not look so different: it is to a good
# part the picture.  The other two agree much less from run to run, and differ from picture to picture
# as much as first components do.  The networks agree about the picture and not about how to hold it.
#
# ## An untrained network
#
# Before training the hidden layer is a function of the coordinates and knows no picture.  Its PCA
# image is as colourful, and a classifier can find nothing in it except by a leak.  That makes it a
# control.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "PCA images of the nine networks of the earlier figure before they were trained.", "name": "fig-decoy-untrained"}, "image": {"alt": "A row of nine pictures with smooth gradients of colour and no outlines."}}
untrained, _ = pca_images(decoys.start, xy)
image_grid(as_colours(untrained[some]), columns=9)
plt.show()

# %% [markdown]
# ## Ask the layer itself
#
# A network is a function of the plane, so it can be asked what every function in this book is asked:
# how far is $f(hx)$ from $f(x)$?  The template's centre and axes are known; $h$ is a
# transform of its class.  Take $f$ to be the network's output, then each component of the hidden layer,
# trained and untrained.  The error is in standard deviations of $f$; a function that
# does not care for $h$ at all has about $\sqrt2 = 1.4$.


# %% tags=["subject"]
def turned(points):
    """By two radians."""
    cos, sin = torch.tensor(2.0).cos(), torch.tensor(2.0).sin()
    matrix = torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])
    return points @ matrix.to(points).T


def shifted(points):
    """By 0.8 along the lines."""
    return points + torch.tensor([0.8, 0.0]).to(points)


OF_SQUARE = {e.name: e.act for e in point_group(*MATRICES).elements}
TRANSFORMS = {
    "none": OF_SQUARE["P"],
    "mirror": OF_SQUARE["P"],
    "two mirrors": OF_SQUARE["P"],
    "turns": OF_SQUARE["R90"],
    "turns and mirrors": OF_SQUARE["R90 P"],
    "rotation": turned,
    "translation": shifted,
}

# %% [markdown]
# The functions of the plane that one network offers: its output, three components of its hidden layer,
# and the first component before training.


# %% tags=["subject"]
def component(network, k):
    """The k-th principal component over the picture, points (M, 2) -> (M,)."""
    hidden = network(pixel_grid(32).to(network.device), shared=True)[1][0]
    axis = torch.linalg.eigh(torch.cov(hidden.T))[1][:, -1 - k]
    return lambda points: network(points, shared=True)[1][0] @ axis


def functions_of(decoys, i):
    """Of the network with this number, each a stack of one."""
    one = torch.tensor([i], device=decoys.trained.device)
    trained, start = decoys.trained[one], decoys.start[one]
    functions = {"output": lambda points: trained(points, shared=True)[0][0].sigmoid()}
    functions |= {f"component {k + 1}": component(trained, k) for k in range(3)}
    return functions | {"untrained": component(start, 0)}


# %% [markdown]
# Each is compared at points $x$ and $hx$ that both lie in the picture.


# %% tags=["subject"]
@torch.no_grad()
def invariance_errors(decoys, index, templates, h):
    """Change of each function under h, in the frame of each network's template: name -> (n,)."""
    own = pixel_grid(32).to(decoys.trained.device)
    found = {}
    for k, i in enumerate(index):
        place = templates[k : k + 1].picture
        both = torch.cat([place(own[None]), place(h(own)[None])])
        x = own[(both.abs() < 1).all(-1).all(0)]
        for name, f in functions_of(decoys, i).items():
            change = equivariance_error(lambda p, f=f, at=place: f(at(p[None])[0]), x, h, identity)
            found.setdefault(name, []).append(change.relative)
    return {name: torch.tensor(values) for name, values in found.items()}


# %%
inside = {}
for position, ((kind, family), (some_templates, _)) in enumerate(templates.items()):
    index = range(each * position, each * (position + 1))
    found = invariance_errors(decoys, index, some_templates, TRANSFORMS[kind])
    inside[kind, family] = {name: value.mean().item() for name, value in found.items()}

# %% tags=["hide-input"]
inside = pd.DataFrame(inside).T.rename_axis(["class", "family"])
errors = inside.groupby("class", sort=False).mean()
errors.round(2)

# %% [markdown]
# For the class "none", $h$ is a mirror that means nothing to the picture: that row is what no symmetry
# looks like.  The table is drawn in {numref}`fig-decoy-inside`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Change under a transform of the template's own class (for none, under a mirror), in standard deviations: of the network's output, of the first three components of its last hidden layer, and of the first component before training. Mean over families, with the standard deviation of that mean.", "name": "fig-decoy-inside"}, "image": {"alt": "Points with error bars, a group for each class of symmetry: the output changes least under a symmetry, the components more, the untrained component most."}}
scatter = inside.groupby("class", sort=False).std() / len(FAMILIES) ** 0.5
fig, ax = plt.subplots(figsize=(7.2, 3.4))
for k, name in enumerate(errors.columns):
    at = np.arange(len(errors)) + 0.13 * (k - 2)
    ax.errorbar(at, errors[name], scatter[name], fmt="o", color=CYCLE[k], label=name, markersize=4)
ax.set_xticks(range(len(errors)), [c.replace(" and ", "\nand ") for c in errors.index])
ax.set(ylabel="change / standard deviations", ylim=(0, None))
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# The output changes little.  The hidden layer is *less* symmetric than the output that is made of it:
# its components vary where the picture does not, and the last layer's weighted sum cancels what does
# not belong.  A layer that had found the symmetry and used it would be as symmetric as the output.
#
# ## What we found

# %% tags=["hide-input"]
symmetric = inside.drop("none", level="class")
n = len(symmetric)
for name in errors.columns:
    spread = symmetric[name].std() / n**0.5
    run.record(f"change under a symmetry, {name}", symmetric[name].mean(), spread, n)
    run.record(
        f"change without one, {name}", errors.loc["none", name], scatter.loc["none", name], 5
    )
reached = decoys.reached.float()
run.record("share that reached the target", reached.mean().item(), n=len(reached))
for kind, row in by_class.iterrows():
    run.record(f"steps, {kind}", row.steps, n=each * len(FAMILIES))
saved = run.save()

# %% [markdown]
# - Templates of a known class come from the book's one projection, and measure as what they are.
# - Stacked networks have the gradients of single ones, and many are trained in the time of a few.
# - Networks that learn the same picture agree in what they say, and in the first component of what
#   they hold, which is much the picture; the rest of a PCA image is mostly chance.
# - Under the symmetry of its picture a network's output changes less than the layer below it.

# %%
change = symmetric.mean()
assert change["output"] < change["untrained"]
if pixels >= 32 and each >= 3 and twins >= 5:
    assert change["output"] < change["component 1"] < change["component 2"]
    assert alike(same.flatten(1))[0] > alike(copies[:, 0].flatten(1))[0]
    assert alike(copies[:, 0].flatten(1))[0] > alike(images[others, 0].flatten(1))[0] + 0.1

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
