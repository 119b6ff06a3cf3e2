"""Digits and sets of pictures, on small files written in the formats of the real ones."""

import struct

import numpy as np
import pytest
import torch
from chapter_code import chapter_code

from parity_nb.images import to_grey
from parity_nb.mirrors.data import INKS, digits, photographs
from parity_nb.mirrors.files import CIFAR_FILES, write_idx
from parity_nb.symmetry import mirror

train_and_test = chapter_code("mirrors/handwriting").train_and_test

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


# --- sets


def test_faces_need_no_download():
    faces = photographs("faces")
    assert faces.images.shape == (100, 1, 25, 25)
    assert faces.images.dtype == torch.uint8 and faces.images.max() > 200


def test_fashion_joins_both_parts(tmp_path):
    for part, n in (("train", 3), ("t10k", 2)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.full((n, 28, 28), n, np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.full(n, 9, np.uint8))
    fashion = photographs("fashion", tmp_path)
    assert fashion.images.flatten(1)[:, 0].tolist() == [3, 3, 3, 2, 2]
    assert set(fashion.meta.label) == {"ankle boot"}


def test_animals(tmp_path):
    write_idx(tmp_path / "images-idx3-ubyte", np.zeros((2, 28, 28), np.uint8))
    write_idx(tmp_path / "labels-idx1-ubyte", np.array([0, 9], np.uint8))
    assert photographs("animals", tmp_path).meta.label.tolist() == ["bear", "zebra"]


def test_cifar(tmp_path):
    for i, name in enumerate(CIFAR_FILES):
        (tmp_path / name).write_bytes(bytes([i]) + bytes(3072))
    cifar = photographs("cifar-10", tmp_path)
    assert cifar.images.shape == (6, 3, 32, 32)
    assert cifar.meta.label[0] == "aeroplane" and cifar.meta.label[5] == "dog"


def test_digits_and_their_inks(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (40, 785))
    rows[:, -1] = np.arange(40) % 10
    np.savetxt(tmp_path / "mnist_5k.csv", rows, delimiter=",", fmt="%d")
    plain, inked = photographs("digits", tmp_path), photographs("digits-inked", tmp_path)
    assert plain.images[3, 0, 0, :5].tolist() == rows[3, :5].tolist()
    assert plain.meta.label[:3].tolist() == ["0", "1", "2"]
    strong = (plain.images > 127).float()
    grey = to_grey(inked.images) / to_grey(inked.images).max()
    blue = inked.images[:, 2].amax((1, 2)) > 200
    assert 0 < blue.sum() < len(blue)
    torch.testing.assert_close(grey[~blue], strong[~blue])
    torch.testing.assert_close(grey[blue], mirror(strong[blue]))


def test_the_inks_are_one_grey():
    red, blue = (to_grey(torch.tensor(ink, dtype=torch.uint8)[None, :, None, None]) for ink in INKS)
    assert torch.equal(red, blue)


def test_unknown_set():
    with pytest.raises(ValueError, match=r"dataset = 'snails' is none of: digits, "):
        photographs("snails")
