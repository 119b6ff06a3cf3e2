"""Which photographs belong on the same side of a split: one observation, or nearly one picture.

Two pictures are near-duplicates if their perceptual hashes differ in few bits.  The hash is the
usual one of the low frequencies: a bit is set where a coefficient of the discrete cosine
transform of the small grey picture lies above their median.  It is written out here, three lines
around scipy's transform, because the library `imagehash` takes files one at a time and all of
these are decoded already.

For a network that is odd under the mirror a mirror twin across the split is a leak as well: the
same picture with the other sign.  So each picture is compared with every copy h x of every other,
h in the group that f is projected with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from parity_nb.images import ImageSet, resize, to_grey
from parity_nb.symmetry import Group, parity

SMALL = 32
"""Side of the small picture, pixels."""
LOW = 16
"""Frequencies kept in either direction; the hash has this many bits squared."""
RADIUS = 40
"""Bits out of 256 in which near-duplicates may differ.  Different pictures differ in some 120; one
that was saved again as JPEG, made brighter, or moved by a pixel in 64 differs in fewer than 40 as a
rule, one that was cropped by a tenth does not."""


def perceptual_hash(images: Tensor) -> NDArray[np.uint64]:
    """The hash of each image: uint8 or float (N, C, H, W) to uint64 (N, 4), 256 bits.

    Three channels are taken for red, green and blue, of any other number the mean is used.
    """
    grey = to_grey(images) if images.shape[1] == 3 else images.float().mean(1, keepdim=True)
    small = resize(grey.float(), SMALL)[:, 0].numpy()
    low = dctn(small, axes=(1, 2))[:, :LOW, :LOW].reshape(len(images), -1)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)


def near_duplicates(
    images: Tensor, group: Group | None = None, radius: int = RADIUS, block: int = 512
) -> NDArray[np.intp]:
    """Pairs of images of which one looks like a copy of the other.

    All pairs are compared, block by block: N^2 |G| / 2 exclusive ors of 256 bits.  Memory is
    32 |G| N bytes of hashes and about 12 block^2 bytes beside them.

    Args:
        images: uint8 or float (N, C, H, W).
        group: the copies; {e, P} by default.
        radius: bits out of 256 in which near-duplicates may differ.
        block: images compared with as many others at once.

    Returns:
        Positions (pairs, 2), the smaller one first.
    """
    group = group or parity()
    parts = images.split(1024)
    copies = [
        np.concatenate([perceptual_hash(element.act(part)) for part in parts])
        for element in group.elements
    ]
    found = [np.empty((0, 2), np.intp)]
    starts = range(0, len(images), block)
    for i, j in combinations_with_replacement(starts, 2):
        for copy in copies:
            near = _distance(copies[0][i : i + block], copy[j : j + block]) <= radius
            found.append(np.add(np.argwhere(near), (i, j)))
    pairs = np.concatenate(found)
    return np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)


def _distance(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Bits in which the hashes (n, words) and (m, words) differ: (n, m)."""
    words = zip(a.T, b.T, strict=True)
    return sum(np.bitwise_count(x[:, None] ^ y).astype(np.uint16) for x, y in words)


def split_groups(
    images: ImageSet,
    together: Sequence[str] = ("observation",),
    group: Group | None = None,
    radius: int = RADIUS,
) -> NDArray[np.int32]:
    """A number for each image; images with the same number must stay on one side of a split.

        images.meta["group"] = split_groups(images)
        train, test = images.split(by="group")

    Args:
        images: the set.
        together: columns of its metadata; rows that share a value belong together.
        group: as in `near_duplicates`.
        radius: as in `near_duplicates`.

    Raises:
        KeyError: if there is no such column, naming those there are.
    """
    links = [near_duplicates(images.images, group, radius)]
    for column in together:
        if column not in images.meta:
            raise KeyError(f"no metadata column {column!r}; there are {list(images.meta.columns)}")
        links.append(_chains(images.meta[column]))
    first, second = np.concatenate(links).T
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(images),) * 2)
    return connected_components(graph, directed=False)[1]


def _chains(values: Iterable) -> NDArray[np.intp]:
    """Pairs that link all rows of the same value, each to the next."""
    _, label = np.unique(np.asarray(values), return_inverse=True)
    order = np.argsort(label, kind="stable")
    same = label[order][1:] == label[order][:-1]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)
