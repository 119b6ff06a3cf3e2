"""A set of pixel maps with the truth about each, in memory or memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from parity_nb.images import ImageSet
from parity_nb.neutrinos.detector import CELLS, PLANES, VIEWS

KEYS = ("run", "subrun", "cycle", "evt", "subevt")
"""What names an event, in every branch of the files."""


@dataclass
class PixelMaps:
    """Pixel maps of events, two views each, and one row of truth an event.

    Attributes:
        maps: uint8 (N, 2, 100, 80): views x and y, planes along the beam, cells across it.
        meta: N rows: `label`, `mode`, `pdg`, `energy` (GeV), `visible` (GeV), `hits`, `weight`,
            `generator` and the five `KEYS`.
        name: what the set is called.
        prongs: tracks and showers, one row each, with the column `event` (a row of `meta`); only
            of events that come from `simulate.events`, for it is not saved.

    Raises:
        ValueError: for maps of another shape or type, or another number of rows.
    """

    maps: Tensor
    meta: pd.DataFrame
    name: str = ""
    prongs: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if self.maps.shape[1:] != (VIEWS, PLANES, CELLS) or self.maps.dtype != torch.uint8:
            raise ValueError(
                f"maps must be uint8 (N, {VIEWS}, {PLANES}, {CELLS}), not {self.maps.dtype} "
                f"{tuple(self.maps.shape)}"
            )
        if len(self.meta) != len(self.maps):
            raise ValueError(f"{len(self.maps)} maps, but {len(self.meta)} rows of truth")

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, index) -> PixelMaps:
        """The chosen events (slice, indices or mask); with their prongs, unless one comes twice."""
        rows = np.atleast_1d(np.arange(len(self))[index])
        picked = self.maps[index if isinstance(index, slice) else torch.as_tensor(rows)]
        meta = self.meta.iloc[rows].reset_index(drop=True)
        if self.prongs is None or len(np.unique(rows)) < len(rows):
            return PixelMaps(picked, meta, self.name)
        new = np.full(len(self), -1)
        new[rows] = np.arange(len(rows))
        prongs = self.prongs.assign(event=new[self.prongs["event"]])
        prongs = prongs[prongs["event"] >= 0].sort_values("event", kind="stable")
        return PixelMaps(picked, meta, self.name, prongs.reset_index(drop=True))

    def split(self, fold: int = 0, folds: int = 5, seed: int = 0) -> tuple[PixelMaps, PixelMaps]:
        """Training and test events, as `ImageSet.split`: one of `folds` parts is the test set."""
        train, test = ImageSet(self.maps, self.meta, self.name).split(fold, folds, seed)
        return tuple(PixelMaps(part.images, part.meta, part.name) for part in (train, test))

    def save(self, folder: str | Path) -> Path:
        """Write the set to `folder`, without prongs; it appears there complete or not at all."""
        return ImageSet(self.maps, self.meta, self.name).save(folder)

    @classmethod
    def load(cls, folder: str | Path) -> PixelMaps:
        """Memory-map a saved set.

        Raises:
            FileNotFoundError: if `folder` holds no set.
        """
        found = ImageSet.load(folder)
        return cls(found.images, found.meta, found.name)


def join(*parts: PixelMaps, name: str = "") -> PixelMaps:
    """Several sets as one, without prongs."""
    meta = pd.concat([part.meta for part in parts], ignore_index=True)
    return PixelMaps(torch.cat([part.maps for part in parts]), meta, name)


def accepted(weight: np.ndarray, rng: np.random.Generator, largest: float = 0.0) -> np.ndarray:
    """Accept-reject: which events to keep so that those kept need no weights, bool (N,).

    Args:
        weight: of each event, not negative.
        rng: numpy generator.
        largest: an event of this weight is always kept; the largest weight by default.

    Raises:
        ValueError: for weights that are negative or not finite, naming the first such event; or
            one above `largest`, which acceptance would cut off.
    """
    weight = np.asarray(weight, float)
    bad = np.flatnonzero(~np.isfinite(weight) | (weight < 0))
    if len(bad):
        raise ValueError(f"event {bad[0]} has the weight {weight[bad[0]]}; {len(bad)} such events")
    largest = largest or weight.max(initial=0.0)
    if (above := np.flatnonzero(weight > largest)).size:
        raise ValueError(
            f"event {above[0]} has the weight {weight[above[0]]:g}, above largest = {largest:g}: "
            f"{above.size} events would be too rare; raise `largest`"
        )
    return rng.random(len(weight)) * largest < weight
