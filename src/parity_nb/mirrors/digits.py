"""Handwritten digits as image sets, each with the part of it that is held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from parity_nb.data import choose
from parity_nb.fetch import dataset
from parity_nb.images import ImageSet, stack
from parity_nb.mirrors.files import read_idx

FOLDS = 5
"""The test digits of `mnist-5k` are one of so many equal parts."""


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


def train_and_test(population: ImageSet, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    """Training and held-out digits.

    Where there is an official test set, that is held out, whatever the seed.  Otherwise a fifth
    is: the fold `seed` modulo 5, so that the test sets of five seeds are disjoint.
    """
    test = (population.meta.official == "test").to_numpy()
    if test.any():
        return population[~test], population[test]
    return population.split(fold=seed % FOLDS, folds=FOLDS)


def _mnist_5k(folder: Path) -> ImageSet:
    table = pd.read_csv(_plain_or_gz(folder / "mnist_5k.csv"), header=None).to_numpy(np.uint8)
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


def _plain_or_gz(path: Path) -> Path:
    return path if path.is_file() else path.with_name(path.name + ".gz")
