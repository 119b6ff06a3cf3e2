"""The model snail: its hand, its shape, its reflection, and meshes from files."""

from __future__ import annotations

import numpy as np
import pytest
import pyvista as pv

from parity_nb.snails.mesh import (
    LARGEST_MESH,
    Shell,
    _body,
    handedness,
    in_hand,
    read_mesh,
    snail_mesh,
)

FLIP = np.array([1.0, -1.0, 1.0])


@pytest.fixture(scope="module")
def snail() -> pv.PolyData:
    return snail_mesh()


def centre_line(shell: Shell) -> np.ndarray:
    return shell.surface()[:, :-1].mean(axis=1)


def face_normals(mesh: pv.PolyData) -> tuple[np.ndarray, np.ndarray]:
    """Normals (twice the area long) by the order of the corners, and centres."""
    corners = np.asarray(mesh.points)[mesh.regular_faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return normals, corners.mean(axis=1)


def test_a_right_handed_corkscrew_is_right_handed():
    turn = np.linspace(0, 12, 300)
    screw = np.stack([np.cos(turn), np.sin(turn), 0.2 * turn], axis=1)
    assert handedness(screw) == "right"
    assert handedness(screw[::-1]) == "right", "either end first"
    assert handedness(screw * FLIP) == "left"
    assert handedness(-screw) == "left"


@pytest.mark.parametrize(
    "shell", [Shell(), Shell(translation=0.2), Shell(expansion=3, distance=0.2, whorls=3)]
)
def test_shells_are_right_handed_and_their_reflections_left(shell):
    assert handedness(centre_line(shell)) == "right"
    assert handedness(centre_line(shell) * FLIP) == "left"


def test_the_placed_shell_opens_to_the_right_of_the_spire(snail):
    # Seen from the snail's right (-y), which faces the spire, x points to the right.
    apex = snail.points[snail.points[:, 1].argmin()]
    assert apex[0] < -0.2, "spire behind the middle"
    ahead = snail.points[np.abs(snail.points[:, 2]) < 0.2]
    assert ahead[:, 0].max() > 0.8, "head and opening in front"


def test_a_flat_coil_is_refused():
    with pytest.raises(ValueError, match="flat coil"):
        handedness(centre_line(Shell(translation=0)))


def test_raup_parameters_are_what_they_are_called():
    shell = Shell(along=30)
    rims = shell.surface()
    radius = np.ptp(rims[..., 2], axis=1) / 2
    steps = round(shell.along * shell.whorls) - 1
    one_whorl = steps / shell.whorls
    growth = (radius[-1] / radius[0]) ** (one_whorl / steps)
    assert growth == pytest.approx(shell.expansion)


def test_it_fits_the_unit_sphere(snail):
    assert np.linalg.norm(snail.points, axis=1).max() == pytest.approx(1)
    assert np.allclose(snail.center, 0, atol=1e-6)
    assert 3000 < snail.n_cells < 5000
    assert np.isfinite(snail.point_normals).all()


@pytest.mark.parametrize("hand", ["right", "left"])
def test_corners_and_normals_agree(hand):
    # Where they disagree, the light falls on the inside and the model is black.
    mesh = snail_mesh(hand)
    faces, _ = face_normals(mesh)
    corner_normals = mesh.point_normals[mesh.regular_faces].mean(axis=1)
    assert (np.einsum("ij,ij->i", faces, corner_normals) > 0).all()


@pytest.mark.parametrize("hand", ["right", "left"])
def test_normals_point_outwards(hand):
    # The first surface that a line of sight meets faces the viewer, except in the opening of the
    # shell, through which one sees its inside.
    mesh = snail_mesh(hand)
    faces, _ = face_normals(mesh)
    rng = np.random.default_rng(0)
    facing = []
    for direction in rng.normal(size=(300, 3)):
        direction /= np.linalg.norm(direction)
        aside = np.cross(direction, rng.normal(size=3) * 0.3)
        points, cells = mesh.ray_trace(3 * direction + aside, aside - 3 * direction)
        if len(cells):
            first = cells[np.argmax(points @ direction)]
            facing.append(faces[first] @ direction > 0)
    assert len(facing) > 100
    assert np.mean(facing) > 0.9


def test_the_left_snail_is_the_reflection_of_the_right_one(snail):
    left = snail_mesh("left")
    assert np.array_equal(left.points, snail.points * FLIP)
    assert np.allclose(left.point_normals, snail.point_normals * FLIP)
    there_and_back = in_hand(left, "left")
    assert np.array_equal(there_and_back.points, snail.points)
    assert np.array_equal(there_and_back.regular_faces, snail.regular_faces)


def test_the_body_without_the_shell_is_its_own_mirror_image():
    body = pv.merge(_body()).extract_surface(algorithm="dataset_surface")
    twin = body.copy()
    twin.points = twin.points * FLIP
    distance = body.compute_implicit_distance(twin)["implicit_distance"]
    # Tubes and spheres are polygons, and theirs need not be mirrored corner by corner.
    assert np.abs(distance).max() < 0.01


def test_an_unknown_hand_is_refused(snail):
    with pytest.raises(ValueError, match='neither "right" nor "left"'):
        in_hand(snail, "both")


@pytest.mark.parametrize("kind", ["stl", "obj", "ply"])
def test_files_of_any_size_and_place_are_read(tmp_path, snail, kind):
    path = tmp_path / f"snail.{kind}"
    snail.scale(25).translate((3, 1, 4)).save(path)
    again = read_mesh(path)
    assert again.n_cells == snail.n_cells
    assert np.allclose(again.bounds, snail.bounds, atol=1e-5)
    left = read_mesh(path, hand="left")
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
