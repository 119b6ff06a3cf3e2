"""Collisions of known handedness: the symmetric world, the bound, the merged image, acceptance."""

import math

import numpy as np
import pytest
import torch
from chapter_code import chapter_code
from scipy import integrate

from parity_nb.audit import audit_pipeline
from parity_nb.calorimeters.world.acceptance import (
    REGIONS,
    efficiency,
    recorded,
)
from parity_nb.calorimeters.world.cylinder_detector import REACH as NATIVE_REACH
from parity_nb.calorimeters.world.cylinder_detector import Detector
from parity_nb.calorimeters.world.subsystems import (
    CELLS,
    CHANNELS,
    REACH,
    SIZES,
    merge,
    regrid,
    subsystems,
)
from parity_nb.calorimeters.world.violation import (
    CHUNK,
    LAWS,
    MASS,
    Decays,
    batches,
    bound,
    coin,
    draw,
    mirrored,
    mirrored_where,
    partons,
    pseudoscalar,
    truth,
)
from parity_nb.statistics import optimum, positive_fraction, quality
from parity_nb.symmetry import equivariance_error, half_turn, mirror, roll

at_the_lhc = chapter_code("calorimeters/parity-at-the-lhc")
training = chapter_code("calorimeters/parity-training")


@pytest.fixture(scope="module")
def events():
    return draw(100_000, seed=1)


def rotated(events, angle):
    c, s = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)
    return Decays(events.momenta @ turn.T, events.muon, events.charge)


def exchanged(events):
    """The half turn about the x axis, which exchanges the beams."""
    sign = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
    return Decays(events.momenta * sign, events.muon, events.charge)


# --- the symmetric world


def test_the_decays_have_the_mass_of_x_and_balance_the_recoil(events):
    p = events.momenta
    x = p[:, :2].sum(1)
    mass = (p[:, :2].norm(dim=-1).sum(1) ** 2 - x.square().sum(1)).sqrt()
    assert torch.allclose(mass, torch.full_like(mass, MASS), rtol=1e-6)
    assert (p[..., :2].sum(1).norm(dim=1) < 1e-8).all()


def test_h_is_odd_and_does_not_see_rotations_nor_which_beam_is_which(events):
    for law in LAWS:
        h = pseudoscalar(events, law)
        assert torch.allclose(pseudoscalar(at_the_lhc.parity(events), law), -h, atol=1e-12)
        assert torch.allclose(pseudoscalar(mirrored(events), law), -h, atol=1e-12)
        assert torch.allclose(pseudoscalar(rotated(events, 1.1), law), h, atol=1e-9)
        assert torch.allclose(pseudoscalar(exchanged(events), law), h, atol=1e-12)


def test_h_is_the_sine_of_a_uniform_angle(events):
    angle = torch.asin(pseudoscalar(events)).numpy()  # uniform too, folded
    grid = np.linspace(-math.pi / 2, math.pi / 2, 2001)
    gap = np.abs(np.searchsorted(np.sort(angle), grid) / len(angle) - np.linspace(0, 1, 2001)).max()
    assert gap < 1.95 / len(angle) ** 0.5  # Kolmogorov-Smirnov at one in a thousand


def test_a_slash_of_lepton_and_quark_is_what_h_means(events):
    phi, eta = events.phi, events.eta
    turn = torch.remainder(phi[:, 0] - phi[:, 1] + math.pi, 2 * math.pi) - math.pi
    slash = turn * (eta[:, 0] - eta[:, 1])
    assert ((slash > 0) == (pseudoscalar(events) > 0)).double().mean() > 0.9


@pytest.mark.parametrize("n", [0, -3])
def test_no_events_is_an_error(n):
    with pytest.raises(ValueError, match="at least one"):
        draw(n)


# --- the known violation


@pytest.mark.parametrize("strength", [0.0, 0.05, 0.25, 0.5, 0.75, 1.0])
def test_the_bound_is_the_integral(strength):
    def mean(f):
        return integrate.quad(lambda t: f(strength * math.sin(t)), -math.pi, math.pi)[0] / (
            2 * math.pi
        )

    best = bound(strength)
    assert best.fraction == pytest.approx(0.5 + mean(abs) / 2, abs=1e-6)
    power = mean(lambda a: a * a)
    assert best.mean_over_std == pytest.approx(math.sqrt(power / (1 - power)), abs=1e-6)
    log = mean(lambda a: (1 + a) * math.log(max(1 + a, 1e-300)))
    assert best.quality == pytest.approx(log, abs=1e-6)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_the_coin_makes_the_density_that_the_truth_says(events, law, strength):
    chosen = coin(pseudoscalar(events, law), strength, seed=2)
    x = mirrored_where(events, chosen)
    phi = truth(x, strength, law).clamp(-30, 30)
    found, best = quality(phi), bound(strength)
    assert abs(found.q - best.quality) < 4 * found.error
    assert optimum(phi).quality == pytest.approx(found.q)
    count = positive_fraction(phi)
    assert abs(count.fraction - best.fraction) < 4 * count.std


def test_without_strength_nothing_is_preferred(events):
    chosen = coin(pseudoscalar(events), 0.0, seed=3)
    count = positive_fraction(pseudoscalar(mirrored_where(events, chosen)))
    assert count.p_exact > 1e-4 and 1 - count.p_exact > 1e-4


@pytest.mark.parametrize("strength", [-0.1, 1.1])
def test_a_strength_that_is_none(strength):
    with pytest.raises(ValueError, match="strength"):
        coin(torch.zeros(3), strength)
    with pytest.raises(ValueError, match="strength"):
        bound(strength)


def test_an_unknown_law_names_the_known_ones(events):
    with pytest.raises(ValueError, match="lepton, flavour, charge"):
        pseudoscalar(events[:10], "isospin")


def test_partons_carry_the_kinds_and_the_charge(events):
    some = partons(events[:50])
    codes = some.code.reshape(50, 3)
    assert ((codes[:, 0].abs() == 13) == events.muon[:50]).all()
    assert (codes[:, 0].sign() == -events.charge[:50]).all()  # the electron has code +11
    assert torch.allclose(some.momentum[:, 0], some.momentum[:, 1:].norm(dim=1))


def test_another_strength_differs_by_the_coin_only():
    n = CHUNK + 100
    worlds = [list(batches(n, s, "lepton", seed=4)) for s in (0.0, 1.0)]
    assert [p.n for p, _ in worlds[0]] == [CHUNK, 100]
    for (quiet, _), (loud, true) in zip(*worlds, strict=True):
        assert torch.equal(quiet.eta.abs(), loud.eta.abs()) and torch.equal(quiet.phi, loud.phi)
        assert not torch.equal(quiet.eta, loud.eta)
        assert (pseudoscalar(true) > 0).double().mean() > 0.7


def test_the_chapter_derives_what_the_world_does(events):
    assert torch.allclose(at_the_lhc.sin_2_alpha(events), pseudoscalar(events))
    for strength in (0.0, 0.5, 1.0):
        ours = mirrored_where(events, coin(pseudoscalar(events), strength, seed=2))
        assert torch.equal(at_the_lhc.violated(events, strength, 2).momenta, ours.momenta)
        fraction, best = at_the_lhc.bound(strength)
        assert fraction == pytest.approx(bound(strength).fraction)
        assert best == pytest.approx(bound(strength).quality)
    seen = events[recorded(events, "slanted", seed=7)]
    ours = seen[training.real_partner(training.pair_probability(seen, "slanted"), seed=8)]
    assert torch.equal(at_the_lhc.with_partner(seen, "slanted", 8).momenta, ours.momenta)


# --- the merged image


def image(x, name="tracker"):
    rows, columns = SIZES[name]
    return x.reshape(1, 1, rows, columns)


@pytest.mark.parametrize("name", SIZES)
def test_regridding_keeps_energy_and_commutes(name):
    rows, columns = SIZES[name]
    x = torch.rand(3, 1, rows, columns)
    centre = NATIVE_REACH * (2 * (torch.arange(columns) + 0.5) / columns - 1)
    inner = x * (centre.abs() < REACH - NATIVE_REACH / columns)
    assert torch.allclose(regrid(inner).sum((2, 3)), inner.sum((2, 3)), rtol=1e-5)
    for act in (mirror, half_turn):
        assert equivariance_error(regrid, x, act, act).relative < 1e-6
    if rows % CELLS == 0:
        step = rows // CELLS
        shifted = equivariance_error(regrid, x, lambda t: roll(t, 3 * step), lambda t: roll(t, 3))
        assert shifted.relative < 1e-6


def test_the_audit_names_the_careless_step():
    x = torch.rand(8, 1, *SIZES["tracker"])
    assert audit_pipeline({"regrid": regrid}, x).verdict.iloc[0] == "commutes"
    assert audit_pipeline({"regrid": at_the_lhc.by_the_corner}, x).verdict.iloc[0] == "breaks"


def test_the_whole_way_commutes_without_noise():
    particles, _ = next(iter(batches(40, 0.0, "lepton", seed=5)))
    detector = Detector(noise=False)

    def seen(p):
        return merge(subsystems(p, detector))

    plain, flipped = seen(particles), seen(particles.eta_flip())
    assert plain.shape == (40, len(CHANNELS), CELLS, CELLS)
    assert (flipped - mirror(plain)).norm() < 1e-4 * plain.norm()


def test_merging_says_what_is_missing():
    with pytest.raises(ValueError, match="missing: muon"):
        merge({name: torch.zeros(1, 1, *SIZES[name]) for name in CHANNELS[:3]})


def test_views():
    x = torch.rand(2, 4, CELLS, CELLS) * 100
    assert {view: training.channels(x, view).shape[1] for view in training.VIEWS} == {
        "one": 1,
        "tracker": 1,
        "electromagnetic": 1,
        "three": 3,
        "four": 4,
    }
    assert torch.allclose(training.channels(x, "one")[:, 0], (x.sum(1) / 20).log1p())
    with pytest.raises(ValueError, match="none of: one, "):
        training.channels(x, "five")


def test_electrons_and_muons_light_their_own_channels():
    images, true = training.simulate(300, 0.0, "lepton", seed=6)
    images = images.float()
    row = ((true.phi[:, 0] / (2 * math.pi) + 0.5) * CELLS).floor().long() % CELLS
    column = ((true.eta[:, 0] / (2 * REACH) + 0.5) * CELLS).floor().long()
    inside = true.eta[:, 0].abs() < 2.4
    at = images[torch.arange(300), :, row, column.clamp(0, CELLS - 1)]
    assert at[inside & ~true.muon, 1].median() > 100 > 10 > at[inside & true.muon, 1].median()
    assert at[inside & true.muon, 3].median() > 50 > 1 > at[inside & ~true.muon, 3].median()


# --- acceptance


def test_the_mirror_of_images_keeps_azimuths(events):
    some = mirrored(events[:100])
    assert torch.allclose(some.eta, -events[:100].eta)
    assert torch.allclose(some.phi, events[:100].phi)


@pytest.mark.parametrize("region", [r for r in REGIONS if r != "none"])
def test_partners_restore_the_symmetric_world(events, region):
    seen = events[recorded(events, region, seed=7)]
    w = training.pair_probability(seen, region)
    # an odd function that knows the detector best
    detector = torch.log(efficiency(seen, region) / efficiency(mirrored(seen), region))
    assert positive_fraction(detector[detector != 0]).p_exact < 1e-30
    chosen = training.real_partner(w, seed=8) & (detector != 0)
    count = positive_fraction(detector[chosen])
    assert count.p_exact > 1e-4 and 1 - count.p_exact > 1e-4
    # an e-value has mean one: no function gains anything on average
    for phi in (detector, 3 * pseudoscalar(seen)):
        q = training.quality_given(phi, w)
        assert q.q < 4 * q.error


def test_a_rectangle_is_invisible_to_the_cylinder_and_a_screw_is_not(events):
    """Rolls and half turns average a rectangle away; they cannot undo a screw."""
    for region, seen_through in (("one-side", False), ("slanted", True)):
        count = positive_fraction(pseudoscalar(events[recorded(events, region, seed=9)]))
        assert (min(count.p_exact, 1 - count.p_exact) < 1e-6) == seen_through


def test_quality_given_even_odds_is_the_quality():
    phi = torch.randn(500, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.3
    ours, theirs = training.quality_given(phi, torch.full((500,), 0.5)), quality(phi)
    assert ours.q == pytest.approx(theirs.q) and ours.error == pytest.approx(theirs.error)
    assert training.quality_given(phi, torch.ones(500)).q == 0  # nothing to bet on


def test_quality_given_by_hand():
    phi, w = torch.tensor([math.log(2), 0.0]).double(), torch.tensor([0.8, 0.4]).double()
    # odds 4 : 1 times 2 are 8 : 1; odds that are not moved gain nothing
    assert training.quality_given(phi, w).q == pytest.approx(math.log((8 / 9) / 0.8) / 2)


def test_bad_acceptance():
    with pytest.raises(ValueError, match="none, one-side, slanted"):
        efficiency(draw(3), "top")
    with pytest.raises(ValueError, match="not a probability"):
        efficiency(draw(3), "slanted", seen=2)
    with pytest.raises(ValueError, match="pair probability"):
        training.quality_given(torch.zeros(2), torch.tensor([0.0, 0.5]))
