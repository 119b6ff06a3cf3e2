"""The photo studio: isotropic cameras around a model, and screenshots of it.

Screenshots are uint8 arrays (N, size, size, 3), row 0 at the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyvista as pv

from parity_nb.snails.world.model_snail import with_chirality
from parity_nb.snails.world.offscreen import OffScreen
from parity_nb.snails.world.shell import CHIRALITIES
from parity_nb.symmetry import reflect

DISTANCE = 3.9
"""From the camera to the model's centre; the unit sphere then just fits into 30 degrees."""
LIGHTS = ("headlight", "light kit")


@dataclass(frozen=True)
class Cameras:
    """Poses of N cameras that look at the origin.

    Attributes:
        directions: (N, 3) unit vectors from the origin to the cameras.
        ups: (N, 3) unit vectors, perpendicular to the directions, that point up in the image.
    """

    directions: np.ndarray
    ups: np.ndarray

    def __len__(self) -> int:
        return len(self.directions)

    def __getitem__(self, index) -> Cameras:
        return Cameras(self.directions[index], self.ups[index])

    def mirrored(self) -> Cameras:
        """The cameras reflected in the x-z plane, as the left-handed model is."""
        return Cameras(reflect(self.directions, 1), reflect(self.ups, 1))


def isotropic_cameras(n: int, rng: np.random.Generator) -> Cameras:
    """`n` cameras, uniform in direction on the sphere and in roll about the line of sight.

    Two vectors of independent normal numbers are made orthonormal, which is uniform over
    all rotations.
    """
    directions = rng.normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ups = rng.normal(size=(n, 3))
    ups -= np.sum(ups * directions, axis=1, keepdims=True) * directions
    ups /= np.linalg.norm(ups, axis=1, keepdims=True)
    return Cameras(directions, ups)


class Studio(OffScreen):
    """A right- and a left-handed model, lit and ready to be photographed off screen.

    Args:
        right: the right-handed model; its reflection in the x-z plane is the left-handed one.
        size: width and height of a screenshot, pixels.
        lights: "headlight", one light at the camera, symmetric under every mirror that
            holds the line of sight; or "light kit", PyVista's default of five lights,
            whose key light comes from one side.

    Raises:
        ValueError: for unknown lights.
        RuntimeError: if this machine cannot render, with the package that would help.
    """

    def __init__(self, right: pv.PolyData, size: int, lights: str = "headlight"):
        if lights not in LIGHTS:
            raise ValueError(f"lights = {lights!r} is none of {LIGHTS}")
        super().__init__(size, "light kit" if lights == "light kit" else "none")
        if lights == "headlight":
            self.plotter.add_light(pv.Light(light_type="headlight"))
        self.actors = {
            chirality: self.plotter.add_mesh(with_chirality(right, chirality), smooth_shading=True)
            for chirality in CHIRALITIES
        }
        self.plotter.camera.focal_point = (0, 0, 0)
        self.plotter.camera.clipping_range = (DISTANCE - 1.2, DISTANCE + 1.2)
        self.plotter.show(auto_close=False)

    def shoot(self, cameras: Cameras, chiralities, colours: dict[str, str]) -> Iterator[np.ndarray]:
        """Yield one screenshot (size, size, 3) a camera.

        Args:
            cameras: N poses.
            chiralities: N times "right" or "left".
            colours: colour of the model of either chirality.

        Raises:
            ValueError: for an unknown chirality, or not as many of them as cameras.
        """
        if unknown := set(chiralities) - set(self.actors):
            raise ValueError(f'chiralities are "right" or "left", not {sorted(unknown)}')
        for chirality, actor in self.actors.items():
            actor.prop.color = colours[chirality]
        poses = zip(cameras.directions, cameras.ups, chiralities, strict=True)
        for direction, up, chirality in poses:
            for name, actor in self.actors.items():
                actor.visibility = name == chirality
            camera = self.plotter.camera
            camera.position, camera.up = DISTANCE * direction, up
            camera.clipping_range = (DISTANCE - 1.2, DISTANCE + 1.2)
            yield self.screenshot()
