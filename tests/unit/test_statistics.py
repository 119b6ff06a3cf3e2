"""Tests of `parity_nb.statistics`: closed forms, null distributions, zeros and bad input."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from parity_nb.statistics import (
    calibrate,
    joint_null,
    mean_test,
    optimum,
    paired,
    positive_fraction,
    quality,
    roc_area,
)

SEEDS = range(200)


# --- closed forms: N(mu, 1) with P: x -> -x, whose log ratio is 2 mu x


def gaussian_optimum(mu):
    x = np.linspace(mu - 9, mu + 9, 100_001)
    return optimum(2 * mu * x, weights=stats.norm.pdf(x, mu))


@pytest.mark.parametrize(
    ("mu", "fraction", "mean_over_std", "q"),
    [(0.3, 0.617, 0.300, 0.0428), (1.0, 0.841, 1.107, 0.337)],
)
def test_optimum_of_a_shifted_gaussian(mu, fraction, mean_over_std, q):
    best = gaussian_optimum(mu)
    assert best.mean_over_std == pytest.approx(mean_over_std, abs=1e-3)
    assert best.quality == pytest.approx(q, abs=5e-4)
    assert best.fraction == pytest.approx(fraction, abs=1e-3)
    assert best.fraction == pytest.approx(stats.norm.cdf(mu), abs=1e-7)


@pytest.mark.parametrize("mu", [0.3, 1.0])
def test_measures_of_the_optimal_functions_reach_the_optimum(mu):
    x = mu + np.random.default_rng(1).standard_normal(200_000)
    a, best = np.tanh(mu * x), gaussian_optimum(mu)
    by_sample = optimum(2 * mu * x)
    found = positive_fraction(a)
    assert abs(found.fraction - stats.norm.cdf(mu)) < 4 * found.std
    assert by_sample.fraction == pytest.approx(stats.norm.cdf(mu), abs=0.003)
    assert a.mean() / a.std() == pytest.approx(best.mean_over_std, rel=0.02)
    q = quality(2 * mu * x)
    assert abs(q.q - best.quality) < 4 * q.error
    assert by_sample.quality == q.q


def test_optimum_of_certainty_is_the_largest_possible():
    best = optimum([800.0, -800.0], weights=[1.0, 0.0])
    assert best.fraction == 1 and best.mean_over_std == np.inf
    assert best.quality == pytest.approx(np.log(2))


def test_calibration_recovers_the_free_scale():
    mu, scale = 0.7, 37.0
    x = mu + np.random.default_rng(2).standard_normal(100_000)
    f = scale * np.tanh(mu * x)
    fitted = calibrate(f)
    assert fitted.scale * scale == pytest.approx(1, abs=0.02)
    assert quality(fitted(f)).q == pytest.approx(quality(2 * mu * x).q, abs=2e-3)


def test_calibration_claims_nothing_for_a_negative_mean_and_is_bounded():
    none = calibrate([-3.0, -1.0, 1.0])
    assert none.scale == 0 and quality(none([5.0, -7.0])).q == 0
    bold = calibrate(np.ones(50), limit=0.9)
    worst = quality(bold([-100.0, -100.0]))
    assert worst.q == pytest.approx(np.log(0.1))


# --- null distributions, over fixed random seeds


def null_sample(seed, n):
    """Values of some odd f on a symmetric population: any magnitudes, fair signs."""
    rng = np.random.default_rng(seed)
    return rng.standard_t(3, n) * rng.choice([-1, 1], n)


def test_mid_p_is_uniform_under_the_null():
    p = [positive_fraction(null_sample(seed, 4001)).p_mid for seed in SEEDS]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_sign_flip_p_is_uniform_under_the_null():
    p = [mean_test(null_sample(seed, 50), flips=499, generator=seed) for seed in SEEDS]
    assert stats.kstest(p, "uniform").pvalue > 0.001


@pytest.mark.parametrize("scale", [0.05, 0.3, 3.0])
def test_e_value_bound_holds_under_the_null(scale):
    p = np.array([quality(scale * null_sample(seed, 100)).p_bound for seed in SEEDS])
    for a in (0.5, 0.2, 0.1, 0.05):
        # at most a fraction a of the seeds, up to what 200 throws may exceed once in 10,000
        assert (p <= a).sum() <= stats.binom.isf(1e-4, len(SEEDS), a)


def test_exact_p_is_never_below_mid_p_and_never_anticonservative():
    results = [positive_fraction(null_sample(seed, 30)) for seed in SEEDS]
    exact = np.array([r.p_exact for r in results])
    assert all(r.p_exact > r.p_mid for r in results)
    for a in (0.5, 0.1, 0.05):
        assert (exact <= a).sum() <= stats.binom.isf(1e-4, len(SEEDS), a)


def test_joint_null_is_uniform_for_null_families_and_small_for_others():
    families = [
        joint_null(positive_fraction(null_sample(1000 * seed + k, 500)) for k in range(10))
        for seed in SEEDS
    ]
    assert stats.kstest(families, "uniform").pvalue > 0.001
    shifted = [positive_fraction(null_sample(k, 500) + 0.2) for k in range(10)]
    assert joint_null(shifted) < 1e-6


def test_joint_null_by_hand():
    family = [
        positive_fraction([1.0] * 60 + [-1.0] * 40),
        positive_fraction([1.0] * 45 + [-1.0] * 55),
    ]
    expected = stats.chi2.sf(2.0**2 + 1.0**2, 2)
    assert joint_null(family) == pytest.approx(expected)
    assert joint_null([0.60, 0.45], n=[100, 100]) == pytest.approx(expected)


# --- counts, intervals, zeros


def test_positive_fraction_by_hand():
    r = positive_fraction(torch.tensor([2.0, 1.0, 0.5, -1.0]))
    assert (r.positive, r.negative, r.zero, r.n) == (3, 1, 0, 4)
    assert r.fraction == 0.75
    assert r.std == pytest.approx(np.sqrt(0.75 * 0.25 / 4))
    assert r.p_exact == pytest.approx(5 / 16)
    assert r.p_mid == pytest.approx(1 / 16 + 0.5 * 4 / 16)


def test_a_zero_counts_half_in_the_fraction_and_not_at_all_in_the_tests():
    without = positive_fraction([1.0] * 30 + [-1.0] * 20)
    with_zeros = positive_fraction([1.0] * 30 + [-1.0] * 20 + [0.0] * 50)
    assert with_zeros.zero == 50 and with_zeros.n == 100
    assert with_zeros.fraction == pytest.approx(0.55)
    assert with_zeros.std == pytest.approx(np.sqrt(0.55 * 0.45 / 100))
    assert with_zeros.interval == without.interval
    assert with_zeros.p_exact == without.p_exact and with_zeros.p_mid == without.p_mid


def test_zeros_do_not_change_the_mean_test_nor_the_evidence():
    f = np.random.default_rng(3).normal(0.3, 1, 60)
    padded = np.concatenate([f, np.zeros(40)])
    assert mean_test(padded) == mean_test(f)
    assert quality(padded).p_bound == pytest.approx(quality(f).p_bound)


def test_interval_of_a_perfect_score_does_not_shrink_to_a_point():
    r = positive_fraction(np.ones(100), level=0.95)
    assert r.fraction == 1 and r.std == 0
    assert r.interval == (pytest.approx(0.025 ** (1 / 100)), 1.0)
    assert r.level == 0.95


@settings(deadline=None)
@given(st.integers(0, 80), st.integers(0, 80))
def test_p_values_are_those_of_the_binomial_distribution(positive, negative):
    assume(positive + negative > 0)
    r, coin = positive_fraction([1.0] * positive + [-1.0] * negative), stats.binom
    n = positive + negative
    assert r.p_exact == pytest.approx(coin.sf(positive - 1, n, 0.5), rel=1e-9)
    expected = coin.sf(positive, n, 0.5) + coin.pmf(positive, n, 0.5) / 2
    assert r.p_mid == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)
@given(st.integers(0, 80), st.integers(0, 80), st.floats(0.05, 0.99))
def test_interval_is_that_of_clopper_and_pearson(positive, negative, level):
    assume(positive + negative > 0)
    ours = positive_fraction([1.0] * positive + [-1.0] * negative, level).interval
    ci = stats.binomtest(positive, positive + negative).proportion_ci(level, "exact")
    assert ours == pytest.approx((ci.low, ci.high), abs=1e-9)


def test_interval_covers_at_least_as_often_as_its_level():
    k = np.arange(41)
    for truth in (0.3, 0.5, 0.77):
        inside = [
            low <= truth <= high
            for low, high in (positive_fraction([1.0] * i + [-1.0] * (40 - i)).interval for i in k)
        ]
        assert stats.binom.pmf(k, 40, truth)[inside].sum() >= 0.68


def test_results_print_value_error_number_and_p():
    assert str(positive_fraction([1.0, 1.0, 1.0, -1.0])) == (
        "0.7500 ± 0.2165 (n = 4, exact p = 0.312)"
    )
    assert str(quality([0.0, 0.0])) == "0.0000 ± 0.0000 nats (n = 2, p <= 1)"


def test_a_vanishing_p_is_printed_as_a_bound():
    assert "p < 1e-300" in str(positive_fraction(np.ones(5000)))
    assert "p < 1e-300" in str(quality(np.full(5000, 9.0)))


def test_mean_test_enumerated():
    # all 2^3 sign patterns of (1, 2, 4): only the one observed reaches its mean
    p = mean_test([1.0, 2.0, 4.0], flips=40_000)
    assert p == pytest.approx(1 / 8, abs=4 * np.sqrt(1 / 8 * 7 / 8 / 40_000))


def test_mean_test_counts_ties():
    # 0.1 + 0.2 - 0.3 and its mirror image differ from zero by rounding only: all are ties
    values = [0.1, 0.2, -0.3]
    patterns = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1)
    expected = (patterns.T @ np.abs(values) >= -1e-12).mean()
    assert mean_test(values, flips=40_000) == pytest.approx(expected, abs=0.01)


def test_mean_test_depends_on_its_generator_only():
    f = np.random.default_rng(4).normal(0.2, 1, 40)
    assert mean_test(f) == mean_test(f)
    assert mean_test(f, generator=np.random.default_rng(5)) == mean_test(f, generator=5)


# --- properties

finite = st.floats(-1e6, 1e6, allow_nan=False)


@settings(deadline=None)
@given(st.lists(finite, min_size=1, max_size=60).filter(lambda v: any(v)))
def test_mirroring_the_population_mirrors_the_fraction(values):
    one, other = positive_fraction(values), positive_fraction([-v for v in values])
    assert one.fraction + other.fraction == pytest.approx(1)
    assert one.p_mid + other.p_mid == pytest.approx(1)
    assert (one.positive, one.zero) == (other.negative, other.zero)
    low, high = one.interval
    assert 0 <= low <= one.positive / (one.positive + one.negative) <= high <= 1
    assert 0 < one.p_exact <= 1


@settings(deadline=None)
@given(st.lists(finite, min_size=1, max_size=60).filter(lambda v: any(v)), st.floats(0.01, 100))
def test_sign_statistics_ignore_the_scale(values, scale):
    assert positive_fraction(np.sign(values)) == positive_fraction(np.sign(values) * scale)


@settings(deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=60))
def test_quality_is_at_most_log_2_and_the_bound_is_a_probability(phi):
    q = quality(phi)
    assert q.q <= np.log(2) + 1e-12 and 0 <= q.p_bound <= 1
    assert q.p_bound == pytest.approx(min(1, np.exp(-q.n * q.q)), rel=1e-9)


@settings(deadline=None)
@given(st.floats(-30, 30))
def test_the_e_value_of_one_item_averages_to_one_over_its_orbit(phi):
    # the mean of 2 sigmoid(phi) over an item and its mirror image
    e = [np.exp(2 * quality([v, v]).q) ** 0.5 for v in (phi, -phi)]
    assert np.mean(e) == pytest.approx(1)


# --- bad input


@pytest.mark.parametrize("statistic", [positive_fraction, mean_test, quality, calibrate, optimum])
@pytest.mark.parametrize(
    ("values", "message"), [([], "0 values"), ([1.0, float("nan"), -1.0], "NaN")]
)
def test_empty_and_nan_are_refused(statistic, values, message):
    with pytest.raises(ValueError, match=message):
        statistic(values)


@pytest.mark.parametrize("statistic", [positive_fraction, mean_test])
def test_all_zeros_are_refused(statistic):
    with pytest.raises(ValueError, match="exactly zero"):
        statistic(torch.zeros(7))


def test_parameters_out_of_range_are_refused():
    with pytest.raises(ValueError, match="level"):
        positive_fraction([1.0], level=68)
    with pytest.raises(ValueError, match="flips"):
        mean_test([1.0], flips=0)
    with pytest.raises(ValueError, match="limit"):
        calibrate([1.0], limit=1.0)
    with pytest.raises(ValueError, match="at least one"):
        joint_null([])
    with pytest.raises(ValueError, match="needs n"):
        joint_null([0.5, 0.6])


def test_arrays_tensors_and_lists_give_the_same():
    f = [0.5, -1.0, 2.0, 0.0]
    for other in (np.array(f), torch.tensor(f, requires_grad=True), torch.tensor([f])):
        assert positive_fraction(other) == positive_fraction(f)
        assert mean_test(other) == mean_test(f)
        assert quality(other) == quality(f)


# --- two functions on the same items


def test_paired():
    first = torch.tensor([1.0] * 8 + [-1.0] * 2 + [1.0] * 90)
    second = torch.tensor([-1.0] * 8 + [1.0] * 2 + [1.0] * 90)
    both = paired(first, second)
    assert (both.better, both.worse, both.n) == (8, 2, 100)
    assert both.difference == pytest.approx(0.06)
    assert both.error == pytest.approx((0.10 - 0.06**2) ** 0.5 / 10)
    assert both.p == pytest.approx(2 * (45 + 10 + 1) / 2**10)
    assert paired(second, first).difference == -both.difference
    assert "+6.00" in str(both)


def test_paired_error_is_the_scatter():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(2000):
        shared = rng.normal(size=300)
        first, second = (torch.tensor(shared + rng.normal(size=300)) for _ in range(2))
        found.append(paired(first, second))
    scatter = np.std([f.difference for f in found])
    assert np.mean([f.error for f in found]) == pytest.approx(scatter, rel=0.07)
    assert np.mean([f.p < 0.05 for f in found]) < 0.06


def test_paired_refusals():
    with pytest.raises(ValueError, match="no pairs"):
        paired(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="no pairs"):
        paired(torch.zeros(0), torch.zeros(0))


def test_nothing_to_compare():
    same = paired(torch.ones(5), torch.ones(5))
    assert (same.difference, same.error, same.p) == (0, 0, 1)


def test_area_is_that_of_others_and_its_error_is_right():
    rng = np.random.default_rng(3)
    signal = rng.random(200) < 0.3
    score = rng.normal(signal).round(1)  # with ties
    assert roc_area(score, signal).value == pytest.approx(roc_auc_score(signal, score))
    found = [roc_area(rng.normal(y), y) for y in (rng.random(150) < 0.4 for _ in range(400))]
    ratio = np.std([a.value for a in found]) / np.mean([a.error for a in found])
    assert ratio == pytest.approx(1, abs=0.15)
    with pytest.raises(ValueError, match="at least two"):
        roc_area([1, 2, 3], [True, False, False])
    with pytest.raises(ValueError, match="NaN"):
        roc_area([1, float("nan"), 3, 4], [0, 1, 0, 1])
