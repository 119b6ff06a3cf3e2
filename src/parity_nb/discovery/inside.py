"""Is a decoy network, or its hidden layer, invariant under the symmetry of its picture?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from parity_nb.discovery.decoy import Decoys, Weights, activations, chosen, outputs
from parity_nb.discovery.templates import MATRICES, Templates, pixel_grid
from parity_nb.symmetry import equivariance_error, identity

PROBES = {
    "none": "P",
    "mirror": "P",
    "two mirrors": "P",
    "turns": "R90",
    "turns and mirrors": "R90 P",
    "rotation": 2.0,
    "translation": "shift",
}
"""A transform of each class in the template's own frame: a matrix, an angle in radians, or a shift
by 0.8 along the lines; for "none" one that is no symmetry."""


def _moved(own: Tensor, probe: str | float) -> Tensor:
    """Points h x, (..., 2) -> (..., 2)."""
    if probe == "shift":
        return own + torch.tensor([0.8, 0.0], dtype=own.dtype, device=own.device)
    matrix = torch.tensor(MATRICES[probe]) if isinstance(probe, str) else _rotation(probe)
    return own @ matrix.to(own).T


def _rotation(angle: float) -> Tensor:
    cos, sin = torch.tensor(angle).cos(), torch.tensor(angle).sin()
    return torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])


def invariance_errors(
    decoys: Decoys, index: Tensor, templates: Templates, pixels: int = 32
) -> dict[str, Tensor]:
    """How much functions of trained networks change under the symmetry of their templates.

    Each function is compared at points x and h x that both lie in the picture, where h is the
    transform `PROBES` of the templates' class.

    Args:
        decoys: trained networks.
        index: (n,), which of them learnt the templates.
        templates: the n templates.
        pixels: x are the pixels of a grid with this side, in the template's own frame.

    Returns:
        For "output", "component 1", ... "component 3" and "untrained" (component 1 before training)
        the root-mean-square change in standard deviations of the function, (n,) on the CPU.
    """
    device = decoys.weights["out.weight"].device
    own = pixel_grid(pixels).to(device)
    move = partial(_moved, probe=PROBES[templates.kind])
    found: dict[str, list[float]] = {}
    for i, network in enumerate(index.tolist()):
        pose = templates.pose[i : i + 1]
        both = torch.cat([pose.picture(own[None]), pose.picture(move(own)[None])])
        x = own[(both.abs() < 1).all(-1).all(0)]
        one = torch.tensor([network], device=device)
        for name, f in _functions(decoys, one).items():
            error = equivariance_error(
                lambda p, f=f, pose=pose: f(pose.picture(p[None])[0]), x, move, identity
            )
            found.setdefault(name, []).append(error.relative)
    return {name: torch.tensor(values) for name, values in found.items()}


def _functions(decoys: Decoys, one: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Functions of the plane, points (M, 2) -> (M,), that one network offers."""
    trained, start = chosen(decoys.weights, one), chosen(decoys.start, one)
    functions = {"output": lambda p: outputs(trained, p)[0].sigmoid()}
    for k in range(3):
        functions[f"component {k + 1}"] = _component(trained, k)
    return functions | {"untrained": _component(start, 0)}


def _component(weights: Weights, k: int, pixels: int = 32) -> Callable[[Tensor], Tensor]:
    """The k-th principal component over the picture, as a function of the plane."""
    xy = pixel_grid(pixels).to(weights["out.weight"])
    hidden = activations(weights, xy)[0]
    axis = torch.linalg.eigh(torch.cov(hidden.T))[1][:, -1 - k]
    return lambda p: activations(weights, p)[0] @ axis
