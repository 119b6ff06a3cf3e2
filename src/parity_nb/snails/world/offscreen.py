"""Rendering off screen, with OpenGL in hardware or software."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Self

import numpy as np
import pyvista as pv
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray


class OffScreen:
    """A square picture that is drawn in memory; a `with` block closes it.

    Args:
        size: width and height, pixels.
        lighting: as PyVista's Plotter has it, "none" or "light kit".
        background: colour behind what is shown.

    Raises:
        RuntimeError: if this machine cannot render, with the package that would help.
    """

    def __init__(self, size: int, lighting: str = "none", background: str = "white"):
        check_opengl()
        self.size = size
        # Without a display VTK warns that it found none, and goes on to render off screen.
        with pv.vtk_verbosity("error"):
            self.plotter = pv.Plotter(
                off_screen=True, notebook=False, window_size=(size, size), lighting=lighting
            )
        # Multisampling costs two thirds of the speed; the later resize averages pixels anyway.
        self.plotter.render_window.SetMultiSamples(0)
        self.plotter.set_background(background)
        self._pixels = vtkUnsignedCharArray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception) -> None:
        self.plotter.close()

    def screenshot(self) -> np.ndarray:
        """What is seen now: uint8 (size, size, 3), row 0 at the top."""
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
