"""Events to train and test on: checked, accepted by weight, made once and split by domain."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from parity_nb.neutrinos.data import Events, accepted, domain, events_of, simulated
from parity_nb.neutrinos.world.generators import ENERGIES, PEAK, energies_of
from parity_nb.neutrinos.world.simulate import PixelMaps, events


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_events_are_checked(tiny):
    x = tiny(6)
    with pytest.raises(ValueError, match="5 labels for 6 maps"):
        Events(x.maps, x.labels[:5], x.domain, x.weights)
    weights = x.weights.clone()
    weights[3] = math.nan
    with pytest.raises(ValueError, match="weight of event 3 is nan"):
        Events(x.maps, x.labels, x.domain, weights)
    with pytest.raises(ValueError, match="labels must be"):
        Events(x.maps, x.labels + 1, x.domain, x.weights)


def test_unknown_label_names_the_event():
    maps = torch.zeros(2, 2, 100, 80, dtype=torch.uint8)
    with pytest.raises(ValueError, match="event 1 has the label 'nutau'"):
        events_of(PixelMaps(maps, pd.DataFrame({"label": ["numu", "nutau"]})))


def test_weights_turn_flat_energies_into_the_beam(rng):
    energy, weight = energies_of(20_000, True, rng)
    assert weight.min() > 1.3 and weight.max() <= 10
    assert stats.kstest(energy, stats.uniform(1, 2).cdf).pvalue > 1e-3
    kept = energy[accepted(weight, rng, largest=10)]
    beam, ones = energies_of(20_000, False, rng)
    assert stats.ks_2samp(kept, beam).pvalue > 1e-3
    assert (ones == 1).all() and ENERGIES[0] <= beam.min() and beam.max() <= ENERGIES[1]
    assert np.average(energy, weights=weight) == pytest.approx(PEAK, abs=0.02)


def test_acceptance_refuses_bad_weights(rng):
    with pytest.raises(ValueError, match="event 1 has the weight nan"):
        accepted([1, np.nan], rng)
    with pytest.raises(ValueError, match="event 0 has the weight -1"):
        accepted([-1, 2], rng)
    with pytest.raises(ValueError, match=r"event 1 .* above largest = 10"):
        accepted([1, 12], rng, largest=10)


def test_a_set_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("PARITY_NB_DATA", str(tmp_path))
    made = simulated(40, "B", seed=5)
    folder = next(path for path in (tmp_path / "neutrinos").iterdir() if path.is_dir())
    stamp = (folder / "set.json").stat().st_mtime_ns
    again = simulated(40, "gibuu-like", seed=5)
    assert (folder / "set.json").stat().st_mtime_ns == stamp
    assert torch.equal(made.images, again.images)
    fresh = events(40, "B", seed=5)
    assert torch.equal(made.images, fresh.images)
    assert made.meta["label"].tolist() == fresh.meta["label"].tolist()
    assert len(list((tmp_path / "neutrinos").glob("*.lock"))) == 1


# --- domains


@pytest.fixture(scope="module")
def pair(data):
    return [domain(g, 60, 30, seed=3) for g in ("genie-like", "gibuu-like")]


def test_domains_are_split_and_numbered(pair):
    for number, d in enumerate(pair):
        assert (len(d.train), len(d.test), len(d.truth)) == (60, 30, 30)
        assert set(d.train.domain.tolist()) == set(d.test.domain.tolist()) == {number}
        assert list(d.truth.label) == [("numu", "nue", "nc")[k] for k in d.test.labels]
        assert (d.test.weights == 1).all()
        maps = {m.numpy().tobytes() for m in d.train.maps}
        assert not maps & {m.numpy().tobytes() for m in d.test.maps}


def test_accepted_events_follow_the_beam(data):
    """The second generator draws energies evenly; accepted ones are as narrow as the first's."""
    energies = [domain(g, 0, 400, seed=4).truth.energy for g in ("genie-like", "gibuu-like")]
    assert energies[0].std() == pytest.approx(energies[1].std(), rel=0.2)
    assert energies[1].std() < 0.9 * 2 / 12**0.5
