"""Files of the experiment's format: read back, joined and cut, or refused."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from chapter_code import chapter_code

from parity_nb.neutrinos.files.hdf5 import (
    KEYS,
    MAPS,
    TRUTH,
    EventFile,
    LazyMaps,
    read_index,
    write,
)
from parity_nb.neutrinos.world.simulate import events

code = chapter_code("neutrinos/pixel-maps")
WITHOUT_MAP, branches, write_simulated = code.WITHOUT_MAP, code.branches, code.write_simulated
N = 160


def change(path, branch, column, row, value):
    with h5py.File(path, "r+") as file:
        file[branch][column][row] = value


# --- round trip


def test_a_file_has_the_branches_and_shapes_of_the_experiment(path):
    with h5py.File(path) as file:
        assert file[MAPS]["cvnmap"].shape == (N, 16_000)
        assert file[MAPS]["cvnmap"].dtype == np.uint8
        assert file[TRUTH]["pdg"].shape == (N + int(WITHOUT_MAP * N), 1)
        for branch in file.values():
            assert set(KEYS) <= set(branch)


def test_maps_and_truth_come_back(path, made):
    back = read_index([path])
    assert torch.equal(LazyMaps([path], back)[:], made.images)
    for column in ("label", "mode", "pdg", "energy", "weight", *KEYS):
        assert back[column].tolist() == made.meta[column].tolist(), column


def test_a_stored_map_is_view_after_view_and_plane_after_plane(path, made):
    with h5py.File(path) as file:
        flat = file[MAPS]["cvnmap"][3]
    assert flat[80] == made.images[3, 0, 1, 0]
    assert (flat[8000:8080] == made.images[3, 1, 0].numpy()).all()


def test_lazy_maps_are_the_maps(path, made, tmp_path):
    second = events(30, "A", seed=9)
    paths = [path, write_simulated(tmp_path / "genie.h5", second)]
    index = read_index(paths)
    lazy = LazyMaps(paths, index)
    both = torch.cat([made.images, second.images])
    assert len(lazy) == N + 30
    assert torch.equal(lazy[:], both)
    places = torch.tensor([N + 2, 0, 5, 5, N])
    assert torch.equal(lazy[places], both[places])
    assert torch.equal(torch.cat(list(lazy.split(50))), both)
    few = index[index["label"] == "nue"]
    assert torch.equal(LazyMaps(paths, few)[:], both[few.index.tolist()])


def test_part_of_a_set_can_be_written(made, tmp_path):
    some = made[40:60]
    paths = [write_simulated(tmp_path / "part.h5", some)]
    assert torch.equal(LazyMaps(paths, read_index(paths))[:], made.images[40:60])
    kinds = [set(p.prongs["kind"][p.prongs["event"] == e]) for p, e in ((some, 3), (made, 43))]
    assert kinds[0] == kinds[1]


def test_the_index_reads_no_map(path, monkeypatch):
    monkeypatch.setattr(EventFile, "maps", lambda *_: pytest.fail("a map was read"))
    assert len(read_index([path], {"numu": code.NUMU})) == N


def test_rows_may_come_in_any_order(path, made, tmp_path):
    """Every branch is joined by its keys, never by position."""
    content = branches(made)
    rng = np.random.default_rng(1)
    shuffled = {}
    for name, columns in content.items():
        order = np.arange(N) if name == MAPS else rng.permutation(len(columns["run"]))
        shuffled[name] = {c: np.asarray(v)[order] for c, v in columns.items()}
    again = write(tmp_path / "shuffled.h5", made.images, shuffled)
    cuts = {"numu": code.NUMU, "nue": code.NUE}
    pd.testing.assert_frame_equal(read_index([again], cuts), read_index([path], cuts))


def test_writing_is_all_or_nothing(tmp_path, made, monkeypatch):
    monkeypatch.setattr(h5py.Group, "create_dataset", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_simulated(tmp_path / "half.h5", made)
    assert not (tmp_path / "half.h5").exists()


# --- bad files


def test_no_file_and_no_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5"):
        read_index([tmp_path / "nothing.h5"])
    with pytest.raises(ValueError, match="no files"):
        read_index([])


def test_a_truncated_file(copy):
    copy.write_bytes(copy.read_bytes()[:20_000])
    with pytest.raises(ValueError, match=r"damaged.h5 is not a whole HDF5 file"):
        read_index([copy])


def test_a_missing_branch_and_column(copy):
    with h5py.File(copy, "r+") as file:
        del file["rec.slc"]["nhit"], file["rec.sel.remid"]
    with pytest.raises(KeyError, match=r"damaged.h5 has no branch 'rec.sel.remid'"):
        read_index([copy], {"numu": code.NUMU})
    cut = code.cut_on("rec.slc", lambda n: n > 20, "nhit")
    with pytest.raises(KeyError, match=r"branch 'rec.slc' has no column 'nhit'"):
        read_index([copy], {"hits": cut})


def test_a_column_that_is_too_short(copy):
    with h5py.File(copy, "r+") as file:
        short = file[TRUTH]["pdg"][:-3]
        del file[TRUTH]["pdg"]
        file[TRUTH]["pdg"] = short
    with pytest.raises(ValueError, match=r"column 'pdg' of branch 'rec.mc.nu' has the shape"):
        read_index([copy])


def test_an_event_without_truth(copy):
    change(copy, MAPS, "evt", 11, 777_777)
    with pytest.raises(ValueError, match=r"damaged.h5: event run .* evt 777777, .* 1 event"):
        read_index([copy])
    assert len(read_index([copy], unmatched="drop")) == N - 1


@pytest.mark.parametrize("branch", [MAPS, TRUTH])
def test_an_event_that_is_there_twice(copy, branch):
    with h5py.File(copy, "r+") as file:
        for key in KEYS:
            file[branch][key][1] = file[branch][key][0]
    with pytest.raises(ValueError, match=f"is in branch '{branch}' twice"):
        read_index([copy])


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1.0])
def test_a_bad_weight(copy, weight):
    with EventFile(copy) as file:
        row = file.truth()[4]
        name = file.event(4)
    change(copy, TRUTH, "genweight", row, weight)
    with pytest.raises(ValueError, match=f"'genweight' of branch 'rec.mc.nu' is {weight}.*{name}"):
        read_index([copy])


def test_a_flavour_without_label(copy):
    with EventFile(copy) as file:
        row = file.truth()[int(np.flatnonzero(read_index([copy])["label"] == "numu")[0])]
    change(copy, TRUTH, "pdg", row, 16)
    with pytest.raises(ValueError, match="pdg 16 in event run"):
        read_index([copy])


def test_maps_of_another_size(copy):
    with h5py.File(copy, "r+") as file:
        del file[MAPS]["cvnmap"]
        file[MAPS]["cvnmap"] = np.zeros((N, 12), np.uint8)
    with pytest.raises(ValueError, match=r"shape \(160, 12\); expected 16000 pixels"):
        LazyMaps([copy], read_index([copy]))[:]


def test_a_branch_without_keys_is_not_written(tmp_path, made):
    with pytest.raises(ValueError, match=r"branch 'rec.slc': keys \['run'"):
        write(tmp_path / "x.h5", made.images, {"rec.slc": {"nhit": np.zeros(3)}})
    with pytest.raises(ValueError, match="no prongs"):
        branches(made[[3, 3]])
