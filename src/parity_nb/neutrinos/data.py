"""Events as the chapters get them: simulated by two generators, the source and target domain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from parity_nb.data import data_dir, made_once, source_key
from parity_nb.neutrinos.networks import CLASSES
from parity_nb.neutrinos.world import generators, nova, simulate, transport
from parity_nb.neutrinos.world.generators import GENERATORS, NAMES, generator_named
from parity_nb.neutrinos.world.simulate import PixelMaps

SURPLUS, MARGIN = 1.75, 80
"""Events to simulate for one that is accepted (about 0.61 are), and so many more."""


@dataclass(frozen=True)
class Events:
    """Maps with what a network may learn from them.

    Attributes:
        maps: uint8 (N, 2, planes, cells).
        labels: (N,) int64, indices of `CLASSES`.
        domain: (N,) int64, 0 source and 1 target.
        weights: (N,) float32, of each event in the loss.
    """

    maps: Tensor
    labels: Tensor
    domain: Tensor
    weights: Tensor

    def __post_init__(self) -> None:
        n = len(self.maps)
        for name in ("labels", "domain", "weights"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{len(getattr(self, name))} {name} for {n} maps")
        if not self.weights.isfinite().all():
            event = int((~self.weights.isfinite()).nonzero()[0])
            raise ValueError(
                f"the weight of event {event} is {self.weights[event].item()}: leave such events "
                "out, or find out where the weight comes from"
            )
        if n and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(CLASSES):
            raise ValueError(f"labels must be 0 to {len(CLASSES) - 1}, the places in {CLASSES}")

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, chosen) -> Events:
        return Events(
            self.maps[chosen], self.labels[chosen], self.domain[chosen], self.weights[chosen]
        )

    def __add__(self, other: Events) -> Events:
        names = ("maps", "labels", "domain", "weights")
        return Events(*(torch.cat([getattr(self, k), getattr(other, k)]) for k in names))


def events_of(pixel_maps: PixelMaps, domain: int = 0) -> Events:
    """Maps and labels of simulated or read events, all of weight one.

    Args:
        pixel_maps: the column `label` of their `meta` holds numu, nue or nc.
        domain: 0 for the source, 1 for the target domain.

    Raises:
        ValueError: for an unknown label, naming it and the first event that has it.
    """
    names, n = pixel_maps.meta["label"], len(pixel_maps)
    labels = pd.Index(CLASSES).get_indexer(names)
    if len(bad := np.flatnonzero(labels < 0)):
        raise ValueError(f"event {bad[0]} has the label {names[bad[0]]!r}, none of {CLASSES}")
    return Events(
        pixel_maps.images, torch.from_numpy(labels), torch.full((n,), domain), torch.ones(n)
    )


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


def accepted(weight: np.ndarray, rng: np.random.Generator, largest: float = 0.0) -> np.ndarray:
    """Accept-reject: which events to keep so that those kept need no weights, bool (N,).

    Args:
        weight: of each event, not negative.
        rng: numpy generator.
        largest: an event of this weight is always kept; the largest weight by default.

    Raises:
        ValueError: for weights that are negative or not finite, naming the first such event; or
            one above `largest`, which acceptance would cut off.
    """
    weight = np.asarray(weight, float)
    bad = np.flatnonzero(~np.isfinite(weight) | (weight < 0))
    if len(bad):
        raise ValueError(f"event {bad[0]} has the weight {weight[bad[0]]}; {len(bad)} such events")
    largest = largest or weight.max(initial=0.0)
    if (above := np.flatnonzero(weight > largest)).size:
        raise ValueError(
            f"event {above[0]} has the weight {weight[above[0]]:g}, above largest = {largest:g}: "
            f"{above.size} events would be too rare; raise `largest`"
        )
    return rng.random(len(weight)) * largest < weight


def simulated(
    n: int, generator: str, seed: int, composition: str = "balanced", gap: float = 1.0
) -> PixelMaps:
    """`simulate.events`, made once and cached; without prongs.  Arguments as there."""
    key = source_key(generator_named(generator, gap), generators, nova, simulate, transport)
    name = f"{NAMES.get(generator, generator)}-{composition}-{n}-seed{seed}-{key}"
    folder = made_once(
        data_dir() / "neutrinos" / name,
        lambda part: simulate.events(n, generator, seed, composition, gap).save(part),
    )
    return PixelMaps.load(folder)


def domain(
    generator: str,
    train: int,
    test: int,
    seed: int,
    composition: str = "balanced",
    gap: float = 1.0,
) -> Domain:
    """Simulated events of one generator, to train and to test on; accepted by weight, if any.

    Args:
        generator: "genie-like", which becomes domain 0, or "gibuu-like", domain 1.
        train: number of events to train on.
        test: number of others.
        seed: of everything; another one has other events.
        composition: "balanced" or "beam".
        gap: how far the second generator is from the first.

    Raises:
        RuntimeError: if too few events were accepted.
    """
    n, weighted = train + test, GENERATORS[generator].weighted
    more = math.ceil(SURPLUS * n) + MARGIN if weighted else n
    events = simulated(more, generator, seed, composition, gap)
    if weighted:
        kept = accepted(events.meta["weight"].to_numpy(), np.random.default_rng([seed, 1]))
        if kept.sum() < n:
            raise RuntimeError(f"{kept.sum()} of {more} events were accepted, {n} are needed")
        events = events[np.flatnonzero(kept)[:n]]
    both = events_of(events, domain=list(GENERATORS).index(generator))
    truth = events.meta.iloc[train:].reset_index(drop=True)
    return Domain(both[:train], both[train:], truth)
