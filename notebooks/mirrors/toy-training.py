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
# (mirrors/toy-training)=
#
# # One toy, one network
#
# A method is compared with others on data that anybody can make: toys, whose truth is known.
# This page trains one network on one toy sky, a spiral of ten points among random ones, after
# {cite}`hewson2024chiral`.  The same notebook, with other parameters, makes every entry of the
# tables in {ref}`mirrors/toys-with-published-numbers`, where the toys are explained and compared.
#
# **You will learn**
#
# - how the two-dimensional toys look to a network, and what an audit of them should include;
# - what a network makes of them after a short training, with its uncertainty;
# - where its positive values come from: images that hold a figure, and images that do not.
#
# **Cost** About half a minute on one CPU core and one gigabyte of memory at the default size.  The
# published network takes a quarter of an hour at full size; a GPU shortens that.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from parity_nb.data import choose
from parity_nb.images import ImageSet
from parity_nb.mirrors.networks import TorusNet
from parity_nb.mirrors.world import TOYS, draw_images, draw_points, field_set, mirrored
from parity_nb.networks import NETWORKS
from parity_nb.plotting import image_grid, signed_histogram, use_style
from parity_nb.records import Records, provenance
from parity_nb.statistics import mean_test, positive_fraction
from parity_nb.symmetry import Symmetrised, dihedral, equivariance_error, half_turn_parity
from parity_nb.training import RECIPES, Recipe, evaluate, fit

# %% tags=["parameters"]
toy: str = "SPR-RI-10"  # RI, SPR-RI-100, SPR-RI-10, SPR-RI-3, F-SPR-RI-10, F-SPR-RI-3, SPR-RI-5-10pc, SPR-RI-5-1pc, LH-RI-0.1, LH-RI-1, LH-RI-10 or fields
variant: str = "S"  # S as it is, or SLR, the control: each image mirrored by the toss of a coin
network: str = "fast"  # fast, published or sharp (image toys); torus or torus-zeros (fields)
images: int = 4000  # images, or fields, to train on; 9600 as published
tests: int = 1000  # images, or fields, to test on; 2400 as published
epochs: int = 3  # passes over the training images; 0 takes the recipe's own
seed: int = 0  # random seed of images, weights and batches

# %%
use_style()
run = Records.of(
    "mirrors/toy-training", globals(), run=("toy", "variant", "network", "images", "seed")
)
control = choose("variant", variant, {"S": False, "SLR": True})

# %% [markdown]
# ## The toy
#
# A toy is drawn in two steps: points of the sky, {math}`x + \mathrm{i} y`, and a picture of them.
# The control has to be mirrored at the first step.  A coin that mirrors finished pictures would
# hide a drawing that knows left from right; tossed for the points, it lets such a drawing convict
# itself ({ref}`mirrors/ways-to-be-fooled`).  In a control of fields, half of the triangles of each
# field are right-handed instead.


# %% tags=["subject"]
def toy_set(name, n, seed=0, control=False):
    """A toy with known truth.

    Args:
        name: one of `TOYS`, or "fields".
        n: number of images, all independent.
        seed: random seed of the images.
        control: mirror the points of each image by the toss of a coin, before it is drawn.

    Returns:
        Grey images with the columns `figure` (whether the image holds a figure) and `mirrored`, or
        fields of counts.

    Raises:
        ValueError: for an unknown name, listing the known ones.
    """
    if name == "fields":
        return ImageSet(field_set(n, 0.5 if control else 1.0, seed), name=name)
    rng = np.random.default_rng([seed, *name.encode(), control])
    points, has = draw_points(choose("toy", name, TOYS), n, rng)
    coin = (rng.random(n) < 0.5) & control
    points = [mirrored(p) if m else p for p, m in zip(points, coin, strict=True)]
    images = torch.cat([draw_images(points[i : i + 500]) for i in range(0, n, 500)])
    meta = pd.DataFrame({"figure": has, "mirrored": coin})
    return ImageSet(images, meta, f"{name} control" if control else name)


# %% [markdown]
# All images are independent: every one has a background of its own.  The last ones are for the
# test and are not looked at before.

# %%
population = toy_set(toy, images + tests, seed=seed, control=control)
train, test = population[:images], population[images:]
print(f"{population.name}: {len(train)} to train on, {len(test)} to test on")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The first 24 training images of this page's toy.", "name": "fig-toy-images"}, "image": {"alt": "Three rows of eight small black pictures with white dots; in most of them ten dots lie on a small spiral."}}
image_grid(train[:24].images)
plt.show()

# %% [markdown]
# ## Networks and recipes
#
# The image toys take the networks of {ref}`snails/training`: the small `fast` one, the `published`
# one, which is also that of {cite}`hewson2024chiral` with its ten epochs, and `sharp`, the
# published network trained our way.  The group is theirs, the mirror and the half turn.  Fields
# live on a torus and have a network and a group of their own: `TorusNet` looks around every point of
# the field with pairs of circular filters, multiplies their two answers with each other and with the
# field, and sums over the torus; and the group has all eight symmetries of the square.  That is a
# three-point function with learned arms, compared with a three-point function that knows the answer in
# {ref}`mirrors/toys-with-published-numbers`.

# %%
networks = {**NETWORKS, "sharp": NETWORKS["published"]}
networks |= {"torus": TorusNet, "torus-zeros": partial(TorusNet, "zeros")}
torus = Recipe("torus", "adamw", 1e-2, 20, 8, "which is real", "one cycle", decay=1e-2)
recipes = {name: make() for name, make in RECIPES.items()} | {"torus": torus, "torus-zeros": torus}
recipe = choose("network", network, recipes)
if network == "published":
    recipe = recipe.shortened(10)
recipe = recipe.shortened(epochs)
group = dihedral() if toy == "fields" else half_turn_parity()
print(recipe)
print(group)

# %% [markdown]
# ## Training
#
# What is trained is the odd part of the network, $f(x)=\sum_h \chi(h)\, g(hx)/|G|$.  First the audit: for every element $h$ of the group, is $f(hx) = \chi(h) f(x)$, up to the rounding
# of 32-bit numbers?

# %%
torch.manual_seed(seed)
model = Symmetrised(networks[network](), group).eval()
sample = train[:200].images.float().expand(-1, 3, -1, -1)
errors = [
    equivariance_error(model, sample, e.act, lambda f, e=e: e.sign * f) for e in group.elements
]
print("odd and even as it should be:", max(e.relative for e in errors) < 1e-3)
assert max(e.relative for e in errors) < 1e-3

# %%
history = fit(model, train, recipe, seed=seed)
epoch, loss = history.smoothed(max(1, len(history.losses) // 5))
print("loss, averaged over fifths of the training:", [round(v, 3) for v in loss.tolist()])

# %% [markdown]
# A network that knows nothing has a loss B of $\log 2 = 0.693$, and a loss A of about zero.
#
# ## The test
#
# The images that were set aside, once.

# %%
f = evaluate(model, test)
found = positive_fraction(f)
significance = (f.mean() / f.std() * len(f) ** 0.5).item()
print(found)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Values of f on the test images of this page's toy; the outline is the mirror image of the histogram.", "name": "fig-toy-histogram"}, "image": {"alt": "Histogram of f with blue bars below zero and red bars above, and its mirror image as an outline."}}
signed_histogram(f).legend()
plt.show()

# %% [markdown]
# Where a toy has its figure in a part of the images only, the truth says which.  Those without it
# must be a fair coin, whatever the network has learned.

# %%
parts = {}
if "figure" in test.meta:
    for whole, name in ((True, "with a figure"), (False, "without")):
        chosen = torch.tensor((test.meta.figure == whole).tolist())
        if chosen.any():
            parts[name] = positive_fraction(f[chosen])
print(pd.Series({name: str(part) for name, part in parts.items()}, dtype=str).to_string())

# %% [markdown]
# ## What we found
#
# The significance is that of {cite}`taylor2023unsupervised`, mean over standard deviation times the
# root of the number of test items, which is what the mean of many bootstrap samples comes to; the
# $p$-value of the mean by sign flips goes with it.

# %%
run.record("positive fraction", found.fraction, error=found.std, n=found.n)
run.record("sign test p", max(found.p_exact, 1e-300), n=found.n)
run.record("mean test p", mean_test(f, flips=999, generator=seed), n=found.n)
run.record("significance", significance, error=1.0, n=found.n, unit="standard deviations")
for name, part in parts.items():
    run.record(f"positive fraction, {name}", part.fraction, error=part.std, n=part.n)

# %% tags=["nbval-ignore-output"]
run.record("training time", history.seconds, unit="s")
saved = run.save()

# %% [markdown]
# Controls and symmetric toys find nothing: a false alarm would happen once in ten thousand runs.
# The ten-point spiral is found.

# %%
if control or toy == "RI" or toy.startswith("F-"):
    assert found.p_exact > 1e-4
if toy == "SPR-RI-10" and network == "fast" and not control and images * recipe.epochs >= 9600:
    assert found.fraction > 0.6

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
