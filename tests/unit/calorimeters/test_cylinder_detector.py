"""The detector: where particles arrive, what towers report, and which symmetries it has."""

from __future__ import annotations

import math

import pytest
import torch

from parity_nb.calorimeters.world.cylinder_detector import (
    CHANNELS,
    ELECTROMAGNETIC,
    HADRONIC,
    SEGMENTATIONS,
    TRACKS,
    Detector,
)
from parity_nb.calorimeters.world.generator import make_class
from parity_nb.calorimeters.world.particles import (
    CHARGED_HADRON,
    MUON,
    NEUTRAL_HADRON,
    PHOTON,
    Particles,
    concatenate,
)
from parity_nb.symmetry import half_turn, mirror, mirror_vertical, roll


@pytest.fixture(scope="module")
def some():
    return concatenate([make_class("BH_n4_M10", 30), make_class("SPH_9", 30)])


def single(kind, pt=50.0, eta=0.3, phi=0.5, charge=0):
    columns = ([0], [pt], [eta], [phi], [charge], [kind])
    return Particles(*(torch.tensor(x) for x in columns), n=1)


def relative(x, y):
    """Difference of images in logarithms, where soft towers count as well."""
    return ((x.log1p() - y.log1p()).norm() / x.log1p().norm()).item()


def test_shape_channels_and_units(some):
    images = Detector().images(some)
    assert images.shape == (60, 3, 50, 50)
    assert images.dtype == torch.float32
    assert (images >= 0).all()
    assert CHANNELS[TRACKS] == "tracks"
    # GeV: the calorimeters together hold most of a collision's energy
    assert 4000 < images[:, :2].sum((1, 2, 3)).mean() < 13000
    columns = images[:, TRACKS].sum((0, 1)).nonzero()[:, 0]
    assert columns.min() >= 12
    assert columns.max() <= 37


def test_a_photon_is_seen_where_it_is_with_its_energy():
    photon = single(PHOTON)
    image = Detector(noise=False, thresholds=(0, 0), significance=0).images(photon)[0]
    assert image.sum().item() == pytest.approx(photon.energy.item(), rel=1e-3)
    row, column = divmod(image[ELECTROMAGNETIC].argmax().item(), 50)
    assert row == int((0.5 + math.pi) / (2 * math.pi) * 50)
    assert column == int((0.3 + 5) / 10 * 50)
    assert image[HADRONIC].sum() == image[TRACKS].sum() == 0


def test_hadronic_showers_are_wider():
    quiet = Detector(noise=False, thresholds=(0, 0), significance=0)
    photon, neutron = (quiet.images(single(k)) for k in (PHOTON, NEUTRAL_HADRON))
    assert (neutron > 0.5).sum() > (photon > 0.5).sum() >= 1
    point = Detector(noise=False, moliere=0, interaction=0).images(single(NEUTRAL_HADRON))
    assert (point > 0).sum() == 1


def test_a_shower_is_highest_where_it_is_even_if_it_is_wider_than_a_tower():
    quiet = Detector(noise=False, thresholds=(0, 0), significance=0)
    forward = single(PHOTON, 20.0, 4.5, 2.5 * 2 * math.pi / 50)
    image = quiet.images(forward)[0, ELECTROMAGNETIC]
    peak = divmod(image.argmax().item(), 50)
    assert peak[0] == 27
    assert image.sum().item() == pytest.approx(forward.energy.item(), rel=1e-3)
    around = image[peak[0] - 1 : peak[0] + 2, peak[1] - 1 : peak[1] + 2]
    assert (around > 0.05 * image.sum()).all()


def test_the_field_bends_by_the_textbook_angle():
    # a circle of radius pt / 0.3 B leaves a concentric wall at sin(bend) = R / 2r
    pt = 2.0
    detector = Detector()
    bend = math.asin(0.3 * detector.field * detector.radius / (2 * pt))
    for charge in (1, -1):
        track = single(CHARGED_HADRON, pt, 0.0, 0.2, charge)
        _, phi, distance = detector.at_calorimeter(track)
        assert phi.item() == pytest.approx(0.2 - charge * bend, abs=1e-5)
        assert distance.item() == pytest.approx(detector.radius, rel=1e-5)
    straight = Detector(field=0.0).at_calorimeter(single(CHARGED_HADRON, pt, 0.7, 0.2, 1))
    assert straight[0].item() == pytest.approx(0.7, abs=1e-5)
    assert straight[1].item() == pytest.approx(0.2, abs=1e-6)


def test_particles_that_curl_up_leave_by_an_end():
    soft = single(CHARGED_HADRON, 0.2, 1.0, 0.0, 1)
    eta, _, distance = Detector().at_calorimeter(soft)
    assert distance < 1.15
    assert eta > 1.0
    forward = Detector().at_calorimeter(single(PHOTON, 5.0, 4.0, 0.0))
    assert forward[0].item() == pytest.approx(4.0, abs=1e-4)
    assert forward[2].item() == pytest.approx(3.51 / math.sinh(4.0), rel=1e-4)


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
def test_without_noise_the_eta_flip_commutes_exactly(some, segmentation):
    quiet = Detector(segmentation=segmentation, noise=False)
    images = quiet.images(some)
    assert relative(mirror(images), quiet.images(some.eta_flip())) < 1e-4


def test_rotation_by_a_pixel_is_a_roll(some):
    quiet = Detector(noise=False)
    turned = quiet.images(some.phi_rotation(2 * math.pi / 50 * 7))
    assert relative(roll(quiet.images(some), 7), turned) < 0.02
    # ... of the towers of Delphes it is not
    coarse = Detector(segmentation="towers", noise=False)
    turned = coarse.images(some.phi_rotation(2 * math.pi / 50 * 7))
    assert relative(roll(coarse.images(some), 7), turned) > 0.1


def test_the_half_turn_needs_the_charges_turned_round_as_well(some):
    quiet, rounding = Detector(noise=False), 0.02  # a tower at its threshold may fall either way
    images = quiet.images(some)
    assert relative(half_turn(images), quiet.images(some.half_turn())) > 0.1
    assert relative(half_turn(images), quiet.images(some.half_turn().conjugate())) < rounding
    assert relative(mirror_vertical(images), quiet.images(some.phi_flip().conjugate())) < rounding
    no_field = Detector(noise=False, field=0.0)
    turned = no_field.images(some.half_turn())
    assert relative(half_turn(no_field.images(some)), turned) < rounding


def test_noise_keeps_the_mean_and_follows_the_seed():
    photons = single(PHOTON, 100.0).take([0] * 4000)
    detector = Detector()
    energy = detector.images(photons, seed=1).sum((1, 2, 3))
    true = photons.energy[0].item()
    sigma = math.hypot(0.0017 * true, 0.101 * math.sqrt(true))
    assert energy.std().item() == pytest.approx(sigma, rel=0.1)
    assert energy.mean().item() == pytest.approx(true, abs=5 * sigma / 4000**0.5 + 0.002 * true)
    assert torch.equal(energy, detector.images(photons, seed=1).sum((1, 2, 3)))
    assert not torch.equal(energy, detector.images(photons, seed=2).sum((1, 2, 3)))


def test_tracks_are_found_as_often_as_the_card_says():
    pions = single(CHARGED_HADRON, 5.0, 0.4, 0.1, 1).take([0] * 4000)
    found = (Detector().images(pions)[:, TRACKS].sum((1, 2)) > 0).double().mean().item()
    assert found == pytest.approx(0.95, abs=5 * (0.95 * 0.05 / 4000) ** 0.5)
    assert Detector().images(single(CHARGED_HADRON, 5.0, 2.6, 0.1, 1))[:, TRACKS].sum() == 0


def test_thresholds_silence_soft_towers():
    soft = single(PHOTON, 0.4)
    assert Detector(noise=False).images(soft).sum() == 0
    assert Detector(noise=False, thresholds=(0, 0), significance=0).images(soft).sum() > 0


def test_dead_towers_break_the_flip(some):
    dead = Detector(noise=False, dead=((-math.pi, math.pi, 1.0, 2.0),))
    images = dead.images(some)
    assert images[:, :2, :, 30:35].sum() == 0
    assert images[:, TRACKS, :, 30:35].sum() > 0
    assert relative(mirror(images), dead.images(some.eta_flip())) > 0.1


def test_cracks_lose_energy_and_towers_do_not(some):
    total = {name: Detector(name, noise=False, thresholds=(0, 0), significance=0)
             .images(some)[:, :2].sum().item() for name in SEGMENTATIONS}  # fmt: skip
    assert total["cracks"] < total["uniform"]
    assert total["towers"] == pytest.approx(total["uniform"], rel=1e-4)


def test_muons_leave_tracks_and_no_energy():
    image = Detector(noise=False).images(single(MUON, 40.0, 1.0, 1.0, -1))[0]
    assert image[TRACKS].sum().item() == pytest.approx(40.0)
    assert image[:TRACKS].sum() == 0


def test_events_without_particles_are_dark():
    assert Detector().images(single(PHOTON)[1:]).shape == (0, 3, 50, 50)
    padded = Particles(*(torch.tensor(x) for x in ([1], [9.0], [0.0], [0.0], [0], [0])), n=3)
    assert (Detector().images(padded).sum((1, 2, 3)) > 0).tolist() == [False, True, False]


@pytest.mark.parametrize("change", [
    {"segmentation": "hexagons"}, {"rows": 0}, {"radius": 0.0}, {"moliere": -1.0},
    {"thresholds": (-1.0, 0.0)},
])  # fmt: skip
def test_impossible_detectors_are_refused(change):
    with pytest.raises(ValueError, match="|".join([*change, "pixel"])):
        Detector(**change)
