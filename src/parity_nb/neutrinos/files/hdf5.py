"""Files of the experiment's format: read lazily, joined by event, and written.

A file is HDF5.  A *branch* is a group of the root, whose name has dots in it, such as
`rec.training.cvnmaps`; its data sets are columns, (rows, 1), of which five are the keys of the
event that a row belongs to.  Branches have rows in different order and number: a pixel map is
stored for some events only, and an event may have several tracks.  A pixel map is stored flat:
16,000 levels of 8 bits, first all of view x, then all of view y, plane by plane.

Only what is asked for is read.  `read_index` makes a table of the events of many files; `LazyMaps`
fetches their maps when they are indexed, so that files may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from parity_nb.data import written
from parity_nb.neutrinos.world.nova import CELLS, PLANES, VIEWS

KEYS = ("run", "subrun", "cycle", "evt", "subevt")
"""What names an event, in every branch."""
MAPS, TRUTH = "rec.training.cvnmaps", "rec.mc.nu"
"""Branches of the pixel maps, and of what was simulated."""
MODE_NUMBERS = {"qe": 0, "res": 1, "dis": 2, "mec": 10}
"""Numbers of the interaction modes in the column `mode`, as in the experiment's software."""
PIXELS = VIEWS * PLANES * CELLS

Cut = Callable[["EventFile"], np.ndarray]
"""From an open file to bool, one a pixel map: whether its event is kept."""


class EventFile:
    """One file, opened when it is made and closed at the end of a `with`.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no HDF5 file, or was cut short.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"no file {self.path}")
        try:
            self.file = h5py.File(self.path)
        except OSError as error:
            raise ValueError(
                f"{self.path} is not a whole HDF5 file; fetch or write it again: {error}"
            ) from error
        self._events: pd.MultiIndex | None = None

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, *_) -> None:
        self.file.close()

    def dataset(self, branch: str, column: str) -> h5py.Dataset:
        """A column that stays on disk.

        Raises:
            KeyError: if there is no such branch or column, naming those there are.
        """
        if branch not in self.file:
            raise KeyError(f"{self.path} has no branch {branch!r}; it has {sorted(self.file)}")
        if column not in self.file[branch]:
            raise KeyError(
                f"{self.path}: branch {branch!r} has no column {column!r}; it has "
                f"{sorted(self.file[branch])}"
            )
        return self.file[branch][column]

    def column(self, branch: str, column: str) -> np.ndarray:
        """A column, (rows,).

        Raises:
            KeyError: if there is no such branch or column.
            ValueError: if it cannot be read, or has not as many rows as the branch has keys.
        """
        stored, keys = self.dataset(branch, column), self.dataset(branch, KEYS[0])
        if stored.shape[0] != keys.shape[0] or stored.size != stored.shape[0]:
            raise ValueError(
                f"{self.path}: column {column!r} of branch {branch!r} has the shape "
                f"{stored.shape}, but there are {keys.shape[0]} rows"
            )
        return self._read(stored, ()).reshape(-1)

    def _read(self, stored: h5py.Dataset, places: tuple | np.ndarray) -> np.ndarray:
        try:
            return stored[places]
        except OSError as error:
            raise ValueError(
                f"{self.path}: {stored.name!r} cannot be read; the file is damaged: {error}"
            ) from error

    def keys(self, branch: str) -> pd.MultiIndex:
        """The five `KEYS` of every row of a branch."""
        columns = [self.column(branch, key).astype(np.int64) for key in KEYS]
        return pd.MultiIndex.from_arrays(columns, names=KEYS)

    @property
    def events(self) -> pd.MultiIndex:
        """Keys of the events that have a pixel map, in the order of the maps.

        Raises:
            ValueError: if one occurs twice, naming it.
        """
        if self._events is None:
            self._events = self._unique(MAPS)
        return self._events

    def rows_of(self, branch: str) -> np.ndarray:
        """For each row of a branch the pixel map of its event, and -1 where there is none."""
        return self.events.get_indexer(self.keys(branch))

    def truth(self, unmatched: str = "raise") -> np.ndarray:
        """For each pixel map the row of `TRUTH` that belongs to its event.

        Args:
            unmatched: what to do with an event without one: "raise", or "drop", which gives -1.

        Raises:
            ValueError: if an event has no truth, or two, naming it.
        """
        rows = self._unique(TRUTH).get_indexer(self.events)
        if unmatched == "raise" and (without := np.flatnonzero(rows < 0)).size:
            raise ValueError(
                f"{self.path}: {self.event(without[0])} of branch {MAPS!r} is not in "
                f'{TRUTH!r}, {without.size} event(s) in all; unmatched="drop" leaves them out'
            )
        return rows

    def event(self, row: int) -> str:
        """An event by name, from the row of its map."""
        return _name(self.events[row])

    def _unique(self, branch: str) -> pd.MultiIndex:
        found = self.keys(branch)
        if (twice := np.flatnonzero(found.duplicated())).size:
            raise ValueError(
                f"{self.path}: {_name(found[twice[0]])} is in branch {branch!r} twice; "
                f"{twice.size} row(s) too many"
            )
        return found

    def maps(self, rows: np.ndarray) -> np.ndarray:
        """Pixel maps, uint8 (len(rows), 2, 100, 80); rows in any order, also repeated.

        Raises:
            ValueError: for maps of another size, or that cannot be read.
        """
        stored = self.dataset(MAPS, "cvnmap")
        if stored.ndim != 2 or stored.shape[1] != PIXELS:
            raise ValueError(
                f"{self.path}: 'cvnmap' of branch {MAPS!r} has the shape {stored.shape}; expected "
                f"{PIXELS} pixels an event, two views of {PLANES} planes and {CELLS} cells"
            )
        wanted, back = np.unique(np.asarray(rows, int), return_inverse=True)
        read = self._read(stored, wanted) if len(wanted) else np.zeros((0, PIXELS), np.uint8)
        return read[back].reshape(-1, VIEWS, PLANES, CELLS)


def _name(key: Sequence[int]) -> str:
    return "event " + ", ".join(f"{k} {v}" for k, v in zip(KEYS, key, strict=True))


def read_index(
    paths: Sequence[str | Path],
    cuts: Mapping[str, Cut] | None = None,
    unmatched: str = "raise",
) -> pd.DataFrame:
    """A table of the events with a pixel map, of many files; the maps are not read.

    Args:
        paths: files, one opened at a time.
        cuts: name of a column, and the cut whose decision goes there.
        unmatched: what to do with an event without truth, "raise" or "drop".

    Returns:
        One row an event: `file` (its number in `paths`), `row`, the five keys, `label`, `mode`,
        `pdg`, `energy` (GeV), `weight` (1 where a file has no `genweight`), and a truth value for
        each cut.

    Raises:
        ValueError: for no file, for an event without truth or with two, and for a weight that is
            negative or not finite; each error names file, branch and event.
        KeyError: for a missing branch or column.
    """
    if not paths:
        raise ValueError("no files: give at least one path")
    tables, names = [], {code: mode for mode, code in MODE_NUMBERS.items()}
    for number, path in enumerate(paths):
        with EventFile(path) as file:
            rows = file.truth(unmatched)
            has = np.flatnonzero(rows >= 0)
            of = {c: file.column(TRUTH, c)[rows[has]] for c in ("pdg", "iscc", "mode", "E")}
            table = file.events[has].to_frame(index=False)
            table.insert(0, "file", number)
            table.insert(1, "row", has)
            table["pdg"] = of["pdg"].astype(int)
            table["label"] = labels(of["iscc"], table["pdg"], file, has)
            table["mode"] = pd.Series(of["mode"].astype(int)).map(names).fillna("other").to_numpy()
            table["energy"] = of["E"].astype(float)
            table["weight"] = 1.0
            if "genweight" in file.file[TRUTH]:
                table["weight"] = file.column(TRUTH, "genweight")[rows[has]].astype(float)
            bad = np.flatnonzero(~np.isfinite(table["weight"]) | (table["weight"] < 0))
            if bad.size:
                value, event = table["weight"][bad[0]], file.event(has[bad[0]])
                raise ValueError(
                    f"{file.path}: 'genweight' of branch {TRUTH!r} is {value} for {event}, "
                    f"{bad.size} event(s) in all; correct or drop them"
                )
            for name, cut in (cuts or {}).items():
                table[name] = cut(file)[has]
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def labels(iscc: np.ndarray, pdg: np.ndarray, file: EventFile, rows: np.ndarray) -> np.ndarray:
    """Labels from the charge of the current and the neutrino's flavour.

    Raises:
        ValueError: for a charged current of anything but a muon or electron neutrino.
    """
    flavour = np.abs(np.asarray(pdg))
    odd = np.flatnonzero((iscc != 0) & ~np.isin(flavour, (12, 14)))
    if odd.size:
        raise ValueError(
            f"{file.path}: branch {TRUTH!r} has a charged current of a neutrino with pdg "
            f"{pdg[odd[0]]} in {file.event(rows[odd[0]])}; there is no label for it"
        )
    return np.where(iscc == 0, "nc", np.where(flavour == 12, "nue", "numu"))


class LazyMaps:
    """Pixel maps of an index, read from their files when they are indexed.

    It has as much of a tensor as `training.fit` and `training.evaluate` ask for: a length, a
    device, and the items at given places, uint8 (k, 2, 100, 80).

    Args:
        paths: the files of the index.
        index: rows of `read_index`, any choice of them.
    """

    device = torch.device("cpu")

    def __init__(self, paths: Sequence[str | Path], index: pd.DataFrame):
        self.paths = list(paths)
        self._file, self._row = index["file"].to_numpy(), index["row"].to_numpy()

    def __len__(self) -> int:
        return len(self._row)

    def __getitem__(self, places) -> Tensor:
        """The maps at a slice, or at many places."""
        at = np.atleast_1d(
            np.arange(len(self))[np.asarray(places) if not isinstance(places, slice) else places]
        )
        out = np.empty((len(at), VIEWS, PLANES, CELLS), np.uint8)
        for number in np.unique(self._file[at]):
            mine = np.flatnonzero(self._file[at] == number)
            with EventFile(self.paths[number]) as file:
                out[mine] = file.maps(self._row[at[mine]])
        return torch.from_numpy(out)

    def split(self, size: int) -> Iterator[Tensor]:
        """All maps in order, `size` at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))


def write(path: str | Path, maps: Tensor, branches: Mapping[str, Mapping[str, np.ndarray]]) -> Path:
    """Write a file; it appears complete or not at all.

    Args:
        path: where to.
        maps: uint8 (N, 2, 100, 80), in the order of the rows of branch `MAPS`.
        branches: name of a branch, then of a column, to one value a row; the five keys included.

    Raises:
        ValueError: if a branch lacks a key, or its columns have different lengths.
    """
    path = Path(path)
    for branch, columns in branches.items():
        missing = [key for key in KEYS if key not in columns]
        lengths = {len(values) for values in columns.values()}
        if missing or len(lengths) != 1:
            raise ValueError(f"branch {branch!r}: keys {missing} are missing, or {lengths} rows")
    with written(path) as part, h5py.File(part, "w") as file:
        for branch, columns in branches.items():
            group = file.create_group(branch)
            for column, values in columns.items():
                group[column] = np.asarray(values).reshape(-1, 1)
        flat = maps.reshape(len(maps), PIXELS).numpy()
        # Few events a chunk: they are read one by one, in any order.
        chunk = (min(8, len(maps)), PIXELS)
        file[MAPS].create_dataset("cvnmap", data=flat, chunks=chunk, compression="lzf")
    return path
