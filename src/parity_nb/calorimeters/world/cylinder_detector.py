"""A simulated detector: from particles to images of the unrolled cylinder.

Rows of an image are azimuth phi in [-pi, pi], columns pseudorapidity eta in [-5, 5], values raw
GeV: energy in the two calorimeters, transverse momentum in the tracks.  Channels are in the
order of the source's files, `CHANNELS`.

Numbers follow the ATLAS card of Delphes 3 (de Favereau et al. 2014): solenoid, efficiencies,
resolutions and thresholds.  Delphes puts a whole shower in one tower; here it has a width,
from Moliere radius and interaction length, and reaches the neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from parity_nb.calorimeters.world.particles import (
    CHARGED_HADRON,
    ELECTRON,
    MUON,
    NEUTRAL_HADRON,
    PHOTON,
    Particles,
)
from parity_nb.data import choose
from parity_nb.symmetry import mirror

CHANNELS = ("electromagnetic", "hadronic", "tracks")
"""Channels of an image, in the order of the source's files."""
ELECTROMAGNETIC, HADRONIC, TRACKS = range(3)

PIXELS = 50
"""Rows and columns of the source's images."""
REACH = 5.0
"""Largest |eta| of an image."""
TRACK_REACH = 2.5
"""Largest |eta| of a track."""

SEGMENTATIONS = ("uniform", "towers", "cracks")

CHUNK = 1000
"""Events seen at a time, which bounds the memory."""

# piecewise formulas of the card: upper |eta|, then the numbers that hold below it
CARD_ECAL = ((3.2, (0.0017, 0.101, 0.0)), (math.inf, (0.0350, 0.285, 0.0)))
CARD_HCAL = (
    (1.7, (0.0302, 0.5205, 1.59)),
    (3.2, (0.0500, 0.706, 0.0)),
    (math.inf, (0.0942, 1.00, 0.0)),
)
"""Constant, stochastic (sqrt GeV) and noise (GeV) terms, added in quadrature."""
CARD_TRACKS = {
    # constant and linear (1/GeV) terms of the relative resolution in pt
    CHARGED_HADRON: ((0.5, (0.06, 1.3e-3)), (1.5, (0.10, 1.7e-3)), (2.5, (0.25, 3.1e-3))),
    ELECTRON: ((0.5, (0.03, 1.3e-3)), (1.5, (0.05, 1.7e-3)), (2.5, (0.15, 3.1e-3))),
    MUON: ((0.5, (0.01, 1.0e-4)), (1.5, (0.015, 1.5e-4)), (2.5, (0.025, 3.5e-4))),
}
CARD_EFFICIENCY = {
    # efficiency for pt from 0.1 to 1 GeV, above 1 GeV, and above 100 GeV
    CHARGED_HADRON: ((1.5, (0.70, 0.95, 0.95)), (2.5, (0.60, 0.85, 0.85))),
    ELECTRON: ((1.5, (0.73, 0.95, 0.99)), (2.5, (0.50, 0.83, 0.90))),
    MUON: ((1.5, (0.75, 0.99, 0.99)), (2.5, (0.70, 0.98, 0.98))),
}


@dataclass(frozen=True)
class Detector:
    """A cylinder of towers around a solenoid.

    Attributes:
        segmentation: "uniform", the towers are the pixels of the image; "towers", edges as
            in Delphes' ATLAS hadronic calorimeter: 10 degrees by 0.1 up to |eta| = 2.5, 20
            degrees by about 0.2 beyond, one last tower to 5; "cracks", uniform with half the
            energy lost where 1.37 < |eta| < 1.52, between barrel and end-caps, and 3.1 <
            |eta| < 3.3.  Whatever the towers, images have `rows` and `columns`: a tower's
            energy is spread evenly over the pixels it covers.
        rows: pixels in phi.
        columns: pixels in eta.
        dead: regions without calorimeter signal: (lowest phi, highest phi, lowest eta, highest
            eta), phi in radians; a tower is dead if its centre is inside.
        field: of the solenoid along +z, in T; a positive particle turns to smaller phi.
        radius: of the solenoid, in m.
        half_length: of the solenoid, in m.
        moliere: Moliere radius in m, that holds 90 % of an electromagnetic shower; 0: no width.
        interaction: interaction length in m, a radius that holds 95 % of a hadronic shower.  A
            shower is shared among a tower and its eight neighbours and goes no farther.
        noise: draw efficiencies and resolutions at random; without it the response is a
            function of the particles, exactly.
        thresholds: smallest energies of a tower in GeV, electromagnetic and hadronic.  The card
            has 0.5 and 1 GeV; as showers are shared here, twice that gives the published number
            of hit pixels.
        significance: a tower must also exceed its own resolution so many times; 2 in the card.

    Raises:
        ValueError: for an unknown segmentation, a size below 1, or a negative number.
    """

    segmentation: str = "uniform"
    rows: int = PIXELS
    columns: int = PIXELS
    dead: tuple[tuple[float, float, float, float], ...] = ()
    field: float = 2.0
    radius: float = 1.15
    half_length: float = 3.51
    moliere: float = 0.04
    interaction: float = 0.20
    noise: bool = True
    thresholds: tuple[float, float] = (1.0, 2.0)
    significance: float = 3.0

    def __post_init__(self) -> None:
        choose("segmentation", self.segmentation, dict.fromkeys(SEGMENTATIONS))
        if min(self.rows, self.columns) < 1:
            raise ValueError(f"an image needs at least one pixel, not {self.rows}x{self.columns}")
        for name in ("radius", "half_length"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("moliere", "interaction", "significance", "thresholds"):
            if torch.tensor(getattr(self, name)).min() < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")

    # --- images

    def images(
        self, particles: Particles, seed: int = 0, device: torch.device | str | None = None
    ) -> Tensor:
        """Images (n, 3, rows, columns) in raw GeV, float32, channels as in `CHANNELS`.

        Args:
            particles: of n events.
            seed: random seed of efficiencies and resolutions.
            device: where to compute; that of the particles if not given.

        Returns:
            On `device`; events without particles are empty.
        """
        device = torch.device(device) if device is not None else particles.event.device
        generator = torch.Generator(device).manual_seed(seed)
        out = []
        for start in range(0, max(particles.n, 1), CHUNK):
            part = particles[start : start + CHUNK].to(device)
            em = part.where((part.kind == PHOTON) | (part.kind == ELECTRON))
            hadrons = part.where((part.kind == CHARGED_HADRON) | (part.kind == NEUTRAL_HADRON))
            layers = (
                self._calorimeter(em, ELECTROMAGNETIC, generator),
                self._calorimeter(hadrons, HADRONIC, generator),
                self._tracks(part, generator),
            )
            out.append(torch.stack(layers, 1))
        return torch.cat(out)

    @cached_property
    def _towers(self) -> _Towers:
        return _Towers.build(self.segmentation, self.rows, self.columns, self.dead)

    # --- the way to the calorimeter

    def at_calorimeter(self, particles: Particles) -> tuple[Tensor, Tensor, Tensor]:
        """Where particles from the centre leave the solenoid.

        A charged one follows a helix of radius pt / (0.3 field) m; one that never reaches the
        wall leaves by an end.

        Returns:
            eta and phi of the point seen from the centre, and its distance from the beam in m:
            (M,) each.
        """
        pt, slope = particles.pt.clamp(min=1e-3), torch.sinh(particles.eta)
        charge = particles.charge.to(pt)
        curvature = 0.3 * self.field * charge / pt  # 1/m, of the projected circle
        half = (self.radius / 2 * curvature.abs()).clamp(max=1.0)
        # length of the projected arc to the wall, and to the end
        straight = curvature.abs() < 1e-6
        safe = torch.where(straight, 1.0, curvature.abs())
        to_wall = torch.where(straight, self.radius, 2 * torch.asin(half) / safe)
        loops = self.radius / 2 * curvature.abs() > 1
        to_wall = torch.where(loops, math.inf, to_wall)
        to_end = self.half_length / slope.abs().clamp(min=1e-6)
        arc = torch.minimum(to_wall, to_end)
        turn = arc * curvature / 2
        distance = torch.where(straight, arc, (2 / safe * torch.sin(turn.abs())).abs())
        distance = distance.clamp(min=1e-3)
        # a particle that curls more than half a circle is seen on the other side of the beam
        beyond = torch.where(torch.sin(turn.abs()) < 0, math.pi, 0.0)
        phi = torch.remainder(particles.phi - turn + beyond + math.pi, 2 * math.pi) - math.pi
        return torch.asinh(arc * slope / distance), phi, distance

    # --- layers

    def _calorimeter(
        self, particles: Particles, channel: int, generator: torch.Generator
    ) -> Tensor:
        """Energies (n, rows, columns) that one calorimeter reports."""
        towers = self._towers.to(generator.device)
        eta, phi, distance = self.at_calorimeter(particles)
        inside = (eta.abs() < REACH).nonzero()[:, 0]
        event, energy = particles.event[inside], particles.energy[inside]
        eta, phi, distance = eta[inside], phi[inside], distance[inside]
        # radius that holds a share s of a two-dimensional Gaussian: width sqrt(-2 log(1 - s))
        width = (self.moliere / 2.146, self.interaction / 2.448)[channel]
        spread = width / distance
        row, in_phi = towers.shares_phi(phi, spread)
        column, in_eta = towers.shares_eta(eta, spread)
        first = event * towers.count
        flat = torch.zeros(particles.n * towers.count, device=eta.device)
        for i in range(3):
            around = torch.remainder(row + (i - 1), towers.rows)
            for j in range(3):
                across = (column + (j - 1)).clamp(0, towers.columns - 1)
                cell = around * towers.columns + across
                if towers.to_rows is not None:  # otherwise every cell is a tower
                    cell = towers.tower[cell]
                weight = energy * in_phi[i] * in_eta[j]
                flat.index_add_(0, first + cell, weight)
        energies = flat.reshape(particles.n, towers.count) * towers.efficiency
        energies = self._read_out(energies, channel, towers, generator)
        return towers.image(energies)

    def _read_out(
        self, energies: Tensor, channel: int, towers: _Towers, generator: torch.Generator
    ) -> Tensor:
        """Resolution and thresholds of the towers that got any energy."""
        where = (energies > 1e-3).nonzero(as_tuple=True)
        true = energies[where]
        terms = towers.resolution[channel][:, where[1]]
        sigma = ((terms[0] * true) ** 2 + terms[1] ** 2 * true + terms[2] ** 2).sqrt()
        measured = self._smear(true, sigma, generator)
        terms_now = ((terms[0] * measured) ** 2 + terms[1] ** 2 * measured + terms[2] ** 2).sqrt()
        kept = (measured > self.thresholds[channel]) & (measured > self.significance * terms_now)
        out = torch.zeros_like(energies)
        out[where] = torch.where(kept, measured, 0.0)
        return out

    def _smear(self, true: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
        """Log-normal about the true value, which never gets negative, as in Delphes."""
        if not self.noise or not len(true):
            return true
        width = torch.log1p((sigma / true) ** 2).sqrt()
        gauss = torch.randn(true.shape, generator=generator, device=true.device)
        return true * torch.exp(width * gauss - width**2 / 2)

    def _tracks(self, particles: Particles, generator: torch.Generator) -> Tensor:
        """Transverse momenta (n, rows, columns) of charged particles, at their vertex."""
        charged = (particles.charge != 0) & (particles.eta.abs() <= TRACK_REACH)
        some = particles.where(charged & (particles.pt > 0.1))
        efficiency = torch.ones_like(some.pt)
        constant, linear = torch.zeros_like(some.pt), torch.zeros_like(some.pt)
        step = (some.pt > 1).long() + (some.pt > 100).long()
        for kind, pieces in CARD_EFFICIENCY.items():
            mine = some.kind == kind
            for high, numbers in reversed(pieces):
                below = mine & (some.eta.abs() <= high)
                efficiency = torch.where(below, some.pt.new_tensor(numbers)[step], efficiency)
            for high, (a, b) in reversed(CARD_TRACKS[kind]):
                below = mine & (some.eta.abs() <= high)
                constant = torch.where(below, a, constant)
                linear = torch.where(below, b, linear)
        sigma = some.pt * (constant**2 + (linear * some.pt) ** 2).sqrt()
        pt = self._smear(some.pt, sigma, generator)
        if self.noise:
            draw = torch.rand(pt.shape, generator=generator, device=pt.device)
            pt = torch.where(draw < efficiency, pt, 0.0)
        rows, columns = self.rows, self.columns
        row = _cell((some.phi + math.pi) / (2 * math.pi) * rows, rows)
        column = _cell((some.eta + REACH) / (2 * REACH) * columns, columns)
        flat = torch.zeros(particles.n * rows * columns, device=pt.device)
        flat.index_add_(0, (some.event * rows + row) * columns + column, pt)
        return flat.reshape(particles.n, rows, columns)


def _cell(position: Tensor, cells: int) -> Tensor:
    return position.floor().long().clamp(0, cells - 1)


def _shares(edges: list[Tensor], width: Tensor) -> list[Tensor]:
    """Shares of a Gaussian shower in three cells between four edges; they add up to one."""
    below = [_below(edge / width) for edge in edges]
    total = below[3] - below[0]
    return [(high - low) / total for low, high in pairwise(below)]


def _below(x: Tensor) -> Tensor:
    """Gaussian probability below x."""
    return 0.5 + 0.5 * torch.erf(x * math.sqrt(0.5))


# --- towers


@dataclass(frozen=True)
class _Towers:
    """A grid of cells, grouped into towers, and how towers become pixels.

    Attributes:
        rows, columns: of the grid of cells.
        edges: of the columns in eta, (columns + 1,).
        tower: the tower of each cell, (rows * columns,).
        efficiency: share of the energy that a tower reports, (count,).
        resolution: constant, stochastic and noise term by channel, (2, 3, count).
        share: 1 / cells in the tower, (count,).
        to_rows: pixels' shares of the cells' rows, (pixel rows, rows), None if they are alike.
        to_columns: the same for columns.
    """

    rows: int
    columns: int
    edges: Tensor
    tower: Tensor
    efficiency: Tensor
    resolution: Tensor
    share: Tensor
    to_rows: Tensor | None
    to_columns: Tensor | None

    @property
    def count(self) -> int:
        return len(self.efficiency)

    @staticmethod
    def build(segmentation: str, rows: int, columns: int, dead: tuple) -> _Towers:
        pixels = torch.linspace(-REACH, REACH, columns + 1, dtype=torch.float64)
        # exactly symmetric, whatever linspace rounds to
        pixels = (pixels - mirror(pixels)) / 2
        cells, edges = rows, pixels
        if segmentation == "towers":
            cells, edges = 36, _symmetric_edges()
        tower = torch.arange(cells * (len(edges) - 1)).reshape(cells, -1)
        if segmentation == "towers":
            outer = edges[:-1].abs().maximum(edges[1:].abs()) > 2.55
            tower[1::2, outer] = tower[0::2, outer]
        used, tower = tower.flatten().unique(return_inverse=True)
        eta, phi = _centres(edges, cells, tower, len(used))
        efficiency = torch.ones(len(used))
        for low_phi, high_phi, low_eta, high_eta in dead:
            inside = (phi > low_phi) & (phi < high_phi) & (eta > low_eta) & (eta < high_eta)
            efficiency[inside] = 0.0
        if segmentation == "cracks":
            loss = _covered(edges, 1.37, 1.52) + _covered(edges, 3.1, 3.3)
            efficiency *= (1 - loss / 2).float().repeat(cells)
        resolution = torch.stack([_terms(CARD_ECAL, eta), _terms(CARD_HCAL, eta)])
        share = 1 / torch.bincount(tower, minlength=len(used)).float()
        to_rows = to_columns = None
        if segmentation == "towers":
            turn = torch.linspace(0, 1, cells + 1, dtype=torch.float64)
            to_rows = _overlap(turn, torch.linspace(0, 1, rows + 1, dtype=torch.float64))
            to_columns = _overlap(edges, pixels)
        grid = (cells, len(edges) - 1, edges.float(), tower)
        return _Towers(*grid, efficiency, resolution, share, to_rows, to_columns)

    def to(self, device: torch.device) -> _Towers:
        tensors = {name: x.to(device) for name, x in vars(self).items() if isinstance(x, Tensor)}
        return replace(self, **tensors)

    def shares_phi(self, phi: Tensor, spread: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Row of each phi, and the shares of it and its two neighbours."""
        position = (phi + math.pi) / (2 * math.pi) * self.rows
        row = position.floor()
        width = (spread * self.rows / (2 * math.pi)).clamp(min=1e-6)
        return row.long(), _shares([row + k - position for k in (-1, 0, 1, 2)], width)

    def shares_eta(self, eta: Tensor, spread: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Column of each eta, and the shares of it and its two neighbours."""
        column = (torch.searchsorted(self.edges, eta, right=True) - 1).clamp(0, self.columns - 1)
        # beyond the ends, columns like the last ones: what falls there goes back into those
        first, last = 2 * self.edges[:1] - self.edges[1:2], 2 * self.edges[-1:] - self.edges[-2:-1]
        edges = torch.cat([first, self.edges, last])
        return column, _shares([edges[column + k] - eta for k in range(4)], spread.clamp(min=1e-6))

    def image(self, energies: Tensor) -> Tensor:
        """(n, count) -> (n, pixel rows, pixel columns)."""
        cells = (energies * self.share)[:, self.tower] if self.to_rows is not None else energies
        cells = cells.reshape(-1, self.rows, self.columns)
        if self.to_rows is None:
            return cells
        return self.to_rows @ cells @ self.to_columns.T


def _symmetric_edges() -> Tensor:
    """Edges in eta of the hadronic towers of Delphes' ATLAS card, 4.9 moved to 5."""
    inner = [k / 10 for k in range(27)]
    outer = [2.8, 3.0, 3.2, 3.5, 3.7, 3.9, 4.1, 4.3, 4.5, 4.7, REACH]
    right = torch.tensor(inner + outer, dtype=torch.float64)
    return torch.cat([-mirror(right)[:-1], right])


def _centres(edges: Tensor, cells: int, tower: Tensor, count: int) -> tuple[Tensor, Tensor]:
    eta = ((edges[1:] + edges[:-1]) / 2).repeat(cells)
    turn = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells * 2 * math.pi - math.pi
    phi = turn.repeat_interleave(len(edges) - 1)
    size = torch.bincount(tower, minlength=count)
    zero = torch.zeros(count, dtype=torch.float64)
    return tuple(zero.index_add(0, tower, x) / size for x in (eta, phi))


def _terms(pieces: tuple, eta: Tensor) -> Tensor:
    """Terms of the resolution at each eta: (3, count)."""
    terms = torch.zeros((3, len(eta)))
    for high, numbers in reversed(pieces):
        terms[:, eta.abs() <= high] = torch.tensor(numbers)[:, None]
    return terms


def _covered(edges: Tensor, low: float, high: float) -> Tensor:
    """Share of each column that lies between two |eta|: (columns,)."""
    total = torch.zeros(len(edges) - 1, dtype=edges.dtype)
    for a, b in ((low, high), (-high, -low)):
        total += (edges[1:].clamp(max=b) - edges[:-1].clamp(min=a)).clamp(min=0)
    return total / edges.diff()


def _overlap(cells: Tensor, pixels: Tensor) -> Tensor:
    """Share of each cell that each pixel covers: (pixels, cells), columns add up to one."""
    high = torch.minimum(cells[None, 1:], pixels[1:, None])
    low = torch.maximum(cells[None, :-1], pixels[:-1, None])
    return ((high - low).clamp(min=0) / cells.diff()[None]).float()
