"""The file of the LHC Olympics."""

import h5py
import numpy as np
import pytest
from chapter_code import chapter_code

from parity_nb.discovery.files.olympics import read_olympics
from parity_nb.discovery.world.dijets import simulate


def write_olympics(path, events, label):
    """A file in the format of the Olympics: 700 particles an event in random order, one label."""
    table = np.zeros((len(events), 2101))
    rng = np.random.default_rng(0)
    for row, event in zip(table, events.reshape(len(events), -1, 3), strict=True):
        present = event[event[:, 0] > 0]
        row[: 3 * len(present)] = rng.permutation(present).ravel()
    table[:, -1] = label
    with h5py.File(path, "w") as file:
        file.create_dataset("df/block0_values", data=table)


def test_reads_the_olympics_file(tmp_path):
    path = tmp_path / "events_anomalydetection.h5"
    events = simulate(200, "two-prong", seed=1)
    write_olympics(path, events.particles.numpy(), np.arange(200) % 2)
    read = read_olympics(path)
    assert read.signal.tolist() == [bool(i % 2) for i in range(200)]
    features_of = chapter_code("discovery/anomalies").features_of
    ours, theirs = features_of(events.particles), features_of(read.particles)
    # Jets are found again by cones; what lies outside of them is lost.
    assert (ours[:, 0] - theirs[:, 0]).abs().median() < 0.01
    assert (ours[:, -1] - theirs[:, -1]).abs().median() < 0.01
    assert len(read_olympics(path, n=10)) == 10


def test_bad_olympics_files_are_refused(tmp_path):
    path = tmp_path / "bad.h5"
    with pytest.raises(FileNotFoundError, match=r"zenodo\.org/records/4536377"):
        read_olympics(path)
    path.write_text("no file of events")
    with pytest.raises(ValueError, match=r"bad\.h5 is not the Olympics' file"):
        read_olympics(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("df/block0_values", data=np.zeros((3, 15)))
    with pytest.raises(ValueError, match=r"bad\.h5 has rows of \(15,\)"):
        read_olympics(path)
    write_olympics(path, np.tile([100.0, 0.0, 0.0], (4, 1, 1)), 0)
    with pytest.raises(ValueError, match=r"bad\.h5: 4 of 4 events have no jet number 2"):
        read_olympics(path)
