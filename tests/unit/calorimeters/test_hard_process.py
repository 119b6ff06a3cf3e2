"""The hard processes: conservation laws, kinematics, and the names of classes."""

from __future__ import annotations

import math

import pytest
import torch

from parity_nb.calorimeters.world import hard_process
from parity_nb.calorimeters.world.generator import make_class


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def totals(partons, values):
    total = torch.zeros((partons.n, *values.shape[1:]), dtype=values.dtype)
    return total.index_add_(0, partons.event, values)


@pytest.mark.parametrize("make", [
    lambda g: hard_process.black_holes(500, 4, 10_000, g),
    lambda g: hard_process.black_holes(500, 2, 8_000, g),
    lambda g: hard_process.sphalerons(500, 9_000, g),
])  # fmt: skip
def test_momentum_and_charge_are_those_of_the_incoming_quarks(make):
    partons = make(generator())
    total = totals(partons, partons.momentum)
    mass = (total[:, 0] ** 2 - total[:, 1:].square().sum(1)).sqrt()
    assert total[:, 1:3].abs().max() < 1e-6
    assert mass.min() > 8_000 - 1e-3
    assert mass.max() < 2 * hard_process.BEAM
    assert total[:, 3].abs().max() > 500  # they do move along the beam
    charge = totals(partons, hard_process.charge_thirds(partons.code))
    assert (charge == hard_process.charge_thirds(partons.incoming).sum(1)).all()


def test_black_holes_keep_and_sphalerons_break_baryon_and_lepton_number():
    for make, change in ((lambda g: hard_process.black_holes(300, 4, 10_000, g), 0),
                         (lambda g: hard_process.sphalerons(300, 9_000, g), -3)):  # fmt: skip
        partons = make(generator(1))
        size, sign = partons.code.abs(), partons.code.sign()
        quarks = totals(partons, sign * (size <= 6))
        leptons = totals(partons, sign * ((size >= 11) & (size <= 16)))
        assert (quarks - 2 == 3 * change).all()
        assert (leptons == change).all()


def test_heavy_particles_are_on_their_mass_shell():
    partons = hard_process.sphalerons(200, 9_000, generator())
    top = partons.momentum[partons.code.abs() == 6]
    mass = (top[:, 0] ** 2 - top[:, 1:].square().sum(1)).sqrt()
    assert len(top)
    torch.testing.assert_close(
        mass, torch.full_like(mass, hard_process.MASSES[6]), rtol=1e-4, atol=0
    )


def test_flat_phase_space_is_isotropic_and_shares_the_energy():
    p = hard_process.phase_space(3, torch.full((4000,), 10.0, dtype=torch.float64), generator())
    assert (p.sum(1)[:, 1:].abs() < 1e-9).all()
    torch.testing.assert_close(p.sum(1)[:, 0], torch.full((4000,), 10.0, dtype=torch.float64))
    # of three bodies 2E/M has the density 2 x on [0, 1]
    x = p[:, 0, 0] / 5
    assert abs(x.mean() - 2 / 3) < 5 * (1 / 18 / 4000) ** 0.5
    assert abs((p[:, 0, 3] / p[:, 0, 0]).square().mean() - 1 / 3) < 0.03


def test_more_dimensions_make_a_hotter_hole_and_fewer_particles():
    mass = torch.tensor([10_000.0])
    temperatures = [hard_process.temperature(mass, n).item() for n in (2, 4, 6)]
    assert temperatures == sorted(temperatures)
    counts = [len(hard_process.black_holes(3000, n, 10_000, generator()).code) for n in (2, 4, 6)]
    assert counts == sorted(counts, reverse=True)


def test_the_horizon_radius_of_known_numbers():
    # n = 2, M = M*: r = (8 Gamma(5/2) / 4)^(1/3) / (sqrt(pi) M*)
    expected = (2 * math.gamma(2.5)) ** (1 / 3) / (math.sqrt(math.pi) * hard_process.PLANCK)
    assert hard_process.radius(torch.tensor([hard_process.PLANCK]), 2).item() == pytest.approx(
        expected
    )


def test_same_seed_same_events_other_seed_others():
    first, again, other = (make_class("BH_n4_M10", 5, seed=s) for s in (3, 3, 4))
    assert torch.equal(first.pt, again.pt)
    assert first.pt.shape != other.pt.shape or not torch.equal(first.pt, other.pt)


def test_classes_by_name():
    assert make_class("SPH_9", 3).n == 3
    words, make = hard_process.process("BH_n4_M10")
    assert words == "black holes 4 10.0"
    direct = hard_process.black_holes(5, 4, 10_000, generator())
    assert torch.equal(make(5, generator()).momentum, direct.momentum)
    with pytest.raises(ValueError, match="BH_n2_M10"):
        make_class("BH", 3)


@pytest.mark.parametrize(("name", "n", "message"), [
    ("BH_n4_M10", 0, "at least 1"),
    ("BH_n0_M10", 3, "dimension"),
    ("BH_n4_M13", 3, "minimum mass"),
    ("SPH_0.1", 3, "minimum mass"),
])  # fmt: skip
def test_impossible_events_are_refused(name, n, message):
    with pytest.raises(ValueError, match=message):
        make_class(name, n)
