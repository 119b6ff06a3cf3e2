"""Events: conservation laws of the hard processes, and symmetries acting on particles."""

from __future__ import annotations

import math

import pytest
import torch

from parity_nb.calorimeters.world import generator as events
from parity_nb.calorimeters.world import hard_process as hard
from parity_nb.calorimeters.world.particles import Particles, concatenate


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def some():
    return concatenate([events.black_holes(40), events.sphalerons(40)])


def totals(partons, values):
    total = torch.zeros((partons.n, *values.shape[1:]), dtype=values.dtype)
    return total.index_add_(0, partons.event, values)


@pytest.mark.parametrize("make", [
    lambda g: hard.black_holes(500, 4, 10_000, g),
    lambda g: hard.black_holes(500, 2, 8_000, g),
    lambda g: hard.sphalerons(500, 9_000, g),
])  # fmt: skip
def test_momentum_and_charge_are_those_of_the_incoming_quarks(make):
    partons = make(generator())
    total = totals(partons, partons.momentum)
    mass = (total[:, 0] ** 2 - total[:, 1:].square().sum(1)).sqrt()
    assert total[:, 1:3].abs().max() < 1e-6
    assert mass.min() > 8_000 - 1e-3
    assert mass.max() < 2 * hard.BEAM
    assert total[:, 3].abs().max() > 500  # they do move along the beam
    charge = totals(partons, hard.charge_thirds(partons.code))
    assert (charge == hard.charge_thirds(partons.incoming).sum(1)).all()


def test_black_holes_keep_and_sphalerons_break_baryon_and_lepton_number():
    for make, change in ((lambda g: hard.black_holes(300, 4, 10_000, g), 0),
                         (lambda g: hard.sphalerons(300, 9_000, g), -3)):  # fmt: skip
        partons = make(generator(1))
        size, sign = partons.code.abs(), partons.code.sign()
        quarks = totals(partons, sign * (size <= 6))
        leptons = totals(partons, sign * ((size >= 11) & (size <= 16)))
        assert (quarks - 2 == 3 * change).all()
        assert (leptons == change).all()


def test_heavy_particles_are_on_their_mass_shell():
    partons = hard.sphalerons(200, 9_000, generator())
    top = partons.momentum[partons.code.abs() == 6]
    mass = (top[:, 0] ** 2 - top[:, 1:].square().sum(1)).sqrt()
    assert len(top)
    torch.testing.assert_close(mass, torch.full_like(mass, hard.MASSES[6]), rtol=1e-4, atol=0)


def test_flat_phase_space_is_isotropic_and_shares_the_energy():
    p = hard.phase_space(3, torch.full((4000,), 10.0, dtype=torch.float64), generator())
    assert (p.sum(1)[:, 1:].abs() < 1e-9).all()
    torch.testing.assert_close(p.sum(1)[:, 0], torch.full((4000,), 10.0, dtype=torch.float64))
    # of three bodies 2E/M has the density 2 x on [0, 1]
    x = p[:, 0, 0] / 5
    assert abs(x.mean() - 2 / 3) < 5 * (1 / 18 / 4000) ** 0.5
    assert abs((p[:, 0, 3] / p[:, 0, 0]).square().mean() - 1 / 3) < 0.03


def test_more_dimensions_make_a_hotter_hole_and_fewer_particles():
    mass = torch.tensor([10_000.0])
    temperatures = [hard.temperature(mass, n).item() for n in (2, 4, 6)]
    assert temperatures == sorted(temperatures)
    counts = [len(hard.black_holes(3000, n, 10_000, generator()).code) for n in (2, 4, 6)]
    assert counts == sorted(counts, reverse=True)


def test_the_horizon_radius_of_known_numbers():
    # n = 2, M = M*: r = (8 Gamma(5/2) / 4)^(1/3) / (sqrt(pi) M*)
    expected = (2 * math.gamma(2.5)) ** (1 / 3) / (math.sqrt(math.pi) * hard.PLANCK)
    assert hard.radius(torch.tensor([hard.PLANCK]), 2).item() == pytest.approx(expected)


def test_same_seed_same_events_other_seed_others():
    first, again, other = (events.black_holes(5, seed=s) for s in (3, 3, 4))
    assert torch.equal(first.pt, again.pt)
    assert first.pt.shape != other.pt.shape or not torch.equal(first.pt, other.pt)


def test_classes_by_name(some):
    assert events.make_class("SPH_9", 3).n == 3
    assert torch.equal(events.make_class("BH_n4_M10", 5).pt, events.black_holes(5).pt)
    with pytest.raises(ValueError, match="BH_n2_M10"):
        events.make_class("BH", 3)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: events.black_holes(0), "at least 1"),
    (lambda: events.black_holes(3, dimensions=0), "dimension"),
    (lambda: events.black_holes(3, minimum_mass=13), "minimum mass"),
    (lambda: events.sphalerons(3, threshold=0.1), "minimum mass"),
])  # fmt: skip
def test_impossible_events_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- particles


def test_slices_takes_and_concatenation_agree(some):
    parts = [some[:30], some[30:31], some[31:]]
    whole = concatenate(parts)
    assert whole.n == some.n
    assert torch.equal(whole.event, some.event)
    assert torch.equal(whole.eta, some.eta)
    assert torch.equal(some.take(range(30, 40)).phi, some[30:40].phi)
    last = some.take([some.n - 1])
    assert torch.equal(last.pt, some[some.n - 1 :].pt)
    assert some[5:5].n == 0
    with pytest.raises(ValueError, match="step"):
        some[::2]


def test_an_event_without_particles_keeps_its_place():
    one = Particles(*(torch.tensor(x) for x in ([2], [1.0], [0.0], [0.0], [0], [0])), n=4)
    assert one[1:3].event.tolist() == [1]
    assert one.take([0, 2, 2]).event.tolist() == [1, 2]
    assert one.sum(one.pt).tolist() == [0, 0, 1, 0]


def test_symmetries_of_events_are_a_group(some):
    for action in (Particles.eta_flip, Particles.phi_flip, Particles.half_turn):
        back = action(action(some))
        torch.testing.assert_close(back.phi, some.phi, atol=1e-6, rtol=0)
        assert torch.equal(back.eta, some.eta)
        torch.testing.assert_close(action(some).sum(some.energy), some.sum(some.energy))
    assert torch.equal(some.half_turn().phi, some.phi_flip().phi)
    turned = some.phi_rotation(torch.full((some.n,), 1.0)).phi_rotation(-1.0)
    torch.testing.assert_close(turned.phi, some.phi, atol=1e-5, rtol=0)
    assert torch.equal(some.conjugate().conjugate().charge, some.charge)
    assert (some.phi_rotation(5.0).phi.abs() <= math.pi).all()


@pytest.mark.parametrize(("change", "message"), [
    ({"event": [1, 0]}, "sort"),
    ({"event": [0, 7]}, "rise"),
    ({"pt": [1.0, math.nan]}, "event 1 is not finite"),
    ({"pt": [-1.0, 1.0]}, "negative"),
    ({"eta": [0.0]}, "one entry"),
])  # fmt: skip
def test_bad_particles_are_refused(change, message):
    columns = {"event": [0, 1], "pt": [1.0, 1.0], "eta": [0.0, 0.0], "phi": [0.0, 0.0],
               "charge": [0, 0], "kind": [0, 0]}  # fmt: skip
    columns |= change
    with pytest.raises(ValueError, match=message):
        Particles(**{name: torch.tensor(x) for name, x in columns.items()}, n=2)


# --- Pythia


def test_without_pythia_the_error_names_the_extra(monkeypatch):
    import sys

    from parity_nb.calorimeters.world import pythia

    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(ModuleNotFoundError, match="hep"):
        pythia.black_holes(1)


def test_pythia_showers_both_processes():
    pytest.importorskip("pythia8mc", reason="needs the extra hep")
    from parity_nb.calorimeters.world import pythia

    for make in (pythia.black_holes, pythia.sphalerons):
        particles = make(6, seed=1)
        assert particles.n == 6
        energy = particles.sum(particles.energy)
        assert (energy > 2000).all()
        assert (energy < 2 * hard.BEAM).all()
        assert 100 < len(particles.event) / 6 < 2000
        assert torch.equal(particles.pt, make(6, seed=1).pt)
