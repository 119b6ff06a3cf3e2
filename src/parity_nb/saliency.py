"""Which part of an image makes a parity-odd function say what it says."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def occlusion(f: Callable[[Tensor], Tensor], images: Tensor, patches: int = 8) -> Tensor:
    """How much f loses when a patch of an image is covered.

    Each square patch in turn is filled with the mean colour of a frame around it, two pixels wide.
    That commutes with the mirror, and so the map of a mirror image is the mirror image of the map
    with the other sign, M(Px) = -P M(x), for every parity-odd f: the map itself prefers no side.

    Args:
        f: images (N, C, H, W) to values (N,).
        images: uint8 or float (N, C, H, W); H and W are multiples of `patches`.
        patches: in a row and in a column.

    Returns:
        f(x) - f(x with that patch covered), (N, patches, patches).

    Raises:
        ValueError: if the patches do not fit into the images.
    """
    height, width = images.shape[-2:]
    if height % patches or width % patches:
        raise ValueError(f"{patches} patches do not fit into images of {height} x {width} pixels")
    h, w = height // patches, width // patches
    whole = f(images)
    lost = whole[:, None, None].repeat(1, patches, patches)
    for i in range(patches):
        for j in range(patches):
            lost[:, i, j] -= f(_covered(images, i * h, j * w, h, w))
    return lost


def _covered(images: Tensor, top: int, left: int, h: int, w: int, frame: int = 2) -> Tensor:
    covered = images.clone()
    around = images[
        ..., max(top - frame, 0) : top + h + frame, max(left - frame, 0) : left + w + frame
    ]
    patch = images[..., top : top + h, left : left + w]
    # in float64, so that the order of the sum, which the mirror reverses, does not matter
    total = around.double().sum((-2, -1)) - patch.double().sum((-2, -1))
    fill = total / (around[0, 0].numel() - h * w)
    if not images.is_floating_point():
        fill = fill.round()
    covered[..., top : top + h, left : left + w] = fill.to(images.dtype)[..., None, None]
    return covered
