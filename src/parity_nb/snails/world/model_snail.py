"""A chiral model snail: a shell from Raup's model on a mirror-symmetric body.

A finished mesh is centred on the origin and fits into the unit sphere; axes as in
`parity_nb.snails.world.shell`.
"""

from __future__ import annotations

import numpy as np
import pyvista as pv

from parity_nb.snails.world.shell import ROUND, Shell, carried
from parity_nb.symmetry import reflect

# Size and place of the shell on the body, before centring.
_SHELL_SIZE = 0.55
_SEAT = np.array([0.24, 0.0, 0.12])
_SHELL = Shell()


def snail_mesh(chirality: str = "right", shell: Shell = _SHELL) -> pv.PolyData:
    """A snail of fewer than 5,000 triangles, centred, inside the unit sphere.

    Args:
        chirality: "right", or "left" for its reflection in the x-z plane.
        shell: parameters of the shell.

    Raises:
        ValueError: if `chirality` is neither of the two.
    """
    mesh = fit_to_unit_sphere(
        pv.merge([_placed_shell(shell), *_body()]).extract_surface(algorithm="dataset_surface")
    )
    return with_chirality(mesh, chirality)


def with_chirality(mesh: pv.PolyData, chirality: str) -> pv.PolyData:
    """The mesh itself for "right", its reflection in the x-z plane for "left".

    Raises:
        ValueError: if `chirality` is neither of the two.
    """
    if chirality == "right":
        return mesh
    if chirality == "left":
        # Not PolyData.reflect: it leaves the normals of an open surface pointing inwards, and a
        # model that is lit from inside is black, which breaks parity.
        corners = mesh.regular_faces[:, ::-1]  # seen from outside, they run as before
        reflected = pv.PolyData.from_regular_faces(reflect(mesh.points, 1), corners)
        reflected.point_data.active_normals = reflect(mesh.point_normals, 1)
        return reflected
    raise ValueError(f'chirality = {chirality!r} is neither "right" nor "left"')


def fit_to_unit_sphere(mesh: pv.PolyData) -> pv.PolyData:
    """Centre a surface on the middle of its bounding box and scale it into the unit sphere.

    Only triangles are kept, with normals at their corners; edges sharper than 60 degrees stay
    sharp.
    """
    mesh = mesh.triangulate().clean(tolerance=1e-6)
    points = mesh.points - np.array(mesh.center)
    points /= np.linalg.norm(points, axis=1).max()
    triangles = pv.PolyData.from_regular_faces(points, mesh.regular_faces)
    return triangles.compute_normals(split_vertices=True, feature_angle=60)


def _placed_shell(shell: Shell) -> pv.PolyData:
    surface = shell.surface()
    aperture = surface[-1, :-1].mean(axis=0)
    size = np.linalg.norm(surface - aperture, axis=-1).max()
    placed = (surface - aperture) @ carried(ROUND) * (2 * _SHELL_SIZE / size) + _SEAT
    return pv.StructuredGrid(*np.moveaxis(placed, -1, 0)[..., None]).extract_surface(
        algorithm="dataset_surface"
    )


def _body() -> list[pv.PolyData]:
    """Foot, neck, head, tentacles and eyes: its own mirror image in the x-z plane."""
    parts = [
        _ellipsoid((0.0, 0, 0), (0.92, 0.20, 0.13), 24, 12),
        _ellipsoid((0.62, 0, 0.10), (0.36, 0.17, 0.15), 16, 10, pitch=-24),
        _ellipsoid((0.90, 0, 0.24), (0.16, 0.13, 0.12), 16, 10),
    ]
    for side in (1, -1):
        root, eye = np.array([0.95, 0.06 * side, 0.32]), np.array([1.14, 0.20 * side, 0.66])
        feeler = np.array([1.16, 0.10 * side, 0.16])
        parts += [
            pv.Line(root, eye).tube(radius=0.030, n_sides=6, capping=True),
            pv.Sphere(radius=0.052, center=eye, theta_resolution=10, phi_resolution=8),
            pv.Line((1.0, 0.05 * side, 0.22), feeler).tube(radius=0.026, n_sides=6, capping=True),
        ]
    return parts


def _ellipsoid(centre, axes, theta: int, phi: int, pitch: float = 0.0) -> pv.PolyData:
    ball = pv.Sphere(radius=1, theta_resolution=theta, phi_resolution=phi)
    return ball.scale(axes).rotate_y(pitch).translate(centre)
