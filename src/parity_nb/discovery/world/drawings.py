"""Pictures with their known symmetry: fractals and line drawings made here, and clip art."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from parity_nb.data import choose

Ink = ImageDraw.ImageDraw

SIDE = 192
"""Pixels of a drawing; it is shrunk afterwards."""


def _at(z: np.ndarray | complex | list) -> list[tuple[float, float]]:
    """Complex numbers, the picture being the square from -1-i to 1+i, as pixels."""
    z = np.atleast_1d(z)
    return [(SIDE / 2 * (1 + v.real) - 0.5, SIDE / 2 * (1 - v.imag) - 0.5) for v in z]


def _stroke(draw: Ink, z: np.ndarray | list, width: int = 7) -> None:
    draw.line(_at(z), fill=0, width=width, joint="curve")


def _dots(draw: Ink, dark: np.ndarray) -> None:
    """Black wherever `dark` (SIDE, SIDE) says so."""
    draw.bitmap((0, 0), Image.fromarray(255 * dark.astype(np.uint8)), fill=0)


def carpet(draw: Ink) -> None:
    """Sierpinski's carpet."""
    hole = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    dark = np.kron(np.kron(hole, hole), hole)
    _dots(draw, np.pad(np.kron(dark, np.ones((6, 6))), 15))


def snowflake(draw: Ink) -> None:
    """Koch's snowflake, three generations."""
    z = 0.8 * np.exp(2j * np.pi * np.arange(4) / -3 + 0.5j * np.pi)
    for _ in range(3):
        a, b = z[:-1], z[1:]
        third = (b - a) / 3
        tip = a + third + third * np.exp(1j * np.pi / 3)
        z = np.append(np.stack([a, a + third, tip, a + 2 * third], -1).ravel(), z[-1])
    draw.polygon(_at(z), fill=0)


def julia(draw: Ink) -> None:
    """The filled Julia set of z^2 - 0.123 + 0.745i, Douady's rabbit."""
    x = (np.arange(SIDE) + 0.5) / SIDE * 3 - 1.5
    z = x[None] - 1j * x[:, None]
    inside = np.ones(z.shape, bool)
    for _ in range(60):
        z = np.where(inside, z * z - 0.123 + 0.745j, z)
        inside &= np.abs(z) < 2
    _dots(draw, inside)


def dragon(draw: Ink) -> None:
    """Heighway's dragon, ten folds of a strip of paper."""
    turns: list[int] = []
    for _ in range(10):
        turns = [*turns, 1, *(-t for t in reversed(turns))]
    z = np.cumsum(np.append(0, 1j ** np.cumsum([0, *turns])))
    low, high = z.real.min() + 1j * z.imag.min(), z.real.max() + 1j * z.imag.max()
    z = (z - (low + high) / 2) / max((high - low).real, (high - low).imag) * 1.7
    _stroke(draw, z, 4)


def fern(draw: Ink) -> None:
    """Barnsley's fern, 30,000 points."""
    rng = np.random.default_rng(0)
    maps = np.array(
        [
            [0, 0, 0, 0.16, 0, 0],
            [0.85, 0.04, -0.04, 0.85, 0, 1.6],
            [0.2, -0.26, 0.23, 0.22, 0, 1.6],
            [-0.15, 0.28, 0.26, 0.24, 0, 0.44],
        ]
    )
    x, y = np.zeros(300), np.zeros(300)
    dark = np.zeros((SIDE, SIDE), bool)
    for step in range(120):
        a, b, c, d, e, f = maps[rng.choice(4, 300, p=[0.01, 0.85, 0.07, 0.07])].T
        x, y = a * x + b * y + e, c * x + d * y + f
        if step >= 20:
            column = np.clip(SIDE * (0.5 + x / 11), 0, SIDE - 1).astype(int)
            dark[np.clip(SIDE * (0.97 - y / 10.7), 0, SIDE - 1).astype(int), column] = True
    _dots(draw, dark)


def tree(draw: Ink) -> None:
    """A tree whose branches fork by the same angle to either side, eight times."""
    twigs = [(-0.9j, 0.55j)]
    for k in range(8):
        for foot, step in twigs:
            _stroke(draw, [foot, foot + step], max(2, 10 - 2 * k))
        turns = np.exp(np.array([1j, -1j]) * 0.5)
        twigs = [(foot + step, step * 0.72 * t) for foot, step in twigs for t in turns]


def face(draw: Ink) -> None:
    """A face, from the front."""
    circle = np.exp(2j * np.pi * np.arange(61) / 60)
    _stroke(draw, 0.8 * circle)
    for side in (-1, 1):
        _stroke(draw, side * 0.32 + 0.25j + 0.1 * circle)
    _stroke(draw, [0.15j, -0.12 - 0.15j, 0.12 - 0.15j, 0.15j])
    _stroke(draw, 0.1j + 0.6 * np.exp(1j * np.pi * np.linspace(1.25, 1.75, 20)))


def house(draw: Ink) -> None:
    """A house with its door and its chimney on one side."""
    _stroke(draw, [-0.7 - 0.8j, 0.7 - 0.8j, 0.7, 0.8j, -0.7, -0.7 - 0.8j])
    _stroke(draw, [-0.7, 0.7])
    draw.rectangle([*_at(-0.5 - 0.15j), *_at(-0.1 - 0.8j)], fill=0)
    draw.rectangle([*_at(0.4 + 0.9j), *_at(0.6 + 0.3j)], fill=0)
    _stroke(draw, [0.2 - 0.2j, 0.5 - 0.2j, 0.5 - 0.5j, 0.2 - 0.5j, 0.2 - 0.2j])


def flower(draw: Ink) -> None:
    """Five petals."""
    phi = 2 * np.pi * np.arange(400) / 400
    draw.polygon(_at((0.5 + 0.35 * np.cos(5 * phi)) * np.exp(1j * (phi + np.pi / 2))), fill=0)
    draw.ellipse([*_at(-0.15 + 0.15j), *_at(0.15 - 0.15j)], fill=255)


def windmill(draw: Ink) -> None:
    """Four sails, each on one side of its arm."""
    for k in range(4):
        draw.polygon(
            _at(np.array([0, 0.95, 0.95 + 0.4j, 0.35 + 0.4j, 0.35 + 0.1j]) * 1j**k), fill=0
        )


def galaxy(draw: Ink) -> None:
    """Two spiral arms."""
    t = np.linspace(0, 1, 60)
    for side in (-1, 1):
        _stroke(draw, side * (0.1 + 0.75 * t) * np.exp(3.5j * t), 18)


def scribble(draw: Ink) -> None:
    """A closed line along a random path."""
    rng = np.random.default_rng(4)
    t = 2 * np.pi * np.arange(300) / 300
    z = sum(
        (rng.normal() + 1j * rng.normal()) * np.exp(1j * k * t) / (abs(k) + 1)
        for k in (-4, -3, -2, -1, 1, 2, 3, 4)
    )
    z = z - (z.real.max() + z.real.min() + 1j * (z.imag.max() + z.imag.min())) / 2
    _stroke(draw, 0.85 * z / np.abs(np.array([z.real, z.imag])).max())


def fence(draw: Ink) -> None:
    """Boards, one as the other, from edge to edge."""
    for x in (-0.8, -0.35, 0.1, 0.6):
        draw.rectangle([*_at(x + 1j), *_at(x + 0.22 - 1j)], fill=0)


DRAWINGS: dict[str, tuple[Callable[[Ink], None], str]] = {
    "carpet": (carpet, "D4"),
    "snowflake": (snowflake, "D6"),
    "flower": (flower, "D5"),
    "windmill": (windmill, "C4"),
    "julia": (julia, "C2"),
    "galaxy": (galaxy, "C2"),
    "fence": (fence, "R"),
    "tree": (tree, "D1"),
    "face": (face, "D1"),
    "house": (house, "none"),
    "fern": (fern, "none"),
    "dragon": (dragon, "none"),
    "scribble": (scribble, "none"),
}
"""Name -> the function that draws it, and its symmetry; a fern nearly has more than none."""

CLIPART = {
    name: symbol
    for symbol, names in {
        "none": "dove kangaroo left-foot lightning right-foot snail treble-clef",
        "D1": "butterfly chevrons warning wolf",
        "D2": "harlequin",
        "D3": "radiation",
        "D4": "diamonds octagons",
        "D5": "blossom",
        "D6": "wheel",
        "C3": "recycling",
        "R": "pinstripes",
    }.items()
    for name in names.split()
}
"""Pictures of the data set "clipart" and their symmetry, as a person sees it."""


def drawing(name: str) -> Tensor:
    """A drawing as levels 0 to 255, (1, SIDE, SIDE) uint8.

    Raises:
        ValueError: for an unknown name, listing those there are.
    """
    picture = Image.new("L", (SIDE, SIDE), 255)
    choose("drawing", name, DRAWINGS)[0](ImageDraw.Draw(picture))
    return torch.from_numpy(np.array(picture))[None]
