"""Files in the formats of handwriting and photographs."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from parity_nb.fetch import FetchError
from parity_nb.mirrors import files

DIGITS = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(values: np.ndarray, type_byte: int = 0x08) -> bytes:
    header = bytes([0, 0, type_byte, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.tobytes()


CONTENT = idx_bytes(DIGITS)


def test_cifar_from_pictures(tmp_path):
    """Two images a file, each a row of its picture; label byte, then red, green, blue planes."""
    images = np.random.default_rng(0).integers(0, 256, (6, 2, 1024, 3), dtype=np.uint8)
    for name, rows in zip(files.CIFAR_FILES, images, strict=True):
        Image.fromarray(rows).save(tmp_path / name.replace(".bin", ".png"))
    (tmp_path / "train_lables.json").write_text(json.dumps(list(range(10))))
    (tmp_path / "test_lables.json").write_text("[7, 3]")
    files.cifar_from_pictures(tmp_path, tmp_path)
    first = (tmp_path / "data_batch_1.bin").read_bytes()
    assert first[:3] == bytes([0, *images[0, 0, :2, 0]]), "label, then the red plane"
    read, labels = files.read_cifar10(tmp_path)
    assert labels.tolist() == [*range(10), 7, 3]
    np.testing.assert_array_equal(
        read.reshape(12, 3, 1024).transpose(0, 2, 1), images.reshape(12, 1024, 3)
    )


def test_bad_cifar(tmp_path):
    with pytest.raises(FetchError, match=r"no file .*data_batch_1\.bin"):
        files.read_cifar10(tmp_path)
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(3072))
    with pytest.raises(FetchError, match=r"3072 bytes, no whole number of 3,073"):
        files.read_cifar10(tmp_path)


def pickled_animals(folder, **arrays):
    for part, value in arrays.items():
        with gzip.open(folder / f"animal_{part}_version_3.gz", "wb") as file:
            pickle.dump(value, file)


def test_animals_from_pickles(tmp_path):
    pickled_animals(tmp_path, data=DIGITS, label=np.array([3, 1]))
    files.animals_from_pickles(tmp_path, tmp_path)
    np.testing.assert_array_equal(files.read_idx(tmp_path / "images-idx3-ubyte"), DIGITS)
    np.testing.assert_array_equal(files.read_idx(tmp_path / "labels-idx1-ubyte"), [3, 1])


class Intruder:
    """A pickle that would make a folder if it were simply loaded."""

    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __reduce__(self):
        import os

        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: np.array([x], dtype=object)])
def test_a_pickle_cannot_run_anything(tmp_path, wrap):
    trap = tmp_path / "made-by-the-pickle"
    pickled_animals(tmp_path, data=wrap(Intruder(trap)), label=np.array([3, 1]))
    with pytest.raises(pickle.UnpicklingError, match=r"asks for .*mkdir, which is no array"):
        files.animals_from_pickles(tmp_path, tmp_path)
    assert not trap.exists()


@pytest.mark.parametrize(("type_byte", "dtype"), files.IDX_TYPES.items())
def test_idx_types(tmp_path, type_byte, dtype):
    values = np.arange(6).reshape(2, 3).astype(dtype)
    (tmp_path / "x").write_bytes(idx_bytes(values, type_byte))
    read = files.read_idx(tmp_path / "x")
    np.testing.assert_array_equal(read, values)
    assert read.dtype.isnative and read.flags.writeable


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG....", "is not an IDX file: it begins with 89 50 4e 47"),
        (b"\0\0\x08", "is not an IDX file"),
        (CONTENT[:-1], r"should have 40 bytes for shape \(2, 3, 4\), not 39"),
        (gzip.compress(CONTENT)[:-9], "cannot be read"),
    ],
)
def test_bad_idx(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(FetchError, match=message):
        files.read_idx(tmp_path / "x")


def test_write_idx(tmp_path):
    files.write_idx(tmp_path / "x", DIGITS)
    assert (tmp_path / "x").read_bytes() == CONTENT
    with pytest.raises(ValueError, match="uint8 values, not float64"):
        files.write_idx(tmp_path / "x", DIGITS / 2)


def test_missing_idx(tmp_path):
    with pytest.raises(FetchError, match=r"no file .*/x, nor .*/x.gz"):
        files.read_idx(tmp_path / "x")
