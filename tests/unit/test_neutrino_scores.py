"""Purity, efficiency, areas, priors, calibration and nodes, against answers known by hand."""

import numpy as np
import pytest
import torch
from scipy import stats

from parity_nb.neutrinos import nodes, scores
from parity_nb.statistics import accuracy


def test_accuracy_by_hand():
    found = accuracy(np.eye(3), [0, 1, 0])
    assert found.value == pytest.approx(2 / 3)
    assert found.error == pytest.approx((2 / 9 / 3) ** 0.5)
    with pytest.raises(ValueError, match="no events"):
        accuracy(np.zeros((0, 3)), [])


def test_purity_and_efficiency_by_hand():
    score, signal = [0.1, 0.4, 0.6, 0.9], [False, True, False, True]
    table = scores.purity_efficiency(score, signal, [0.0, 0.5, 0.9, 1.0])
    assert table.purity[:3].tolist() == [0.5, 0.5, 1.0]
    assert table.efficiency.tolist() == [1.0, 0.5, 0.5, 0.0]
    assert table["product"][:3].tolist() == [0.5, 0.25, 0.5]
    assert np.isnan(table.purity[3])
    assert table.kept.tolist() == [4, 2, 1, 0]


def test_weights_count_as_so_many_events():
    rng = np.random.default_rng(0)
    score, signal, weight = rng.random(50), rng.random(50) < 0.4, rng.integers(1, 4, 50)
    weighted = scores.purity_efficiency(score, signal, [0.3, 0.6], weight)
    copied = scores.purity_efficiency(
        np.repeat(score, weight), np.repeat(signal, weight), [0.3, 0.6]
    )
    for name in ("purity", "efficiency", "product"):
        assert weighted[name].tolist() == pytest.approx(copied[name].tolist())
    assert (weighted.purity_error > copied.purity_error).all()
    with pytest.raises(ValueError, match="event 1 is not finite"):
        scores.purity_efficiency([0.1, 0.2], [True, False], [0.0], [1.0, np.inf])
    with pytest.raises(ValueError, match="no signal"):
        scores.purity_efficiency([0.1, 0.2], [False, False], [0.0])


def test_errors_are_those_of_repeated_experiments():
    rng = np.random.default_rng(1)
    found, errors = [], []
    for _ in range(600):
        n = rng.poisson(300)
        signal = rng.random(n) < 0.4
        score = rng.normal(signal * 1.0)
        row = scores.purity_efficiency(score, signal, [0.6]).iloc[0]
        found.append([row[k] for k in ("purity", "efficiency", "product")])
        errors.append([row[k + "_error"] for k in ("purity", "efficiency", "product")])
    ratio = np.std(found, axis=0) / np.mean(errors, axis=0)
    assert ratio == pytest.approx([1, 1, 1], abs=0.12)  # four errors of a standard deviation


def test_best_cut_maximises_the_product():
    rng = np.random.default_rng(2)
    signal = rng.random(400) < 0.5
    score = rng.beta(2 + 2 * signal, 4 - 2 * signal)
    cut = scores.best_cut(score, signal)
    table = scores.purity_efficiency(score, signal, np.arange(1, 100) / 100)
    assert table["product"].max() == pytest.approx(
        scores.purity_efficiency(score, signal, [cut])["product"][0]
    )


def gaussian_classes(n, shares, rng):
    """Three Gaussian classes and their exact scores for equal shares."""
    centres = np.array([-1.5, 0.0, 1.5])
    y = rng.choice(3, n, p=shares)
    x = rng.normal(centres[y])
    density = stats.norm.pdf(x[:, None], centres)
    return density / density.sum(1, keepdims=True), y


def test_prior_correction_is_bayes_rule():
    rng = np.random.default_rng(4)
    shares = np.array([0.65, 0.05, 0.30])
    p, y = gaussian_classes(40_000, shares, rng)
    corrected = scores.prior_correction(p, np.ones(3) / 3, shares)
    assert corrected.sum(1) == pytest.approx(np.ones(len(p)))
    assert (corrected.argmax(1) == y).mean() > (p.argmax(1) == y).mean() + 0.05
    assert scores.calibration_error(corrected, y) < 0.01 < scores.calibration_error(p, y)
    with pytest.raises(ValueError, match="positive"):
        scores.prior_correction(p, np.ones(3), [1, 0, 1])


def test_shares_are_found_without_labels():
    rng = np.random.default_rng(5)
    shares = np.array([0.65, 0.05, 0.30])
    p, _ = gaussian_classes(40_000, shares, rng)
    assert scores.estimate_shares(p, np.ones(3) / 3) == pytest.approx(shares, abs=0.015)


def test_calibration_counts_every_score_once():
    p, y = np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05]]), np.array([0, 1])
    table = scores.calibration(p, y)
    assert table.n.sum() == 6
    assert table.right[table.score > 0.6].tolist() == [1, 1]
    assert scores.calibration(np.ones((4, 1)), np.zeros(4, int)).score.tolist() == [1]


def test_temperature_undoes_a_scale():
    rng = np.random.default_rng(6)
    p, y = gaussian_classes(20_000, np.ones(3) / 3, rng)
    assert scores.temperature(2.5 * np.log(p), y) == pytest.approx(2.5, rel=0.05)


def test_mean_difference_takes_the_larger_error():
    assert scores.mean_difference([0.1, 0.1], [0.3, 0.4]) == pytest.approx((0.1, 0.25))
    assert scores.mean_difference([0.0, 0.2], [0.01, 0.01]) == pytest.approx((0.1, 0.1))


def test_smallest_difference_is_seen_so_often():
    rng = np.random.default_rng(7)
    size = scores.smallest_difference(1 / 5**0.5, runs=5)
    draws = rng.normal(size, 1, (4000, 5))
    t = draws.mean(1) / (draws.std(1, ddof=1) / 5**0.5)
    assert (t > stats.t(4).isf(0.025)).mean() == pytest.approx(0.8, abs=0.05)
    with pytest.raises(ValueError, match="at least two"):
        scores.smallest_difference(1, 1)


def test_paired_accuracy():
    one, two = torch.eye(3)[[0, 1, 2, 0]], torch.eye(3)[[0, 2, 2, 1]]
    found = scores.compared(one, two, torch.tensor([0, 1, 2, 1]))
    assert (found.better, found.worse, found.n) == (1, 1, 4)


# --- nodes


def test_dead_nodes():
    values = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert nodes.dead(values).tolist() == [True, False, True]


def test_a_node_that_knows_nothing_ends_with_the_share_of_the_signal():
    signal = np.arange(60) % 3 == 0
    assert nodes.best_product(np.zeros(60), signal) == pytest.approx(1 / 3)
    assert nodes.best_product(signal.astype(float), signal) == pytest.approx(1)


def test_knowledge_of_the_generator_is_not_knowledge_of_the_class():
    rng = np.random.default_rng(8)
    y, d = rng.integers(0, 3, 600), rng.integers(0, 2, 600)
    more = rng.random(600) < 0.5 + 0.5 * (d == 0)  # the target lacks half of class 0
    kept = (y != 0) | more
    y, d = y[kept], d[kept]
    values = np.stack([y == 0, d == 1, rng.random(len(y))], 1).astype(float)
    known = nodes.generator_knowledge(values, y, d)
    assert known[0] == 0
    assert known[1] == pytest.approx(0.5)
    assert known[2] < 0.1


def test_products_of_all_kinds():
    y, d = np.arange(60) % 3, np.arange(60) // 30
    values = np.stack([y == 2, d == 0], 1).astype(float)
    table = nodes.products(values, y, d)
    assert table.nc[0] == pytest.approx(1) and table.source[1] == pytest.approx(1)
    assert table.numu[0] == pytest.approx(1 / 3) and table.target[0] == pytest.approx(0.5)


def test_knowledge_of_a_class_sees_low_nodes_too():
    y = np.arange(60) % 3
    values = np.stack([y == 1, y != 1, np.zeros(60)], 1).astype(float)
    table = nodes.class_knowledge(values, y)
    assert table.nue.tolist() == pytest.approx([0.5, 0.5, 0])
    assert table.numu[0] == pytest.approx(0.25)
