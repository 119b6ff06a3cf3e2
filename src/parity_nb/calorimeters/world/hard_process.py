"""The hard process: what a black hole or a sphaleron of the LHC decays to, before hadrons form.

Both are guesses about physics that nobody has seen, made here with the assumptions that
Grefsrud et al. (2023) took from BlackMax and Herwig: a Planck scale of 4 TeV and beams of
6.5 TeV.  Masses follow parton luminosities of valence quarks with simple shapes,
x q(x) ~ sqrt(x) (1 - x)^4 for u and (1 - x)^5 for d.

Partons are four-vectors (E, px, py, pz) in GeV with the codes of the Particle Data Group; all
events of a batch are made at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

CLASSES = ("SPH_9", "BH_n4_M8", "BH_n2_M10", "BH_n4_M10", "BH_n6_M10", "BH_n4_M12")
"""The six classes of Grefsrud et al. (2023): sphalerons from 9 TeV, black holes of n and M."""

BEAM = 6500.0
"""Energy of a proton, GeV."""
PLANCK = 4000.0
"""The scale M* of gravity in n extra dimensions, GeV (Grefsrud et al. 2023)."""
MASSES = {6: 172.5, 23: 91.19, 24: 80.38, 25: 125.2}
"""Masses in GeV of the particles that are heavy enough to matter (PDG 2024)."""

GRAVITON = 39
QUARKS = (1, 2, 3, 4, 5, 6)
SPECIES = (
    # code, degrees of freedom of spin and colour
    *((sign * q, 6) for q in QUARKS for sign in (1, -1)),
    *((sign * lepton, 2) for lepton in (11, 13, 15) for sign in (1, -1)),
    *((sign * neutrino, 1) for neutrino in (12, 14, 16) for sign in (1, -1)),
    (21, 16),
    (22, 2),
    (23, 3),
    (24, 3),
    (-24, 3),
    (25, 1),
    (GRAVITON, 3),
)
"""What a black hole radiates: every degree of freedom of the standard model alike, and gravitons.

The weight of gravitons, which leave unseen, is fitted to the energy in the published images.
"""


@dataclass(frozen=True)
class Partons:
    """Partons of n events.

    Attributes:
        event: number of the event, never falling: (K,) int64.
        code: PDG code, (K,) int64.
        momentum: E, px, py, pz in GeV, (K, 4) float64.
        incoming: PDG codes of the two incoming quarks, along +z and -z: (n, 2) int64.
        group: generation that a parton of a sphaleron belongs to, 1 to 3; 1 in black holes: (K,).
        n: number of events.
    """

    event: Tensor
    code: Tensor
    momentum: Tensor
    incoming: Tensor
    group: Tensor
    n: int


def process(name: str) -> tuple[str, Callable[[int, torch.Generator], Partons]]:
    """What the name of a class says.

    Args:
        name: one of `CLASSES`, or any `BH_n<dimensions>_M<TeV>` and `SPH_<TeV>`.

    Returns:
        What it is in words, and what makes the partons of n events.

    Raises:
        ValueError: for a name of another form.
    """
    if found := re.fullmatch(r"SPH_([\d.]+)", name):
        mass = float(found[1])
        return f"sphalerons {mass}", lambda n, g: sphalerons(n, 1000 * mass, g)
    if found := re.fullmatch(r"BH_n(\d+)_M([\d.]+)", name):
        dimensions, mass = int(found[1]), float(found[2])
        words = f"black holes {dimensions} {mass}"
        return words, lambda n, g: black_holes(n, dimensions, 1000 * mass, g)
    raise ValueError(f"no class {name!r}; the source's are {', '.join(CLASSES)}")


# --- kinematics


def boost(momentum: Tensor, frame: Tensor) -> Tensor:
    """Take four-vectors (..., 4) from the rest frame of `frame` (..., 4) to where `frame` is."""
    mass = _mass(frame)
    dot = (momentum[..., 1:] * frame[..., 1:]).sum(-1)
    energy = (momentum[..., 0] * frame[..., 0] + dot) / mass
    factor = (momentum[..., 0] + energy) / (frame[..., 0] + mass)
    space = momentum[..., 1:] + factor[..., None] * frame[..., 1:]
    return torch.cat([energy[..., None], space], -1)


def _back(frame: Tensor) -> Tensor:
    """The frame (n, 4) that moves the other way: a boost with it undoes the boost."""
    return torch.cat([frame[:, :1], -frame[:, 1:]], 1)


def _mass(momentum: Tensor) -> Tensor:
    square = momentum[..., 0] ** 2 - momentum[..., 1:].square().sum(-1)
    return square.clamp(min=1e-12).sqrt()


def isotropic(energy: Tensor, generator: torch.Generator) -> Tensor:
    """Massless four-vectors of given energies in random directions: (...) -> (..., 4)."""
    cosine = 2 * torch.rand(energy.shape, generator=generator, dtype=energy.dtype) - 1
    phi = 2 * math.pi * torch.rand(energy.shape, generator=generator, dtype=energy.dtype)
    sine = (1 - cosine**2).sqrt()
    unit = torch.stack([torch.ones_like(phi), sine * phi.cos(), sine * phi.sin(), cosine], -1)
    return energy[..., None] * unit


def phase_space(count: int, mass: Tensor, generator: torch.Generator) -> Tensor:
    """Flat phase space of `count` massless particles at rest together: (n,) -> (n, count, 4).

    The construction of Kleiss, Stirling and Ellis (1986): isotropic vectors, boosted and scaled.
    """
    q = torch.rand((len(mass), count, 2), generator=generator, dtype=mass.dtype).clamp(min=1e-300)
    q = isotropic(-q.prod(-1).log(), generator)
    total = q.sum(1)
    q = boost(q, _back(total)[:, None].expand_as(q))
    return q * (mass / _mass(total))[:, None, None]


def give_masses(momentum: Tensor, masses: Tensor, present: Tensor, mass: Tensor) -> Tensor:
    """Put particles that are at rest together on their mass shells, by one factor an event.

    Args:
        momentum: massless, (n, k, 4).
        masses: (n, k) in GeV.
        present: which of the k entries are particles, (n, k).
        mass: what their energies must add up to, (n,).
    """
    square = momentum[..., 1:].square().sum(-1)
    factor = torch.ones_like(mass)
    for _ in range(20):
        energy = (masses**2 + factor[:, None] ** 2 * square).sqrt() * present
        slope = (factor[:, None] * square / energy.clamp(min=1e-9) * present).sum(1)
        factor = factor - (energy.sum(1) - mass) / slope
    space = momentum[..., 1:] * factor[:, None, None]
    energy = (masses**2 + space.square().sum(-1)).sqrt()
    return torch.cat([energy[..., None], space], -1)


# --- the initial state


def collisions(
    n: int, minimum_mass: float, power: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Two quarks meet: the mass of what they make, and its momentum along the beam.

    Args:
        n: number of events.
        minimum_mass: GeV.
        power: the parton cross-section grows as mass to this power.
        generator: of random numbers.

    Returns:
        momentum of the pair, (n, 4), and codes of the quarks along +z and -z, (n, 2).

    Raises:
        ValueError: if the minimum mass leaves no room below the energy of the beams.
    """
    if not 1000 <= minimum_mass < 1.9 * BEAM:
        raise ValueError(
            f"a minimum mass of {minimum_mass / 1000:g} TeV is outside 1 to "
            f"{1.9 * BEAM / 1000:g} TeV, what beams of {BEAM / 1000:g} TeV can make"
        )
    x = torch.linspace(0, 1, 2001, dtype=torch.float64)[1:-1]
    up, down = x**-0.5 * (1 - x) ** 4, x**-0.5 * (1 - x) ** 5
    up, down = 2 * up / up.sum(), down / down.sum()
    mass = 2 * BEAM * (x[:, None] * x[None, :]).sqrt()
    weight = (up + down)[:, None] * (up + down)[None, :] * (mass / minimum_mass) ** power
    cumulative = torch.where(mass >= minimum_mass, weight, 0.0).flatten().cumsum(0)
    draw = torch.rand(n, generator=generator, dtype=x.dtype) * cumulative[-1]
    cell = torch.searchsorted(cumulative, draw, right=True).clamp(max=len(cumulative) - 1)
    index = torch.stack([cell // len(x), cell % len(x)], 1)
    # spread inside the cell upwards, so that no mass falls below the minimum
    fraction = x[index] + torch.rand((n, 2), generator=generator, dtype=x.dtype) * (x[1] - x[0])
    fraction = fraction.clamp(max=1 - 1e-6)
    is_down = torch.rand((n, 2), generator=generator) < (down / (up + down))[index]
    momentum = torch.zeros((n, 4), dtype=x.dtype)
    momentum[:, 0] = BEAM * fraction.sum(1)
    momentum[:, 3] = BEAM * (fraction[:, 0] - fraction[:, 1])
    return momentum, torch.where(is_down, 1, 2)


# --- black holes


def radius(mass: Tensor, dimensions: int) -> Tensor:
    """Horizon radius in 1/GeV of a black hole that does not rotate (Myers and Perry 1986).

    Args:
        mass: GeV.
        dimensions: number of extra dimensions n.
    """
    n = dimensions
    shape = 8 * math.gamma((n + 3) / 2) / (n + 2)
    return (mass / PLANCK * shape) ** (1 / (n + 1)) / (math.sqrt(math.pi) * PLANCK)


def temperature(mass: Tensor, dimensions: int) -> Tensor:
    """Hawking temperature in GeV, (n + 1) / (4 pi r)."""
    return (dimensions + 1) / (4 * math.pi * radius(mass, dimensions))


def black_holes(
    n: int, dimensions: int, minimum_mass: float, generator: torch.Generator
) -> Partons:
    """Black holes that evaporate: particle after particle, each from what the last one left.

    Energies follow E^2 exp(-E/T) in the rest frame of the hole, up to half its mass.  Below the
    Planck scale the thermal picture ends, and the rest bursts into two to six particles that
    share flat phase space.  Species are drawn until charge, baryon and lepton number are those
    of the incoming quarks.  Neither rotation nor greybody factors are modelled.

    Args:
        n: number of events.
        dimensions: extra dimensions, 2, 4 or 6 in the source.
        minimum_mass: GeV.
        generator: of random numbers.

    Raises:
        ValueError: for fewer than one dimension, or a mass that the beams cannot make.
    """
    if dimensions < 1:
        raise ValueError(f"a black hole needs at least one extra dimension, not {dimensions}")
    total, incoming = collisions(n, minimum_mass, 2 / (dimensions + 1), generator)
    hole = total
    radiated, alive = [], torch.ones(n, dtype=torch.bool)
    for _ in range(MOST_EMISSIONS):
        mass = _mass(hole)
        alive = alive & (mass > PLANCK)
        energy = _thermal(temperature(mass, dimensions), mass / 2, generator)
        quantum = isotropic(torch.where(alive, energy, 0.0), generator)
        quantum = torch.where(alive[:, None], boost(quantum, hole), 0.0)
        hole = hole - quantum
        radiated.append((quantum, alive))
        if not alive.any():
            break
    rest = _mass(hole)
    size = 2 + (torch.rand((n, MOST_IN_BURST - 2), generator=generator) < BURST).sum(1)
    burst = torch.zeros((n, MOST_IN_BURST, 4), dtype=rest.dtype)
    for k in range(2, MOST_IN_BURST + 1):
        burst[size == k, :k] = phase_space(k, rest[size == k], generator)
    burst = boost(burst, hole[:, None].expand_as(burst))
    momentum = torch.cat([torch.stack([q for q, _ in radiated], 1), burst], 1)
    present = torch.stack([a for _, a in radiated], 1)
    present = torch.cat([present, torch.arange(MOST_IN_BURST) < size[:, None]], 1)
    code = _species(present, incoming, generator)
    return _partons(momentum, code, present, total, incoming, torch.ones_like(code))


MOST_EMISSIONS = 24
"""More particles no hole emits before its mass is below the Planck scale."""
MOST_IN_BURST = 6
"""Particles in the final burst: two, and up to four more by tosses of a coin."""
BURST = 0.75
"""Probability of heads, fitted to the published number of hit pixels."""


def _thermal(temperature: Tensor, most: Tensor, generator: torch.Generator) -> Tensor:
    """Energies of density E^2 exp(-E/T) below `most`, by inverting a table in E / most."""
    grid = torch.linspace(0, 1, 257, dtype=torch.float64)
    scale = (most / temperature)[:, None]
    density = grid**2 * torch.exp(-grid * scale)
    cumulative = torch.cumsum((density[:, 1:] + density[:, :-1]) / 2, 1)
    draw = torch.rand((len(most), 1), generator=generator, dtype=grid.dtype) * cumulative[:, -1:]
    cell = torch.searchsorted(cumulative, draw).clamp(max=255)
    within = torch.rand(cell.shape, generator=generator, dtype=grid.dtype)
    # below the limit itself, where nothing would be left of the hole
    return (most[:, None] * ((cell + within) / 256).clamp(max=0.995))[:, 0]


def charge_thirds(code: Tensor) -> Tensor:
    """Electric charge of PDG codes in thirds of the proton's."""
    size = code.abs()
    third = torch.where(size <= 6, torch.where(size % 2 == 0, 2, -1), 0)
    third = torch.where((size >= 11) & (size <= 16) & (size % 2 == 1), -3, third)
    third = torch.where(size == 24, 3, third)
    return third * code.sign()


def _species(present: Tensor, incoming: Tensor, generator: torch.Generator) -> Tensor:
    """Codes (n, k) that conserve charge, baryon and lepton number, by drawing until they do."""
    codes = torch.tensor([code for code, _ in SPECIES])
    weights = torch.tensor([float(degrees) for _, degrees in SPECIES])
    chosen = torch.zeros(present.shape, dtype=torch.int64)
    charge = charge_thirds(incoming).sum(1)
    pending = torch.arange(len(present))
    for _ in range(20000):
        here = present[pending]
        drawn = torch.multinomial(weights, here.numel(), replacement=True, generator=generator)
        drawn = codes[drawn].reshape(here.shape) * here
        size = drawn.abs()
        quarks = (drawn.sign() * ((size >= 1) & (size <= 6))).sum(1)
        leptons = (drawn.sign() * ((size >= 11) & (size <= 16))).sum(1)
        good = (quarks == 2) & (leptons == 0)
        good &= charge_thirds(drawn).sum(1) == charge[pending]
        chosen[pending[good]] = drawn[good]
        pending = pending[~good]
        if not len(pending):
            return chosen
    raise RuntimeError(f"{len(pending)} black holes found no particles to decay to")


# --- sphalerons


def sphalerons(n: int, threshold: float, generator: torch.Generator) -> Partons:
    """Sphaleron transitions that lower baryon and lepton number by three.

    All twelve left-handed doublets take part: of every generation three quarks, one a colour,
    and a lepton, as uud e or udd nu.  Two quarks come in, so seven antiquarks and three
    antileptons go out, over flat phase space and without further bosons.

    Args:
        n: number of events.
        threshold: smallest mass in GeV; the cross-section is constant above.
        generator: of random numbers.
    """
    total, incoming = collisions(n, threshold, 0.0, generator)
    coin = torch.rand((n, 3), generator=generator) < 0.5  # uud e rather than udd nu
    ups = (incoming == 2).sum(1)
    coin[:, 0] = torch.where(ups == 2, True, torch.where(ups == 0, False, coin[:, 0]))
    columns, groups = [], []
    for generation in range(3):
        up, down, lepton = 2 * generation + 2, 2 * generation + 1, 11 + 2 * generation
        with_lepton = coin[:, generation]
        three = [torch.full((n,), up), torch.where(with_lepton, up, down), torch.full((n,), down)]
        if generation == 0:  # what is left of the three when the two incoming ones are gone
            left = torch.where(with_lepton, 5, 4) - incoming.sum(1)
            three = [left]
        columns += [-quark for quark in three]
        columns.append(-torch.where(with_lepton, lepton, lepton + 1))
        groups += [generation + 1] * (len(three) + 1)
    code = torch.stack(columns, 1)
    mass = _mass(total)
    momentum = phase_space(code.shape[1], mass, generator)
    momentum = boost(momentum, total[:, None].expand_as(momentum))
    group = torch.tensor(groups).expand_as(code)
    return _partons(momentum, code, torch.ones_like(code, dtype=bool), total, incoming, group)


def _partons(
    momentum: Tensor, code: Tensor, present: Tensor, total: Tensor, incoming: Tensor, group: Tensor
) -> Partons:
    """Tables (n, k) as flat lists, with masses given and the momentum kept."""
    masses = torch.zeros(code.shape, dtype=momentum.dtype)
    for size, mass in MASSES.items():
        masses[code.abs() == size] = mass
    rest = boost(momentum, _back(total)[:, None].expand_as(momentum))
    rest = give_masses(rest, masses, present, _mass(total))
    momentum = boost(rest, total[:, None].expand_as(rest))
    event = torch.arange(len(code))[:, None].expand_as(code)
    return Partons(
        event[present], code[present], momentum[present], incoming, group[present], len(code)
    )
