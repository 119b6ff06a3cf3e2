"""Sets of photographs and drawings, and the simplest parity-odd function of a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from parity_nb.data import choose
from parity_nb.fetch import dataset
from parity_nb.images import ImageSet, stack
from parity_nb.mirrors.digits import digits
from parity_nb.mirrors.files import read_cifar10, read_idx
from parity_nb.symmetry import mirror, mirror_where, random_half

CLOTHES = "T-shirt, trousers, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot"
THINGS = "aeroplane, car, bird, cat, deer, dog, frog, horse, ship, lorry"
ANIMALS = "bear, bird, cat, cow, dog, elephant, giraffe, horse, sheep, zebra"

INKS = ((192, 10, 64), (0, 74, 238))
"""Red and blue ink, (R, G, B), that become the same level of grey."""


# --- sets


def photographs(name: str, path: str | Path = "") -> ImageSet:
    """A set of pictures as it is distributed, brought first if it is not here.

    Args:
        name: a key of `SETS`.
        path: a folder of the reader's own with the files of the data set; empty: none.

    Returns:
        uint8 images (N, 1 or 3, H, W) with the column `label`, the name of the class.

    Raises:
        ValueError: for another name.
        FetchError: if the set cannot be brought.
    """
    return choose("dataset", name, SETS)(path)


def _digits(path: str | Path) -> ImageSet:
    found = digits(path=path)
    return ImageSet.from_array(found.images, "digits", label=found.meta.digit.astype(str))


def _inked(path: str | Path) -> ImageSet:
    """Digits in black and two inks: a random half is mirrored and blue, the others are red."""
    plain = _digits(path)
    blue = random_half(len(plain), torch.Generator().manual_seed(0))
    ink = torch.tensor(INKS)[blue.long()][:, :, None, None]
    pixels = (mirror_where(plain.images, blue) > 127) * ink
    return ImageSet(pixels.to(torch.uint8), plain.meta, "digits-inked")


def _faces(path: str | Path) -> ImageSet:
    pixels = np.load(dataset("faces", path) / "lfw_subset.npy", allow_pickle=False)
    levels = (255 * pixels[:100]).round().astype(np.uint8)  # the second hundred are no faces
    return _named(levels, np.zeros(len(levels), int), ["face"], "faces")


def _fashion(path: str | Path) -> ImageSet:
    folder = dataset("fashion-mnist", path)
    parts = [
        [read_idx(folder / f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
        for part in ("train", "t10k")
    ]
    pixels, labels = map(np.concatenate, zip(*parts, strict=True))
    return _named(pixels, labels, CLOTHES.split(", "), "fashion")


def _cifar10(path: str | Path) -> ImageSet:
    pixels, labels = read_cifar10(dataset("cifar-10", path))
    return _named(pixels, labels, THINGS.split(", "), "cifar-10")


def _animals(path: str | Path) -> ImageSet:
    folder = dataset("animal-mnist", path)
    pixels, labels = (read_idx(folder / f"{f}-ubyte") for f in ("images-idx3", "labels-idx1"))
    return _named(pixels, labels, ANIMALS.split(", "), "animals")


def _named(pixels: np.ndarray, labels: np.ndarray, names: Sequence[str], name: str) -> ImageSet:
    # a copy: files are read into memory that torch may not write to
    return ImageSet.from_array(torch.tensor(pixels), name, label=np.array(names)[labels])


SETS: dict[str, Callable[[str | Path], ImageSet]] = {
    "digits": _digits,
    "digits-inked": _inked,
    "faces": _faces,
    "fashion": _fashion,
    "cifar-10": _cifar10,
    "animals": _animals,
}
"""Sets that a chapter's `dataset` parameter may name; the first three need no download."""


# --- preparing


def train_and_test(
    population: ImageSet, seed: int, images: int = 0
) -> tuple[ImageSet, ImageSet, ImageSet]:
    """What networks were tuned on, further training images, and held-out ones.

    A random third is for tuning: it is the same for all seeds, may be looked at as often as one
    likes, and is never tested.  A fifth of the rest, the fold `seed` modulo 5, is held out, so
    the test sets of five seeds are disjoint.

    Args:
        population: the whole set.
        seed: which fold.
        images: keep so many images, chosen at random once and for all; 0 keeps all.

    Returns:
        Three sets, disjoint, which together are the population.  Test images of which the
        training images hold an exact copy, or the exact mirror image, are left out.
    """
    if images and images < len(population):
        kept = np.random.default_rng(2).permutation(len(population))[:images]
        population = population[np.sort(kept)]
    rest, tuning = population.split(folds=3, seed=1)
    train, test = rest.split(fold=seed % 5)
    return tuning, train, without_copies(test, stack([tuning, train]))


def without_copies(test: ImageSet, train: ImageSet) -> ImageSet:
    """The test images that are not, bit for bit, a training image or the mirror image of one."""
    seen = {picture.numpy().tobytes() for picture in train.images}
    new = [
        x.numpy().tobytes() not in seen and m.numpy().tobytes() not in seen
        for x, m in zip(test.images, mirror(test.images), strict=True)
    ]
    return test[np.flatnonzero(new)]


def mirror_all_but(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Leave a random `share` of images (N, C, H, W) alone and throw a coin for each other one.

    A share of 1 is the set itself, 0 its control; in between, it is diluted by images without
    handedness.
    """
    others = torch.rand(len(images), generator=generator) >= share
    return mirror_where(images, others & random_half(len(images), generator))


def cut_border(images: Tensor, pixels: int) -> Tensor:
    """Cut so many pixels off all four sides, the same on each: (N, C, H, W) -> smaller H, W."""
    return images[..., pixels:-pixels, pixels:-pixels] if pixels else images


def shrink_by(images: Tensor, pixels: int) -> Tensor:
    """Average squares of so many pixels a side: uint8 (N, C, H, W) -> smaller H, W, rounded.

    Raises:
        ValueError: if the squares do not fill the images, for then left and right would differ.
    """
    if images.shape[-1] % pixels or images.shape[-2] % pixels:
        raise ValueError(f"squares of {pixels} do not fill {images.shape[-2]}x{images.shape[-1]}")
    if pixels == 1:
        return images
    chunks = [nn.functional.avg_pool2d(x.float(), pixels) for x in images.split(4096)]
    return torch.cat([x.round().to(torch.uint8) for x in chunks])


def symmetrise_columns(images: Tensor, outer: int = 0, inner: int = 0) -> Tensor:
    """Take the handedness out of some columns: each becomes the mean of itself and its mirror.

    Args:
        images: float (N, C, H, W).
        outer: so many columns at the left edge, and those at the right.
        inner: all columns but so many at each edge.
    """
    width = images.shape[-1]
    place = torch.arange(width).minimum(torch.arange(width).flip(0))  # 0 at both edges
    chosen = (place < outer) | (place >= inner if inner else torch.zeros(width, dtype=torch.bool))
    return torch.where(chosen, (images + mirror(images)) / 2, images)


# --- the simplest odd function


@dataclass(frozen=True)
class LinearOdd:
    """f(x) = w . (x - Px) / 2, the best linear function of the pixels that is parity-odd.

    It makes mean over standard deviation on the training images largest, which is also the
    least-squares fit of the constant 1: w = C^-1 m, where m is the mean of the odd part
    (x - Px) / 2 and C the matrix of its second moments.  A multiple of the unit matrix is added
    to C: it is the one that does best on a fifth of the training images, put aside for that.  Where
    every image is its own mirror image, f is zero.

    Attributes:
        weights: (C, H, W), itself odd under the mirror.
        ridge: what was added to C, in units of its mean diagonal element.
    """

    weights: Tensor
    ridge: float

    def __call__(self, images: Tensor) -> Tensor:
        """(N, C, H, W), uint8 or float, to f: (N,)."""
        return torch.cat(
            [_odd_half(chunk) @ _left(self.weights).flatten() for chunk in images.split(2048)]
        )

    @classmethod
    def fit(
        cls,
        images: Tensor,
        ridges: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1, 10),
        columns: Tensor | None = None,
    ) -> LinearOdd:
        """Fit to training images (N, C, H, W).

        Args:
            images: uint8 or float.
            ridges: to choose from.
            columns: which columns may be used, a mask (W,) that is its own mirror image; all of
                them if not given.

        Raises:
            ValueError: for fewer than ten images, or a mask that is no mirror image of itself.
        """
        if len(images) < 10:
            raise ValueError(f"{len(images)} images: at least ten are needed to fit and to choose")
        width = images.shape[-1]
        columns = torch.ones(width, dtype=torch.bool) if columns is None else columns
        if not torch.equal(columns, columns.flip(0)):
            raise ValueError("columns must be chosen in pairs: the mask is not its mirror image")
        used = _left(columns.expand(images.shape[1:])).flatten()
        held, rest = len(images) // 5, len(images) - len(images) // 5
        # the moments of both parts are enough to fit each, and to judge fits of the first
        (m1, c1), (m2, c2) = (_moments(part, used) for part in images.split([rest, held]))
        scale = c1.diagonal().mean()
        if scale == 0:  # every image is its own mirror image there
            return cls(torch.zeros(images.shape[1:]), max(ridges))
        unit = torch.eye(len(m1), dtype=m1.dtype)
        tried = {r: torch.linalg.solve(c1 + r * scale * unit, m1) for r in ridges}
        best = max(
            ridges, key=lambda r: float(tried[r] @ m2 / (tried[r] @ c2 @ tried[r] + 1e-300).sqrt())
        )
        m, c = (m1 * rest + m2 * held) / len(images), (c1 * rest + c2 * held) / len(images)
        half = torch.zeros(len(used))
        half[used] = torch.linalg.solve(c + best * scale * unit, m).float()
        whole = torch.zeros(images.shape[1:])
        _left(whole)[:] = half.reshape(_left(whole).shape)
        return cls(whole - mirror(whole), best)


def _left(x: Tensor) -> Tensor:
    return x[..., : x.shape[-1] // 2]  # the middle column of an odd width has no odd part


def _odd_half(images: Tensor) -> Tensor:
    """Left half of x - Px, in units of 255 levels, as rows: (N, C H W/2)."""
    x = images.float() / 255
    return _left(x - mirror(x)).flatten(1)


def _moments(images: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and second moments of the odd half, in float64 from float32 sums over chunks."""
    n = int(used.sum())
    mean, second = torch.zeros(n, dtype=torch.float64), torch.zeros(n, n, dtype=torch.float64)
    for chunk in images.split(2048):
        odd = _odd_half(chunk)[:, used]
        mean += odd.sum(0)
        second += odd.T @ odd
    return mean / len(images), second / len(images)


# --- the network


class PhotoNet(nn.Module):
    """A small network for photographs, quick on a CPU: (N, 3, H, W) -> (N,); 25,246 weights at 32.

    It sees the pixels and the steps between horizontal neighbours, through a tanh that is steep
    enough for steps of a few grey levels to count like large ones.  Both go through three
    convolutions of 3x3 pixels with 16, 32 and 64 channels, each of which halves the resolution
    and has batch normalisation; one linear layer adds up what is left in 4x4 fields, and another
    one the mean step of each column.

    Args:
        width: of the images in pixels; the height may be any.
    """

    STEEPNESS = 20.0
    """Of the tanh, for normalised images: it is half way up at steps of about two levels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels, wider in ((6, 16), (16, 32), (32, 64)):
            layers += [
                nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.ReLU(),
            ]
        self.fields = nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64 * 16, 1)
        )
        self.profile = nn.Linear(3 * (width - 1), 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N,)."""
        steps = torch.tanh(self.STEEPNESS * x.diff(dim=-1))
        both = torch.cat([x, nn.functional.pad(steps, (0, 1))], 1)
        return (self.fields(both) + self.profile(steps.mean(-2).flatten(1))).squeeze(1)
