"""Two-bar windows of folk tunes, as the chapter on music gets them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from parity_nb.data import data_dir, made_once, source_key
from parity_nb.discovery.files import abc_tunes
from parity_nb.discovery.files.abc_tunes import HOLD, REST, STEPS, Tune, read_corpus


@dataclass(frozen=True)
class Windows:
    """Two-bar windows of tunes.

    Attributes:
        steps: (N, 32) uint8: REST, HOLD or a MIDI pitch.
        tune: (N,) int32: which tune a window is from.
        bar: (N,) int16: its first bar, counted over the understood bars of the tune.
        collection: (N,) indices into `collections`.
        titles: title of every tune.
        collections: names of the collections.
    """

    steps: np.ndarray
    tune: np.ndarray
    bar: np.ndarray
    collection: np.ndarray
    titles: np.ndarray
    collections: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, chosen: np.ndarray) -> Windows:
        columns = ("steps", "tune", "bar", "collection")
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})

    def write(self, path: Path) -> None:
        """To an .npz."""
        np.savez_compressed(path, **asdict(self))

    @classmethod
    def read(cls, path: Path) -> Windows:
        """What `write` wrote.

        Raises:
            ValueError: if it is something else; the message names the file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                parts = dict(file)
            windows = cls(**parts | {"collections": tuple(parts["collections"].tolist())})
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ValueError(f"{path} holds no two-bar windows; delete it: {error}") from error
        if windows.steps.ndim != 2 or windows.steps.shape[1] != 2 * STEPS:
            raise ValueError(f"{path} holds windows of shape {windows.steps.shape}, not (N, 32)")
        return windows


def two_bars(tunes: dict[str, list[Tune]]) -> Windows:
    """All windows of two neighbouring bars, overlapping by one bar, without repetition in a tune.

    A window that starts in the middle of a held note starts with a rest instead.

    Raises:
        ValueError: if the tunes hold no two neighbouring bars.
    """
    steps, rows, titles = [], [], []
    for collection, members in enumerate(tunes.values()):
        for tune in members:
            seen: set[bytes] = set()
            starts = np.cumsum([0, *(len(run) for run in tune.bars)])
            for start, run in zip(starts, tune.bars, strict=False):
                for bar, pair in enumerate(pairwise(run), start):
                    window = np.concatenate(pair)
                    window[: int(np.argmax(window != HOLD))] = REST
                    if (window <= HOLD).all() or window.tobytes() in seen:
                        continue
                    seen.add(window.tobytes())
                    steps.append(window)
                    rows.append((len(titles), bar, collection))
            titles.append(tune.title)
    if not steps:
        raise ValueError("no tune has two neighbouring full bars in 4/4 or 2/2")
    tune, bar, collection = np.array(rows).T
    return Windows(
        np.array(steps),
        tune.astype(np.int32),
        bar.astype(np.int16),
        collection.astype(np.int8),
        np.array(titles),
        tuple(tunes),
    )


def tune_windows(path: str | Path = "") -> Windows:
    """Two-bar windows of all the collections, read once and kept under the data folder.

    Args:
        path: a file of windows made elsewhere by this function; empty: the kept one, which is
            made from music21's corpus if it does not exist.

    Raises:
        FileNotFoundError: if there is neither a kept file nor music21, or no file at `path`.
        ValueError: if the file holds something else.
    """
    if not path:
        key = source_key(abc_tunes, two_bars, Windows)
        path = data_dir() / "tunes" / f"two-bars-{key}.npz"
        made_once(path, lambda part: two_bars(read_corpus()).write(part))
    elif not Path(path).is_file():
        raise FileNotFoundError(f"no file of windows at {path}; leave `path` empty to make one")
    return Windows.read(Path(path))
