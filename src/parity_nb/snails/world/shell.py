"""A shell from Raup's model, and how a snail carries it.

Axes of all snails: x points forward (to the head), y to the snail's left, z up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ktch.coiling import raup

CHIRALITIES = ("right", "left")
ROUND = (-0.35, -0.80, 0.48)
"""Where the apex of a globular shell points, on a right-handed snail: right, back and up."""


@dataclass(frozen=True)
class Shell:
    """Parameters of Raup (1966) as `ktch.coiling.raup` defines them, and the sampling.

    Attributes:
        expansion: whorl expansion rate W (> 1), the growth of the tube in one turn.
        translation: translation rate T; 0 is a flat spiral, which is its own mirror image.
        distance: relative distance D of the tube from the coiling axis, in (-1, 1).
        whorls: number of turns.
        along: samples along the tube in one whorl.
        around: samples around the tube.
    """

    expansion: float = 2.0
    translation: float = 1.15
    distance: float = 0.03
    whorls: float = 4.0
    along: int = 26
    around: int = 16

    def surface(self) -> np.ndarray:
        """Points (along * whorls, around + 1, 3) of a right-handed shell, apex first.

        The coiling axis is z with the apex at its lower end; lengths are in units of the
        radius of the first tube.
        """
        return raup(
            self.expansion,
            self.translation,
            self.distance,
            theta_range=np.linspace(-2 * np.pi * self.whorls, 0, round(self.along * self.whorls)),
            phi_range=np.linspace(0, 2 * np.pi, self.around + 1),
        )


def carried(apex: Sequence[float]) -> np.ndarray:
    """The pose of a right-handed shell on its bearer, from the direction of its apex (3,).

    The aperture lies in front of the coiling axis and opens downwards onto the foot.

    Returns:
        A proper rotation (3, 3), which keeps the chirality; its rows are where the shell's own
        x, y and z axes go.
    """
    up = np.array(apex) / np.linalg.norm(apex)
    out = np.array([0.85, 0.0, -0.55])  # where the aperture lies, seen from the coiling axis
    out -= out @ up * up
    out /= np.linalg.norm(out)
    return np.stack([out, np.cross(-up, out), -up])
