"""A chiral model snail: a shell from Raup's model on a mirror-symmetric body.

Axes: x points forward (to the head), y to the snail's left, z up.  A finished mesh is
centred on the origin and fits into the unit sphere.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvista as pv
from ktch.coiling import raup

LARGEST_MESH = 200_000
"""Triangles above which one image takes seconds to render in software."""

# The pose of the shell on the body, before centring.  The apex points right, back and up;
# the aperture lies in front of the coiling axis and opens downwards onto the foot.
_APEX = np.array([-0.35, -0.80, 0.48])
_APERTURE = np.array([0.85, 0.0, -0.55])
_SHELL_SIZE = 0.55
_SEAT = np.array([0.24, 0.0, 0.12])


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


def handedness(centre_line: np.ndarray) -> str:
    """The hand of a coil, "right" or "left", from its centre line (N, 3).

    A shell is right-handed (dextral) if, seen by a viewer who faces the spire, it coils
    clockwise as it grows; its aperture then lies to the right of the spiral, which is the
    convention of Gibbon (2023), figure 2.  That is the sign of the torsion.

    Raises:
        ValueError: for a flat coil, which has no hand.
    """
    first = np.gradient(centre_line, axis=0)
    second = np.gradient(first, axis=0)
    third = np.gradient(second, axis=0)
    binormal = np.cross(first, second)
    torsion = np.einsum("ij,ij->i", binormal, third)
    bound = np.linalg.norm(binormal, axis=1) * np.linalg.norm(third, axis=1)
    mean = torsion.sum() / bound.sum()
    if abs(mean) < 1e-9:
        raise ValueError("a flat coil is its own mirror image: it has no hand")
    return "right" if mean > 0 else "left"


def snail_mesh(hand: str = "right", shell: Shell = Shell()) -> pv.PolyData:
    """A snail of fewer than 5,000 triangles, centred, inside the unit sphere.

    Args:
        hand: "right", or "left" for its reflection in the x-z plane.
        shell: parameters of the shell.

    Raises:
        ValueError: if `hand` is neither of the two.
    """
    mesh = fit_to_unit_sphere(
        pv.merge([_placed_shell(shell), *_body()]).extract_surface(algorithm="dataset_surface")
    )
    return in_hand(mesh, hand)


def read_mesh(path: str | Path, hand: str = "right") -> pv.PolyData:
    """A mesh of the reader's own (STL, OBJ, PLY, ...), centred, inside the unit sphere.

    Args:
        path: the file; it is taken to show a right-handed model.
        hand: "left" returns its reflection in the x-z plane.

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
    return in_hand(fit_to_unit_sphere(mesh), hand)


def in_hand(mesh: pv.PolyData, hand: str) -> pv.PolyData:
    """The mesh itself for "right", its reflection in the x-z plane for "left".

    Raises:
        ValueError: if `hand` is neither of the two.
    """
    if hand == "right":
        return mesh
    if hand == "left":
        # By hand: PolyData.reflect leaves the normals of an open surface pointing inwards,
        # and a model that is lit from inside is black, which breaks parity.
        flip = np.array([1.0, -1.0, 1.0])
        reflected = pv.PolyData.from_regular_faces(mesh.points * flip, mesh.regular_faces[:, ::-1])
        reflected.point_data.active_normals = mesh.point_normals * flip
        return reflected
    raise ValueError(f'hand = {hand!r} is neither "right" nor "left"')


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
    up = _APEX / np.linalg.norm(_APEX)
    out = _APERTURE - _APERTURE @ up * up
    out /= np.linalg.norm(out)
    # Rows are where the shell's own x, y and z axes go; a proper rotation keeps the hand.
    pose = np.stack([out, np.cross(-up, out), -up])
    size = np.linalg.norm(surface - aperture, axis=-1).max()
    placed = (surface - aperture) @ pose * (2 * _SHELL_SIZE / size) + _SEAT
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
