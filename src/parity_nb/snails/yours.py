"""Any folder of images in, an answer out: what `snails/your-images` is made of.

Everything is decided before training: which files count, which images belong together, in which
order they are tested, how small a p-value must be.  `Refusal` says why no answer can be given.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor
from torch.nn.functional import max_pool2d
from tqdm import tqdm

from parity_nb.images import ImageSet, read_images, square
from parity_nb.networks import FastNet
from parity_nb.objectives import which_is_real
from parity_nb.snails.methods import split_groups
from parity_nb.statistics import PositiveFraction, positive_fraction, smallest_fraction
from parity_nb.symmetry import Group, Symmetrised, mirror
from parity_nb.training import Recipe, evaluate, fit

Odd = Callable[[Tensor], Tensor]
"""A trained parity-odd function: images (N, C, size, size) to values (N,)."""


RAW = 2**28
"""Bytes of images that are kept as they were read, for the audit."""


class Refusal(ValueError):
    """These images cannot answer the question; the text says why, and what would help."""


# --- reading


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

    An image is cut square around its middle and resized (`square`), as it is and mirrored.  If grey
    and colour are mixed, grey becomes three equal channels; of any other mixture, the commonest
    number of channels is kept.  If some are float, all become float32.

    Args:
        path: a folder or a file.
        size: width and height of all images afterwards.
        key: as in `read_images`.
        samples: raw images to keep.

    Raises:
        FileNotFoundError: if there is no such folder or file.
        ValueError: for a size that the network or the maps cannot use.
        Refusal: if fewer than two images could be read.
    """
    if size < 24 or size % 8:
        raise ValueError(f"size = {size}: give a multiple of 8 pixels, 24 or more")
    path = Path(path)
    notes: Counter = Counter()
    left_out, kept, raw, room = [], [], {}, RAW
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
    channels, why = _channels([shape[0] for _, shape, _ in kept])
    left_out += [(name, why) for name, shape, _ in kept if shape[0] not in channels]
    kept = [one for one in kept if one[1][0] in channels]
    if len(kept) < 2:
        raise Refusal(_too_few(path, len(kept), left_out))
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


def _channels(numbers: Sequence[int]) -> tuple[set[int], str]:
    """Numbers of channels that may stay together, and why others may not."""
    if set(numbers) <= {1, 3}:
        return set(numbers), ""
    commonest = Counter(numbers).most_common(1)[0][0]
    return {commonest}, f"has another number of channels than most images ({commonest})"


def _too_few(path: Path, images: int, left_out: Sequence[tuple[str, str]]) -> str:
    text = f"{path} holds {images} image(s) that can be read, and a population needs many"
    if left_out:
        text += "; left out: " + "; ".join(f"{name}, {why}" for name, why in left_out[:3])
        text += f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return text


def control(gathered: Gathered, seed: int) -> ImageSet:
    """The set with a random half mirrored before anything else was done, and the column `mirrored`.

    Whatever the images are, this population is its own mirror image.
    """
    coin = _chosen(len(gathered.images), 0.5, [seed, 0])
    chosen = torch.where(coin[:, None, None, None], gathered.mirrored, gathered.images.images)
    meta = gathered.images.meta.assign(mirrored=coin.numpy())
    return ImageSet(chosen, meta, f"{gathered.images.name} SLR")


def _chosen(n: int, share: float, seed: Sequence[int]) -> Tensor:
    """A mask (n,).  Coins of the same seed must not serve two purposes: they would agree."""
    return torch.from_numpy(np.random.default_rng(seed).random(n) < share)


# --- what is independent of what


def belongs_together(
    images: ImageSet, group: Group, radius: int, together: str = "", table: str | Path = ""
) -> NDArray[np.int32]:
    """A number for each image; those with the same number are not independent.

    Near-duplicates under the group belong together (`split_groups`), and so do images that share
    a folder or a value in a table.

    Args:
        images: with the columns `path` and `folder`.
        group: whose copies count as duplicates.
        radius: bits out of 256 in which near-duplicates may differ; -1 looks for none.
        together: "folder", or a column of the table; empty: nothing else.
        table: CSV file with the columns `path`, as in the list of images, and `together`.

    Raises:
        ValueError: if the table is not as described, or lacks an image.
    """
    if table:
        images = ImageSet(images.images, _joined(images.meta, Path(table), together), images.name)
    elif together and together != "folder":
        raise ValueError(f"together = {together!r} is a column of a CSV file: name it by `table`")
    return split_groups(images, [together] if together else [], group, radius)


def _joined(meta: pd.DataFrame, table: Path, together: str) -> pd.DataFrame:
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


def pieces(groups: NDArray, parts: int, seed: int) -> list[NDArray[np.intp]]:
    """Positions of the images in each of so many equal parts; groups are not torn apart.

    Raises:
        Refusal: if there are fewer groups than parts.
    """
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
    """The number of independent test images, if they could ever give a p-value of `level`.

    All parts but the first are tested.

    Raises:
        Refusal: if they could not, with what would be needed.
    """
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


# --- training and testing


def standardise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Levels of any scale to mean 0 and standard deviation 1, channel by channel."""
    return (images.float() - mean.to(images.device)) / std.to(images.device)


def scale_of(images: Tensor) -> dict[str, Tensor]:
    """Mean and standard deviation of each channel, (1, C, 1, 1); both are blind to the mirror."""
    std, mean = torch.std_mean(images.float(), dim=(0, 2, 3), keepdim=True)
    return {"mean": mean, "std": std.clamp(min=1e-6)}


def train(images: Tensor, group: Group, steps: int, seed: int, passes: int = 3) -> Odd:
    """Train a small network on images (N, C, H, W), and return it as a function.

    `FastNet` and `Recipe.fast`, for so many passes, or more if that were fewer than `steps` steps.
    """
    prepare = partial(standardise, **scale_of(images))
    recipe = Recipe.fast()
    epochs = max(passes, math.ceil(steps * recipe.batch / len(images)))
    torch.manual_seed(seed)
    model = Symmetrised(FastNet(images.shape[1]), group)
    step = lambda m: lambda batch: which_is_real(m(prepare(batch)))  # noqa: E731
    fit(model, images, recipe.shortened(epochs), seed, step, progress=False)
    return lambda x: evaluate(model, x, prepare=prepare)


def forward_test(
    images: Tensor, parts: Sequence[NDArray], group: Group, steps: int, seed: int
) -> tuple[Tensor, Odd]:
    """Test each part by a network that was trained on the parts before it.

    Whatever the networks have learned, the sign of f on a new item is a fair coin if the
    population is its own mirror image, and it knows nothing of the signs before it.  So all signs
    together are independent coins, which those of a cross-validation are not.

    Returns:
        f of each image, NaN in the first part, which is not tested; and the last function.
    """
    f = torch.full((len(images),), torch.nan)
    for k in range(1, len(parts)):
        odd = train(images[np.concatenate(parts[:k])], group, steps, seed + k)
        f[parts[k]] = odd(images[parts[k]])
    return f, odd


def one_each(f: Tensor, groups: NDArray) -> Tensor:
    """The mean of f in each group, without items that were not tested, whose f is NaN."""
    tested = pd.Series(f.double().numpy()).groupby(groups).mean()
    return torch.tensor(tested.dropna().to_numpy())


def count(f: Tensor, groups: NDArray) -> PositiveFraction | str:
    """`positive_fraction` of independent items; in words, if all their values are zero."""
    values = one_each(f, groups)
    return positive_fraction(values) if values.any() else "every f is zero, nothing to count"


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


def judge(
    f: Tensor, of_control: Tensor, groups: NDArray, sigma: float, power: float = 0.95
) -> Verdict:
    """The verdict from the values of f on the images and on their control, NaN where untested.

    Raises:
        Refusal: if too many values are zero, as those of images that are their own mirror images.
    """
    level = float(stats.norm.sf(sigma))
    for values in (one_each(f, groups), one_each(of_control, groups)):
        decided = int((values != 0).sum())
        if 0.5**decided > level:
            raise Refusal(
                f"f is zero for {len(values) - decided} of {len(values)} test images, as where an "
                f"image is its own mirror image, and {decided} cannot give a p-value of {level:.2g}"
            )
    counts = [positive_fraction(one_each(values, groups)) for values in (f, of_control)]
    return Verdict(*counts, level, power)


# --- known answers, places


def marked(images: Tensor, share: float, seed: int) -> Tensor:
    """Put a mark, half darkest and half brightest level, into a random share of the images.

    It lies in the upper right and is an eighth of the picture wide, (N, C, size, size).
    """
    patch = images.shape[-1] // 8
    images = images.clone()
    chosen = _chosen(len(images), share, [seed, 1])
    right = images.shape[-1] - patch
    for level, at in ((images.amin(), right - patch // 2), (images.amax(), right)):
        images[chosen, :, patch : 2 * patch, at : at + patch // 2] = level
    return images


def places(average: Tensor) -> Tensor:
    """Which patches to cover, a mask (k, k) that is its own mirror image.

    Those where a map (k, k) exceeds a quarter of its maximum, their neighbours, and the mirror
    images of both.  If that is more than half of the picture, only the strongest patch counts.
    """
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


def shown(images: Tensor) -> Tensor:
    """Images of any scale and number of channels for the eye: (N, 1 or 3, H, W), 0 to 1."""
    if images.dtype == torch.uint8:
        x = images.float() / 255
    else:
        sample = images.flatten()[:: max(1, images.numel() // 100_000)]
        low, high = sample.quantile(torch.tensor([0.005, 0.995]))
        x = ((images - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
    return x if x.shape[1] in (1, 3) else x.mean(1, keepdim=True)
