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
import torch
from torch import Tensor

from parity_nb.symmetry import mirror_vertical

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
