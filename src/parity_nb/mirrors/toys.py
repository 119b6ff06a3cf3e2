"""Toy pictures of the sky with known truth: spirals and triangles among random points.

The image toys follow the words of Hewson, Handley and Lester (2024), section IV A: pictures of
64 x 64 pixels with 22.3 points on average, some of which belong to a chiral figure.  What the
paper leaves open is fixed here and said in each docstring.  The fields are those of Taylor,
Craigie and Ting (2023), after the authors' code `mocks.py`.

Positions are complex numbers x + i y in pixels, from the lower left corner.  Left-handed is what
turns anticlockwise, away from its centre or its shortest side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from parity_nb.data import choose
from parity_nb.images import ImageSet
from parity_nb.symmetry import mirror_vertical, roll

PIXELS = 64
"""Width and height of an image."""
POINTS = 22.3
"""Mean number of points in an image: of the background of spirals, or of all triangles."""
SPACING = PIXELS / POINTS**0.5
"""Average distance between points, in pixels: one point in every square of this side."""
BLUR = 0.8
"""Standard deviation of a point's brightness in the image, in pixels."""
FIELD = 32
"""Width and height of a field of triangles, a torus."""
TRIANGLES = 16
"""Triangles in a field."""
LEGS = (4.0, 8.0)
"""Legs of a field's triangles, in pixels."""


@dataclass(frozen=True)
class Toy:
    """One of the image toys.

    Attributes:
        figure: "spiral", "triangles" or "none".
        points: of each spiral.
        scale: mean side of the triangles over `SPACING`.
        share: of images that have a spiral.
        flipped: mirror each spiral by the toss of a coin before it is put into the image.
    """

    figure: str
    points: int = 0
    scale: float = 0.0
    share: float = 1.0
    flipped: bool = False

    @property
    def cap(self) -> float:
        """No function has a larger positive fraction: without a figure, an image is a coin."""
        asymmetric = 0.0 if self.figure == "none" or self.flipped else self.share
        return (1 + asymmetric) / 2


TOYS = {
    "RI": Toy("none"),
    "SPR-RI-100": Toy("spiral", points=100),
    "SPR-RI-10": Toy("spiral", points=10),
    "SPR-RI-3": Toy("spiral", points=3),
    "F-SPR-RI-10": Toy("spiral", points=10, flipped=True),
    "F-SPR-RI-3": Toy("spiral", points=3, flipped=True),
    "SPR-RI-5-10pc": Toy("spiral", points=5, share=0.1),
    "SPR-RI-5-1pc": Toy("spiral", points=5, share=0.01),
    "LH-RI-0.1": Toy("triangles", scale=0.1),
    "LH-RI-1": Toy("triangles", scale=1.0),
    "LH-RI-10": Toy("triangles", scale=10.0),
}
"""Image toys, by the paper's code; pc stands for per cent, and 10pc is ours."""

TRIANGLE = np.array([0, 1, 2j])
"""Corners of a left-handed triangle with legs 1 and 2, the right angle first."""


def spiral(points: int) -> np.ndarray:
    """A left-handed spiral of radius 1 about 0: (points,) complex.

    One turn of an Archimedean spiral, radius and angle in equal steps.  The paper gives the
    number of points only.
    """
    step = np.arange(1, points + 1) / points
    return step * np.exp(2j * np.pi * step)


RADIUS = 16.0
"""Largest radius of a spiral, in pixels; the paper says "random", and we take it uniform."""


def draw_points(toy: Toy, n: int, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Points of n independent images.

    The background is a Poisson field.  Spirals have a random radius (uniform up to `RADIUS`), a
    random angle, and a random centre for which they fit into the image.  Triangles, of the shape
    of `TRIANGLE`, have random angles and start at the points of a Poisson field that reaches
    beyond the image, so that an image holds `POINTS` points on average.

    Args:
        toy: which toy.
        n: number of images.
        rng: numpy generator.

    Returns:
        For each image its points, complex positions in pixels, those of the spiral last; and
        whether it holds at least one whole figure, shape (n,).
    """
    if toy.figure == "triangles":
        images, whole = zip(*(_triangles(toy.scale * SPACING, rng) for _ in range(n)), strict=True)
        return list(images), np.array(whole)
    has = (rng.random(n) < toy.share) & (toy.figure == "spiral")
    images = []
    for chiral in has:
        field = _poisson(POINTS, 0, PIXELS, rng)
        if chiral:
            radius = rng.uniform(0, RADIUS)
            shape = spiral(toy.points)
            if toy.flipped and rng.random() < 0.5:
                shape = shape.conj()
            centre = complex(*rng.uniform(radius, PIXELS - radius, 2))
            field = np.append(field, centre + radius * _turn(rng) * shape)
        images.append(field)
    return images, has


def _triangles(side: float, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    shape = TRIANGLE * side / np.abs(np.diff(TRIANGLE, append=TRIANGLE[0])).mean()
    margin = np.abs(shape).max()
    width = PIXELS + 2 * margin
    corners = _poisson(POINTS / 3 * (width / PIXELS) ** 2, -margin, width, rng)
    points = corners[:, None] + _turn(rng, len(corners))[:, None] * shape
    inside = (np.abs(points.real - PIXELS / 2) < PIXELS / 2) & (
        np.abs(points.imag - PIXELS / 2) < PIXELS / 2
    )
    return points[inside], bool(inside.all(axis=1).any())


def _poisson(mean: float, start: float, width: float, rng: np.random.Generator) -> np.ndarray:
    x, y = start + width * rng.random((2, rng.poisson(mean)))
    return x + 1j * y


def _turn(rng: np.random.Generator, size: int | None = None) -> np.ndarray:
    return np.exp(2j * np.pi * rng.random(size))


def mirrored(points: np.ndarray) -> np.ndarray:
    """Points of the left-right mirror image of an image."""
    return PIXELS - points.conj()


def draw_images(points: list[np.ndarray]) -> Tensor:
    """Images of points, white on black: (n, 1, 64, 64) uint8.

    A point is a round blob of width `BLUR`, seen through the centres of the pixels; where blobs
    meet, brightness adds up to white at most.  Drawing commutes with every symmetry of the
    square, up to the rounding of levels.
    """
    most = max((len(p) for p in points), default=0)
    padded = np.full((len(points), most), -1e3 * (1 + 1j))
    for row, p in zip(padded, points, strict=True):
        row[: len(p)] = p
    where = torch.from_numpy(np.stack([padded.real, padded.imag])).float()
    centres = torch.arange(PIXELS) + 0.5
    x, y = torch.exp(-((where[..., None] - centres) ** 2) / (2 * BLUR**2))
    light = torch.einsum("npy,npx->nyx", y, x).clamp(max=1)
    # the y axis points up, rows of an image go down
    return (255 * mirror_vertical(light)).round().to(torch.uint8)[:, None]


def toy_set(name: str, n: int, seed: int = 0, control: bool = False) -> ImageSet:
    """A toy with known truth.

    Args:
        name: one of `TOYS`, or "fields".
        n: number of images, all independent.
        seed: random seed of the images.
        control: mirror the points of each image by the toss of a coin, before it is drawn; of
            fields, half of the triangles of each are right-handed.

    Returns:
        Grey images, with the columns `figure` (whether the image holds a figure) and `mirrored`;
        or fields of counts.

    Raises:
        ValueError: for an unknown name, listing the known ones.
    """
    if name == "fields":
        return ImageSet(field_set(n, 0.5 if control else 1.0, seed), name=name)
    toy = choose("toy", name, TOYS)
    rng = np.random.default_rng([seed, *name.encode(), control])
    points, has = draw_points(toy, n, rng)
    coin = (rng.random(n) < 0.5) & control
    points = [mirrored(p) if m else p for p, m in zip(points, coin, strict=True)]
    meta = pd.DataFrame({"figure": has, "mirrored": coin})
    images = torch.cat([draw_images(points[i : i + 500]) for i in range(0, n, 500)])
    return ImageSet(images, meta, f"{name} control" if control else name)


# --- fields of triangles on a torus


def field_set(n: int, left: float = 1.0, seed: int = 0) -> Tensor:
    """Fields of counts on a torus, (n, 1, 32, 32) float32.

    Every field holds 16 right triangles with legs of 4 and 8 pixels at random places and angles,
    each corner rounded to the nearest pixel.  A left-handed one has its long leg 90 degrees
    anticlockwise from the short one.

    Args:
        n: number of fields, all independent.
        left: share of left-handed triangles in each field, in 16ths.
        seed: random seed of the fields.

    Raises:
        ValueError: for a share outside 0 to 1, or that makes no whole number of triangles.
    """
    lefts = round(TRIANGLES * left)
    if not 0 <= left <= 1 or abs(lefts - TRIANGLES * left) > 1e-9:
        raise ValueError(f"left = {left} is not a number of {TRIANGLES}ths between 0 and 1")
    rng = np.random.default_rng([seed, n, lefts])
    hands = np.where(np.arange(TRIANGLES) < lefts, 1, -1)
    corner = FIELD * (rng.random((n, TRIANGLES)) + 1j * rng.random((n, TRIANGLES)))
    turn = _turn(rng, (n, TRIANGLES))
    points = np.stack([corner, corner + LEGS[0] * turn, corner + LEGS[1] * 1j * hands * turn])
    x, y = (np.rint(part).astype(int) % FIELD for part in (points.real, points.imag))
    counts = np.zeros((n, 1, FIELD, FIELD), dtype=np.float32)
    which = np.broadcast_to(np.arange(n)[:, None], x.shape)
    np.add.at(counts, (which, 0, FIELD - 1 - y, x), 1)
    return torch.from_numpy(counts)


class TorusNet(nn.Module):
    """A small network for fields: (N, C, 32, 32) -> (N,), of which the first channel is used.

    A three-point function with learned arms: at every point of the field, two circular filters
    look around, wide enough to see a whole triangle from its corner, and their answers are
    multiplied with each other and with the field.  The sum over the torus does not change under
    any roll.  6,948 weights, against 46 million of the convolutional network of Taylor, Craigie
    and Ting (2023).

    Args:
        padding: "circular" for a torus; "zeros" is for comparison.
        pairs: number of pairs of filters.
    """

    def __init__(self, padding: str = "circular", pairs: int = 12):
        super().__init__()
        self.arms = nn.Conv2d(1, 2 * pairs, 17, padding=8, padding_mode=padding, bias=False)
        self.last = nn.Linear(pairs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 32, 32) -> (N,)."""
        x = x[:, :1]
        first, second = self.arms(x).chunk(2, dim=1)
        return self.last((x * first * second).sum((-2, -1))).squeeze(1)


class ThreePoint(nn.Module):
    """The three-point function of somebody who knows how the fields are made.

    Sums X(p) X(p + a) X(p + b) over the torus, where (a, b) are offsets that the legs of a
    left-handed triangle can have after rounding, each pair with its probability.  Projected on
    the odd functions it is the best function of three points as long as triangles are few.

    Args:
        samples: random triangles from which the probabilities are estimated.
        seed: their random seed.
    """

    def __init__(self, samples: int = 100_000, seed: int = 0):
        super().__init__()
        rng = np.random.default_rng(seed)
        start = rng.random(samples) + 1j * rng.random(samples)
        turn = _turn(rng, samples)
        ends = (np.rint(start + leg * turn) - np.rint(start) for leg in (LEGS[0], LEGS[1] * 1j))
        pairs, counts = np.unique(np.stack(list(ends)), axis=1, return_counts=True)
        self.short = np.unique(pairs[0])
        reach = int(LEGS[1]) + 1
        bank = torch.zeros(len(self.short), 1, 2 * reach + 1, 2 * reach + 1)
        row = np.searchsorted(self.short, pairs[0])
        column, line = reach + pairs[1].real.astype(int), reach - pairs[1].imag.astype(int)
        bank[row, 0, line, column] = torch.from_numpy(counts / samples).float()
        self.register_buffer("bank", bank)
        self.reach = reach

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 32, 32) -> (N,)."""
        around = nn.functional.pad(x, [self.reach] * 4, mode="circular")
        ends = nn.functional.conv2d(around, self.bank)
        pairs = torch.cat(
            [x * roll(roll(x, int(a.imag)), -int(a.real), axis=-1) for a in self.short], dim=1
        )
        return (pairs * ends).sum((-3, -2, -1))
