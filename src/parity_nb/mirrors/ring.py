"""The gappy ring of Tombs and Lester (2022): a cylinder whose detector has holes.

A point has a height y in [0, 1) along the cylinder and an azimuth phi in [0, 2 pi).  Maps are
arrays (1024, 1024), rows in y and columns in phi; boxes are given in 64ths of either axis.
All numbers are those of the authors' notebook `example_ring_paper.ipynb`.
"""

from __future__ import annotations

import numpy as np

PIXELS = 1024
"""Pixels along either axis of a map."""
CELLS = 64
"""Cells along either axis, in which boxes are given."""

Box = tuple[int, int, int, int]
"""First and last (excluded) cell in y, then in phi."""

BANDS = ((6, 7), (8, 9), (32, 33), (55, 56))
"""Cells in y of the four bright bands, of density 1."""
NOISE = 0.02
"""Density everywhere else."""
WAVE = (0.02, 8 * np.pi / 9)
"""Amplitude (in units of the height) and phase of the wave that breaks the symmetry."""

WINDOWS: dict[Box, float] = {
    (0, 64, 10, 22): 1.0,
    (0, 64, 42, 54): 1.0,
    (0, 64, 5, 9): 0.1,
    (0, 64, 23, 27): 0.1,
    (0, 64, 37, 41): 0.1,
    (0, 64, 55, 59): 0.1,
    (50, 60, 12, 16): 0.0,
}
"""Efficiency in each box that the detector covers, later ones over earlier ones; 0 elsewhere."""
HOLE: Box = (4, 34, 46, 48)
"""A dead region that the experimenters do not know of."""


def world(wave: bool) -> np.ndarray:
    """Density of the points before detection, not normalised: (1024, 1024).

    Args:
        wave: shift the bands up and down along y by a sine of phi, which breaks the symmetry
            under rotations about the axis; without it every row is constant.
    """
    density = np.zeros((PIXELS, PIXELS))
    for first, last in BANDS:
        density[_pixels(first, last)] = 1.0
    if wave:
        amplitude, phase = WAVE
        for column in range(PIXELS):
            angle = 2 * np.pi * column / PIXELS
            shift = int(np.sin(angle - phase) * amplitude * PIXELS)
            # rows that come in from beyond an end are dark; no bright one leaves
            density[:, column] = np.roll(density[:, column], shift)
    return density + NOISE


def acceptance(hole: bool) -> np.ndarray:
    """Efficiency of the detector, 0 to 1: (1024, 1024).

    Args:
        hole: include the dead region `HOLE`.
    """
    efficiency = np.zeros((PIXELS, PIXELS))
    for box, value in {**WINDOWS, **({HOLE: 0.0} if hole else {})}.items():
        efficiency[_pixels(*box[:2]), _pixels(*box[2:])] = value
    return efficiency


def _pixels(first: int, last: int) -> slice:
    return slice(first * PIXELS // CELLS, last * PIXELS // CELLS)


def sample(density: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Independent points from a map: (n, 2), y and phi.

    Random numbers are drawn in the authors' order: n pixels, then n heights, then n azimuths.

    Args:
        density: not negative and not zero everywhere, (1024, 1024); need not be normalised.
        n: number of points.
        rng: numpy generator.

    Raises:
        ValueError: for a map of another shape, with negative values, or of zeros.
    """
    if density.shape != (PIXELS, PIXELS) or density.min() < 0 or not density.any():
        raise ValueError(
            f"a map is ({PIXELS}, {PIXELS}), without negative values and not zero everywhere"
        )
    cumulative = density.ravel().cumsum()
    pixel = np.searchsorted(cumulative, rng.uniform(0, cumulative[-1], n), side="right")
    corner = np.stack(np.divmod(pixel, PIXELS), axis=1)
    return (corner + rng.uniform(size=(2, n)).T) / PIXELS * (1, 2 * np.pi)


def look_up(density: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Values of a map at points x (n, 2): (n,)."""
    row, column = (x / (1, 2 * np.pi) * PIXELS).astype(int).T
    return density[row, column]
