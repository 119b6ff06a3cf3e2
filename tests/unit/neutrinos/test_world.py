"""The simulated detector: sizes that are known, sets that are the same again, and their cache."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parity_nb.neutrinos.world import nova, transport
from parity_nb.neutrinos.world.generators import (
    BEAM,
    GENERATORS,
    LABELS,
    MODES,
    Generator,
    energies_of,
    generator_named,
    interact,
    labels_of,
)
from parity_nb.neutrinos.world.nova import ALL_PLANES, PLANE, cell_of, digitise, plane_of, windows
from parity_nb.neutrinos.world.simulate import SLICE, PixelMaps, events


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def small():
    return {name: events(300, name, seed=3) for name in GENERATORS}


# --- the detector


def test_radiation_length_and_moliere_radius():
    assert 34 < nova.X0 < 40  # cm
    assert 10 < nova.MOLIERE < 12
    assert ALL_PLANES == 214


def test_the_radiation_length_is_that_of_the_elements():
    elements = {"H": 63.04, "C": 42.70, "O": 34.24, "Cl": 19.28, "Ti": 16.16}  # g/cm2
    composition = {"H": 0.108, "C": 0.667, "O": 0.030, "Cl": 0.161, "Ti": 0.032}  # of the mass
    inverse = sum(share / elements[name] for name, share in composition.items())
    assert 1 / inverse / nova.DENSITY == pytest.approx(nova.X0, rel=0.03)


def test_planes_count_to_the_last_of_the_catcher():
    z = np.linspace(0.1, 1600, 20_000)
    planes = plane_of(z)
    assert set(planes) == {-1, *range(ALL_PLANES)}
    assert plane_of(PLANE * 100.5) == 100
    assert plane_of(-1) == -1 and plane_of(1600) == -1
    assert set(cell_of(np.linspace(-200, 200, 5000))) == {-1, *range(96)}


def test_a_threshold_silences_and_eight_bits_saturate(rng):
    assert digitise(np.full(100, 0.1), rng).max() == 0
    assert (digitise(np.full(100, 500.0), rng) == 255).all()


def test_a_window_begins_at_the_first_plane_and_is_centred_on_the_median():
    event = np.array([0, 0, 0, 1])
    plane = np.array([50, 52, 54, 7])  # three of x, then one of y
    cell = np.array([10, 11, 30, 90])
    maps = windows(event, plane, cell, np.array([5, 6, 7, 8]), 3)
    assert maps.shape == (3, 2, 100, 80)
    assert maps[0, 0, 0, 39] == 5 and maps[0, 0, 1, 40] == 6 and maps[0, 0, 2, 59] == 7
    assert maps[1, 1, 0, 40] == 8
    assert maps[0].sum() == 18 and maps[2].sum() == 0


# --- particles


def test_a_muon_of_one_GeV_goes_four_metres_and_a_half():
    # 1 GeV loses 2 to 2.3 MeV/cm here.
    assert 1000 / 2.35 < transport.range_of(np.array([1000.0]), transport.MUON)[0] < 1000 / 2.0


def test_range_and_energy_are_inverse():
    energy = np.array([30.0, 300.0, 3000.0])
    for mass in (transport.MUON, transport.PION, transport.PROTON):
        back = transport.energy_left(transport.range_of(energy, mass), mass)
        np.testing.assert_allclose(back, energy, rtol=1e-3)


def test_a_muon_leaves_its_scintillator_share_of_the_energy(rng):
    up = np.array([[0, 0, 1.0]])
    left, stop = transport.tracks(np.array([800.0]), np.zeros((1, 3)), up, transport.MUON, rng)
    assert 0.9 < left.energy.sum() / (nova.ACTIVE * 800) < 1  # Birks takes a few per cent
    assert stop[0, 2] == pytest.approx(transport.range_of(800.0, transport.MUON), rel=0.1)


def test_fast_hadrons_meet_a_nucleus_before_they_stop(rng):
    n = 1000
    start, up = np.zeros((n, 3)), np.tile([0, 0, 1.0], (n, 1))
    for mass in (transport.PION, transport.PROTON):
        _, stop = transport.tracks(np.full(n, 2000.0), start, up, mass, rng)
        length = np.linalg.norm(stop, axis=1)
        assert length.max() < transport.range_of(2000.0, mass)
        assert length.mean() == pytest.approx(nova.INTERACTION, rel=0.15)


def test_the_end_of_a_track_is_its_brightest_part(rng):
    up = np.array([[0, 0, 1.0]])
    left, _ = transport.tracks(np.array([800.0]), np.zeros((1, 3)), up, transport.MUON, rng)
    assert left.energy[-4:-1].mean() > 1.5 * left.energy[:50].mean()


def test_a_photon_leaves_a_gap_of_nine_sevenths_radiation_lengths(rng):
    n = 4000
    up, energy = np.tile([0, 0, 1.0], (n, 1)), np.full(n, 500.0)
    photon = np.arange(n) % 2 == 0
    left, begin, _ = transport.showers(energy, np.zeros((n, 3)), up, photon, rng)
    gap = begin[:, 2]
    assert (gap[~photon] == 0).all()
    assert gap[photon].mean() == pytest.approx(9 / 7 * nova.X0, rel=5 / np.sqrt(n / 2))
    mean = np.bincount(left.particle, left.energy, n).mean()
    assert mean == pytest.approx(nova.ACTIVE * 500, rel=0.01)


def test_the_first_radiation_length_of_a_photon_is_twice_that_of_an_electron(rng):
    n = 2000
    up, energy = np.tile([0, 0, 1.0], (n, 1)), np.full(n, 1000.0)
    photon = np.arange(n) % 2 == 0
    left, begin, _ = transport.showers(energy, np.zeros((n, 3)), up, photon, rng)
    depth = left.position[:, 2] - begin[left.particle, 2]
    early = depth < 0.15 * nova.X0
    seen = np.bincount(left.particle[early], left.energy[early], n)
    assert 1.4 < seen[photon].mean() / seen[~photon].mean() < 2.1


# --- interactions


def test_energy_is_shared_but_not_made(rng):
    label = np.repeat(LABELS, 1000)
    energy, _ = energies_of(len(label), False, rng)
    for model in GENERATORS.values():
        quiet = Generator(**{**vars(model), "debris": 0.0, "debris_nc": 0.0})
        about, particles = interact(label, energy, quiet, rng)
        out = np.bincount(particles["event"], particles["energy"], len(label))
        assert (out <= energy + 1e-6).all()
        assert (about["hadronic"] < energy).all()
        assert set(about["mode"]) == set(MODES)
    assert set(about["pdg"].abs()) == {12, 14}


def test_charged_currents_have_their_lepton_and_neutral_ones_none(rng):
    label = np.repeat(LABELS, 200)
    _, particles = interact(label, np.full(600, 2.0), generator_named("A"), rng)
    leptons = particles[particles["kind"].isin([1, 2])]
    assert (np.bincount(leptons["event"], minlength=600)[:400] == 1).all()
    assert leptons["event"].max() < 400


def test_directions_are_unit_vectors(rng):
    _, particles = interact(np.repeat(LABELS, 300), np.full(900, 2.5), generator_named("B"), rng)
    length = np.linalg.norm(particles[["ux", "uy", "uz"]], axis=1)
    np.testing.assert_allclose(length, 1, atol=1e-9)


def test_compositions(rng):
    counts = dict(zip(*np.unique(labels_of(300, "balanced", rng), return_counts=True), strict=True))
    assert set(counts.values()) == {100}
    drawn = labels_of(60_000, "beam", rng)
    for label, published in BEAM.items():
        share = published / sum(BEAM.values())
        assert (drawn == label).mean() == pytest.approx(share, abs=5 * np.sqrt(share / 60_000))


@pytest.mark.parametrize("arguments", [{"generator": "C"}, {"composition": "half"}])
def test_unknown_names_are_refused(arguments):
    with pytest.raises(ValueError, match="none of"):
        events(**{"n": 1, "generator": "A"} | arguments)


def test_shares_must_add_up():
    with pytest.raises(ValueError, match="add up to 1"):
        Generator(**{**vars(generator_named("A")), "qe": 0.9})
    with pytest.raises(ValueError, match="gap = 9"):
        generator_named("B", 9)
    with pytest.raises(ValueError, match="n = 0"):
        events(0, "A")


def test_no_gap_means_the_same_physics():
    first, second = generator_named("A"), generator_named("B", gap=0)
    assert second == Generator(**{**vars(first), "weighted": True})
    assert generator_named("B") == GENERATORS["gibuu-like"]
    half = generator_named("B", gap=0.5)
    assert half.debris_nc == pytest.approx((first.debris_nc + generator_named("B").debris_nc) / 2)


# --- sets


def test_events_have_maps_truth_and_names(small):
    for name, made in small.items():
        assert made.images.dtype == torch.uint8 and made.images.shape == (300, 2, 100, 80)
        assert set(made.meta["label"]) == set(LABELS)
        assert set(made.meta["generator"]) == {name}
        assert not made.meta.duplicated(["run", "subrun", "cycle", "evt", "subevt"]).any()
        assert (made.meta["hits"] >= SLICE).all()
        hits = (made.images > 0).sum((1, 2, 3))
        assert (hits.numpy() == made.meta["hits"]).all()
        assert made.meta["visible"].between(0, 1.5 * made.meta["energy"]).all()
        # A map begins with a hit, but a few lie outside it to the side.
        assert (made.images[:, :, 0].amax((1, 2)) > 0).float().mean() > 0.9
        assert set(made.prongs["event"]) == set(range(300))


def test_muons_are_longer_than_anything_else(small):
    length = small["genie-like"].meta.groupby("label")["ncontplanes"].mean()
    assert length["numu"] > length["nue"] > length["nc"]


def test_the_second_generator_has_weights_and_more_slow_protons(small):
    a, b = (small[name] for name in GENERATORS)
    assert (a.meta["weight"] == 1).all() and b.meta["weight"].nunique() > 200
    protons = [(part.prongs["kind"] == "proton").mean() for part in (a, b)]
    assert protons[1] > protons[0]


def test_the_same_seed_gives_the_same_events_and_another_does_not(small):
    again = events(300, "genie-like", seed=3)
    assert torch.equal(again.images, small["genie-like"].images)
    assert again.meta.equals(small["genie-like"].meta)
    assert not torch.equal(events(300, "A", seed=4).images, again.images)


def test_sets_are_sliced_split_and_checked(small):
    made = small["genie-like"]
    train, test = made.split()
    assert len(train) == 240 and len(test) == 60 and isinstance(train, PixelMaps)
    assert train.images.sum() + test.images.sum() == made.images.sum()
    assert made[[5, 7]].meta["energy"].tolist() == made.meta["energy"].iloc[[5, 7]].tolist()
    with pytest.raises(ValueError, match="uint8"):
        PixelMaps(made.images.float(), made.meta)
    with pytest.raises(ValueError, match="300 images, but 2 rows"):
        PixelMaps(made.images, made.meta[:2])
