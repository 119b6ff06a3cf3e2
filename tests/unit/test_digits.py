"""Tests of `parity_nb.mirrors.digits`, on small files written in the formats of the real ones."""

import struct

import numpy as np
import pytest
import torch

from parity_nb.mirrors.digits import digits, train_and_test

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (30, 28, 28), dtype=np.uint8)
LABELS = np.arange(30, dtype=np.uint8) % 10


def idx(values):
    header = bytes([0, 0, 0x08, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.tobytes()


@pytest.fixture
def mnist(tmp_path):
    """Twenty training and ten test digits, in four IDX files."""
    for name, part in (("train", slice(20)), ("t10k", slice(20, 30))):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(PIXELS[part]))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(LABELS[part]))
    return tmp_path


@pytest.fixture
def mnist_5k(tmp_path):
    """Thirty digits as rows of a table, the label last."""
    rows = np.column_stack([PIXELS.reshape(30, -1), LABELS])
    np.savetxt(tmp_path / "mnist_5k.csv", rows, fmt="%d", delimiter=",")
    return tmp_path


def test_mnist_comes_with_its_official_test_set(mnist):
    population = digits("mnist", mnist)
    assert population.images.dtype == torch.uint8
    assert np.array_equal(population.images[:, 0].numpy(), PIXELS)
    assert population.meta.digit.tolist() == LABELS.tolist()
    for seed in (0, 3):
        train, test = train_and_test(population, seed)
        assert np.array_equal(train.images[:, 0].numpy(), PIXELS[:20])
        assert np.array_equal(test.images[:, 0].numpy(), PIXELS[20:])


def test_the_table_is_read_upright(mnist_5k):
    population = digits("mnist-5k", mnist_5k)
    assert np.array_equal(population.images[:, 0].numpy(), PIXELS)
    assert population.meta.digit.tolist() == LABELS.tolist()


def test_five_seeds_hold_out_every_digit_of_the_small_set_once(mnist_5k):
    population = digits("mnist-5k", mnist_5k)
    held_out = []
    for seed in range(5):
        train, test = train_and_test(population, seed)
        assert (len(train), len(test)) == (24, 6)
        held_out += [image.numpy().tobytes() for image in test.images]
    assert len(set(held_out)) == 30
    again = train_and_test(population, 5)[1]
    assert torch.equal(again.images, train_and_test(population, 0)[1].images)


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="mnist-5k"):
        digits("emnist")
