"""Events in the unit disc, and two detectors that see them (simulated).

Witkowski and Whiteson (2023) teach a network the rotations of events whose detector has none.
Their events come ready made and the paper does not say how; what it shows is written in the
docstrings here, and the rest is ours.  One number of this module, `CONCENTRATION`, is tuned on one
published result; `notebooks/calorimeters/resimulation.py` says how.

An event before the detector is a set of points: a tensor (N, POINTS, 3) of x, y in [-1, 1] and
energy, zero for points that are not there.  After it, an image (N, 32, 32) or (N, 32, 4), first
axis x, or the list of its active cells.  Lengths are in radii of the disc, energies in units of
their mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

FEWEST, POINTS = 15, 17
"""Points of an event, least and most; the published example shows so many."""

SOFTEST = 0.2
"""Least energy of a point; the rest is exponential, so that the mean is 1."""

PARTICLES, WIDTH = 24, 0.045
"""Particles of a shower and its Gaussian width; the published clouds are a few hundredths wide.

With these the cells of nearly all events fit into lists of the published lengths.
"""

CONCENTRATION = 0.575
"""How much signal prefers the centre; tuned on one published number, see the chapter."""


# --- events


def draw_events(
    n: int, generator: torch.Generator, concentration: float | None = None
) -> tuple[Tensor, Tensor]:
    """Events before the detector, every other one signal.

    Background points are uniform in the disc.  Signal points have the density
    (1 + a (1 - 2 r^2)) / pi with a = `concentration`: the average signal image is slightly peaked
    at the centre and the average background flat, as published.  Energies know nothing of this.

    Args:
        n: number of events.
        generator: its device is that of the events.
        concentration: from 0, no signal, to 1; `CONCENTRATION` if not given.

    Returns:
        Points (n, POINTS, 3) and labels (n,), 1 for signal.

    Raises:
        ValueError: for no events, or a concentration outside 0 to 1.
    """
    a = CONCENTRATION if concentration is None else concentration
    if n < 1:
        raise ValueError(f"n = {n} events: at least one is needed")
    if not 0 <= a <= 1:
        raise ValueError(f"concentration = {a} must lie between 0 and 1, or densities are negative")
    make = {"generator": generator, "device": generator.device}
    label = (torch.arange(n, device=generator.device) % 2).float()
    q, turn, energy = torch.rand(3, n, POINTS, **make)
    # r^2 = u has the distribution function (1 + a) u - a u^2: solve for u
    strength = a * label[:, None]
    u = 2 * q / (1 + strength + ((1 + strength).square() - 4 * strength * q).sqrt())
    energy = SOFTEST - (1 - SOFTEST) * torch.log1p(-energy)
    present = torch.arange(POINTS, device=generator.device) < torch.randint(
        FEWEST, POINTS + 1, (n, 1), **make
    )
    r, phi = u.sqrt(), 2 * math.pi * turn
    return torch.stack([r * phi.cos(), r * phi.sin(), energy], -1) * present[..., None], label


def log_likelihood_ratio(points: Tensor, concentration: float | None = None) -> Tensor:
    """The best statistic there is: log p(signal) / p(background) of points (N, P, 3) -> (N,)."""
    a = CONCENTRATION if concentration is None else concentration
    r2 = points[..., :2].square().sum(-1)
    return (torch.log1p(a * (1 - 2 * r2)) * (points[..., 2] > 0)).sum(-1)


def turn(points: Tensor, degrees: float) -> Tensor:
    """Rotate (x, y) about the origin, anticlockwise; (..., 3) -> (..., 3), also lists of cells."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y, energy = points.unbind(-1)
    return torch.stack([c * x - s * y, s * x + c * y, energy], -1)


# --- detectors


def shower(points: Tensor, generator: torch.Generator) -> Tensor:
    """Every point as `PARTICLES` particles that share its energy, `WIDTH` around it.

    Args:
        points: (N, P, 3).
        generator: on the device of the points.

    Returns:
        Particles (N, P * PARTICLES, 3).

    Raises:
        ValueError: for another shape, or energies that are negative or no numbers.
    """
    _check_points(points)
    n, p, _ = points.shape
    size, kind = (n, p, PARTICLES, 2), {"device": points.device, "dtype": points.dtype}
    where = points[:, :, None, :2] + WIDTH * torch.randn(size, generator=generator, **kind)
    energy = (points[:, :, None, 2:] / PARTICLES).expand(n, p, PARTICLES, 1)
    return torch.cat([where, energy], -1).flatten(1, 2)


@dataclass(frozen=True)
class Detector:
    """Square cells or oblong ones on [-1, 1]^2.

    Attributes:
        name: as in tables.
        rows, columns: cells along x and along y.
        capacity: active cells that a list can hold, as published.
    """

    name: str
    rows: int
    columns: int
    capacity: int

    def respond(self, points: Tensor, generator: torch.Generator) -> Tensor:
        """What the detector sees of points (N, P, 3): every call draws new showers."""
        return self.image(shower(points, generator))

    def image(self, particles: Tensor) -> Tensor:
        """Add up energy in cells: (N, P, 3) -> (N, rows, columns).

        What falls outside the square is lost.
        """
        shape = torch.tensor([self.rows, self.columns], device=particles.device)
        cell = ((particles[..., :2] + 1) / 2 * shape).floor().long()
        inside = ((cell >= 0) & (cell < shape)).all(-1)
        index = (cell[..., 0] * self.columns + cell[..., 1]).where(inside, 0)
        image = particles.new_zeros(len(particles), self.rows * self.columns)
        image.scatter_add_(1, index, particles[..., 2] * inside)
        return image.reshape(-1, self.rows, self.columns)

    def centres(self, device: torch.device | None = None) -> Tensor:
        """Centres of the cells, (rows * columns, 2), x before y."""
        x = (torch.arange(self.rows, device=device) + 0.5) * 2 / self.rows - 1
        y = (torch.arange(self.columns, device=device) + 0.5) * 2 / self.columns - 1
        return torch.cartesian_prod(x, y)

    def cells(self, images: Tensor, keep: str = "largest") -> Tensor:
        """Lists of active cells, as the published networks take them.

        Args:
            images: (N, rows, columns).
            keep: which cells stay where there are more than `capacity`: "largest" energies, or
                the "first" ones, which is what the published code does to turned images.

        Returns:
            (N, capacity, 3): x, y and energy of the active cells, row by row, then zeros.

        Raises:
            ValueError: for images of another shape, or another `keep`.
        """
        if images.shape[1:] != (self.rows, self.columns):
            raise ValueError(
                f"images of the {self.name} detector are (N, {self.rows}, {self.columns}), "
                f"not {tuple(images.shape)}"
            )
        flat = images.flatten(1)
        size = flat.shape[1]
        if keep == "largest":
            energy, index = flat.topk(self.capacity, dim=1)
            index = index.where(energy > 0, size).sort(1).values
        elif keep == "first":
            index = torch.arange(size, device=flat.device).expand_as(flat)
            index = index.where(flat > 0, size).sort(1).values[:, : self.capacity]
        else:
            raise ValueError(f'keep = {keep!r} is neither "largest" nor "first"')
        table = torch.cat([self.centres(flat.device), flat.new_zeros(1, 2)]).to(flat.dtype)
        energy = torch.cat([flat, flat.new_zeros(len(flat), 1)], 1).gather(1, index)
        return torch.cat([table[index], energy[..., None]], -1)


UNIFORM = Detector("uniform", 32, 32, 172)
OBLONG = Detector("non-uniform", 32, 4, 112)
DETECTORS = {d.name: d for d in (UNIFORM, OBLONG)}
"""The published detectors; lengths of lists from the authors' code."""


def _check_points(points: Tensor) -> None:
    if points.ndim != 3 or points.shape[-1] != 3:
        raise ValueError(f"points are (N, P, 3), not {tuple(points.shape)}")
    wrong = ~points.isfinite().all(-1) | (points[..., 2] < 0)
    if wrong.any():
        event, point = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"event {event}, point {point} is {points[event, point].tolist()}: x, y and energy "
            "must be numbers and the energy not negative; drop the event or mend it"
        )
