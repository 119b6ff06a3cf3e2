"""What a reconstruction would say of simulated events, taken from the truth and blurred.

The experiment finds tracks and showers in the pixel maps.  Here they are known; positions get an
error of some cm, tracks that are too short are not found, and the score of a muon-like track is
drawn from a distribution of our choice.  The branches are those that the source's cuts read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from parity_nb.neutrinos.files.hdf5 import KEYS, MAPS, MODE_NUMBERS, TRUTH, write
from parity_nb.neutrinos.world import nova
from parity_nb.neutrinos.world.simulate import PixelMaps

SHORTEST_TRACK, SHORTEST_PRONG = 30.0, 10.0
"""Tracks and prongs below these lengths are not found, cm."""
BLUR = 3.0
"""Standard deviation of a reconstructed position, cm."""
END = nova.CATCHER_FRONT + nova.CATCHER_PLANES / 2 * nova.CATCHER_PITCH
"""Where the detector ends, cm from its front face."""
NOTHING = -5.0
"""What stands for "not found", as in the experiment's files."""
MUON_LIKE = {"muon": (6, 2), "pion": (2, 3), "proton": (1, 6)}
"""The two parameters of the beta distribution of a track's score."""
WITHOUT_MAP = 0.25
"""Events in the branch of the truth that have no pixel map, for one that has."""


def branches(made: PixelMaps, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """The columns that a file of these events holds, maps excepted; see `hdf5.write`.

    Args:
        made: events as `simulate.events` makes them, with prongs.
        seed: of what is blurred, and of the order of rows.

    Raises:
        ValueError: if the set has no prongs.
    """
    if made.prongs is None:
        raise ValueError(f"{made.name or 'the set'} has no prongs; make it with simulate.events")
    rng = np.random.default_rng([seed, 7])
    n, truth = len(made), made.meta
    keys = {key: truth[key].to_numpy() for key in KEYS}
    prongs = _found(made.prongs, rng)
    tracks = prongs[prongs["kind"].isin(MUON_LIKE) & (prongs["length"] > SHORTEST_TRACK)]
    longest = _longest(tracks, n)
    score = np.full(n, NOTHING)
    for kind, shape in MUON_LIKE.items():
        score = np.where(longest["kind"] == kind, rng.beta(*shape, n), score)
    # A muon loses about 2.1 MeV/cm; the track's own energy and what else was seen.
    energy = np.where(longest["length"] > 0, longest["length"] * 0.0021 + truth["visible"], NOTHING)
    vertex = truth[["x", "y", "z"]].to_numpy() + BLUR * rng.standard_normal((n, 3))
    every = {
        "rec.energy.numu": {"trkccE": energy},
        "rec.sel.remid": {"pid": score},
        "rec.slc": {name: truth[name] for name in ("ncontplanes", "firstplane", "lastplane")}
        | {"nhit": truth["hits"]},
        "rec.trk.cosmic": {"ntracks": np.bincount(tracks["event"], minlength=n)},
        "rec.sel.contain": _containment(longest, truth["firstplane"].to_numpy()),
        "rec.vtx.elastic": {f"vtx.{axis}": vertex[:, i] for i, axis in enumerate("xyz")},
    }
    done = {
        name: keys | {c: np.asarray(v) for c, v in columns.items()}
        for name, columns in every.items()
    }
    for name, rows, ends in (
        ("rec.vtx.elastic.fuzzyk.png.shwlid", prongs, ("start", "stop")),
        ("rec.trk.kalman.tracks", tracks, ("start", "stop")),
    ):
        event = rows["event"].to_numpy()
        done[name] = {key: values[event] for key, values in keys.items()}
        done[name] |= {f"{e}.{a}": rows[f"{e}.{a}"].to_numpy() for e in ends for a in "xyz"}
    return {MAPS: keys, TRUTH: _truth(truth, keys, rng)} | done


def write_simulated(path: str | Path, made: PixelMaps, seed: int = 0) -> Path:
    """Write simulated events as a file of the experiment's format."""
    return write(path, made.images, branches(made, seed))


def _found(prongs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Prongs that are long enough, with blurred ends and their `length`, cm."""
    ends = [f"{end}.{axis}" for end in ("start", "stop") for axis in "xyz"]
    length = np.linalg.norm(prongs[ends[3:]].to_numpy() - prongs[ends[:3]].to_numpy(), axis=1)
    found = prongs.assign(length=length)[length > SHORTEST_PRONG].reset_index(drop=True)
    found[ends] += BLUR * rng.standard_normal((len(found), 6))
    # Nothing is seen outside.
    walls = np.array([nova.HALF_WIDTH, nova.HALF_WIDTH, END] * 2)
    found[ends] = np.clip(
        found[ends].to_numpy(), [-nova.HALF_WIDTH, -nova.HALF_WIDTH, 0] * 2, walls
    )
    return found


def _longest(tracks: pd.DataFrame, n: int) -> pd.DataFrame:
    """The longest track of each event; length 0 and kind "" where there is none."""
    best = tracks.loc[tracks.groupby("event")["length"].idxmax()].set_index("event")
    best = best.reindex(range(n))
    best["kind"] = best["kind"].astype(object).where(best["kind"].notna(), "")
    return best.fillna({name: 0.0 for name in best.columns if name != "kind"})


def _containment(track: pd.DataFrame, first: np.ndarray) -> dict[str, np.ndarray]:
    """Cells to the wall along the longest track, and where it crosses into the catcher."""
    start = track[[f"start.{axis}" for axis in "xyz"]].to_numpy()
    stop = track[[f"stop.{axis}" for axis in "xyz"]].to_numpy()
    way = (stop - start) / np.maximum(track["length"].to_numpy(), 1)[:, None]
    crossing = (nova.CATCHER_FRONT - start[:, 2]) / np.where(way[:, 2] > 0, way[:, 2], np.inf)
    enters = (start[:, 2] < nova.CATCHER_FRONT) & (stop[:, 2] > nova.CATCHER_FRONT)
    none = track["length"].to_numpy() == 0
    cells = {
        "kalfwdcellnd": _to_wall(stop, way) / nova.CELL,
        "kalbakcellnd": _to_wall(start, -way) / nova.CELL,
    }
    return {name: np.where(none, NOTHING, np.floor(value)) for name, value in cells.items()} | {
        "kalyposattrans": np.where(enters, start[:, 1] + way[:, 1] * crossing, -9999.0),
        "nplanestofront": first,
    }


def _to_wall(at: np.ndarray, way: np.ndarray) -> np.ndarray:
    """How far a straight line goes before it leaves the detector, cm; 0 outside."""
    low = np.array([-nova.HALF_WIDTH, -nova.HALF_WIDTH, 0])
    high = np.array([nova.HALF_WIDTH, nova.HALF_WIDTH, END])
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(way > 0, (high - at) / way, np.where(way < 0, (low - at) / way, np.inf))
    return np.clip(reach.min(1), 0, 1e4)


def _truth(truth: pd.DataFrame, keys: dict, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The branch of the truth: more events than there are maps, in another order."""
    columns = keys | {
        "pdg": truth["pdg"].to_numpy(),
        "iscc": (truth["label"] != "nc").to_numpy().astype(np.int32),
        "mode": truth["mode"].map(MODE_NUMBERS).to_numpy(),
        "E": truth["energy"].to_numpy(),
        "genweight": truth["weight"].to_numpy(),
    }
    more = rng.choice(len(truth), int(WITHOUT_MAP * len(truth)))
    columns = {name: np.concatenate([values, values[more]]) for name, values in columns.items()}
    columns["subevt"] = columns["subevt"].copy()
    columns["subevt"][len(truth) :] = 10 + np.arange(len(more))
    order = rng.permutation(len(columns["pdg"]))
    return {name: values[order] for name, values in columns.items()}
