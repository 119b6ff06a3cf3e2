"""What particles leave behind in the detector: tracks, showers, and the ends of hadrons.

Every function takes all its particles at once and returns `Deposits`, one row a small piece of
energy.  Positions are in cm, energies in MeV.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from parity_nb.neutrinos.world import nova

MUON, PION, PROTON, ELECTRON = 105.66, 139.57, 938.27, 0.511
"""Masses, MeV."""
STEP = 2.2
"""Length of the pieces of a track, cm: a third of a plane."""
SPOT = 1.5
"""Energy of the pieces of a shower, MeV."""
LONGEST = 1700.0
"""No track is followed further, cm: the length of the detector with its steel as scintillator."""


@dataclass
class Deposits:
    """M pieces of energy: `particle` they came from, `position` (M, 3) and `energy`, (M,)."""

    particle: np.ndarray
    position: np.ndarray
    energy: np.ndarray


@lru_cache
def ranges(mass: float) -> tuple[np.ndarray, np.ndarray]:
    """Kinetic energy, MeV, and the range that belongs to it, g/cm2, both ascending.

    The Bethe formula without shell and density corrections, for CH2 and PVC in our proportion:
    Z/A = 0.55 and a mean excitation energy of 68 eV; above it nothing but ionisation.
    """
    energy = np.geomspace(0.5, 6000, 600)
    gamma = 1 + energy / mass
    beta2 = 1 - gamma**-2
    ratio = ELECTRON / mass
    largest = 2 * ELECTRON * beta2 * gamma**2 / (1 + 2 * gamma * ratio + ratio**2)
    log = 0.5 * np.log(2 * ELECTRON * beta2 * gamma**2 * largest / 68e-6**2) - beta2
    # The density effect, as its asymptotic form with a plasma energy of 22 eV, where positive.
    density = np.log(22e-6 / 68e-6) + 0.5 * np.log(beta2 * gamma**2) - 0.5
    loss = 0.307075 * 0.55 / beta2 * (log - np.maximum(density, 0))
    pieces = 0.5 * (1 / loss[1:] + 1 / loss[:-1]) * np.diff(energy)
    return energy, np.concatenate([[0], np.cumsum(pieces)]) + energy[0] / loss[0] / 2


def range_of(energy: np.ndarray, mass: float) -> np.ndarray:
    """How far a particle of this kinetic energy, MeV, comes before it stops, cm."""
    return np.interp(energy, *ranges(mass)) / nova.DENSITY


def energy_left(length: np.ndarray, mass: float) -> np.ndarray:
    """Kinetic energy, MeV, of a particle that will stop after this length, cm."""
    known, reach = (np.concatenate([[0], table]) for table in ranges(mass))
    return np.interp(length * nova.DENSITY, reach, known)


def tracks(
    energy: np.ndarray,
    start: np.ndarray,
    direction: np.ndarray,
    mass: float,
    rng: np.random.Generator,
) -> tuple[Deposits, np.ndarray]:
    """Charged particles that ionise and scatter until they stop or, if hadrons, meet a nucleus.

    Light follows Birks' law, angles Highland's formula.  In the muon catcher a centimetre slows
    as much as `DENSER` of them elsewhere, and most of that energy stays in the steel, unseen.

    Args:
        energy: kinetic, MeV, (K,).
        start: (K, 3), cm.
        direction: unit vectors (K, 3).
        mass: MeV.
        rng: numpy generator.

    Returns:
        Deposits, and where each track ends, (K, 3).
    """
    if not len(energy):
        return Deposits(np.zeros(0, int), np.zeros((0, 3)), np.zeros(0)), start.copy()
    length = range_of(energy, mass)
    meets = np.full(len(energy), np.inf)
    if mass != MUON:
        meets = rng.exponential(nova.INTERACTION, len(energy))
    seen = np.minimum(np.minimum(length, meets), LONGEST)
    steps = max(1, int(np.ceil(seen.max() / STEP)))
    begin = STEP * np.arange(steps)[None]
    inside = begin < seen[:, None]
    end = np.minimum(begin + STEP, seen[:, None])
    before = energy_left(length[:, None] - np.minimum(begin, seen[:, None]), mass)
    after = energy_left(length[:, None] - end, mass)
    lost = before - after
    thickness = np.maximum(end - begin, 1e-3) * nova.DENSITY
    light = nova.ACTIVE * lost / (1 + nova.BIRKS * lost / thickness)

    momentum = (before * (before + 2 * mass)) / (before + mass)  # momentum times beta
    kick = 13.6 / np.maximum(momentum, 5.0) * np.sqrt(STEP / nova.X0)
    angles = np.cumsum(np.minimum(kick, 0.5) * rng.standard_normal((2, *kick.shape)), axis=-1)
    u, v = frame(direction)
    way = direction[:, None] + np.tan(np.clip(angles[0], -1.2, 1.2))[..., None] * u[:, None]
    way += np.tan(np.clip(angles[1], -1.2, 1.2))[..., None] * v[:, None]
    way /= np.linalg.norm(way, axis=-1, keepdims=True)
    pace = (end - begin) * inside
    along = start[:, None, 2] + np.cumsum(way[..., 2] * pace, axis=1)
    in_catcher = along > nova.CATCHER_FRONT
    pace = np.where(in_catcher, pace / nova.DENSER, pace)
    light = np.where(in_catcher, light / nova.DENSER, light)
    path = start[:, None] + np.cumsum(way * pace[..., None], axis=1)
    middle = path - 0.5 * way * pace[..., None]
    which, piece = np.nonzero(inside)
    deposits = Deposits(which, middle[which, piece], light[which, piece])
    last = path[np.arange(len(path)), inside.sum(1) - 1]
    if mass != MUON:
        kept = energy_left(np.maximum(length - seen, 0), mass)
        deposits = merge(deposits, _stars(np.where(meets < length, kept, 0), last, rng))
    return deposits, last


def _stars(energy: np.ndarray, where: np.ndarray, rng: np.random.Generator) -> Deposits:
    """Where hadrons meet nuclei: a fifth to seven tenths of what they had left shows up nearby."""
    seen = nova.ACTIVE * energy * rng.uniform(0.2, 0.7, len(energy))
    number = np.ceil(seen / 8).astype(int)
    which = np.repeat(np.arange(len(energy)), number)
    spread = rng.standard_normal((len(which), 3)) * 7.0
    return Deposits(which, where[which] + spread, (seen / np.maximum(number, 1))[which])


def showers(
    energy: np.ndarray,
    start: np.ndarray,
    direction: np.ndarray,
    photon: np.ndarray,
    rng: np.random.Generator,
) -> tuple[Deposits, np.ndarray, np.ndarray]:
    """Electromagnetic showers, with the parametrisation of Longo and Sestili (1975).

    The depth of a piece follows a gamma distribution with b = 0.5 and a maximum at
    log(E/Ec) - 0.5 (+ 0.5 for a photon) radiation lengths.  The first radiation length is a thin
    track, of one particle for an electron and of two for a photon, which begins only where the
    photon converts, on average 9/7 radiation lengths from where it was made.  The distance from
    the axis follows two terms as in Grindhammer and Peters (2000): a core that widens with depth,
    and a tail of the size of the Moliere radius.

    Args:
        energy: MeV, (K,).
        start: where the electron or photon is made, (K, 3).
        direction: unit vectors (K, 3).
        photon: whether it is a photon, bool (K,).
        rng: numpy generator.

    Returns:
        Deposits, where each shower begins and where nine tenths of its length end, (K, 3).
    """
    gap = np.where(photon, rng.exponential(9 / 7 * nova.X0, len(energy)), 0)
    begin = start + gap[:, None] * direction
    ratio = np.maximum(energy, nova.CRITICAL) / nova.CRITICAL
    deepest = np.log(ratio) + np.where(photon, 0.5, -0.5)
    deepest = np.maximum(deepest + 0.3 * rng.standard_normal(len(energy)), 0.2)
    stem = np.minimum(np.where(photon, 2, 1) * nova.MIP * nova.DENSITY * nova.X0, energy / 2)
    pieces = rng.poisson(np.maximum(energy - stem, 0) / SPOT)
    stems = rng.poisson(stem / SPOT)
    which = np.repeat(np.arange(len(energy)), pieces)
    depth = rng.gamma(1 + 0.5 * deepest[which]) / 0.5
    core = rng.random(len(which)) < 0.8
    size = np.where(core, 0.1 + 0.15 * depth / np.maximum(deepest[which], 1), 0.8) * nova.MOLIERE
    share = rng.random(len(which))
    radius = np.minimum(size * np.sqrt(share / (1 - share)), 6 * nova.MOLIERE)
    thin = np.repeat(np.arange(len(energy)), stems)
    which = np.concatenate([which, thin])
    depth = np.concatenate([depth, rng.random(len(thin))]) * nova.X0
    radius = np.concatenate([radius, 0.5 * rng.random(len(thin))])
    angle = rng.uniform(0, 2 * np.pi, len(which))
    u, v = frame(direction)
    position = begin[which] + depth[:, None] * direction[which]
    position += radius[:, None] * np.cos(angle)[:, None] * u[which]
    position += radius[:, None] * np.sin(angle)[:, None] * v[which]
    ends = begin + ((2 * deepest + 3) * nova.X0)[:, None] * direction
    return Deposits(which, position, np.full(len(which), SPOT * nova.ACTIVE)), begin, ends


def frame(direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors at right angles to each direction and to one another, (K, 3) each."""
    helper = np.where(np.abs(direction[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
    u = np.cross(direction, helper)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    return u, np.cross(direction, u)


def merge(*parts: Deposits) -> Deposits:
    """Several deposits as one."""
    names = ("particle", "position", "energy")
    return Deposits(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))
