"""Procedures that several chapters on snails use: which photographs are nearly one picture.

Derived in `snails/your-images`.  Two pictures are near-duplicates if their perceptual hashes differ
in few bits.  The hash is the usual one of the low frequencies: a bit is set where a coefficient of
the discrete cosine transform of the small grey picture lies above their median.  It is written out
here, three lines around scipy's transform, because the library `imagehash` takes files one at a
time and all of these are decoded already.

For a network that is odd under the mirror a mirror twin across the split is a leak as well: the
same picture with the other sign.  So each picture is compared with every copy h x of every other,
h in the group that f is projected with.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from torch import Tensor

from parity_nb.images import resize, to_grey
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
