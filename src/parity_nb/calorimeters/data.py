"""Labelled images for the classifiers: simulated ones, made once and kept, or the source's files.

Simulated events come in endless streams, one a class, cut into pieces of a thousand.  A training
set is a stretch of its class's stream that no other random seed uses; the test set is a stretch of
another stream and the same for everybody.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from parity_nb.calorimeters.files import read_images
from parity_nb.calorimeters.world import (
    cylinder_detector,
    fragmentation,
    generator,
    hard_process,
    particles,
)
from parity_nb.calorimeters.world.cylinder_detector import Detector
from parity_nb.calorimeters.world.generator import make_class
from parity_nb.calorimeters.world.hard_process import CLASSES
from parity_nb.data import choose, data_dir, made_once, source_key

MADE_FROM = (particles, hard_process, fragmentation, generator, cylinder_detector)
"""Modules whose source tells one version of the streams from another."""
PIECE = 1000
"""Events in one piece of a stream."""
TEST_STREAM = 1_000_000
"""Random seed of the first piece of a test stream; those of training streams begin at 0."""
LARGEST = 65_000.0
"""Largest energy in GeV of a stored pixel, which has 16 bits; five times that of the beams."""

TASKS: dict[str, tuple[str, ...]] = {"two": ("SPH_9", "BH_n4_M10"), "six": CLASSES}
"""Classes of a task, in the order of their labels: of the thesis, and of Grefsrud et al. (2023)."""


@dataclass(frozen=True)
class Sample:
    """Images and labels.

    Attributes:
        images: (N, 3, phi, eta) float16, GeV.
        labels: (N,) int64, positions in `classes`.
        classes: names.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def compact(images: Tensor) -> Tensor:
    """GeV as 16-bit floats, which round to one part in two thousand: (N, ...) float16.

    A track whose curvature is too small to be measured may be given any momentum; beyond `LARGEST`
    all are alike.

    Raises:
        ValueError: for energies that are negative or not numbers, naming the first such image.
    """
    wrong = ~(images.flatten(1) >= 0).all(1)
    if wrong.any():
        raise ValueError(
            f"image {int(wrong.nonzero()[0])} holds an energy that is negative or not a number; "
            f"{int(wrong.sum())} of {len(images)} images do"
        )
    return images.clamp(max=LARGEST).half()


def simulated(
    task: str, events: int, tests: int, seed: int = 0, offset: int | None = None
) -> tuple[Sample, Sample]:
    """A training set of its own for every random seed, and the frozen test set.

    Args:
        task: a name in `TASKS`.
        events: training events a class.
        tests: test events a class.
        seed: which stretch of the streams: events `seed` times `offset` onwards.
        offset: events that a seed may use, `events` by default.  Give the largest size of a study
            to make the smaller sets parts of the larger ones.

    Returns:
        Training and test sample; classes follow one another.

    Raises:
        ValueError: for another task, fewer than one event, or an offset below `events`.
    """
    classes = choose("task", task, TASKS)
    step = events if offset is None else offset
    if min(events, tests) < 1 or step < events or seed < 0:
        raise ValueError(
            f"{events} training and {tests} test events a class, {step} a random seed, seed "
            f"{seed}: the first two are at least 1, the third no less than the first, the last "
            "not negative"
        )
    first = seed * step
    train = _stretches([(name, first, first + events, 0) for name in classes])
    test = _stretches([(name, 0, tests, TEST_STREAM) for name in classes])
    return _labelled(train, classes), _labelled(test, classes)


def from_files(
    task: str, folder: str | Path, events: int, tests: int, seed: int = 0
) -> tuple[Sample, Sample]:
    """The same two samples from the source's HDF5 files, one file a class.

    The last `tests` events of each file are the test set, whatever the seed; the training events
    are drawn from the others.

    Args:
        task: a name in `TASKS`.
        folder: holds the files, such as BH_n4_M10_res50_15000_events.h5 and
            PP13-Sphaleron-THR9-FRZ15-NB0-NSUBPALL_res50_15000_events.h5.
        events: training events a class.
        tests: test events a class.
        seed: of the choice of training events.

    Returns:
        Training and test sample.

    Raises:
        FileNotFoundError: if the folder has no file of a class, naming what it has.
        ValueError: for two files of one class, a damaged file, or too few events in one.
    """
    classes = choose("task", task, TASKS)
    chance = torch.Generator().manual_seed(seed)
    train, test = [], []
    for name in classes:
        path = find_file(folder, name)
        images = compact(read_images(path).images)
        if len(images) < events + tests:
            raise ValueError(
                f"{path} holds {len(images)} events, but {events} to train on and {tests} to test "
                "on are wanted: lower `events` or `tests`"
            )
        rest = len(images) - tests
        train.append(images[torch.randperm(rest, generator=chance)[:events]])
        test.append(images[rest:])
    return _labelled(train, classes), _labelled(test, classes)


def find_file(folder: str | Path, name: str) -> Path:
    """The one HDF5 file in a folder that holds a class, by the source's names of files.

    Args:
        folder: where to look.
        name: such as "BH_n4_M10", or "SPH_9" for a sphaleron threshold of 9 TeV.

    Raises:
        FileNotFoundError: if there is none, naming what the folder has.
        ValueError: if there are several.
    """
    folder = Path(folder)
    pattern = f"{name}_*"
    if name.startswith("SPH_"):
        pattern = f"*Sphaleron-THR{name.removeprefix('SPH_')}-*"
    found = sorted(p for p in folder.glob(pattern) if p.suffix in (".h5", ".hdf5"))
    if not found:
        others = sorted(p.name for p in folder.glob("*")) if folder.is_dir() else "no such folder"
        raise FileNotFoundError(f"no {pattern}.h5 for the class {name} in {folder}: {others}")
    if len(found) > 1:
        raise ValueError(f"several files of the class {name} in {folder}: {found}; keep one")
    return found[0]


def labelled(
    task: str, events: int, tests: int, seed: int = 0, offset: int | None = None, files: str = ""
) -> tuple[Sample, Sample]:
    """Training and test sample: `from_files` if a folder is given, else `simulated`.

    Args:
        task: a name in `TASKS`.
        events: training events a class.
        tests: test events a class.
        seed: random seed of the training events.
        offset: of `simulated`.
        files: a folder with the source's files; none by default.
    """
    if files:
        return from_files(task, files, events, tests, seed)
    return simulated(task, events, tests, seed, offset)


def _labelled(parts: list[Tensor], classes: tuple[str, ...]) -> Sample:
    labels = [torch.full((len(part),), label) for label, part in enumerate(parts)]
    return Sample(torch.cat(parts), torch.cat(labels), classes)


def _stretches(wanted: list[tuple[str, int, int, int]]) -> list[Tensor]:
    """Events start to stop of streams (class, start, stop, first random seed): float16 each."""
    folder = data_dir() / "calorimeters" / source_key(*MADE_FROM)
    pieces = {
        (name, base + k): folder / f"{name}-{base + k}.npy"
        for name, start, stop, base in wanted
        for k in range(start // PIECE, -(-stop // PIECE))
    }
    # several processes share the work: each begins elsewhere
    order, turn = list(pieces), os.getpid() % len(pieces)
    for piece in order[turn:] + order[:turn]:
        made_once(pieces[piece], partial(_simulate, *piece))
    out = []
    for name, start, stop, base in wanted:
        first = start // PIECE
        numbers = range(first, -(-stop // PIECE))
        whole = np.concatenate([np.load(pieces[name, base + k], mmap_mode="r") for k in numbers])
        out.append(torch.from_numpy(whole[start - first * PIECE : stop - first * PIECE].copy()))
    return out


def _simulate(name: str, number: int, path: Path) -> None:
    """Write one piece of a stream, (PIECE, 3, 50, 50) float16."""
    images = Detector().images(make_class(name, PIECE, number), number)
    np.save(path, compact(images).numpy())
