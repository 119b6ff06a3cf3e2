"""The photo studio: isotropic cameras around a model, and screenshots of it.

Screenshots are uint8 arrays (N, size, size, 3), row 0 at the top.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyvista as pv
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

from parity_nb.snails.mesh import in_hand

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
        flip = np.array([1.0, -1.0, 1.0])
        return Cameras(self.directions * flip, self.ups * flip)


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


class Studio:
    """A model in both hands, lit and ready to be photographed off screen.

    Args:
        right: the right-handed model; its reflection in the x-z plane is the left-handed one.
        size: width and height of a screenshot, pixels.
        lights: "headlight", one light at the camera, symmetric under every mirror that
            holds the line of sight; or "light kit", PyVista's default of five lights,
            whose key light comes from one side.
        background: colour behind the model.

    Raises:
        ValueError: for unknown lights.
        RuntimeError: if this machine cannot render, with the package that would help.
    """

    def __init__(
        self, right: pv.PolyData, size: int, lights: str = "headlight", background: str = "white"
    ):
        if lights not in LIGHTS:
            raise ValueError(f"lights = {lights!r} is none of {LIGHTS}")
        check_opengl()
        self.size = size
        # Without a display VTK warns that it found none, and goes on to render off screen.
        with pv.vtk_verbosity("error"):
            self.plotter = pv.Plotter(
                off_screen=True,
                notebook=False,
                window_size=(size, size),
                lighting="light kit" if lights == "light kit" else "none",
            )
        if lights == "headlight":
            self.plotter.add_light(pv.Light(light_type="headlight"))
        # Multisampling costs two thirds of the speed; the later resize averages pixels anyway.
        self.plotter.render_window.SetMultiSamples(0)
        self.plotter.set_background(background)
        self.actors = {
            hand: self.plotter.add_mesh(in_hand(right, hand), smooth_shading=True)
            for hand in ("right", "left")
        }
        self.plotter.camera.focal_point = (0, 0, 0)
        self.plotter.camera.clipping_range = (DISTANCE - 1.2, DISTANCE + 1.2)
        self.plotter.show(auto_close=False)
        self._pixels = vtkUnsignedCharArray()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *exception) -> None:
        self.plotter.close()

    def shoot(self, cameras: Cameras, hands, colours: dict[str, str]) -> Iterator[np.ndarray]:
        """Yield one screenshot (size, size, 3) a camera.

        Args:
            cameras: N poses.
            hands: N times "right" or "left".
            colours: colour of the model for each hand.

        Raises:
            ValueError: for an unknown hand, or not as many hands as cameras.
        """
        if unknown := set(hands) - set(self.actors):
            raise ValueError(f'hands are "right" or "left", not {sorted(unknown)}')
        for hand, actor in self.actors.items():
            actor.prop.color = colours[hand]
        for direction, up, hand in zip(cameras.directions, cameras.ups, hands, strict=True):
            for name, actor in self.actors.items():
                actor.visibility = name == hand
            camera = self.plotter.camera
            camera.position, camera.up = DISTANCE * direction, up
            camera.clipping_range = (DISTANCE - 1.2, DISTANCE + 1.2)
            yield self._screenshot()

    def _screenshot(self) -> np.ndarray:
        # Plotter.screenshot does the same with more copies, at two thirds of the speed.
        last = self.size - 1
        self.plotter.render()
        self.plotter.render_window.GetPixelData(0, 0, last, last, 0, self._pixels, 0)
        return vtk_to_numpy(self._pixels).reshape(self.size, self.size, 3)[::-1].copy()


def check_opengl() -> None:
    """Render one triangle in a process of its own, since a missing driver can end the process.

    Raises:
        RuntimeError: if that fails, naming the packages that bring software OpenGL.
    """
    # Remembered in the environment, so that worker processes need not ask again.
    if os.environ.get("PARITY_NB_OPENGL") == "works":
        return
    probe = (
        "import pyvista as pv; p = pv.Plotter(off_screen=True, window_size=(32, 32)); "
        "p.add_mesh(pv.Sphere(), color='red'); p.show(auto_close=False); "
        "assert p.screenshot(return_img=True).std() > 0"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise RuntimeError(
            "PyVista cannot render on this machine: no OpenGL. Install software rendering, on "
            "Debian and Ubuntu `apt-get install libegl1 libgl1-mesa-dri`, with conda "
            f"`conda install -c conda-forge libegl mesalib`. The probe ended with: {last}"
        )
    os.environ["PARITY_NB_OPENGL"] = "works"
