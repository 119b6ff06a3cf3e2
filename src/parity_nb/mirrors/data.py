"""Handwritten digits and sets of pictures, as the chapters get them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from parity_nb.data import choose
from parity_nb.fetch import dataset, plain_or_gz
from parity_nb.images import ImageSet, stack
from parity_nb.mirrors.files import read_cifar10, read_idx
from parity_nb.symmetry import mirror_where, random_half

CLOTHES = "T-shirt, trousers, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot"
THINGS = "aeroplane, car, bird, cat, deer, dog, frog, horse, ship, lorry"
ANIMALS = "bear, bird, cat, cow, dog, elephant, giraffe, horse, sheep, zebra"

INKS = ((192, 10, 64), (0, 74, 238))
"""Red and blue ink, (R, G, B), that become the same level of grey."""


def digits(data: str = "mnist-5k", path: str | Path = "") -> ImageSet:
    """Handwritten digits as they are distributed, brought first if they are not here.

    Args:
        data: "mnist-5k", 5,000 digits of the first tenth of MNIST's training set, 500 a class; or
            "mnist", all 60,000 and the official 10,000 for tests (LeCun et al. 1998).
        path: a folder of the reader's own with the files of the data set; empty: none.

    Returns:
        uint8 images (N, 1, 28, 28), ink on 0, with the columns `digit` (0 to 9) and `official`
        ("train" or "test").

    Raises:
        ValueError: for another data set.
        FetchError: if the data set cannot be brought.
    """
    read = choose("data", data, {"mnist-5k": _mnist_5k, "mnist": _mnist})
    return read(dataset(data, path))


def _mnist_5k(folder: Path) -> ImageSet:
    table = pd.read_csv(plain_or_gz(folder / "mnist_5k.csv"), header=None).to_numpy(np.uint8)
    return _labelled(table[:, :-1].reshape(-1, 28, 28), table[:, -1], "train", "mnist-5k")


def _mnist(folder: Path) -> ImageSet:
    parts = [
        _labelled(
            read_idx(folder / f"{files}-images-idx3-ubyte"),
            read_idx(folder / f"{files}-labels-idx1-ubyte"),
            official,
            "mnist",
        )
        for files, official in (("train", "train"), ("t10k", "test"))
    ]
    return stack(parts, "mnist")


def _labelled(pixels: np.ndarray, digit: np.ndarray, official: str, name: str) -> ImageSet:
    # a copy: files are read into memory that torch may not write to
    return ImageSet.from_array(torch.tensor(pixels), name, digit=digit, official=official)


# --- sets of pictures


def photographs(name: str, path: str | Path = "") -> ImageSet:
    """A set of pictures as it is distributed, brought first if it is not here.

    Args:
        name: a key of `SETS`.
        path: a folder of the reader's own with the files of the data set; empty: none.

    Returns:
        uint8 images (N, 1 or 3, H, W) with the column `label`, the name of the class.

    Raises:
        ValueError: for another name.
        FetchError: if the set cannot be brought.
    """
    return choose("dataset", name, SETS)(path)


def _digits(path: str | Path) -> ImageSet:
    found = digits(path=path)
    return ImageSet.from_array(found.images, "digits", label=found.meta.digit.astype(str))


def _inked(path: str | Path) -> ImageSet:
    """Digits in black and two inks: a random half is mirrored and blue, the others are red."""
    plain = _digits(path)
    blue = random_half(len(plain), torch.Generator().manual_seed(0))
    ink = torch.tensor(INKS)[blue.long()][:, :, None, None]
    pixels = (mirror_where(plain.images, blue) > 127) * ink
    return ImageSet(pixels.to(torch.uint8), plain.meta, "digits-inked")


def _faces(path: str | Path) -> ImageSet:
    pixels = np.load(dataset("faces", path) / "lfw_subset.npy", allow_pickle=False)
    levels = (255 * pixels[:100]).round().astype(np.uint8)  # the second hundred are no faces
    return _named(levels, np.zeros(len(levels), int), ["face"], "faces")


def _fashion(path: str | Path) -> ImageSet:
    folder = dataset("fashion-mnist", path)
    parts = [
        [read_idx(folder / f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
        for part in ("train", "t10k")
    ]
    pixels, labels = map(np.concatenate, zip(*parts, strict=True))
    return _named(pixels, labels, CLOTHES.split(", "), "fashion")


def _cifar10(path: str | Path) -> ImageSet:
    pixels, labels = read_cifar10(dataset("cifar-10", path))
    return _named(pixels, labels, THINGS.split(", "), "cifar-10")


def _animals(path: str | Path) -> ImageSet:
    folder = dataset("animal-mnist", path)
    pixels, labels = (read_idx(folder / f"{f}-ubyte") for f in ("images-idx3", "labels-idx1"))
    return _named(pixels, labels, ANIMALS.split(", "), "animals")


def _named(pixels: np.ndarray, labels: np.ndarray, names: Sequence[str], name: str) -> ImageSet:
    # a copy: files are read into memory that torch may not write to
    return ImageSet.from_array(torch.tensor(pixels), name, label=np.array(names)[labels])


SETS: dict[str, Callable[[str | Path], ImageSet]] = {
    "digits": _digits,
    "digits-inked": _inked,
    "faces": _faces,
    "fashion": _fashion,
    "cifar-10": _cifar10,
    "animals": _animals,
}
"""Sets that a chapter's `dataset` parameter may name; the first three need no download."""
