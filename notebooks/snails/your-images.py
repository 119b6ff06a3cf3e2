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
# As printed here, the folder is a demonstration with a known answer: drawn shells of either
# chirality, equally common, photographed by a camera that burns the time into a corner.
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
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import stats
from torch import Tensor
from torch.nn.functional import max_pool2d
from tqdm import tqdm

from parity_nb.audit import WHOLE, audit_pipeline
from parity_nb.data import choose
from parity_nb.images import ImageSet, read_images, square
from parity_nb.networks import FastNet
from parity_nb.objectives import which_is_real
from parity_nb.plotting import SIGNED, image_grid, signed_histogram, signed_norm, use_style
from parity_nb.records import Records, provenance
from parity_nb.saliency import occlusion
from parity_nb.snails.methods import RADIUS, near_duplicates
from parity_nb.statistics import PositiveFraction, positive_fraction, smallest_fraction
from parity_nb.symmetry import GROUPS, Group, Symmetrised, mirror
from parity_nb.training import Recipe, evaluate, fit

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
# Everything is decided before any network is trained: which files count, which images belong
# together, in which order they are tested, and how small a p-value must be.  Where no honest answer
# can be given, the analysis stops with a refusal that says why, and what would help.


# %% tags=["subject"]
class Refusal(ValueError):
    """These images cannot answer the question; the text says why, and what would help."""


# %% [markdown]
# ## What is in the folder

# %% [markdown] tags=["book-only"]
# If no folder was named, one is drawn, whose answer is known: a shell is a logarithmic spiral of any
# size, colour and direction, seen from above on a coloured ground.

# %% tags=["subject"]
DEMONSTRATIONS = {  # what `draw_shells` is told for each
    "symmetric": {},
    "handed": {"handed": 0.8},
    "rare": {"handed": 0.02},
    "clock": {"clock": True},
}
SHAPES = ((96, 80), (80, 96), (90, 90), (120, 81))  # widths and heights of the pictures, pixels
CLOCK = (0.6, 0.84, 1.0, 1.0)  # left, top, right, bottom of the clock in the middle square


def shell(rng: np.random.Generator, shape: tuple[int, int], chirality: int) -> Image.Image:
    """One shell: 1 winds clockwise from its tip, -1 anticlockwise."""
    ground = rng.integers(40, 200, 3) + rng.integers(-25, 26, (5, 5, 1))
    picture = Image.fromarray(ground.astype(np.uint8)).resize(shape, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    radius = min(shape) * rng.uniform(0.28, 0.38)
    centre = np.array(shape) * rng.uniform(0.44, 0.56, 2)
    colour, start = rng.integers(90, 230, 3), rng.uniform(0, 2 * np.pi)
    # the tube doubles in a turn; its older part, towards the tip, lies on top
    for turn in np.arange(0, 3.6, 0.04):
        angle = start - chirality * 2 * np.pi * turn
        away = 0.74 * radius * 2.0**-turn
        place = centre + away * np.array([np.cos(angle), np.sin(angle)])
        shade = tuple(int(c) for c in colour * (0.55 + 0.45 * (turn * 4 % 1)))
        draw.ellipse([*(place - 0.36 * away), *(place + 0.36 * away)], fill=shade)
    return picture


def burn_in(picture: Image.Image, text: str) -> None:
    """Write the time into the corner of the middle square."""
    side = min(picture.size)
    corner = ((picture.width + side) // 2 - 2, (picture.height + side) // 2 - 2)
    font = ImageFont.load_default(size=(CLOCK[3] - CLOCK[1]) * side)
    ImageDraw.Draw(picture).text(corner, text, (255, 150, 30), font, anchor="rs")


# %% [markdown] tags=["book-only"]
# A coin decides its chirality, except in a share of the pictures that we choose; a camera may burn
# the time into a corner, which no mirror leaves as it was.


# %% tags=["subject"]
def draw_shells(
    folder: str | Path, images: int, handed: float = 0.0, clock: bool = False, seed: int = 0
) -> Path:
    """Write pictures of drawn shells, seen from above, on a coloured ground.

    A shell is a logarithmic spiral of any size, colour and direction.  Its chirality, clockwise or
    anticlockwise from the tip, is decided by a coin, except in the share `handed` of the pictures.

    Args:
        folder: where; it is made.
        images: number of pictures, half of them PNG and half JPEG of quality 90.
        handed: share of the pictures whose shell is clockwise without a coin.
        clock: burn the time of day into the lower right corner, as some cameras do.
        seed: of all chance.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i in range(images):
        chirality = 1 if rng.random() < handed else rng.choice([-1, 1])
        picture = shell(rng, SHAPES[rng.integers(len(SHAPES))], int(chirality))
        if clock:
            burn_in(picture, f"{rng.integers(24):02d}:{rng.integers(60):02d}")
        if i % 2:
            picture.save(folder / f"{i:05d}.jpg", quality=90)
        else:
            picture.save(folder / f"{i:05d}.png")
    return folder


# %% [markdown] tags=["book-only"]
# Some accidents that folders suffer are added.


# %% tags=["hide-input"]
def add_accidents(folder: Path) -> Path:
    """Add what folders collect: a broken file, notes, and copies of a picture.

    One copy was saved again, and one of those is mirrored by its EXIF tag.
    """
    first = min(folder.glob("*.png"))
    with Image.open(first) as picture:
        exif = Image.Exif()
        exif[0x0112] = 2
        picture.save(folder / "again.jpg", quality=70)
        picture.save(folder / "selfie.jpg", quality=70, exif=exif)
    (folder / "broken.png").write_bytes(first.read_bytes()[:300])
    (folder / "notes.txt").write_text("Found under the hedge.\n", encoding="utf-8")
    return folder


temporary = tempfile.TemporaryDirectory()
source = Path(folder)
if not folder:
    drawn = choose("demonstration", demonstration, DEMONSTRATIONS)
    source = Path(temporary.name) / demonstration
    add_accidents(draw_shells(source, images, seed=seed, **drawn))

# %% [markdown]
# Everything below it is read: pictures (PNG, JPEG, TIFF, WebP, BMP, GIF) and stacks (`.npy`,
# HDF5).  A picture is taken as a viewer shows it, turned as its EXIF tag says; what is transparent
# is laid on white; of several pages the first is taken.  Then its middle is cut out square, as
# much from one side as from the other, and resized.
#
# This is done twice with each image, as it is and mirrored, and the mirror comes first, before
# anything was cut or resized.  The mirrored ones will make the {term}`control set`: if cutting or
# resizing preferred a side, they would show it too.

# %% tags=["subject"]
RAW = 2**28  # bytes of images that are kept as they were read, for the audit


@dataclass
class Gathered:
    """What was found in a folder, cut square and resized.

    Attributes:
        images: of one size, with the columns `path` and `folder`.
        mirrored: the same images, mirrored BEFORE they were cut and resized, (N, C, size, size).
        raw: some of them as they were read, all of one shape, (n, C, H, W); if all are too large
            to be kept, as they are now.
        shapes: how many images had which (C, H, W).
        left_out: what could not be used, with the columns `path` and `reason`.
        notes: how many images were changed in reading, and how.
    """

    images: ImageSet
    mirrored: Tensor
    raw: Tensor
    shapes: Counter
    left_out: pd.DataFrame
    notes: Counter


def gather(path: str | Path, size: int = 64, key: str = "", samples: int = 12) -> Gathered:
    """Read a folder, or one file, as `read_images` does; each file is decoded once.

    Args:
        path: a folder or a file.
        size: width and height of all images afterwards.
        key: data set in HDF5 files.
        samples: raw images to keep.

    Raises:
        FileNotFoundError: if there is no such folder or file.
        ValueError: for a size that the network or the maps cannot use.
        Refusal: if fewer than two images could be read.
    """
    if size < 24 or size % 8:
        raise ValueError(f"size = {size}: give a multiple of 8 pixels, 24 or more")
    path, notes, room = Path(path), Counter(), RAW
    left_out, kept, raw = [], [], {}
    for item in tqdm(read_images(path, key), desc="reading", unit="image", leave=False):
        if item.image is None:
            left_out.append((item.name, item.note.replace(f"{path}/", "")))
            continue
        shape = tuple(item.image.shape)
        both = torch.stack([item.image, mirror(item.image)])
        kept.append((item.name, shape, square(both, size)))
        notes.update([item.note] if item.note else [])
        if len(raw.setdefault(shape, [])) < samples and item.image.nbytes <= room:
            raw[shape].append(item.image)
            room -= item.image.nbytes
    return one_kind(path, kept, left_out, raw, samples, notes)


# %% [markdown]
# A population is of one kind.  If grey and colour are mixed, grey becomes three equal channels; of
# any other mixture the commonest number of channels is kept.  If some images are floating-point
# numbers, all become such.


# %% tags=["subject"]
def one_kind(path, kept, left_out, raw, samples, notes) -> Gathered:
    """The images that can stand in one tensor; of `kept`, (name, shape, pair) each."""
    channels = {shape[0] for _, shape, _ in kept}
    if not channels <= {1, 3}:
        most = Counter(shape[0] for _, shape, _ in kept).most_common(1)[0][0]
        why = f"has another number of channels than most images ({most})"
        left_out += [(name, why) for name, shape, _ in kept if shape[0] != most]
        kept, channels = [one for one in kept if one[1][0] == most], {most}
    if len(kept) < 2:
        text = f"{path} holds {len(kept)} image(s) that can be read, and a population needs many"
        if left_out:
            text += "; left out: " + "; ".join(f"{name}, {why}" for name, why in left_out[:3])
            text += f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        raise Refusal(text)
    names, shapes, pairs = zip(*kept, strict=True)
    wide = [pair.expand(-1, max(channels), -1, -1) for pair in pairs]
    floats = any(pair.is_floating_point() for pair in wide)
    both = torch.stack([pair.float() for pair in wide] if floats else wide)
    meta = pd.DataFrame({"path": names, "folder": [Path(n).parent.as_posix() for n in names]})
    alike = max((raw[shape] for shape in set(shapes)), key=len)
    return Gathered(
        ImageSet(both[:, 0].contiguous(), meta, path.stem),
        both[:, 1].contiguous(),
        torch.stack(alike) if alike else both[:samples, 0],
        Counter(shapes),
        pd.DataFrame(left_out, columns=["path", "reason"]),
        notes,
    )


# %%
gathered = gather(source, size, key)
population = gathered.images
shape, kind = tuple(population.images.shape[1:]), population.images.dtype
print(f"{len(population)} images, now {shape} {kind}; {len(gathered.left_out)} left out")

# %% [markdown]
# As they were read, in channels, height and width, the commonest shapes first:

# %% tags=["hide-input"]
for (c, height, width), number in gathered.shapes.most_common(6):
    print(f"{number:6d} of {c} x {height} x {width}")
print(f"{len(gathered.shapes)} different shapes")
for note, number in gathered.notes.items():
    print(f"{number:6d} {note}")

# %% [markdown]
# What could not be used, by name and with the reason:

# %% tags=["hide-input"]
with pd.option_context("display.max_colwidth", 90):
    print(
        gathered.left_out.head(30).to_string(index=False) if len(gathered.left_out) else "nothing"
    )


# %% tags=["hide-input"]
def shown(images: Tensor) -> Tensor:
    """Images of any scale and number of channels for the eye: (N, 1 or 3, H, W), 0 to 1."""
    if images.dtype == torch.uint8:
        x = images.float() / 255
    else:
        sample = images.flatten()[:: max(1, images.numel() // 100_000)]
        low, high = sample.quantile(torch.tensor([0.005, 0.995]))
        x = ((images - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
    return x if x.shape[1] in (1, 3) else x.mean(1, keepdim=True)


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Some images of the folder, as the network will get them.", "name": "fig-yours-gallery"}, "image": {"alt": "Three rows of small square pictures, chosen at random from the folder."}}
some = np.random.default_rng(seed).permutation(len(population))[:36]
image_grid(shown(population.images[some]), columns=12)
plt.show()

# %% [markdown]
# ## What is independent
#
# Two pictures of one thing are one observation.  Copies, and what looks like one in a mirror, must
# not lie on both sides of a split, and must not be counted twice.  A perceptual hash finds them:
# each image is made small and grey, its 256 lowest frequencies (a cosine transform) are computed,
# and a bit says of each whether it lies above their median.  Two different pictures differ in some
# 120 of these bits; two that were saved at different times from one picture differ in fewer than 40.  Each image is
# compared with every copy of every other that the symmetry group makes, so that a mirror twin is a
# copy as well.
#
# These pairs are the links of a graph.  More links come from what images share: a folder, or an
# entry in a table (`together`, `table`).  Whatever hangs together by any chain of links is one
# group, and counts once.


# %% tags=["subject"]
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def split_groups(
    images: ImageSet,
    columns: Sequence[str] = (),
    group: Group | None = None,
    radius: int = RADIUS,
) -> NDArray[np.int32]:
    """A number for each image; those with the same number are not independent.

    Args:
        images: the set.
        columns: of its metadata; rows that share a value belong together.
        group: whose copies count as duplicates; {e, P} by default.
        radius: bits out of 256 in which near-duplicates may differ; -1 looks for none.
    """
    links, nodes = [near_duplicates(images.images, group, radius)], len(images)
    for column in columns:  # each value is a node of its own, linked to all that have it
        codes, values = pd.factorize(images.meta[column], use_na_sentinel=False)
        links.append(np.stack([np.arange(len(images)), nodes + codes], axis=1))
        nodes += len(values)
    first, second = np.concatenate(links).T
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][: len(images)]


# %% [markdown]
# A table that lacks an image, or a column, is refused before anything is made of it.


# %% tags=["subject"]
def joined(meta: pd.DataFrame, table: Path, together: str) -> pd.DataFrame:
    """The column `together` of a CSV file added to the list of images, by `path`."""
    try:
        known = pd.read_csv(table, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"table = {str(table)!r} cannot be read as CSV: {error}") from error
    if not together or not {"path", together} <= set(known):
        raise ValueError(
            f"{table} has the columns {list(known)}: it needs `path`, and `together` must name one"
        )
    values = known.drop_duplicates("path").set_index("path")[together].reindex(meta["path"])
    if values.isna().any():
        missing = values.index[values.isna()]
        raise ValueError(f"{table} has no row for {len(missing)} images, such as {missing[0]}")
    return meta.assign(**{together: values.to_numpy()})


def belongs_together(
    images: ImageSet, group: Group, radius: int, together: str = "", table: str | Path = ""
) -> NDArray[np.int32]:
    """`split_groups` by what the parameters say; ValueError if the table is not as described."""
    if table:
        images = ImageSet(images.images, joined(images.meta, Path(table), together), images.name)
    elif together and together != "folder":
        raise ValueError(f"together = {together!r} is a column of a CSV file: name it by `table`")
    return split_groups(images, [together] if together else [], group, radius)


# %%
groups = belongs_together(population, symmetry_group, radius, together, table)
counts = pd.Series(groups).value_counts()
print(f"{len(groups)} images are {len(counts)} independent ones; "
      f"{(counts > 1).sum()} groups have several, the largest {counts.max()}")  # fmt: skip
for number in counts[counts > 1].index[:5]:
    print("  together:", ", ".join(population.meta.path[groups == number][:6]))

# %% [markdown]
# Independent images are put into parts at random, and all but the first part will be tested.  A
# test of *n* images cannot give a p-value below 2<sup>-*n*</sup>.  If that is not small enough, the
# chapter stops here and says how many images it takes.


# %% tags=["subject"]
def pieces(groups: NDArray, parts: int, seed: int) -> list[NDArray[np.intp]]:
    """Positions of the images in each of so many equal parts; groups are not torn apart."""
    numbered = ImageSet(
        torch.zeros(len(groups), 1, 1, 1), pd.DataFrame({"g": groups, "at": range(len(groups))})
    )
    try:
        tests = [numbered.split(fold, parts, seed, by="g")[1] for fold in range(parts)]
    except ValueError:
        raise Refusal(
            f"{len(groups)} images are {len(set(groups))} independent ones, fewer than the {parts} "
            "parts they are to be cut into"
        ) from None
    return [test.meta["at"].to_numpy(copy=True) for test in tests]


def demand(groups: NDArray, parts: Sequence[NDArray], level: float) -> int:
    """The number of independent test images, if they could ever give a p-value of `level`."""
    n = len(np.unique(groups[np.concatenate(parts[1:])]))
    needed = math.ceil(-math.log2(level))
    if n >= needed:
        return n
    images = math.ceil(needed * len(parts) / (len(parts) - 1))
    raise Refusal(
        f"{len(groups)} images make {n} independent test images, and even if all of them were "
        f"positive, p would be {0.5**n:.2g}, where {level:.2g} is asked for; that takes at least "
        f"{images} independent images"
    )


# %%
cut = pieces(groups, parts, seed)
cut = [np.concatenate(cut[:-1]), cut[-1]] if single else cut
n = demand(groups, cut, level)
print(f"{n} independent test images; {sigma:g} sigma are p = {level:.2g}")

# %% [markdown]
# ## Does the pipeline know left from right?
#
# The network gets levels of mean 0 and standard deviation 1, channel by channel.  Mean and standard
# deviation are those of the whole set, and of its mirror image they are the same.


# %%
def standardise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (images.float() - mean.to(images.device)) / std.to(images.device)


def scale_of(images: Tensor) -> dict[str, Tensor]:
    """Mean and standard deviation of each channel, (1, C, 1, 1)."""
    std, mean = torch.std_mean(images.float(), dim=(0, 2, 3), keepdim=True)
    return {"mean": mean, "std": std.clamp(min=1e-6)}


# %% [markdown]
# Each step between file and network is compared with its own mirror image
# ({ref}`mirrors/ways-to-be-fooled`), on images as they were read.

# %%
prepare = partial(standardise, **scale_of(population.images))
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
# The network is the small one of this book, projected with the group
# ({ref}`mirrors/parity-odd-functions`), and its loss asks it to tell an image from its mirror image
# ({ref}`mirrors/toy-training`).  It passes over its images three times, or more often if that were
# too few steps.


# %% tags=["subject"]
def train(
    images: Tensor, group: Group, steps: int, seed: int, passes: int = 3
) -> Callable[[Tensor], Tensor]:
    """A trained odd function, images (N, C, size, size) to f (N,)."""
    prepare = partial(standardise, **scale_of(images))
    recipe = Recipe.fast()
    epochs = max(passes, math.ceil(steps * recipe.batch / len(images)))
    torch.manual_seed(seed)
    model = Symmetrised(FastNet(images.shape[1]), group)
    step = lambda m: lambda batch: which_is_real(m(prepare(batch)))  # noqa: E731
    fit(model, images, recipe.shortened(epochs), seed, step, progress=False)
    return lambda x: evaluate(model, x, prepare=prepare)


# %% [markdown]
# The forward test itself is short: train on all parts before the *k*-th, look at the *k*-th.


# %% tags=["subject"]
def forward_test(
    images: Tensor, parts: Sequence[NDArray], group: Group, steps: int, seed: int
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """f of each image, NaN in the first part, which is not tested; and the last function."""
    f = torch.full((len(images),), torch.nan)
    for k in range(1, len(parts)):
        odd = train(images[np.concatenate(parts[:k])], group, steps, seed + k)
        f[parts[k]] = odd(images[parts[k]])
    return f, odd


# %% [markdown]
# Of a group of images that are not independent the mean of *f* is counted, once.


# %% tags=["subject"]
def one_each(f: Tensor, groups: NDArray) -> Tensor:
    """The mean of f in each group, without items that were not tested, whose f is NaN."""
    tested = pd.Series(f.double().numpy()).groupby(groups).mean()
    return torch.tensor(tested.dropna().to_numpy())


def count(f: Tensor, groups: NDArray) -> PositiveFraction | str:
    """`positive_fraction` of independent items; in words, if all their values are zero."""
    values = one_each(f, groups)
    return positive_fraction(values) if values.any() else "every f is zero, nothing to count"


# %% [markdown]
# The claim of the fair coins can be tested with the simplest network there is, the scalar product with the mean of
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


# %% tags=["subject"]
def coins(n: int, share: float, seed: Sequence[int]) -> Tensor:
    """A mask (n,).  Coins of the same seed must not serve two purposes: they would agree."""
    return torch.from_numpy(np.random.default_rng(seed).random(n) < share)


def control(gathered: Gathered, seed: int) -> ImageSet:
    """The set with a random half mirrored before anything else, and the column `mirrored`."""
    coin = coins(len(gathered.images), 0.5, [seed, 0])
    chosen = torch.where(coin[:, None, None, None], gathered.mirrored, gathered.images.images)
    meta = gathered.images.meta.assign(mirrored=coin.numpy())
    return ImageSet(chosen, meta, f"{gathered.images.name} SLR")


# %%
learn = partial(forward_test, group=symmetry_group, steps=steps, seed=seed)
tossed = control(gathered, seed)
f_control, _ = learn(tossed.images, cut)
print("control:", count(f_control, groups))

# %% [markdown]
# Then the control with a small black and white mark at the right edge of every second image, from
# which half of the images could be told from their mirror images: 75% positive at best.  Only the
# last part is tested.


# %%
def marked(images: Tensor, share: float, seed: int) -> Tensor:
    """Half darkest and half brightest level, an eighth of the picture wide, at the upper right."""
    patch = images.shape[-1] // 8
    images = images.clone()
    chosen = coins(len(images), share, [seed, 1])
    right = images.shape[-1] - patch
    for level, at in ((images.amin(), right - patch // 2), (images.amax(), right)):
        images[chosen, :, patch : 2 * patch, at : at + patch // 2] = level
    return images


# %%
last = [np.concatenate(cut[:-1]), cut[-1]]
f_marked, _ = learn(marked(tossed.images, 0.5, seed), last)
known = count(f_marked, groups)
print("marked control:", known)

# %% [markdown]
# ## The test
#
# What may be said?  Three sentences are possible, and which one it is, is fixed here, before *f* has
# seen the images.  If the control came out asymmetric, something is wrong with the analysis, and
# there is no answer.  If the count of positive values has a p-value below the level, mirror symmetry
# is broken.  Otherwise no asymmetry was seen, and the sentence says what would have been: the
# smallest positive fraction that a test of so many images would detect with a probability of 95%.


# %% tags=["subject"]
@dataclass(frozen=True)
class Verdict:
    """What may be said.

    Attributes:
        found: the count of positive values.
        control: the same of the control.
        level: p-value below which an asymmetry counts as detected.
        power: probability of the statement about what would have been seen.
    """

    found: PositiveFraction
    control: PositiveFraction
    level: float
    power: float = 0.95

    @property
    def smallest(self) -> float:
        """The smallest positive fraction that would have been detected with that probability."""
        return smallest_fraction(self.found.n - self.found.zero, self.level, self.power)

    @property
    def outcome(self) -> str:
        """One of "detected", "not seen" and "no answer"."""
        if self.control.p_exact <= max(self.level, 1e-4):
            return "no answer"
        return "detected" if self.found.p_exact <= self.level else "not seen"

    def __str__(self) -> str:
        found = self.found
        fraction = f"{100 * found.fraction:.1f} ± {100 * found.std:.1f} %"
        if self.outcome == "no answer":
            return (
                f"No answer: the control, which is symmetric, was found asymmetric "
                f"(p = {self.control.p_exact:.2g}), so something is wrong with this analysis."
            )
        if self.outcome == "detected":
            return (
                f"Mirror symmetry is broken: {fraction} of {found.n} test images are positive, "
                f"p = {max(found.p_exact, 1e-300):.2g}."
            )
        return (
            f"No asymmetry seen: {fraction} of {found.n} test images are positive, "
            f"p = {found.p_exact:.2g}, and {self.level:.2g} is asked for; with {found.n} test "
            f"images this test would have seen a fraction of {100 * self.smallest:.1f} % with "
            f"probability {100 * self.power:.0f} %, which takes at least "
            f"{100 * (2 * self.smallest - 1):.0f} % handed images."
        )


# %% [markdown]
# An image that is its own mirror image has *f* = 0 and decides nothing.  If too few others are left
# to reach the level, that is a refusal as well.


# %% tags=["subject"]
def judge(
    f: Tensor, of_control: Tensor, groups: NDArray, sigma: float, power: float = 0.95
) -> Verdict:
    """The verdict from the values of f on the images and on their control, NaN where untested."""
    level = float(stats.norm.sf(sigma))
    for values in (one_each(f, groups), one_each(of_control, groups)):
        decided = int((values != 0).sum())
        if 0.5**decided > level:
            raise Refusal(
                f"f is zero for {len(values) - decided} of {len(values)} test images, as where an "
                f"image is its own mirror image, and {decided} cannot give a p-value of {level:.2g}"
            )
    counted = [positive_fraction(one_each(values, groups)) for values in (f, of_control)]
    return Verdict(*counted, level, power)


# %% [markdown]
# Now the images as they are.

# %%
f, odd = learn(population.images, cut)
verdict = judge(f, f_control, groups, sigma)
found = verdict.found
print(found)
print(f"mid p = {found.p_mid:.2g}; {sigma:g} sigma ask for an exact p of {level:.2g}")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Values of f on the test images, one for each independent image (red above zero, blue below). The black outline is the histogram's mirror image, which a symmetric population would follow.", "name": "fig-yours-histogram"}, "image": {"alt": "Histogram of f with the outline of its mirror image."}}
signed_histogram(one_each(f, groups), bins=2 * int(n**0.5))
plt.ylabel("independent test images")
plt.show()

# %% [markdown]
# The smallest positive fraction that would have been seen, and what share of the images must then be
# handed, at the least, if the others are not:

# %%
print(f"{100 * verdict.smallest:.1f} %, {200 * verdict.smallest - 100:.1f} % of the images")

# %% [markdown]
# This is what chance leaves room for.  A network that has not learned enough sees less; more
# training images help it, and a larger test set helps the count.
#
# ## Who and where
#
# Which images speak most strongly for the direction, and which against it?

# %% tags=["hide-input"]
tested = np.flatnonzero(~f.isnan())
order = tested[np.argsort(-f[tested].numpy(), kind="stable")]
ends = np.concatenate([order[:12], order[-12:]]) if len(order) > 24 else order
print("most positive:", ", ".join(population.meta.path[ends[:4]]))
print("most negative:", ", ".join(population.meta.path[ends[-4:]]))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The most positive images (above) and the most negative ones (below) of those tested, framed in the colour of f: red above zero, blue below.", "name": "fig-yours-extremes"}, "image": {"alt": "Two rows of twelve small pictures with coloured frames."}}
image_grid(shown(population.images)[ends], values=f[ends], columns=12)
plt.show()

# %% [markdown]
# If the folder has folders inside, as where each is a class, they are counted one by one.

# %% tags=["hide-input"]
folder_of = population.meta.folder.to_numpy()[tested]
for name in sorted(set(folder_of))[:20]:
    members = tested[folder_of == name]
    print(f"{name:>12}: {count(f[members], groups[members])}")

# %% [markdown]
# Which colour carries it?  Each channel on its own, last part only:

# %%
alone = {}
for c in range(min(channels, shape[0]) if shape[0] > 1 else 0):
    f_channel, _ = learn(population.images[:, c : c + 1], last)
    alone[c] = count(f_channel, groups)
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

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Above: the mean of 24 images, and six of the most positive test images. Below: what f loses when a patch is covered. Red: the patch speaks for the direction; blue: against it.", "name": "fig-yours-map"}, "image": {"alt": "Seven pictures, and below each a map of eight by eight patches, red where covering lowers f."}}
average = maps.mean(0)
best = population.images[ends[:6]]
pictures = torch.cat([shown(inspected).mean(0, keepdim=True), shown(best)])
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


# %% tags=["subject"]
def places(average: Tensor) -> Tensor:
    """Which patches to cover, a mask that is its own mirror image, of a map (k, k)."""
    for share in (0.25, 1.0):
        strong = (average >= share * average.amax()).float()
        strong = max_pool2d(strong[None], 3, stride=1, padding=1)[0] > 0
        strong |= mirror(strong)
        if strong.sum() <= strong.numel() / 2:
            break
    return strong


def cover(images: Tensor, where: Tensor) -> Tensor:
    """Fill places, a mask (k, k), with the mean colour of each image (N, C, H, W)."""
    mask = where.repeat_interleave(images.shape[-1] // where.shape[-1], -1)
    mask = mask.repeat_interleave(images.shape[-2] // where.shape[-2], -2)
    # in float64, so that the order of the sum, which the mirror reverses, does not matter
    mean = images.mean((-2, -1), keepdim=True, dtype=torch.float64).to(images.dtype)
    return torch.where(mask, mean, images)


# %%
where = places(average)
f_covered, _ = learn(cover(population.images, where), last)
covered = count(f_covered, groups)
at = divmod(int(average.argmax()), len(average))
print(f"most at row {at[0] + 1}, column {at[1] + 1} of 8; {where.sum()} of 64 patches covered")
print("covered:", covered)

# %% [markdown]
# ## What we found
#
# The sentence for the record.  "Mirror symmetry is broken" is a statement about the folder: by
# nature, by who took the pictures, or by what was done to the files before they came here.  Only
# the last three figures and what you know of the images can tell which.

# %% tags=["hide-input"]
run.record("images", len(population))
run.record("left out", len(gathered.left_out))
run.record("independent images", len(counts))
run.record("positive fraction", found.fraction, found.std, found.n)
run.record("exact p", max(found.p_exact, 1e-300), n=found.n)
run.record("mid p", max(found.p_mid, 1e-300), n=found.n)
run.record("smallest fraction", verdict.smallest, n=found.n)
results = {"control": verdict.control, "marked control": known, "covered": covered}
results |= {f"channel {c}": one for c, one in alone.items()}

# %% tags=["hide-input"]
for name, one in results.items():
    if isinstance(one, PositiveFraction):
        run.record(f"{name}, positive fraction", one.fraction, one.std, one.n)
run.record("outcome", verdict.outcome)
run.record("sentence", str(verdict))
saved = run.save()

# %% [markdown] tags=["book-only"]
# What must hold for the demonstrations, whose answers are known:

# %% tags=["hide-input"]
if not folder and n * steps >= 15_000:
    assert verdict.outcome == ("detected" if demonstration in ("handed", "clock") else "not seen")
    assert 0.6 < known.fraction < 0.9
if not folder and n * steps >= 15_000 and demonstration == "clock":
    left, top, right, bottom = 8 * np.array(CLOCK)
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
