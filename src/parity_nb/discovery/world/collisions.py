"""Simulated collisions of a particle on a rod with a free one, in a plane.

After Iten et al. (2020): a particle of 1 kg turns at the end of a massless rod of 1 m; a free
particle of 1 kg hits it.  The pivot takes up momentum, so that of all mechanical quantities only
the angular momentum about the pivot is conserved.  Positions are known to 1 cm.

Ours differs in two points.  The collision may happen anywhere on a half circle and not at one
point only, which makes angular momentum a product of two observed vectors; and the law can be
broken by degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RADIUS = 1.0
"""Length of the rod in metres."""

MASS = 1.0
"""Mass of either particle in kilograms."""

ERROR = 0.01
"""Standard deviation of an observed coordinate in metres."""

TURN = (1.0, 3.0)
"""Range of the rod's angular velocity in rad/s."""

SPEED = 2.0
"""Largest radial or tangential velocity of the free particle in m/s."""

ARC = torch.pi / 2
"""The collision happens between -ARC and ARC radians."""

OBSERVED = (-1.0, -0.75, -0.5, -0.25, 0.0)
"""Times at which both particles are observed, in seconds before the collision."""

ASKED = (0.0, 0.5, 1.0)
"""Times after the collision at which the question shows the free particle, in seconds."""

LATEST = 1.0
"""The question asks for the rod's particle at a time between 0 and so many seconds."""

FREEDOMS = 4
"""Numbers that tell what was observed: the place of the collision, the turn, two velocities."""

SPREAD = MASS * RADIUS * ((TURN[1] - TURN[0]) ** 2 / 12 + (2 * SPEED) ** 2 / 12) ** 0.5
"""Standard deviation of the total angular momentum over collisions, in kg m2/s."""


@dataclass(frozen=True)
class Collisions:
    """A set of collisions.

    Attributes:
        observation: (N, 20) metres: the positions of the rod's particle at the times `OBSERVED`,
            x and y alternating, then those of the free one.
        question: (N, 7): the positions of the free particle at the times `ASKED` in metres, and
            the time asked for in seconds.
        answer: (N, 2) metres: where the rod's particle is at that time.
        place: (N,) angle of the collision in radians.
        turn: (N,) angular velocity before it in rad/s.
        velocity: (N, 2) radial and tangential velocity of the free particle before it, in m/s.
        before, after: (N,) total angular momentum about the pivot in kg m2/s.
    """

    observation: Tensor
    question: Tensor
    answer: Tensor
    place: Tensor
    turn: Tensor
    velocity: Tensor
    before: Tensor
    after: Tensor

    def __len__(self) -> int:
        return len(self.answer)


def angular_momentum(turn: Tensor, tangential: Tensor) -> Tensor:
    """Total about the pivot in kg m2/s: m r^2 omega + m r v_t, (N,) and (N,) -> (N,)."""
    return MASS * RADIUS * (RADIUS * turn + tangential)


def collide(n: int, kept: float = 1.0, seed: int = 0, exact: bool = False) -> Collisions:
    """Simulate n collisions.

    The free particle leaves with any velocity (the collision may be elastic or not, and the
    bodies need not be round); the rod takes what is left of the angular momentum.

    Args:
        n: how many.
        kept: correlation of the total angular momentum after the collision with that before it.
            1: it is conserved.  Less: an external torque adds a random part, and the whole is
            scaled so that its distribution over collisions has the same mean and width.  0: the
            total after the collision has nothing to do with that before.
        seed: of all chance.
        exact: leave out the errors of observation.

    Raises:
        ValueError: for no collisions, or `kept` outside 0 to 1.
    """
    if n < 1 or not 0 <= kept <= 1:
        raise ValueError(f"n = {n} must be at least 1, and kept = {kept} between 0 and 1")
    chance = torch.Generator().manual_seed(seed)
    place = _uniform(n, -ARC, ARC, chance)
    turn = _uniform(n, *TURN, chance)
    velocity = torch.stack([_uniform(n, -SPEED, SPEED, chance) for _ in range(2)], dim=1)
    return _observe(place, turn, velocity, kept, chance, exact)


def same_momentum(collisions: Collisions, seed: int = 0) -> Collisions:
    """Other collisions with the same angular momentum before, everything else drawn anew.

    The turn is drawn from the values that leave the tangential velocity within its range.
    """
    chance = torch.Generator().manual_seed(seed)
    n = len(collisions)
    share = collisions.before / (MASS * RADIUS)
    low = (share - SPEED).clamp(*TURN) / RADIUS
    high = (share + SPEED).clamp(*TURN) / RADIUS
    turn = low + (high - low) * _uniform(n, 0, 1, chance)
    radial = _uniform(n, -SPEED, SPEED, chance)
    velocity = torch.stack([radial, share - RADIUS * turn], dim=1)
    return _observe(_uniform(n, -ARC, ARC, chance), turn, velocity, 1.0, chance, False)


def _observe(place, turn, velocity, kept, chance, exact) -> Collisions:
    n = len(place)
    before = angular_momentum(turn, velocity[:, 1])
    centre = angular_momentum(torch.tensor(sum(TURN) / 2), torch.tensor(0.0))
    noise = SPREAD * torch.randn(n, generator=chance)
    after = centre + kept * (before - centre) + (1 - kept**2) ** 0.5 * noise
    leaving = torch.stack([_uniform(n, -SPEED, SPEED, chance) for _ in range(2)], dim=1)
    turn_after = after / (MASS * RADIUS**2) - leaving[:, 1] / RADIUS
    asked = _uniform(n, 0, LATEST, chance)
    rod = _on_circle(place[:, None] + turn[:, None] * torch.tensor(OBSERVED))
    free = _flight(place, velocity, OBSERVED)
    shown = _flight(place, leaving, ASKED)
    answer = _on_circle(place + turn_after * asked)
    error = 0.0 if exact else ERROR
    observation, question, answer = (
        part + error * torch.randn(part.shape, generator=chance)
        for part in (torch.cat([rod.flatten(1), free.flatten(1)], 1), shown.flatten(1), answer)
    )
    question = torch.cat([question, asked[:, None]], dim=1)
    return Collisions(observation, question, answer, place, turn, velocity, before, after)


def _uniform(n: int, low: float, high: float, chance: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=chance)


def _on_circle(angle: Tensor) -> Tensor:
    """Angles (...) -> positions (..., 2) in metres."""
    return RADIUS * torch.stack([angle.cos(), angle.sin()], dim=-1)


def _flight(place: Tensor, velocity: Tensor, times: tuple[float, ...]) -> Tensor:
    """Straight flight through the place of the collision at time 0, (N, times, 2) in metres."""
    outwards = torch.stack([place.cos(), place.sin()], dim=-1)
    along = torch.stack([-place.sin(), place.cos()], dim=-1)
    v = velocity[:, :1] * outwards + velocity[:, 1:] * along
    return RADIUS * outwards[:, None] + v[:, None] * torch.tensor(times)[None, :, None]
