"""Meshes from files."""

from __future__ import annotations

import numpy as np
import pytest
import pyvista as pv

from parity_nb.snails.files.mesh import LARGEST_MESH, read_mesh
from parity_nb.snails.world.model_snail import snail_mesh

FLIP = np.array([1.0, -1.0, 1.0])


@pytest.fixture(scope="module")
def snail() -> pv.PolyData:
    return snail_mesh()


@pytest.mark.parametrize("kind", ["stl", "obj", "ply"])
def test_files_of_any_size_and_place_are_read(tmp_path, snail, kind):
    path = tmp_path / f"snail.{kind}"
    snail.scale(25).translate((3, 1, 4)).save(path)
    again = read_mesh(path)
    assert again.n_cells == snail.n_cells
    assert np.allclose(again.bounds, snail.bounds, atol=1e-5)
    left = read_mesh(path, chirality="left")
    assert np.array_equal(left.points, again.points * FLIP)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no mesh file .*nothing\.stl"):
        read_mesh(tmp_path / "nothing.stl")


BROKEN = {
    "empty.stl": "",
    "empty.obj": "",
    "empty.ply": "",
    "words.stl": "these are words " * 20,
    "words.obj": "these are words",
    "words.ply": "these are words",
    "words.txt": "these are words",
    "points.obj": "v 0 0 0\nv 1 0 0\nv 0 1 0\n",
    "lines.obj": "v 0 0 0\nv 1 0 0\nl 1 2\n",
    "flat.obj": "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n",
    "nan.obj": "v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_without_a_surface_is_named(tmp_path, name):
    (tmp_path / name).write_text(BROKEN[name])
    with pytest.raises(ValueError, match=rf"{name}.*(as a mesh|no surface)"):
        read_mesh(tmp_path / name)


def test_a_file_that_was_cut_short_is_named(tmp_path, snail):
    path = tmp_path / "cut.stl"
    snail.save(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"cut\.stl"):
        read_mesh(path)


def test_too_many_triangles_are_refused(tmp_path):
    path = tmp_path / "sphere.ply"
    pv.Sphere(theta_resolution=400, phi_resolution=300).save(path)
    with pytest.raises(ValueError, match=f"more than {LARGEST_MESH:,}: reduce it"):
        read_mesh(path)
