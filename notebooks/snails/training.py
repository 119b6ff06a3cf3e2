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
# (snails/training)=
#
# # Training without labels
#
# A network is shown pictures of snails and told nothing about them.  It is only rewarded when
# its parity-odd output leans to the positive side.  Whether that works on pictures it has never
# seen is the whole test: if it does, the population is not its own mirror image.
#
# This page trains one network on one data set, M3: right-handed snails are red, left-handed ones
# blue {cite}`gibbon2023snails`.  The same notebook, with other parameters, makes every entry of
# the tables in {ref}`snails/results` and {ref}`snails/living-results`.
#
# **You will learn**
#
# - how one parity-odd network is built, trained, saved and loaded;
# - how to read its output on unseen images: fraction, intervals, p-values, spread over batches;
# - what it has understood, which is checked against the chirality that it was never told.
#
# **Cost** About two minutes on one CPU core and 2 GB of memory at the default size, rendering
# included.  With `recipe="published"` and 24,470 images, about 50 minutes; a GPU, if there is
# one, is found by itself and shortens that.

# %%
import sys

import matplotlib.pyplot as plt
import pandas as pd
import torch

from parity_nb.data import build_dir, choose
from parity_nb.images import normalise
from parity_nb.networks import NETWORKS
from parity_nb.objectives import OBJECTIVES
from parity_nb.plotting import image_grid, signed_histogram, use_style
from parity_nb.records import Records, provenance
from parity_nb.snails.data.splits import train_and_test
from parity_nb.statistics import calibrate, mean_test, positive_fraction, quality
from parity_nb.symmetry import GROUPS, Symmetrised, equivariance_error
from parity_nb.training import RECIPES, evaluate, fabric, fit, load_weights, save_weights

# %% tags=["parameters"]
dataset: str = "M3"  # data set: M0, M1 ... M3-grey (models), L1 ... L6 or L6-shared (alive)
variant: str = "S"  # S as photographed, or SLR, the control: a random half mirrored
images: int = 6000  # number of images, a fifth of them for the test; for L1 ... L6, photographs to choose from
recipe: str = "fast"  # network and training: fast, patient (fast, but longer), published, or sharp
group: str = "dihedral"  # symmetry group: parity, half-turn parity (published) or dihedral
seed: int = 0  # random seed of weights and batches; also picks the test fold, seed mod 5
epochs: int = 4  # passes over the training images; 0 takes the recipe's own, made for 24,470 images

# %%
use_style()
run = Records.of(
    "snails/training", globals(), run=("dataset", "variant", "recipe", "group", "seed")
)
training_recipe = choose("recipe", recipe, RECIPES)().shortened(epochs)
symmetry_group = choose("group", group, GROUPS)()

# %% [markdown]
# ## Images
#
# The pictures were taken in {ref}`snails/model-snails`, those of L1 to L6 in
# {ref}`snails/living-snails`; here they are only loaded, or rendered if this is the first time.
# One fifth is set aside and not looked at again until the end.  Another random seed sets another
# fifth aside, so that the test sets of five seeds do not overlap.

# %%
train, test = train_and_test(dataset, variant, images, fold=seed % 5)
print(f"{test.name}: {len(train)} images to train on, {len(test)} to test on")

# %% [markdown]
# ## A network that cannot be even
#
# The network $g$ may be anything.  Summed over the elements $h$ of the group, each with its sign
# $\chi(h)$, it becomes a function $f$ that is odd under every mirror and even under every turn
# that the group contains.

# %%
print(pd.Series(symmetry_group.signs, symmetry_group.names, name="sign").to_string())

# %% [markdown]
# For model snails the camera roll is uniform, so the population has no preferred direction in the
# plane of the picture and the group may be all eight symmetries of the square.  Photographs
# taken by people have an up and a down; for those it may not.

# %%
torch.manual_seed(seed)
network = NETWORKS[training_recipe.network]
model = Symmetrised(network(), symmetry_group)
print(f"{sum(p.numel() for p in model.parameters()):,} weights")

# %% [markdown]
# The oddness is built in, not learned.  It holds before any training, for every element of the
# group, up to the rounding of 32-bit numbers.

# %%
sample = normalise(train[:256].images)
model.eval()
errors = {
    e.name: equivariance_error(model, sample, e.act, lambda f, e=e: e.sign * f).relative
    for e in symmetry_group.elements
}
print("f(hx) = chi(h) f(x) to better than 1e-5 of the spread of f:", max(errors.values()) < 1e-5)
assert max(errors.values()) < 1e-5

# %% [markdown]
# Untrained, it is a random parity-odd function, and finds on the training images what such a
# function finds: next to nothing.

# %%
print("before training:", positive_fraction(evaluate(model, train[:1000])))

# %% [markdown]
# ## Training
#
# One step: normalise a batch of images, compute $f$, and make the loss smaller.  No label, no
# chirality, no colour enters.


# %% tags=["subject"]
def step(model):
    """For a network, the map from a batch of images to its loss."""
    loss = OBJECTIVES[training_recipe.objective]
    return lambda batch: loss(model(normalise(batch)))


print(training_recipe)

# %% [markdown]
# Weights are fresh, but for one data set.  The source's groups S and SLR share one network object,
# and S comes first; so what it calls the network of SLR has seen S
# ({ref}`snails/living-results`).  L6-shared repeats that, where it matters: where S is tested with
# that network.


# %%
def trained_before(dataset, variant, images, fold=0):
    """What the network is trained on before it meets the training images; None for nothing."""
    shared = (dataset, variant) == ("L6-shared", "S")
    return train_and_test("L2", "S", images, fold)[0] if shared else None


# %% [markdown]
# The loop around the step is the same for every chapter.  It runs on the device that this machine
# has, and on several when the script was started by `torchrun`.

# %%
device = fabric()
before = trained_before(dataset, variant, images, fold=seed % 5)
if before is not None:
    fit(model, before, training_recipe, seed=seed, step=step, on=device)
history = fit(model, train, training_recipe, seed=seed, step=step, on=device)
if device.global_rank > 0:  # under torchrun the other processes are done here
    sys.exit()

# %% tags=["nbval-ignore-output"]
rate = len(train) * training_recipe.epochs / history.seconds
print(f"{history.seconds:.0f} s on {history.device}, {rate:.0f} images/s")

# %% [markdown]
# Loss B of a function that knows nothing is $\log 2 = 0.693$ and that of a perfect one is zero;
# loss A, minus mean over standard deviation, starts near zero and falls without limit.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The loss during training on the page's data set, averaged over consecutive steps. It stays on a plateau until the network finds what distinguishes the images from their mirror images, then falls.", "name": "fig-training-loss"}, "image": {"alt": "Line of the training loss against the epoch."}}
epoch, loss = history.smoothed(max(1, len(history.losses) // 40))
fig, ax = plt.subplots()
ax.plot(epoch, loss)
ax.set(xlabel="epoch", ylabel=f"loss ({training_recipe.objective})")
plt.show()

# %% [markdown]
# The weights go to disk and come back into a fresh network.  They are read with
# `weights_only=True`, which loads numbers and runs no code.

# %%
path = save_weights(model, build_dir() / "weights" / "snails" / f"{run.run}.pt")
reloaded = load_weights(Symmetrised(network(), symmetry_group), path)
same = evaluate(reloaded, test[:64]).equal(evaluate(model, test[:64]))
print("the reloaded network gives the same values:", same)
assert same

# %% [markdown]
# ## The test
#
# Now the images that were set aside, once.

# %%
f = evaluate(reloaded, test)
found = positive_fraction(f)
print(f"{found.positive} of {len(f)} test images have a positive value")

# %% [markdown]
# Three tests of the same hypothesis, that the population is its own mirror image.  The sign was
# fixed by training, so only a *large* fraction counts; each p-value is one-sided.  Exact p-values
# come from the binomial distribution of the signs and from random sign flips of the values.  The
# e-value bound holds at any sample size and needs no distribution at all.

# %%
phi = f if training_recipe.objective == "which is real" else calibrate(evaluate(reloaded, train))(f)
evidence = quality(phi)
p_mean = mean_test(f, generator=seed)
print(f"sign test: {found}")
print(f"mean test: p = {p_mean:.2g}, of 9,999 random sign flips")
print(f"quality and e-value: {evidence}")

# %% [markdown]
# Gibbon (2023) reports the fraction with its binomial error, for one network.  The binomial error
# says how a fraction scatters when the same network meets other test images.  Cutting the test
# set into batches shows whether that is the scatter that is really there.

# %%
batches = (f.reshape(-1)[: len(f) // 8 * 8] > 0).float().reshape(8, -1).mean(1)
expected = (found.fraction * (1 - found.fraction) / (len(f) // 8)) ** 0.5
print(f"spread over 8 batches {100 * batches.std():.2f} %, binomial {100 * expected:.2f} %")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The values of f on the test images of the page's data set (red above zero, blue below). The black outline is the histogram's own mirror image, which a symmetric population would follow.", "name": "fig-training-histogram"}, "image": {"alt": "Histogram of f on the test images with its mirror image as an outline."}}
fig, ax = plt.subplots()
signed_histogram(f, ax=ax)
ax.set(xlabel="$f$", ylabel="test images")
plt.show()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The first 64 test images, each framed in the colour of its value: red for positive, white for zero, blue for negative. This redraws Figure 9 of Gibbon (2023) for one data set.", "name": "fig-training-batch"}, "image": {"alt": "Eight rows of eight small pictures of snails with coloured frames."}}
image_grid(test[:64].images, values=f[:64])
plt.show()

# %% [markdown]
# ## What it has understood
#
# Nobody told the network which snail is right-handed.  We know, because we built them.

# %%
chirality = test.meta["chirality"]
by_chirality = {
    kind: positive_fraction(f[torch.tensor((chirality == kind).tolist())])
    for kind in sorted(chirality.unique())
}
for kind, part in by_chirality.items():
    print(f"{kind:>5}-handed: {part}")

# %% [markdown]
# A network that answers "red" learns nothing, because the mirror image of a red snail is red: $f$
# of the two differs by its sign alone.  To make both populations positive it must read the
# chirality *and* the colour, and give the product of the two.
#
# Of living animals we also know what kind each is.

# %%
taxa = test.meta.get("taxon", pd.Series(dtype=str))
by_taxon = {
    taxon: positive_fraction(f[torch.tensor((taxa == taxon).tolist())])
    for taxon in sorted(taxa.unique())
}
for taxon, part in by_taxon.items():
    print(f"{taxon}: {part}")

# %% [markdown]
# The values go to disk beside the weights, each with the truth about its image: so two networks
# can be compared image by image.

# %%
values = path.with_suffix(".csv")
test.meta.assign(f=f.numpy()).to_csv(values, index=False)
print(f"{len(pd.read_csv(values))} values kept")

# %% [markdown]
# ## What we found

# %%
run.record("positive fraction", found.fraction, error=found.std, n=found.n)
smallest = 1e-300  # below this a p-value is no longer a floating-point number
run.record("sign test p", max(found.p_exact, smallest), n=found.n)
run.record("mid p", max(found.p_mid, smallest), n=found.n)
run.record("mean test p", p_mean, n=found.n)
run.record("quality", evidence.q, error=evidence.error, n=evidence.n, unit="nat")
run.record("spread over batches", batches.std().item(), n=8)
for kind, part in by_chirality.items():
    run.record(f"positive fraction, {kind}-handed", part.fraction, error=part.std, n=part.n)
for taxon, part in by_taxon.items():
    run.record(f"positive fraction, {taxon}", part.fraction, error=part.std, n=part.n)

# %% tags=["nbval-ignore-output"]
run.record("training time", history.seconds, unit="s")
run.record("training rate", rate, unit="images/s")
saved = run.save()

# %% [markdown]
# What must hold whatever the outcome of the other sets: the controls and the mirror-symmetric M1
# show nothing (a false alarm would happen once in ten thousand runs), and M0 and M3, which break
# the symmetry by construction, are found once enough images have been seen.

# %%
symmetric = variant == "SLR" or dataset == "M1"
enough = recipe == "fast" and len(train) * training_recipe.epochs >= 18_000
if symmetric:
    assert found.p_exact > 1e-4
elif dataset in ("M0", "M3") and enough:
    assert found.fraction > 0.95

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
