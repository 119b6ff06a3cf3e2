"""The source's preselection as boolean columns that can be combined.

A `Cut` is called with an open file and answers for each pixel map whether its event is kept.  Cuts
combine with `&`, `|` and `~`.  All thresholds are those that Shokar (2020) prints; his names of
the cuts are those of the experiment's software.

An event is lost if any of its rows fails, as when one of its tracks leaves the detector; one
without a row in a branch is kept by it, as in the source.  A value that is not a number fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from parity_nb.neutrinos.files import EventFile


@dataclass(frozen=True)
class Cut:
    """A decision about events.

    Attributes:
        name: what it is called in tables.
        decide: from an open file to bool, one a pixel map.
        parts: the cuts it was combined from by `&`, so that each can be looked at alone.
    """

    name: str
    decide: Callable[[EventFile], np.ndarray]
    parts: tuple[Cut, ...] = field(default=())

    def __call__(self, file: EventFile) -> np.ndarray:
        """Which pixel maps are kept: bool (N,)."""
        return self.decide(file)

    def __and__(self, other: Cut) -> Cut:
        parts = (self.parts or (self,)) + (other.parts or (other,))
        name = f"{self.name} & {other.name}"
        return Cut(name, lambda file: np.logical_and.reduce([part(file) for part in parts]), parts)

    def __or__(self, other: Cut) -> Cut:
        return Cut(f"({self.name} | {other.name})", lambda file: self(file) | other(file))

    def __invert__(self) -> Cut:
        return Cut(f"~({self.name})", lambda file: ~self(file))

    def called(self, name: str) -> Cut:
        """The same cut under another name."""
        return Cut(name, self.decide, self.parts)


def where(branch: str, test: Callable[..., np.ndarray], *columns: str, name: str = "") -> Cut:
    """A cut on columns of one branch.

    Args:
        branch: the branch.
        test: from the columns, (rows,) each, to whether a row passes.
        columns: their names.
        name: of the cut; branch and columns by default.
    """

    def decide(file: EventFile) -> np.ndarray:
        passes = test(*(file.column(branch, column) for column in columns))
        rows = file.rows_of(branch)
        kept = np.ones(len(file.events), bool)
        kept[rows[~passes & (rows >= 0)]] = False
        return kept

    return Cut(name or f"{branch}: {', '.join(columns)}", decide)


def inside(branch: str, box: dict[str, tuple[float, float]], *ends: str, name: str) -> Cut:
    """A cut on positions: between the two faces of a box, for each axis and each end, cm."""

    def test(*positions: np.ndarray) -> np.ndarray:
        walls = [box[axis] for axis in "xyz" for _ in ends]
        return np.logical_and.reduce(
            [(low < at) & (at < high) for at, (low, high) in zip(positions, walls, strict=True)]
        )

    return where(branch, test, *(f"{end}.{axis}" for axis in "xyz" for end in ends), name=name)


PRONGS = "rec.vtx.elastic.fuzzyk.png.shwlid"
SLICE, CONTAIN, TRACKS = "rec.slc", "rec.sel.contain", "rec.trk.kalman.tracks"

NUMU_QUALITY = (
    where("rec.energy.numu", lambda e: e > 0, "trkccE", name="a muon energy")
    & where("rec.sel.remid", lambda p: p > 0, "pid", name="a muon-like track")
    & where(SLICE, lambda hits: hits > 20, "nhit", name="more than 20 hits")
    & where(SLICE, lambda run: run > 4, "ncontplanes", name="more than 4 planes in a row")
    & where("rec.trk.cosmic", lambda k: k > 0, "ntracks", name="a track")
).called("kNumuQuality")
"""That there is something to look at."""

NUMU_CONTAIN = (
    inside(
        PRONGS,
        {"x": (-180, 180), "y": (-180, 180), "z": (20, 1525)},
        "start",
        "stop",
        name="prongs within 180 cm",
    )
    & where(
        TRACKS,
        lambda start, stop: (start <= 1275) & (stop <= 1275),
        "start.z",
        "stop.z",
        name="tracks before the catcher",
    )
    & where(SLICE, lambda first: first > 1, "firstplane", name="not in the first planes")
    & where(
        SLICE,
        lambda last: (last != 212) & (last != 213),
        "lastplane",
        name="not in the last planes",
    )
    & where(CONTAIN, lambda y: y < 55, "kalyposattrans", name="below 55 cm at the catcher")
    & where(CONTAIN, lambda cells: cells >= 10, "kalbakcellnd", name="10 cells behind the start")
    & where(CONTAIN, lambda cells: cells >= 5, "kalfwdcellnd", name="5 cells beyond the end")
).called("kNumuContainFD2017")
"""That all of a muon-neutrino event was seen."""

NUE_FIDUCIAL = inside(
    "rec.vtx.elastic",
    {"x": (-100, 160), "y": (-160, 100), "z": (150, 900)},
    "vtx",
    name="kNue2017NDFiducial",
)
"""That an electron-neutrino event happened well inside."""

NUE_CONTAIN = inside(
    PRONGS,
    {"x": (-170, 170), "y": (-170, 170), "z": (100, 1225)},
    "start",
    "stop",
    name="kNue2017NDContain",
)
"""That all of its showers were seen."""

NUE_FRONT = where(
    CONTAIN, lambda planes: planes > 6, "nplanestofront", name="kNue2017NDFrontPlanes"
)
"""That it did not come in from the front."""

NUMU = (NUMU_QUALITY & NUMU_CONTAIN).called("nu_mu preselection")
"""What the source's `mu_cuts` was to keep."""
NUE = (NUE_FIDUCIAL & NUE_CONTAIN & NUE_FRONT).called("nu_e preselection")
"""What its `e_cuts` keeps."""
