"""The join and the cuts of Shokar (2020), step by step as printed, with the fewest repairs.

It is what `files` and `cuts` must agree with, and what they are timed against; nothing else uses
it.  As in the source, an event is named by a string, found by comparing every string of one branch
with every string of the other, and values are read from the file one at a time.

Five repairs, without which it stops or does nothing:

1. A key has five fields in every branch.  The source appends `genweight` where a branch has it:
   the keys of the truth then have six, those of all others five, and no cut finds its event.
2. The truth's key is compared whole.  The source drops its last field before comparing, which is
   `genweight` if there is one and `cycle` if not: then nothing matches.
3. The first line of `mu_cuts`, which needs an undefined name, is left out, and so is a block after
   the first loop, which is the same loop again with several errors.
4. Prongs are looked at from the first to the last.  The source counts them along the wrong axis,
   whose length is one.
5. Inside that loop a number is kept under the name of the file; it has another name here.
"""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np

NUMU_PRONGS = ((-180, 180), (-180, 180), (20, 1525))
NUE_PRONGS = ((-170, 170), (-170, 170), (100, 1225))
"""Walls for x, y and z, cm, as printed."""


def encode_event(branch: h5py.Group, i: int) -> str:
    """The key of row i: run, subrun, evt, subevt, cycle, in the source's order."""
    return ",".join(f"{branch[key][i]}" for key in ("run", "subrun", "evt", "subevt", "cycle"))


def join(file: h5py.File) -> dict[str, tuple[int, int, int]]:
    """For each event with map and truth its row among the maps, `iscc` and `pdg`."""
    maps, truth = file["rec.training.cvnmaps"], file["rec.mc.nu"]
    of_maps = [encode_event(maps, i) for i in range(len(maps["evt"]))]
    of_truth = [encode_event(truth, i) for i in range(len(truth["evt"]))]
    found = {}
    for i in range(len(of_truth)):
        for j in range(len(of_maps)):
            if of_truth[i] == of_maps[j]:
                found[of_truth[i]] = j, truth["iscc"][i][0], truth["pdg"][i][0]
    return found


def _lost(branch: h5py.Group, column: str, fails: Callable[[int], bool], lost: list[str]) -> None:
    """Append the keys of the rows that fail, each once."""
    for i in range(len(branch[column])):
        if fails(i):
            key = encode_event(branch, i)
            if key not in lost:
                lost.append(key)


def _outside(prongs: h5py.Group, i: int, walls: tuple) -> bool:
    for axis, (low, high) in zip("xyz", walls, strict=True):
        ends = prongs[f"start.{axis}"][i], prongs[f"stop.{axis}"][i]
        if min(ends) <= low or max(ends) >= high:
            return True
    return False


def mu_cuts(file: h5py.File) -> list[str]:
    """Keys of the events that do not pass the cuts for muon neutrinos."""
    lost: list[str] = []
    energy, remid, slc = file["rec.energy.numu"], file["rec.sel.remid"], file["rec.slc"]
    cosmic, prongs = file["rec.trk.cosmic"], file["rec.vtx.elastic.fuzzyk.png.shwlid"]
    tracks, sel = file["rec.trk.kalman.tracks"], file["rec.sel.contain"]
    _lost(energy, "trkccE", lambda i: energy["trkccE"][i] <= 0, lost)
    _lost(remid, "pid", lambda i: remid["pid"][i] <= 0, lost)
    _lost(slc, "nhit", lambda i: slc["nhit"][i] <= 20 or slc["ncontplanes"][i] <= 4, lost)
    _lost(cosmic, "ntracks", lambda i: cosmic["ntracks"][i] <= 0, lost)
    _lost(prongs, "start.x", lambda i: _outside(prongs, i, NUMU_PRONGS), lost)
    _lost(
        tracks,
        "start.z",
        lambda i: tracks["start.z"][i] > 1275 or tracks["stop.z"][i] > 1275,
        lost,
    )
    _lost(
        slc,
        "firstplane",
        lambda i: slc["firstplane"][i] <= 1 or slc["lastplane"][i] in (212, 213),
        lost,
    )
    _lost(
        sel,
        "kalfwdcellnd",
        lambda i: (
            sel["kalyposattrans"][i] >= 55
            or sel["kalbakcellnd"][i] < 10
            or sel["kalfwdcellnd"][i] < 5
        ),
        lost,
    )
    return lost


def e_cuts(file: h5py.File) -> list[str]:
    """Keys of the events that do not pass the cuts for electron neutrinos."""
    lost: list[str] = []
    vertex, prongs = file["rec.vtx.elastic"], file["rec.vtx.elastic.fuzzyk.png.shwlid"]
    sel = file["rec.sel.contain"]

    def misses(i: int) -> bool:
        x, y, z = (vertex[f"vtx.{axis}"][i] for axis in "xyz")
        return x <= -100 or x >= 160 or y <= -160 or y >= 100 or z <= 150 or z >= 900

    _lost(vertex, "vtx.x", misses, lost)
    _lost(prongs, "start.x", lambda i: _outside(prongs, i, NUE_PRONGS), lost)
    _lost(sel, "nplanestofront", lambda i: sel["nplanestofront"][i] <= 6, lost)
    return lost


def kept(file: h5py.File, lost: list[str]) -> np.ndarray:
    """Rows, among the maps, of the events with a truth that no cut has lost, ascending."""
    return np.sort([row for key, (row, _, _) in join(file).items() if key not in lost])
