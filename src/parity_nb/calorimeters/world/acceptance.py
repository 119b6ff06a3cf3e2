"""A detector that does not see everything, and the question that allows for it.

An event x is recorded with the known efficiency e(x), its mirror image with e(Px).  In a
symmetric world, of the two the one that was recorded is x with probability

    w(x) = e(x) / (e(x) + e(Px)),

whatever the shape of e (Tombs and Lester 2022, for a group of two elements).  It is one half only
where both are seen equally well.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from parity_nb.calorimeters.world.violation import Decays, mirrored
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


def pair_probability(events: Decays, region: str, seen: float = SEEN) -> Tensor:
    """Return w = e(x) / (e(x) + e(Px)) of recorded events, between 0 and 1: (n,)."""
    here, there = (efficiency(e, region, seen) for e in (events, mirrored(events)))
    return here / (here + there)


def recorded(events: Decays, region: str, seed: int = 0, seen: float = SEEN) -> Tensor:
    """Which events the detector records: (n,) bool."""
    chance = torch.Generator().manual_seed(seed)
    return torch.rand(len(events), generator=chance) < efficiency(events, region, seen)


def real_partner(w: Tensor, seed: int = 0) -> Tensor:
    """Which events have their mirror image for a partner, if it is drawn by acceptance: (n,) bool.

    The partner is x itself with probability w, and says nothing then; it is Px otherwise.  Of
    the events that are left, a symmetric world shows x and Px equally often.
    """
    return torch.rand(len(w), generator=torch.Generator().manual_seed(seed)) >= w
