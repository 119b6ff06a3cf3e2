"""A detector with nearly dead regions, and which events it records."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from parity_nb.calorimeters.world.violation import Decays
from parity_nb.data import choose

SEEN = 0.1
"""Probability that the lepton or the quark is found where the detector is nearly dead."""


def _one_side(eta: Tensor, phi: Tensor) -> Tensor:
    return (eta > 0.3) & (eta < 2.3) & (phi.abs() < math.pi / 2)


def _slanted(eta: Tensor, phi: Tensor) -> Tensor:
    turn = torch.remainder((phi - eta) / (2 * math.pi), 1)
    return (eta.abs() < 2.2) & (turn < 0.3)


REGIONS = {
    "none": lambda eta, phi: torch.zeros_like(eta, dtype=torch.bool),
    "one-side": _one_side,
    "slanted": _slanted,
}
"""Regions that are nearly dead, by name.

one-side: a rectangle on one side of the collision, half of the azimuth.  It is not its own image
under the eta flip, but it is under a reflection of the azimuth.
slanted: a band that winds like a screw.  It has no mirror at all."""


def efficiency(events: Decays, region: str, seen: float = SEEN) -> Tensor:
    """e(x), the probability that an event is recorded: (n,).

    It takes the lepton and the quark, each with probability `seen` in the region, else 1.

    Raises:
        ValueError: for an unknown region, or no probability.
    """
    is_dead = choose("region", region, REGIONS)
    if not 0 <= seen <= 1:
        raise ValueError(f"seen = {seen} is not a probability")
    dead = is_dead(events.eta[:, :2], events.phi[:, :2])
    return torch.where(dead, seen, 1.0).prod(1)


def recorded(events: Decays, region: str, seed: int = 0, seen: float = SEEN) -> Tensor:
    """Which events the detector records: (n,) bool."""
    chance = torch.Generator().manual_seed(seed)
    return torch.rand(len(events), generator=chance) < efficiency(events, region, seen)
