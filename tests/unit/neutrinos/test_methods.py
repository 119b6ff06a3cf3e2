"""Purity and efficiency against answers known by hand, and the training of classifiers."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from parity_nb.neutrinos.data import Events
from parity_nb.neutrinos.methods import (
    compared,
    logits_of,
    purity_efficiency,
    train_classifier,
    weighted_cross_entropy,
)
from parity_nb.neutrinos.networks import QuickNet
from parity_nb.statistics import accuracy
from parity_nb.training import Recipe


def test_accuracy_by_hand():
    found = accuracy(np.eye(3), [0, 1, 0])
    assert found.value == pytest.approx(2 / 3)
    assert found.error == pytest.approx((2 / 9 / 3) ** 0.5)
    with pytest.raises(ValueError, match="no events"):
        accuracy(np.zeros((0, 3)), [])


def test_purity_and_efficiency_by_hand():
    score, signal = [0.1, 0.4, 0.6, 0.9], [False, True, False, True]
    table = purity_efficiency(score, signal, [0.0, 0.5, 0.9, 1.0])
    assert table.purity[:3].tolist() == [0.5, 0.5, 1.0]
    assert table.efficiency.tolist() == [1.0, 0.5, 0.5, 0.0]
    assert table["product"][:3].tolist() == [0.5, 0.25, 0.5]
    assert np.isnan(table.purity[3])
    assert table.kept.tolist() == [4, 2, 1, 0]


def test_no_signal_has_no_efficiency():
    with pytest.raises(ValueError, match="no signal"):
        purity_efficiency([0.1, 0.2], [False, False], [0.0])


def test_errors_are_those_of_repeated_experiments():
    rng = np.random.default_rng(1)
    found, errors = [], []
    for _ in range(600):
        n = rng.poisson(300)
        signal = rng.random(n) < 0.4
        score = rng.normal(signal * 1.0)
        row = purity_efficiency(score, signal, [0.6]).iloc[0]
        found.append([row[k] for k in ("purity", "efficiency", "product")])
        errors.append([row[k + "_error"] for k in ("purity", "efficiency", "product")])
    ratio = np.std(found, axis=0) / np.mean(errors, axis=0)
    assert ratio == pytest.approx([1, 1, 1], abs=0.12)  # four errors of a standard deviation


def test_paired_accuracy():
    one, two = torch.eye(3)[[0, 1, 2, 0]], torch.eye(3)[[0, 2, 2, 1]]
    found = compared(one, two, torch.tensor([0, 1, 2, 1]))
    assert (found.better, found.worse, found.n) == (1, 1, 4)


# --- training


def test_the_kept_weights_are_those_of_the_best_epoch(domains):
    source, target = domains
    torch.manual_seed(0)
    net = QuickNet()
    recipe = Recipe("test", "adamw", 2e-2, 8, 4, "cross entropy")
    _, curves = train_classifier(net, source, recipe, validation=target)
    assert len(curves.validation_loss) == len(curves.train) == 4
    assert curves.best == curves.validation_loss.index(min(curves.validation_loss))
    again = functional.cross_entropy(logits_of(net, target), target.labels).item()
    assert again == pytest.approx(min(curves.validation_loss), rel=1e-4)


def test_looking_does_not_change_the_training(domains):
    def weights(validation):
        torch.manual_seed(0)
        net = QuickNet()
        recipe = Recipe("test", "adamw", 1e-3, 8, 1, "cross entropy")
        train_classifier(net, domains[0], recipe, validation=validation)
        return torch.cat([p.flatten() for p in net.parameters()])

    assert torch.equal(weights(None), weights(domains[1]))


def test_a_weight_of_zero_is_an_event_that_is_not_there(tiny):
    """In a network without normalisation over the batch."""
    x = tiny(12)
    y = Events(
        x.maps, (x.labels + (torch.arange(12) >= 6)) % 3, x.domain, 2.0 * (torch.arange(12) < 6)
    )
    torch.manual_seed(0)
    net = QuickNet().eval()
    whole = weighted_cross_entropy(net(y.maps), y.labels, y.weights)
    part = weighted_cross_entropy(net(x.maps[:6]), x.labels[:6], torch.ones(6))
    assert whole.item() == pytest.approx(part.item(), rel=1e-5)
