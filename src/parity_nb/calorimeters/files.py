"""The files of images that the source's programs write and read (Grefsrud et al. 2023).

HDF5, one group an event, `group_0`, `group_1` and so on, each with

- `data`: 50 x 50 x 3, rows phi in [-pi, pi], columns eta in [-5, 5], last axis electromagnetic
  energy, hadronic energy, transverse momentum of tracks, in raw GeV;
- `label`: the name of the class, text;
- `event_id`: number of the event.

h5py lists groups in alphabetical order (`group_10` before `group_2`); events are returned in
the order of their numbers.  A file with one stacked array `data` of (N, 50, 50, 3), and `label`
and `event_id` of (N,), is read as well.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

KEYS = ("data", "label", "event_id")
SHAPE = (50, 50, 3)


@dataclass(frozen=True)
class Images:
    """Images with their labels.

    Attributes:
        images: (N, 3, 50, 50) float32, raw GeV, channels as in `detector.CHANNELS`.
        label: the class of each event, N words.
        event_id: its number, (N,) int64.
    """

    images: Tensor
    label: tuple[str, ...]
    event_id: Tensor

    def __len__(self) -> int:
        return len(self.images)


def read_images(path: str | Path, label: str | None = None, limit: int = 0) -> Images:
    """Read a file in the source's format, groups or stacked.

    Args:
        path: of the file.
        label: the class that all events must have; if not given, they must agree.
        limit: read so many events, in order of their numbers; 0: all.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a file cut short or of another kind, a missing key, a wrong shape, NaN
            or negative values, an event number twice, or several labels; the message names
            file and event.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with h5py.File(path, "r") as file:
            if isinstance(file.get("data"), h5py.Dataset):
                data, labels, numbers = _read_stacked(file, path, limit)
            else:
                data, labels, numbers = _read_groups(file, path, limit)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read as HDF5 and may have been cut short ({error}); "
            "copy or write it again"
        ) from None
    check_values(data, numbers, path)
    _check_labels(labels, numbers, path, label)
    images = torch.from_numpy(np.ascontiguousarray(np.moveaxis(data, -1, 1)))
    return Images(images, tuple(labels), torch.tensor(numbers, dtype=torch.int64))


def _read_groups(file: h5py.File, path: Path, limit: int) -> tuple[np.ndarray, list, list]:
    names = sorted(file, key=_number)
    if not names:
        raise ValueError(f"{path} has no events: neither groups nor an array 'data'")
    names = names[:limit] if limit else names
    data = np.empty((len(names), *SHAPE), np.float32)
    labels, numbers = [], []
    for k, name in enumerate(tqdm(names, desc=path.name, unit="event", disable=len(names) < 2000)):
        group = file[name]
        where = f"event {name} of {path}"
        if not isinstance(group, h5py.Group):
            raise ValueError(f"{where} is no group; expected one group an event, or stacked arrays")
        missing = [key for key in KEYS if key not in group]
        if missing:
            raise ValueError(f"{where} lacks {', '.join(missing)}; it has {', '.join(group)}")
        if group["data"].shape != SHAPE:
            raise ValueError(f"{where}: data has shape {group['data'].shape}, not {SHAPE}")
        group["data"].read_direct(data, dest_sel=np.s_[k])
        labels.append(_text(group["label"][()]))
        numbers.append(int(group["event_id"][()]))
    return data, labels, numbers


def _read_stacked(file: h5py.File, path: Path, limit: int) -> tuple[np.ndarray, list, list]:
    missing = [key for key in KEYS if key not in file]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; it has {', '.join(file)}")
    n = file["data"].shape[0]
    if file["data"].shape[1:] != SHAPE:
        raise ValueError(f"{path}: data has shape {file['data'].shape}, not (N, 50, 50, 3)")
    for key in KEYS[1:]:
        if file[key].shape != (n,):
            raise ValueError(f"{path}: {key} has shape {file[key].shape}, not ({n},)")
    order = np.argsort(file["event_id"][:], kind="stable")[: limit or n]
    data = file["data"][:].astype(np.float32)[order]
    labels = [_text(word) for word in file["label"][:][order]]
    return data, labels, file["event_id"][:][order].tolist()


def _number(name: str) -> tuple[int, str]:
    digits = re.search(r"(\d+)$", name)
    return (int(digits.group()) if digits else -1, name)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def check_values(data: np.ndarray, numbers: list[int], path: Path) -> None:
    """Raise a ValueError for NaN or negative energies of data (N, ...), or a number twice."""
    number, times = Counter(numbers).most_common(1)[0] if numbers else (0, 1)
    if times > 1:
        raise ValueError(f"{path} has event {number} twice")
    flat = data.reshape(len(data), -1)
    for what, wrong in (
        ("NaN or infinite", ~np.isfinite(flat)),
        ("negative", flat < 0),
    ):
        events = wrong.any(1)
        if events.any():
            first = numbers[int(np.flatnonzero(events)[0])]
            raise ValueError(
                f"event {first} of {path} has {what} energies ({int(events.sum())} such events "
                "in all); images are raw GeV, not normalised ones"
            )


def _check_labels(labels: list[str], numbers: list[int], path: Path, label: str | None) -> None:
    for word, number in zip(labels, numbers, strict=True):
        if word != (label or labels[0]):
            raise ValueError(
                f"event {number} of {path} has label {word!r}, not {label or labels[0]!r}: "
                "a file holds one class"
            )
