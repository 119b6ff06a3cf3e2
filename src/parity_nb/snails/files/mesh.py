"""Meshes of the reader's own."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyvista as pv

from parity_nb.snails.world.model_snail import fit_to_unit_sphere, with_chirality

LARGEST_MESH = 200_000
"""Triangles above which one image takes seconds to render in software."""


def read_mesh(path: str | Path, chirality: str = "right") -> pv.PolyData:
    """A mesh of the reader's own (STL, OBJ, PLY, ...), centred, inside the unit sphere.

    Args:
        path: the file; it is taken to show a right-handed model.
        chirality: "left" returns its reflection in the x-z plane.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read, holds no surface, or holds more than
            `LARGEST_MESH` triangles.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no mesh file {path}: give the path of an STL, OBJ or PLY file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # how VTK reports a broken file
            mesh = pv.read(path)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"cannot read {path} as a mesh: {reason}") from error
    if isinstance(mesh, pv.MultiBlock):
        mesh = mesh.combine()
    if mesh.n_cells:
        mesh = mesh.extract_surface(algorithm="dataset_surface").triangulate().clean()
    triangles = len(mesh.regular_faces) if mesh.n_cells else 0
    if triangles == 0 or not np.isfinite(mesh.points).all():
        raise ValueError(
            f"{path} holds no surface that can be drawn: is it empty, cut short, or only points?"
        )
    if triangles > LARGEST_MESH:
        raise ValueError(
            f"{path} has {triangles:,} triangles, more than {LARGEST_MESH:,}: "
            "reduce it, for example with pyvista's decimate"
        )
    return with_chirality(fit_to_unit_sphere(mesh), chirality)
