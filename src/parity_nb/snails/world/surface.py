"""Coloured surfaces as plain arrays: what animals, hands and stones are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from parity_nb.symmetry import reflect


@dataclass(frozen=True)
class Surface:
    """A surface of triangles.

    Attributes:
        points: (N, 3).
        normals: (N, 3) unit vectors.
        colours: (N, 3) red, green, blue from 0 to 1.
        faces: (M, 3) numbers of points.
        shell: (N,) whether a point belongs to a snail's shell.
    """

    points: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    faces: np.ndarray
    shell: np.ndarray

    def moved(self, rotation: np.ndarray, scale: float = 1.0, shift=(0.0, 0.0, 0.0)) -> Surface:
        """Turned by a proper rotation (3, 3), then enlarged, then shifted."""
        return replace(
            self,
            points=scale * self.points @ rotation.T + shift,
            normals=self.normals @ rotation.T,
        )

    def reflected(self) -> Surface:
        """The reflection in the x-z plane."""
        return replace(
            self,
            points=reflect(self.points, 1),
            normals=reflect(self.normals, 1),
            faces=self.faces[:, ::-1],
        )


def join(parts: Sequence[Surface]) -> Surface:
    """Several surfaces as one."""
    starts = np.cumsum([0, *(len(part.points) for part in parts[:-1])])
    return Surface(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("points", "normals", "colours")
        ),
        np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.shell for part in parts]),
    )


def tube(points: np.ndarray, colours: np.ndarray, shell: bool = False) -> Surface:
    """A tube through rings of points.

    Args:
        points: (L, A, 3); the last point of each ring is its first.
        colours: (L, A, 3), or (3,) for one colour.
        shell: whether it is a snail's shell.
    """
    rings, around = points.shape[:2]
    faces = _faces(rings, around)
    along = np.concatenate(
        [points[1:2] - points[:1], points[2:] - points[:-2], points[-1:] - points[-2:-1]]
    )
    # The ring is closed: its last point but one lies before its first.
    across = np.concatenate([points[:, 1:], points[:, 1:2]], axis=1)
    across = across - np.concatenate([points[:, -2:-1], points[:, :-1]], axis=1)
    normals = _cross(along, across)
    normals /= np.sqrt(np.einsum("lai,lai->la", normals, normals))[..., None] + 1e-12
    if np.einsum("lai,lai", normals, points - points[:, :-1].mean(axis=1, keepdims=True)) < 0:
        # OpenGL lights the side from which the corners run counterclockwise.
        normals, faces = -normals, faces[:, ::-1]
    return Surface(
        points.reshape(-1, 3),
        normals.reshape(-1, 3),
        np.broadcast_to(colours, points.shape).reshape(-1, 3),
        faces,
        np.full(rings * around, shell),
    )


@cache
def _faces(rings: int, around: int) -> np.ndarray:
    first = (np.arange(rings - 1)[:, None] * around + np.arange(around - 1)).ravel()
    right, down = first + 1, first + around
    return np.concatenate([np.stack([first, down, right], 1), np.stack([right, down, down + 1], 1)])


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """np.cross of two arrays of the same shape (..., 3), at a third of its time."""
    (ax, ay, az), (bx, by, bz) = np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0)
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def turn(axis: str, angle: float) -> np.ndarray:
    """The rotation (3, 3) about an axis, "x", "y" or "z", by an angle in radians."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    rotation = np.eye(3)
    rotation[[i, j, i, j], [i, j, j, i]] = c, c, -s, s
    return rotation
