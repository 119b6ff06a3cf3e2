"""Cuts that can be combined, and the join and cuts of the source, on a simulated file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from chapter_code import chapter_code

from parity_nb.neutrinos.files.hdf5 import EventFile, read_index

code = chapter_code("neutrinos/pixel-maps")
N = 160


def change(path, branch, column, row, value):
    with h5py.File(path, "r+") as file:
        file[branch][column][row] = value


def test_join_and_cuts_agree_with_the_source(path):
    with h5py.File(path) as file:
        joined = code.printed_join(file)
        lost = {"numu": code.mu_cuts(file), "nue": code.e_cuts(file)}
    index = read_index([path], {"numu": code.NUMU, "nue": code.NUE})
    assert sorted(row for row, _, _ in joined.values()) == index["row"].tolist()
    for key, (row, iscc, pdg) in joined.items():
        ours = index.iloc[row]
        assert key == ",".join(f"[{ours[k]}]" for k in ("run", "subrun", "evt", "subevt", "cycle"))
        assert (ours["pdg"], ours["label"] == "nc") == (pdg, iscc == 0)
    for name, keys in lost.items():
        kept = {row for key, (row, _, _) in joined.items() if key not in keys}
        assert kept == set(np.flatnonzero(index[name]))
        assert 0 < len(kept) < N


@pytest.mark.parametrize(
    ("branch", "column", "edge", "cut"),
    [
        ("rec.energy.numu", "trkccE", 0, code.NUMU_QUALITY),
        ("rec.sel.remid", "pid", 0, code.NUMU_QUALITY),
        ("rec.slc", "nhit", 20, code.NUMU_QUALITY),
        ("rec.slc", "ncontplanes", 4, code.NUMU_QUALITY),
        ("rec.trk.cosmic", "ntracks", 0, code.NUMU_QUALITY),
        ("rec.slc", "firstplane", 1, code.NUMU_CONTAIN),
        ("rec.slc", "lastplane", 212, code.NUMU_CONTAIN),
        ("rec.slc", "lastplane", 213, code.NUMU_CONTAIN),
        ("rec.sel.contain", "kalyposattrans", 55, code.NUMU_CONTAIN),
        ("rec.sel.contain", "kalbakcellnd", 9, code.NUMU_CONTAIN),
        ("rec.sel.contain", "kalfwdcellnd", 4, code.NUMU_CONTAIN),
        ("rec.trk.kalman.tracks", "start.z", 1276, code.NUMU_CONTAIN),
        ("rec.trk.kalman.tracks", "stop.z", 1276, code.NUMU_CONTAIN),
        ("rec.vtx.elastic.fuzzyk.png.shwlid", "stop.x", 180, code.NUMU_CONTAIN),
        ("rec.vtx.elastic.fuzzyk.png.shwlid", "start.x", -180, code.NUMU_CONTAIN),
        ("rec.vtx.elastic.fuzzyk.png.shwlid", "stop.y", 180, code.NUMU_CONTAIN),
        ("rec.vtx.elastic.fuzzyk.png.shwlid", "start.z", 20, code.NUMU_CONTAIN),
        ("rec.vtx.elastic.fuzzyk.png.shwlid", "stop.z", 1525, code.NUMU_CONTAIN),
        ("rec.sel.contain", "nplanestofront", 6, code.NUE),
        ("rec.vtx.elastic", "vtx.x", -100, code.NUE),
        ("rec.vtx.elastic", "vtx.x", 160, code.NUE),
        ("rec.vtx.elastic", "vtx.y", -160, code.NUE),
        ("rec.vtx.elastic", "vtx.y", 100, code.NUE),
        ("rec.vtx.elastic", "vtx.z", 150, code.NUE),
        ("rec.vtx.elastic", "vtx.z", 900, code.NUE),
        ("rec.vtx.elastic.fuzzyk.png.shwlid", "stop.x", 170, code.NUE),
        ("rec.vtx.elastic.fuzzyk.png.shwlid", "stop.y", -170, code.NUE),
        ("rec.vtx.elastic.fuzzyk.png.shwlid", "stop.z", 100, code.NUE),
        ("rec.vtx.elastic.fuzzyk.png.shwlid", "stop.z", 1225, code.NUE),
    ],
)
def test_every_threshold_of_the_source(copy, branch, column, edge, cut):
    """A kept event whose value is moved onto the threshold is lost, and nothing else changes."""
    with EventFile(copy) as file:
        before = cut(file)
        rows = file.rows_of(branch)
    row = np.flatnonzero(before[rows] & (rows >= 0))[0]
    change(copy, branch, column, row, edge)
    with EventFile(copy) as file:
        after = cut(file)
    assert np.flatnonzero(before != after).tolist() == [rows[row]]
    assert not after[rows[row]]


def test_cuts_combine(path):
    with EventFile(path) as file:
        quality, front = code.NUMU_QUALITY(file), code.NUE_FRONT(file)
        assert ((code.NUMU_QUALITY & code.NUE_FRONT)(file) == (quality & front)).all()
        assert ((code.NUMU_QUALITY | code.NUE_FRONT)(file) == (quality | front)).all()
        assert ((~code.NUMU_QUALITY)(file) == ~quality).all()
    assert [cut.name for cut in (code.NUMU_QUALITY & code.NUE_FRONT).parts][
        -1
    ] == code.NUE_FRONT.name
    assert len(code.NUMU.parts) == 12 and len(code.NUE.parts) == 3


def test_what_is_not_a_number_fails(copy):
    cut = code.cut_on("rec.sel.contain", lambda n: n > -1e9, "kalbakcellnd")
    change(copy, "rec.sel.contain", "kalbakcellnd", 7, np.nan)
    with EventFile(copy) as file:
        assert np.flatnonzero(~cut(file)).tolist() == [7]
