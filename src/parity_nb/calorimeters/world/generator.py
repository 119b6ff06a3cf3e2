"""Simulated events: black holes and sphalerons at 13 TeV, by the fast parametric generator.

The chapter calorimeters/detector lets Pythia 8 shower the same hard processes.
"""

from __future__ import annotations

from zlib import crc32

import torch

from parity_nb.calorimeters.world.fragmentation import fragment
from parity_nb.calorimeters.world.hard_process import process
from parity_nb.calorimeters.world.particles import Particles, concatenate

CHUNK = 2000
"""Events made at a time, which bounds the memory."""


def make_class(name: str, n: int, seed: int = 0) -> Particles:
    """Particles of n events of a class.

    Args:
        name: one of `hard_process.CLASSES`, or any `BH_n<dimensions>_M<TeV>` and `SPH_<TeV>`.
        n: number of events.
        seed: random seed; no two classes share random numbers.

    Raises:
        ValueError: for a name of another form, fewer than one event or dimension, or a mass that
            beams of 6.5 TeV cannot make.
    """
    if n < 1:
        raise ValueError(f"the number of events must be at least 1, not {n}")
    words, make = process(name)
    generator = torch.Generator().manual_seed(crc32(f"{words} {seed}".encode()))
    sizes = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
    return concatenate([fragment(make(size, generator), generator) for size in sizes])
