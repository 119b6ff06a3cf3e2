"""Simulated events: black holes and sphalerons at 13 TeV, by the fast parametric generator.

The same hard processes go through Pythia 8 in `parity_nb.calorimeters.world.pythia`.
"""

from __future__ import annotations

import torch

from parity_nb.calorimeters.world import hard_process as hard
from parity_nb.calorimeters.world.fragmentation import Tune, fragment
from parity_nb.calorimeters.world.particles import (
    CHARGED_HADRON,
    ELECTRON,
    INVISIBLE,
    KINDS,
    MUON,
    NEUTRAL_HADRON,
    PHOTON,
    Particles,
    concatenate,
)

__all__ = [
    "CHARGED_HADRON",
    "CLASSES",
    "ELECTRON",
    "INVISIBLE",
    "KINDS",
    "MUON",
    "NEUTRAL_HADRON",
    "PHOTON",
    "Particles",
    "black_holes",
    "concatenate",
    "make_class",
    "sphalerons",
]

CHUNK = 2000
"""Events made at a time, which bounds the memory."""

CLASSES = ("SPH_9", "BH_n4_M8", "BH_n2_M10", "BH_n4_M10", "BH_n6_M10", "BH_n4_M12")
"""The six classes of Grefsrud et al. (2023): sphalerons from 9 TeV, black holes of n and M."""


def black_holes(
    n: int,
    dimensions: int = 4,
    minimum_mass: float = 10.0,
    seed: int = 0,
    tune: Tune | None = None,
) -> Particles:
    """Particles of n black holes.

    Args:
        n: number of events.
        dimensions: extra dimensions; 2, 4 or 6 in the source.
        minimum_mass: in TeV; 8, 10 or 12 in the source.
        seed: random seed.
        tune: numbers of the fragmentation; the fitted ones if not given.

    Raises:
        ValueError: for fewer than one event or dimension, or a mass that beams of 6.5 TeV
            cannot make.
    """
    if dimensions < 1:
        raise ValueError(f"a black hole needs at least one extra dimension, not {dimensions}")

    def make(m: int, generator: torch.Generator) -> hard.Partons:
        return hard.black_holes(m, dimensions, 1000 * minimum_mass, generator)

    return _make(n, make, f"black holes {dimensions} {minimum_mass}", seed, tune)


def sphalerons(
    n: int, seed: int = 0, threshold: float = 9.0, tune: Tune | None = None
) -> Particles:
    """Particles of n sphaleron transitions.

    Args:
        n: number of events.
        seed: random seed.
        threshold: smallest mass, in TeV; 9 in the source.
        tune: numbers of the fragmentation; the fitted ones if not given.

    Raises:
        ValueError: for fewer than one event or a threshold that the beams cannot reach.
    """

    def make(m: int, generator: torch.Generator) -> hard.Partons:
        return hard.sphalerons(m, 1000 * threshold, generator)

    return _make(n, make, f"sphalerons {threshold}", seed, tune)


def make_class(name: str, n: int, seed: int = 0) -> Particles:
    """Particles of one of `CLASSES`, or of any `BH_n<dimensions>_M<TeV>` and `SPH_<TeV>`.

    Raises:
        ValueError: for a name of another form.
    """
    words = name.split("_")
    try:
        if words[0] == "SPH":
            return sphalerons(n, seed, float(words[1]))
        if words[0] == "BH" and words[1][0] == "n" and words[2][0] == "M":
            return black_holes(n, int(words[1][1:]), float(words[2][1:]), seed)
    except IndexError:
        pass
    raise ValueError(f"no class {name!r}; the source's are {', '.join(CLASSES)}")


def _make(n: int, make, name: str, seed: int, tune: Tune | None) -> Particles:
    if n < 1:
        raise ValueError(f"the number of events must be at least 1, not {n}")
    from zlib import crc32

    # another class with the same seed must not reuse its random numbers
    generator = torch.Generator().manual_seed(crc32(f"{name} {seed}".encode()))
    parts = []
    for start in range(0, n, CHUNK):
        partons = make(min(CHUNK, n - start), generator)
        parts.append(fragment(partons, generator, tune))
    return concatenate(parts)
