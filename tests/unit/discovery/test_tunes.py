"""Two-bar windows of tunes, made once and read again."""

import numpy as np
import pytest

from parity_nb.discovery.data.tunes import Windows, tune_windows, two_bars
from parity_nb.discovery.files.abc_tunes import HOLD


def test_windows_of_the_corpus(some_windows):
    assert len(some_windows) > 500
    assert some_windows.steps.shape[1] == 32
    assert (some_windows.steps[:, 0] != HOLD).all()


def test_no_windows_are_refused():
    with pytest.raises(ValueError, match="no tune has two"):
        two_bars({"none": []})


def test_windows_survive_the_disk(some_windows, tmp_path, monkeypatch):
    path = tmp_path / "windows.npz"
    some_windows.write(path)
    again = Windows.read(path)
    assert np.array_equal(again.steps, some_windows.steps)
    assert again.collections == some_windows.collections
    assert len(tune_windows(path)) == len(some_windows)
    path.write_bytes(b"no windows")
    with pytest.raises(ValueError, match=r"windows\.npz"):
        Windows.read(path)
    with pytest.raises(FileNotFoundError, match="leave `path` empty"):
        tune_windows(tmp_path / "none.npz")


def test_windows_are_made_once(some_windows, tmp_path, monkeypatch):
    monkeypatch.setenv("PARITY_NB_DATA", str(tmp_path))
    monkeypatch.setattr("parity_nb.discovery.data.tunes.read_corpus", lambda: {})
    monkeypatch.setattr("parity_nb.discovery.data.tunes.two_bars", lambda tunes: some_windows)
    assert np.array_equal(tune_windows().steps, some_windows.steps)
    monkeypatch.setattr("parity_nb.discovery.data.tunes.read_corpus", lambda: 1 / 0)
    assert np.array_equal(tune_windows().steps, some_windows.steps)
    assert [p.name for p in (tmp_path / "tunes").iterdir() if p.suffix != ".lock"] == [
        next((tmp_path / "tunes").glob("*.npz")).name
    ]
