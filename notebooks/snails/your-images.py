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

# %% [markdown] tags=["book-only"]
# (snails/your-images)=
#
# # Your images
#
# Does this folder of images know left from right?  Any folder will do: photographs, drawings,
# slices of a simulation.  The chapter reads it, throws out what it cannot use, asks which images
# are independent, and then lets parity-odd networks look for anything that a mirror would change.
# The answer is one sentence, and it may be "these images cannot tell".
#
# As printed here, the folder is a demonstration with a known answer: drawn shells of both hands,
# equally common, photographed by a camera that burns the time into a corner.
#
# **You will learn**
#
# - what has to be settled before training, and when no answer should be given;
# - to test nearly all images with p-values that stay exact, which cross-validation does not;
# - to find the place in the picture that gives the direction away;
# - what "no asymmetry seen" says, in numbers.
#
# **Cost** About a minute on one CPU core and a gigabyte of memory.  Ten thousand small images take
# about ten minutes; photographs of twelve megapixels take a second each to be read.  A GPU, if
# there is one, is found by itself.

# %%
import tempfile
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy import stats

from parity_nb.audit import WHOLE, audit_pipeline
from parity_nb.data import choose
from parity_nb.images import square
from parity_nb.plotting import SIGNED, image_grid, signed_histogram, signed_norm, use_style
from parity_nb.records import Records, provenance
from parity_nb.saliency import occlusion
from parity_nb.snails import yours
from parity_nb.snails.world import drawn_shells
from parity_nb.statistics import PositiveFraction
from parity_nb.symmetry import GROUPS, mirror

# %% tags=["parameters"]
folder: str = ""  # folder of images, or one file; empty: a demonstration is drawn
demonstration: str = "clock"  # what to draw then: symmetric, handed, rare (2% handed) or clock
images: int = 400  # pictures of the demonstration
size: int = 64  # width and height to which images are resized, pixels; a multiple of 8
key: str = ""  # data set in HDF5 files; empty: the only one
together: str = ""  # keeps images on one side: "folder", or a column of `table`; empty: nothing
table: str = ""  # CSV file with a column `path`, as in the list of images; empty: none
radius: int = 40  # bits out of 256 in which near-duplicates may differ; -1: do not look for them
group: str = "parity"  # symmetry group: parity, half-turn parity or dihedral
parts: int = 4  # equal parts; each is tested by a network trained on those before it
single: bool = False  # test the last part only: fewer trainings, for large sets
sigma: float = 5.0  # standard deviations from which an asymmetry counts as detected
steps: int = 100  # training steps of 32 images at least; three passes, if that is more
channels: int = 4  # channels that are also tested on their own; 0: none
seed: int = 0  # random seed of everything

# %%
use_style()
run = Records.of("snails/your-images", globals())
symmetry_group = choose("group", group, GROUPS)()
level = stats.norm.sf(sigma)

# %% [markdown]
# ## What is in the folder

# %% [markdown] tags=["book-only"]
# If no folder was named, one is drawn, with some accidents that folders suffer.

# %%
temporary = tempfile.TemporaryDirectory()
source = Path(folder)
if not folder:
    drawn = choose("demonstration", demonstration, drawn_shells.DEMONSTRATIONS)
    source = Path(temporary.name) / demonstration
    drawn_shells.add_accidents(drawn_shells.draw_shells(source, images, seed=seed, **drawn))

# %% [markdown]
# Everything below it is read: pictures (PNG, JPEG, TIFF, WebP, BMP, GIF) and stacks (`.npy`,
# HDF5).  A picture is taken as a viewer shows it, turned as its EXIF tag says; what is transparent
# is laid on white; of several pages the first is taken.  Then its middle is cut out square, as
# much from one side as from the other, and resized.

# %%
gathered = yours.gather(source, size, key)
population = gathered.images
shape, kind = tuple(population.images.shape[1:]), population.images.dtype
print(f"{len(population)} images, now {shape} {kind}; {len(gathered.left_out)} left out")

# %% [markdown]
# As they were read, in channels, height and width, the commonest shapes first:

# %%
for (c, height, width), count in gathered.shapes.most_common(6):
    print(f"{count:6d} of {c} x {height} x {width}")
print(f"{len(gathered.shapes)} different shapes")
for note, count in gathered.notes.items():
    print(f"{count:6d} {note}")

# %% [markdown]
# What could not be used, by name and with the reason:

# %%
with pd.option_context("display.max_colwidth", 90):
    print(
        gathered.left_out.head(30).to_string(index=False) if len(gathered.left_out) else "nothing"
    )

# %% mystnb={"figure": {"caption": "Some images of the folder, as the network will get them.", "name": "fig-yours-gallery"}, "image": {"alt": "Three rows of small square pictures, chosen at random from the folder."}}
some = np.random.default_rng(seed).permutation(len(population))[:36]
image_grid(yours.shown(population.images[some]), columns=12)
plt.show()

# %% [markdown]
# ## What is independent
#
# Two pictures of one thing are one observation.  Copies, and what looks like one in a mirror, must
# not lie on both sides of a split, and must not be counted twice.  A perceptual hash finds them;
# folders or a table may say more (`together`, `table`).

# %%
groups = yours.belongs_together(population, symmetry_group, radius, together, table)
counts = pd.Series(groups).value_counts()
print(f"{len(groups)} images are {len(counts)} independent ones; "
      f"{(counts > 1).sum()} groups have several, the largest {counts.max()}")  # fmt: skip
for number in counts[counts > 1].index[:5]:
    print("  together:", ", ".join(population.meta.path[groups == number][:6]))

# %% [markdown]
# Independent images are put into parts at random, and all but the first part will be tested.  A
# test of *n* images cannot give a p-value below 2<sup>-*n*</sup>.  If that is not small enough, the
# chapter stops here and says how many images it takes.

# %%
cut = yours.pieces(groups, parts, seed)
cut = [np.concatenate(cut[:-1]), cut[-1]] if single else cut
n = yours.demand(groups, cut, level)
print(f"{n} independent test images; {sigma:g} sigma are p = {level:.2g}")

# %% [markdown]
# ## Does the pipeline know left from right?
#
# Each step between file and network is compared with its own mirror image
# ({ref}`mirrors/ways-to-be-fooled`), on images as they were read.

# %%
prepare = partial(yours.standardise, **yours.scale_of(population.images))
audit = audit_pipeline({"square": partial(square, size=size), "standardise": prepare}, gathered.raw)
print(audit[["random", "relative", "verdict"]].to_string(float_format="{:.1e}".format))

# %% [markdown]
# And for every image: mirrored and then resized, it must be what it is resized and then mirrored.

# %%
later, earlier = mirror(population.images).float(), gathered.mirrored.float()
defect = float((later - earlier).square().mean().sqrt() / population.images.float().std())
print("mirror first or last, relative difference below 1 %:", defect < 0.01)
assert defect < 0.01 and audit.loc[WHOLE, "verdict"] != "breaks"

# %% [markdown]
# ## Testing forward
#
# To hold out a fifth of a few hundred images leaves few to test.  Cross-validation tests all of
# them: each part by a network trained on the others.  But then one image helps to train the network
# that judges another, and that one the network that judges the first.  Their signs are not independent, and the
# binomial p-value of the count is wrong.
#
# So each part is tested by a network that was trained on the parts *before* it
# {cite}`dawid1984prequential,blum1999holdout`.  In a world that is its own mirror image the sign of
# *f* is then a fair coin, whatever came before, and all signs together are fair coins.  The first
# part is not tested, and the first networks have seen few images; nothing else is lost.
#
# That claim can be tested with the simplest network there is, the scalar product with the mean of
# the training items, on vectors that are as often *x* as -*x*:


# %%
def false_alarms(forward, repeats=1000, items=120, k=4):
    x = torch.randn(repeats, k, items // k, 30, generator=torch.Generator().manual_seed(seed))
    total, sums = x.sum((1, 2)), x.sum(2)
    before = sums.cumsum(1) - sums if forward else total[:, None] - sums
    f = (x[:, 1:] * before[:, 1:, None]).sum(-1) if forward else (x * before[:, :, None]).sum(-1)
    positive, n = (f > 0).flatten(1).sum(1).numpy(), f[0].numel()
    return (stats.binom.sf(positive - 1, n, 0.5) <= 0.05).mean()


# %%
alarms = {"cross-validation": false_alarms(False), "forward": false_alarms(True)}
for name, rate in alarms.items():
    run.record(f"false alarms at 5%, {name}", rate, (0.05 * 0.95 / 1000) ** 0.5, 1000)
assert alarms["forward"] < 0.05 + 3 * 0.007 < alarms["cross-validation"]

# %% [markdown]
# ## Known answers first
#
# The {term}`control set`: a random half of the images is mirrored before anything else is done to
# them.  It is symmetric whatever the images are, and nothing may be found.

# %%
learn = partial(yours.forward_test, group=symmetry_group, steps=steps, seed=seed)
tossed = yours.control(gathered, seed)
f_control, _ = learn(tossed.images, cut)
print("control:", yours.count(f_control, groups))

# %% [markdown]
# Then the control with a small black and white mark at the right edge of every second image, from
# which half of the images could be told from their mirror images: 75% positive at best.  Only the
# last part is tested.

# %%
last = [np.concatenate(cut[:-1]), cut[-1]]
f_marked, _ = learn(yours.marked(tossed.images, 0.5, seed), last)
known = yours.count(f_marked, groups)
print("marked control:", known)

# %% [markdown]
# ## The test
#
# Now the images as they are.

# %%
f, odd = learn(population.images, cut)
verdict = yours.judge(f, f_control, groups, sigma)
found = verdict.found
print(found)
print(f"mid p = {found.p_mid:.2g}; {sigma:g} sigma ask for an exact p of {level:.2g}")

# %% mystnb={"figure": {"caption": "Values of f on the test images, one for each independent image (red above zero, blue below). The black outline is the histogram's mirror image, which a symmetric population would follow.", "name": "fig-yours-histogram"}, "image": {"alt": "Histogram of f with the outline of its mirror image."}}
signed_histogram(yours.one_each(f, groups), bins=2 * int(n**0.5))
plt.ylabel("independent test images")
plt.show()

# %% [markdown]
# The smallest positive fraction that a test of so many images would detect with a probability of
# 95%, and what share of the images must then be handed, at the least, if the others are not:

# %%
print(f"{100 * verdict.smallest:.1f} %, {200 * verdict.smallest - 100:.1f} % of the images")

# %% [markdown]
# This is what chance leaves room for.  A network that has not learned enough sees less; more
# training images help it, and a larger test set helps the count.
#
# ## Who and where
#
# Which images speak most strongly for the direction, and which against it?

# %%
tested = np.flatnonzero(~f.isnan())
order = tested[np.argsort(-f[tested].numpy(), kind="stable")]
ends = np.concatenate([order[:12], order[-12:]]) if len(order) > 24 else order
print("most positive:", ", ".join(population.meta.path[ends[:4]]))
print("most negative:", ", ".join(population.meta.path[ends[-4:]]))

# %% mystnb={"figure": {"caption": "The most positive images (above) and the most negative ones (below) of those tested, framed in the colour of f: red above zero, blue below.", "name": "fig-yours-extremes"}, "image": {"alt": "Two rows of twelve small pictures with coloured frames."}}
image_grid(yours.shown(population.images)[ends], values=f[ends], columns=12)
plt.show()

# %% [markdown]
# If the folder has folders inside, as where each is a class, they are counted one by one.

# %%
inside = population.meta.folder.to_numpy()[tested]
for name in sorted(set(inside))[:20]:
    members = tested[inside == name]
    print(f"{name:>12}: {yours.count(f[members], groups[members])}")

# %% [markdown]
# Which colour carries it?  Each channel on its own, last part only:

# %%
alone = {}
for c in range(min(channels, shape[0]) if shape[0] > 1 else 0):
    f_channel, _ = learn(population.images[:, c : c + 1], last)
    alone[c] = yours.count(f_channel, groups)
    print(f"channel {c}: {alone[c]}")

# %% [markdown]
# And where in the picture?  Each of 8 x 8 patches in turn is covered with the colour around it, and
# the map shows what *f* loses.  Such a map must not prefer a side itself: of the mirror image it
# has to be the mirror image, with the other sign.

# %%
inspected = population.images[last[0][:24]]
maps = occlusion(odd, inspected)
residual = float(
    (occlusion(odd, mirror(inspected[:4])) + mirror(maps[:4])).abs().max() / maps.std()
)
print("M(Px) = - P M(x) to better than 1e-3:", residual < 1e-3)
assert residual < 1e-3

# %% [markdown]
# The average over images that the network was trained on, and six of the most positive ones of the
# test.  Where nothing was detected, the maps show what it knows by heart, and mean nothing.

# %% mystnb={"figure": {"caption": "Above: the mean of 24 images, and six of the most positive test images. Below: what f loses when a patch is covered. Red: the patch speaks for the direction; blue: against it.", "name": "fig-yours-map"}, "image": {"alt": "Seven pictures, and below each a map of eight by eight patches, red where covering lowers f."}}
average = maps.mean(0)
best = population.images[ends[:6]]
pictures = torch.cat([yours.shown(inspected).mean(0, keepdim=True), yours.shown(best)])
below = [average, *occlusion(odd, best)]
figure, axes = plt.subplots(2, 7, figsize=(7.6, 2.3))
for picture, lost, column in zip(pictures, below, axes.T, strict=False):
    column[0].imshow(picture.permute(1, 2, 0).squeeze(-1), vmin=0, vmax=1)
    column[1].imshow(lost, cmap=SIGNED, norm=signed_norm(lost))
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
plt.show()

# %% [markdown]
# Is it only there?  Wherever the average map exceeds a quarter of its maximum, that patch, its
# neighbours and their mirror images are covered in all images (of a map that is spread over more than
# half the picture, only around the strongest patch).  What a new network still finds in the last
# part lies elsewhere.

# %%
where = yours.places(average)
f_covered, _ = learn(yours.cover(population.images, where), last)
covered = yours.count(f_covered, groups)
at = divmod(int(average.argmax()), len(average))
print(f"most at row {at[0] + 1}, column {at[1] + 1} of 8; {where.sum()} of 64 patches covered")
print("covered:", covered)

# %% [markdown]
# ## What we found
#
# The sentence for the record.  "Mirror symmetry is broken" is a statement about the folder: by
# nature, by who took the pictures, or by what was done to the files before they came here.  Only
# the last three figures and what you know of the images can tell which.

# %%
run.record("images", len(population))
run.record("left out", len(gathered.left_out))
run.record("independent images", len(counts))
run.record("positive fraction", found.fraction, found.std, found.n)
run.record("exact p", max(found.p_exact, 1e-300), n=found.n)
run.record("mid p", max(found.p_mid, 1e-300), n=found.n)
run.record("smallest fraction", verdict.smallest, n=found.n)
results = {"control": verdict.control, "marked control": known, "covered": covered}
results |= {f"channel {c}": one for c, one in alone.items()}

# %%
for name, one in results.items():
    if isinstance(one, PositiveFraction):
        run.record(f"{name}, positive fraction", one.fraction, one.std, one.n)
run.record("outcome", verdict.outcome)
run.record("sentence", str(verdict))
saved = run.save()

# %% [markdown] tags=["book-only"]
# What must hold for the demonstrations, whose answers are known:

# %%
if not folder and n * steps >= 15_000:
    assert verdict.outcome == ("detected" if demonstration in ("handed", "clock") else "not seen")
    assert 0.6 < known.fraction < 0.9
if not folder and n * steps >= 15_000 and demonstration == "clock":
    left, top, right, bottom = 8 * np.array(drawn_shells.CLOCK)
    assert top - 1 < at[0] < bottom and left - 1 < at[1] < right
    assert covered.p_exact > 1e-3

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
