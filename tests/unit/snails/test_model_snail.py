"""The model snail: its shape and its reflection."""

from __future__ import annotations

import numpy as np
import pytest
import pyvista as pv

from parity_nb.snails.world.model_snail import _body, snail_mesh, with_chirality
from parity_nb.snails.world.shell import Shell

FLIP = np.array([1.0, -1.0, 1.0])


@pytest.fixture(scope="module")
def snail() -> pv.PolyData:
    return snail_mesh()


def face_normals(mesh: pv.PolyData) -> tuple[np.ndarray, np.ndarray]:
    """Normals (twice the area long) by the order of the corners, and centres."""
    corners = np.asarray(mesh.points)[mesh.regular_faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return normals, corners.mean(axis=1)


def test_the_placed_shell_opens_to_the_right_of_the_spire(snail):
    # Seen from the snail's right (-y), which faces the spire, x points to the right.
    apex = snail.points[snail.points[:, 1].argmin()]
    assert apex[0] < -0.2, "spire behind the middle"
    ahead = snail.points[np.abs(snail.points[:, 2]) < 0.2]
    assert ahead[:, 0].max() > 0.8, "head and opening in front"


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


@pytest.mark.parametrize("chirality", ["right", "left"])
def test_corners_and_normals_agree(chirality):
    # Where they disagree, the light falls on the inside and the model is black.
    mesh = snail_mesh(chirality)
    faces, _ = face_normals(mesh)
    corner_normals = mesh.point_normals[mesh.regular_faces].mean(axis=1)
    assert (np.einsum("ij,ij->i", faces, corner_normals) > 0).all()


@pytest.mark.parametrize("chirality", ["right", "left"])
def test_normals_point_outwards(chirality):
    # The first surface that a line of sight meets faces the viewer, except in the opening of the
    # shell, through which one sees its inside.
    mesh = snail_mesh(chirality)
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
    there_and_back = with_chirality(left, "left")
    assert np.array_equal(there_and_back.points, snail.points)
    assert np.array_equal(there_and_back.regular_faces, snail.regular_faces)


def test_the_body_without_the_shell_is_its_own_mirror_image():
    body = pv.merge(_body()).extract_surface(algorithm="dataset_surface")
    twin = body.copy()
    twin.points = twin.points * FLIP
    distance = body.compute_implicit_distance(twin)["implicit_distance"]
    # Tubes and spheres are polygons, and theirs need not be mirrored corner by corner.
    assert np.abs(distance).max() < 0.01


def test_an_unknown_chirality_is_refused(snail):
    with pytest.raises(ValueError, match='neither "right" nor "left"'):
        with_chirality(snail, "both")
