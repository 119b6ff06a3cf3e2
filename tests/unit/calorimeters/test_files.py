"""The source's file format: what is written comes back, and what is broken is named."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
from chapter_code import chapter_code

from parity_nb.calorimeters.files import read_images

write_images = chapter_code("calorimeters/detector").write_images


def images(n=12):
    return torch.rand((n, 3, 50, 50), generator=torch.Generator().manual_seed(0)) * 100


@pytest.mark.parametrize("stacked", [False, True])
def test_what_is_written_comes_back_in_order_of_events(tmp_path, stacked):
    path = write_images(tmp_path / "deep/BH.h5", images(), "BH_n4_M10", stacked=stacked)
    back = read_images(path)
    assert torch.equal(back.images, images())
    assert back.event_id.tolist() == list(range(12))  # not 0, 1, 10, 11, 2
    assert set(back.label) == {"BH_n4_M10"}
    assert [p.name for p in path.parent.iterdir()] == ["BH.h5"]
    assert torch.equal(read_images(path, limit=5).images, images()[:5])


def test_groups_are_those_of_the_source(tmp_path):
    """One group an event with data 50 x 50 x 3, label and event_id, listed alphabetically."""
    path = write_images(tmp_path / "BH.h5", images(), "BH_n4_M10")
    with h5py.File(path) as file:
        assert list(file)[:4] == ["group_0", "group_1", "group_10", "group_11"]
        group = file["group_10"]
        assert group["data"].shape == (50, 50, 3)
        np.testing.assert_array_equal(group["data"][:], images()[10].permute(1, 2, 0).numpy())
        assert group["event_id"][()] == 10
        assert group["label"][()] == b"BH_n4_M10"


def broken(path, change):
    write_images(path, images(), "BH_n4_M10")
    with h5py.File(path, "r+") as file:
        change(file)


def replace(file, key, value):
    del file[key]
    if value is not None:
        file[key] = value


@pytest.mark.parametrize(("change", "message"), [
    (lambda f: replace(f, "group_7/label", None), "group_7 .* lacks label"),
    (lambda f: replace(f, "group_7/data", None), "group_7 .* lacks data"),
    (lambda f: replace(f, "group_7/data", np.zeros((40, 40, 3))), r"group_7 .*\(40, 40, 3\)"),
    (lambda f: f["group_7/data"].__setitem__((3, 4, 1), np.nan), "event 7 .*NaN"),
    (lambda f: f["group_7/data"].__setitem__((3, 4, 1), -2.0), "event 7 .*negative"),
    (lambda f: replace(f, "group_7/label", "SPH_9"), "event 7 .*'SPH_9', not 'BH_n4_M10'"),
    (lambda f: replace(f, "group_7/event_id", 6), "event 6 twice"),
    (lambda f: replace(f, "group_7", np.zeros(3)), "group_7 .* no group"),
    (lambda f: [replace(f, key, None) for key in list(f)], "no events"),
])  # fmt: skip
def test_a_broken_file_is_named_with_its_event(tmp_path, change, message):
    path = tmp_path / "bad.h5"
    broken(path, change)
    with pytest.raises(ValueError, match=message) as error:
        read_images(path)
    assert str(path) in str(error.value)


def test_stacked_arrays_are_checked_as_well(tmp_path):
    path = write_images(tmp_path / "s.h5", images(), "SPH_9", stacked=True)
    with h5py.File(path, "r+") as file:
        replace(file, "label", ["SPH_9"] * 5)
    with pytest.raises(ValueError, match=r"label has shape \(5,\)"):
        read_images(path)
    with h5py.File(path, "r+") as file:
        replace(file, "label", None)
    with pytest.raises(ValueError, match="lacks label"):
        read_images(path)


def test_a_file_cut_short_and_a_file_that_is_none(tmp_path):
    path = write_images(tmp_path / "cut.h5", images(), "SPH_9")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="cut short"):
        read_images(path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_images(tmp_path / "nothing.h5")


def test_another_class_than_wanted(tmp_path):
    path = write_images(tmp_path / "x.h5", images(3), "SPH_9")
    with pytest.raises(ValueError, match="'SPH_9', not 'BH_n4_M10'"):
        read_images(path, label="BH_n4_M10")


@pytest.mark.parametrize(("x", "label", "message"), [
    (images(2)[:, :2], "a", "shape"),
    (-images(2), "a", "event 0 .*negative"),
    (images(2), ("a",), "2 labels"),
])  # fmt: skip
def test_bad_images_are_not_written(tmp_path, x, label, message):
    with pytest.raises(ValueError, match=message):
        write_images(tmp_path / "x.h5", x, label)
    assert not list(tmp_path.iterdir())
