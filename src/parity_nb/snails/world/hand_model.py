"""A human hand: the left one of the WebXR input profiles, with fingers that bend.

`models/left-hand.glb` is dist/profiles/generic-hand/left.glb of the npm package
@webxr-input-profiles/assets 1.0.20, unchanged; copyright 2019 Amazon, MIT licence, whose notice
lies beside it.  The right hand is its reflection, so that the two are mirror images exactly.
"""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path

import numpy as np

from parity_nb.snails.world.surface import Surface
from parity_nb.symmetry import reflect

MODEL = Path(__file__).parent / "models" / "left-hand.glb"
FINGERS = ("thumb", "index-finger", "middle-finger", "ring-finger", "pinky-finger")
_BONES = ("phalanx-proximal", "phalanx-intermediate", "phalanx-distal", "tip")
_TYPES = {5121: ("u1", 1), 5123: ("<u2", 2), 5126: ("<f4", 4)}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def hand_surface(hand: str, skin, curl: float = 0.0) -> tuple[Surface, dict[str, np.ndarray]]:
    """A hand with the palm up and the fingers pointing to +x, and where its joints are.

    Lengths are in metres; the middle of the palm is the origin.

    Args:
        hand: "left", or "right" for its reflection in the x-z plane.
        skin: its colour, red, green and blue from 0 to 1.
        curl: angle in radians by which each joint of each finger is bent.

    Returns:
        The surface, and the position of each joint by its WebXR name, such as
        "index-finger-tip".

    Raises:
        ValueError: if `hand` is neither of the two.
    """
    if hand not in ("left", "right"):
        raise ValueError(f'hand = {hand!r} is neither "left" nor "right"')
    points, normals, faces, joints, weights, names, places = _model()
    points, normals = points.copy(), normals.copy()
    moves = _bent(dict(zip(names, places, strict=True)), curl)
    matrices = np.stack([moves.get(name, np.eye(4)) for name in names])
    blended = np.einsum("nk,nkij->nij", weights, matrices[joints])
    points = np.einsum("nij,nj->ni", blended[:, :3, :3], points) + blended[:, :3, 3]
    normals = np.einsum("nij,nj->ni", blended[:, :3, :3], normals)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    bent = {
        name: (moves.get(name, np.eye(4)) @ [*place, 1])[:3]
        for name, place in zip(names, places, strict=True)
    }
    surface = Surface(
        points,
        normals,
        np.tile(np.asarray(skin, float), (len(points), 1)),
        faces,
        np.zeros(len(points), bool),
    )
    if hand == "left":
        return surface, bent
    return surface.reflected(), {name: reflect(place, 1) for name, place in bent.items()}


def _bent(places: dict[str, np.ndarray], curl: float) -> dict[str, np.ndarray]:
    """What each joint does to the skin on it, (4, 4), when all are bent towards the palm."""
    moves = {}
    for finger in FINGERS:
        bones = [f"{finger}-{bone}" for bone in _BONES if f"{finger}-{bone}" in places]
        direction = places[bones[-1]] - places[bones[0]]
        axis = np.cross(direction, [0, 0, 1])
        axis /= np.linalg.norm(axis)
        cross = np.cross(np.eye(3), axis)  # the matrix of v -> axis x v
        rotation = np.eye(3) + np.sin(curl) * cross + (1 - np.cos(curl)) * cross @ cross
        move = np.eye(4)
        for bone in bones:
            about = np.eye(4)
            about[:3, :3] = rotation
            about[:3, 3] = places[bone] - rotation @ places[bone]
            move = move @ about
            moves[bone] = move
    return moves


@cache
def _model() -> tuple:
    """Points, normals, faces, four joints and weights a point, names and places of the joints."""
    file = MODEL.read_bytes()
    (length,) = struct.unpack_from("<I", file, 12)
    about, binary = json.loads(file[20 : 20 + length]), file[28 + length :]

    def read(number: int) -> np.ndarray:
        entry = about["accessors"][number]
        start = about["bufferViews"][entry["bufferView"]].get("byteOffset", 0)
        kind, width = _TYPES[entry["componentType"]][0], _WIDTHS[entry["type"]]
        return np.frombuffer(binary, kind, entry["count"] * width, start).reshape(-1, width)

    mesh = about["meshes"][0]["primitives"][0]
    bones = [about["nodes"][i] for i in about["skins"][0]["joints"]]
    # In the file the palm faces +x, the fingers point to -y and the thumb to -z.
    axes = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    places = np.array([bone["translation"] for bone in bones]) @ axes.T
    names = [bone["name"] for bone in bones]
    middle = np.mean(
        [places[names.index(f"middle-finger-{b}")] for b in ("metacarpal", _BONES[0])], axis=0
    )
    points, normals, joints, weights = (
        read(mesh["attributes"][name]) for name in ("POSITION", "NORMAL", "JOINTS_0", "WEIGHTS_0")
    )
    weights = weights / weights.sum(axis=1, keepdims=True)
    faces = read(mesh["indices"]).reshape(-1, 3).astype(np.int64)
    return (
        points @ axes.T - middle,
        normals @ axes.T,
        faces,
        joints,
        weights,
        names,
        places - middle,
    )
