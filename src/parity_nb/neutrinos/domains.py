"""Source and target domain: simulated events of two generators, split, weighted as in the beam."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from parity_nb.neutrinos.generators import GENERATORS
from parity_nb.neutrinos.learning import Events, events_of
from parity_nb.neutrinos.maps import PixelMaps, accepted
from parity_nb.neutrinos.simulate import simulated

SURPLUS, MARGIN = 1.75, 80
"""Events to simulate for one that is accepted (about 0.61 are), and so many more."""


@dataclass(frozen=True)
class Domain:
    """Events of one generator.

    Attributes:
        train, test: maps and labels.
        truth: rows of the simulation for `test`: mode, energy, visible, hits, generator, ...
    """

    train: Events
    test: Events
    truth: pd.DataFrame


def unweighted(n: int, generator: str, seed: int, composition: str, gap: float) -> PixelMaps:
    """So many simulated events that need no weights, by accept-reject where they come with some.

    Args:
        n: number of events.
        generator: as in `simulated`.
        seed: of everything.
        composition: "balanced" or "beam".
        gap: of the second generator to the first.

    Raises:
        RuntimeError: if too few events were accepted.
    """
    if not GENERATORS[generator].weighted:
        return simulated(n, generator, seed, composition, gap)
    made = simulated(math.ceil(SURPLUS * n) + MARGIN, generator, seed, composition, gap)
    kept = accepted(made.meta["weight"].to_numpy(), np.random.default_rng([seed, 1]))
    if kept.sum() < n:
        raise RuntimeError(f"{kept.sum()} of {len(made)} events were accepted, {n} are needed")
    return made[np.flatnonzero(kept)[:n]]


def domain(
    generator: str,
    train: int,
    test: int,
    seed: int,
    composition: str = "balanced",
    gap: float = 1.0,
) -> Domain:
    """Simulated events of one generator, to train and to test on.

    Args:
        generator: "genie-like", which becomes domain 0, or "gibuu-like", domain 1.
        train: number of events to train on.
        test: number of others.
        seed: of everything; another one has other events.
        composition: "balanced" or "beam".
        gap: how far the second generator is from the first.
    """
    events = unweighted(train + test, generator, seed, composition, gap)
    both = events_of(events, domain=list(GENERATORS).index(generator))
    truth = events.meta.iloc[train:].reset_index(drop=True)
    return Domain(both[:train], both[train:], truth)


def shares(events: Events) -> np.ndarray:
    """Share of every class: (classes,), none of them zero."""
    counts = torch.bincount(events.labels, minlength=3).clamp_min(1).double()
    return (counts / counts.sum()).numpy()
