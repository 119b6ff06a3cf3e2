"""Which part of an image makes a parity-odd function say what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d


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


@dataclass(frozen=True)
class Inside:
    """How much of the maps lies inside an object.

    Attributes:
        share: of |map| that lies on the image's own object, mean over images.
        others: the same on the objects of the other images, which lie where objects lie.
        area: share of the image that is object.
        error: standard deviation of share minus others, from the scatter between images.
        n: number of images.
        p: one-sided p-value that the maps know nothing of their own objects, from random
            exchanges of the objects between images.
    """

    share: float
    others: float
    area: float
    error: float
    n: int
    p: float

    def __str__(self) -> str:
        inside = f"{self.share:.1%} of the map on {self.area:.1%} of the image"
        other = f"{self.others:.1%} with the objects of other images"
        return f"{inside}, {other} (n = {self.n}, p = {self.p:.2g})"


def inside(maps: Tensor, masks: Tensor, shuffles: int = 9999, seed: int = 0) -> Inside:
    """Score maps against where an object is known to be.

    Photographers put their objects into the middle, and so may a map that knows nothing of them.
    Therefore the score is compared with that for the objects of other images, and not only with
    the area.

    Args:
        maps: (N, patches, patches), from `occlusion`; their signs do not matter.
        masks: bool (N, H, W), where the object is.
        shuffles: number of random exchanges.
        seed: of these.

    Raises:
        ValueError: for fewer than two maps, another number of masks, or a map that is zero
            everywhere.
    """
    n = len(maps)
    if n < 2 or len(masks) != n:
        raise ValueError(f"{n} maps and {len(masks)} masks: at least two of each are needed")
    weights = maps.double().abs().flatten(1)
    total = weights.sum(1, keepdim=True)
    if (total == 0).any():
        raise ValueError(f"map {int((total == 0).nonzero()[0, 0])} is zero everywhere")
    cover = adaptive_avg_pool2d(masks.double()[:, None], maps.shape[-2:]).flatten(1)
    on = (weights / total @ cover.T).numpy()  # map of row, object of column
    own = np.diag(on)
    others = (on.sum(1) - own) / (n - 1)
    rng = np.random.default_rng(seed)
    rows = np.arange(n)
    exchanged = np.array([on[rows, rng.permutation(n)].mean() for _ in range(shuffles)])
    return Inside(
        share=float(own.mean()),
        others=float(others.mean()),
        area=float(cover.mean()),
        error=float((own - others).std(ddof=1) / n**0.5),
        n=n,
        p=float((1 + (exchanged >= own.mean() - 1e-12).sum()) / (1 + shuffles)),
    )
