"""Cuts, priors and calibration of the classifier's scores, and its figures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from chapter_code import chapter_code
from scipy import stats

from parity_nb.neutrinos.data import Events
from parity_nb.neutrinos.methods import purity_efficiency

code = chapter_code("neutrinos/classifier")


def test_best_cut_maximises_the_product():
    rng = np.random.default_rng(2)
    signal = rng.random(400) < 0.5
    score = rng.beta(2 + 2 * signal, 4 - 2 * signal)
    cut = code.best_cut(score, signal)
    table = purity_efficiency(score, signal, np.arange(1, 100) / 100)
    assert table["product"].max() == pytest.approx(
        purity_efficiency(score, signal, [cut])["product"][0]
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
    corrected = code.prior_correction(p, np.ones(3) / 3, shares)
    assert corrected.sum(1) == pytest.approx(np.ones(len(p)))
    assert (corrected.argmax(1) == y).mean() > (p.argmax(1) == y).mean() + 0.05
    assert code.calibration_error(corrected, y) < 0.01 < code.calibration_error(p, y)
    with pytest.raises(ValueError, match="positive"):
        code.prior_correction(p, np.ones(3), [1, 0, 1])


def test_shares_are_found_without_labels():
    rng = np.random.default_rng(5)
    shares = np.array([0.65, 0.05, 0.30])
    p, _ = gaussian_classes(40_000, shares, rng)
    assert code.estimate_shares(p, np.ones(3) / 3) == pytest.approx(shares, abs=0.015)


def test_calibration_counts_every_score_once():
    p, y = np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05]]), np.array([0, 1])
    table = code.calibration(p, y)
    assert table.n.sum() == 6
    assert table.right[table.score > 0.6].tolist() == [1, 1]
    assert code.calibration(np.ones((4, 1)), np.zeros(4, int)).score.tolist() == [1]


def test_temperature_undoes_a_scale():
    rng = np.random.default_rng(6)
    p, y = gaussian_classes(20_000, np.ones(3) / 3, rng)
    assert code.temperature(2.5 * np.log(p), y) == pytest.approx(2.5, rel=0.05)


def test_class_weights_and_thinning(tiny):
    x = tiny(30)
    x = Events(x.maps, torch.tensor([0] * 20 + [1] * 8 + [2] * 2), x.domain, x.weights)
    weighted = code.weighted_by_class(x)
    sums = [weighted.weights[x.labels == k].sum().item() for k in range(3)]
    assert sums == pytest.approx([10] * 3)
    assert code.thinned(x, 0).labels.bincount().tolist() == [2, 2, 2]


def test_shares_are_never_zero(tiny):
    both = tiny()
    assert code.shares(both) == pytest.approx([1 / 3] * 3)
    only = both[both.labels == 0]
    assert (code.shares(only) > 0).all()


# --- figures


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    labels = torch.as_tensor(rng.integers(0, 3, 200))
    logits = torch.as_tensor(rng.normal(size=(200, 3))) + 2 * torch.eye(3)[labels]
    return logits.softmax(1), labels


def test_histograms_add_up_to_one(scored):
    axes = code.score_histograms(*scored)
    assert len(axes) == 2
    for ax in axes:
        for patch in ax.patches:
            assert patch.get_data().values.sum() == pytest.approx(1)
    plt.close("all")


def test_roc_curves_end_at_one(scored):
    _, ax = plt.subplots()
    code.roc_curves(ax, {"one": scored, "two": scored})
    assert len(ax.lines) == 4
    for line in ax.lines:
        assert line.get_xdata()[-1] == line.get_ydata()[-1] == 1
        assert (np.diff(line.get_ydata()) >= 0).all()
    plt.close("all")


def test_other_figures_draw_what_they_are_given(scored):
    _, one = plt.subplots()
    code.cut_curves(one, {"a": scored, "b": scored}, "nue", bins=10)
    assert len(one.lines) == 6
    plt.close("all")
