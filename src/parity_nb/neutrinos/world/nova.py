"""The near detector of NOvA in numbers, and what its cells record.

Lengths are in cm, energies in MeV unless a name says GeV.  Sources: {S} the cuts that Shokar (2020)
prints, which name the planes and faces of the detector; {R} Rocco (2016), chapter 3, which counts
planes, cells and steel; {C} the NOvA collaboration (2023), on what the detector consists of;
{P} the Particle Data Group's tables of materials.
"""

from __future__ import annotations

import numpy as np

VIEWS, PLANES, CELLS = 2, 100, 80
"""A pixel map: views (x, then y), planes of one view along the beam, cells across it.  {S}"""

ACTIVE_PLANES = 192
"""Planes of scintillator before the muon catcher; even ones measure x, odd ones y.  {R}"""
CATCHER_PLANES = 22
"""Planes of scintillator in the muon catcher, between which lie plates of steel.  {R}"""
ALL_PLANES = ACTIVE_PLANES + CATCHER_PLANES
"""214: the cuts of {S} ask that a muon does not reach planes 212 and 213, the last two."""
WIDTH_CELLS = 96
"""Cells of one plane, three modules of 32.  {R}"""

CATCHER_FRONT = 1275.0
"""Where the muon catcher begins, cm from the front face.  {S}"""
PLANE = CATCHER_FRONT / ACTIVE_PLANES
"""Distance from one plane to the next, cm: 6.64; a cell is 6.0 cm deep inside."""
CELL = 3.97
"""Distance from one cell to the next, cm; a cell is 3.9 cm wide, the whole plane 381 cm."""
HALF_WIDTH = WIDTH_CELLS * CELL / 2
"""Half the width of the detector, cm; the cuts of {S} keep 10 cm from it."""
STEEL = 10.16
"""Thickness of a plate of steel in the catcher, cm: four inches.  {R}"""
CATCHER_PITCH = 2 * PLANE + STEEL
"""A pair of planes and a plate, cm."""

# Scintillator (mineral oil, CH2) and walls (PVC with titanium dioxide): share of the mass, density
# in g/cm3, and radiation length in g/cm2 {P}.  The shares are ours; 16 % of chlorine, of which PVC
# holds 57 %, and 3 % of titanium {C} ask for about these.
OIL, WALLS = (0.65, 0.86, 44.77), (0.35, 1.49, 25.51)
ACTIVE = OIL[0]
"""Share of the mass that is scintillator, and of a track's energy that is seen."""
DENSITY = 1 / (OIL[0] / OIL[1] + WALLS[0] / WALLS[1])
"""Of oil and walls together, g/cm3: 1.01."""
X0 = 1 / (OIL[0] / OIL[2] + WALLS[0] / WALLS[2]) / DENSITY
"""Radiation length of the mixture, cm: 35."""
MIP = 1.95
"""Energy loss of a fast particle, MeV cm2/g (CH2: 2.08, PVC: 1.78 at the minimum {P})."""
CRITICAL = MIP * DENSITY * X0
"""Critical energy in Rossi's sense, MeV: the loss by ionisation in one radiation length, 69."""
MOLIERE = 21.2 / CRITICAL * X0
"""Moliere radius, cm: 10.8."""
STEEL_LOSS = 1.45 * 7.87
"""Energy loss of a fast particle in iron, MeV/cm.  {P}"""
DENSER = (2 * PLANE + STEEL * STEEL_LOSS / (MIP * DENSITY)) / CATCHER_PITCH
"""How many cm of the detector slow a muon as much as one cm of its muon catcher: 3.1."""
INTERACTION = 80.0
"""Nuclear interaction length of hadrons, cm: 80 g/cm2 for CH2 and 107 for PVC {P}."""
BIRKS = 0.012
"""Birks' constant of the scintillator, g/(MeV cm2)."""

PHOTOELECTRONS = 4.0
"""Photoelectrons for an MeV that is seen; our choice, some thirty for a muon in a cell."""
THRESHOLD = 2.0
"""A cell that saw less, in MeV, is silent; a quarter of what a muon leaves."""
LEVELS_PER_MEV = 2.0
"""A pixel's level; 255, the largest, stands for 127 MeV and all above."""


def plane_of(z: np.ndarray) -> np.ndarray:
    """The plane, 0 to 213, at a distance z from the front face, cm; -1 outside and in steel."""
    z = np.asarray(z)
    front = np.floor(z / PLANE)
    behind = z - CATCHER_FRONT
    pair, inside = np.floor(behind / CATCHER_PITCH), behind % CATCHER_PITCH
    catcher = ACTIVE_PLANES + 2 * pair + np.floor(inside / PLANE)
    catcher = np.where((inside < 2 * PLANE) & (catcher < ALL_PLANES), catcher, -1)
    return np.where(z < 0, -1, np.where(behind < 0, front, catcher)).astype(np.int64)


def cell_of(x: np.ndarray) -> np.ndarray:
    """The cell, 0 to 95, at a distance x from the middle, cm; -1 outside."""
    cell = np.floor((np.asarray(x) + HALF_WIDTH) / CELL)
    return np.where((cell < 0) | (cell >= WIDTH_CELLS), -1, cell).astype(np.int64)


def digitise(energy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Energy that cells saw, MeV, to levels of a pixel map: counting photons, threshold, 8 bits."""
    seen = rng.poisson(energy * PHOTOELECTRONS) / PHOTOELECTRONS
    levels = np.clip(np.round(seen * LEVELS_PER_MEV), 0, 255)
    return np.where(seen < THRESHOLD, 0, levels).astype(np.uint8)


def windows(
    event: np.ndarray, plane: np.ndarray, cell: np.ndarray, level: np.ndarray, n: int
) -> np.ndarray:
    """Pixel maps from the cells that were hit: uint8 (n, 2, 100, 80).

    A map begins at the first plane with a hit and is centred, in each view, on the median cell of
    the hits in its planes, as in Aurisano et al. (2016).  What falls outside is lost.

    Args:
        event: which of the n events a hit belongs to.
        plane: 0 to 213; the view is its parity.
        cell: 0 to 95.
        level: 1 to 255.
        n: number of events.
    """
    first = np.full(n, ALL_PLANES)
    np.minimum.at(first, event, plane)
    row = plane // 2 - first[event] // 2
    inside = row < PLANES
    event, view, row = event[inside], plane[inside] % 2, row[inside]
    cell, level = cell[inside], level[inside]
    column = cell - _medians(2 * event + view, cell, 2 * n)[2 * event + view] + CELLS // 2
    kept = (column >= 0) & (column < CELLS)
    maps = np.zeros((n, VIEWS, PLANES, CELLS), np.uint8)
    maps[event[kept], view[kept], row[kept], column[kept]] = level[kept]
    return maps


def _medians(group: np.ndarray, value: np.ndarray, groups: int) -> np.ndarray:
    """The upper median of the values of each group; 0 for an empty one."""
    order = np.lexsort((value, group))
    count = np.bincount(group, minlength=groups)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    result = np.zeros(groups, np.int64)
    some = count > 0
    result[some] = value[order][(start + count // 2)[some]]
    return result
