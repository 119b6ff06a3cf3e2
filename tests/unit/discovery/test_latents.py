"""Latent neurons: their price, what they know, and the theory of a Gaussian bottleneck."""

import numpy as np
import pytest
import torch

from parity_nb.discovery.methods.latents import (
    USED,
    correlation_of,
    encode,
    gaussian_bottleneck,
    information,
)
from parity_nb.discovery.networks import Coder, mlp


def coder():
    torch.manual_seed(0)
    return Coder(mlp(3, 8, 4), mlp(2, 8, 3), 2).eval()


def test_theory_has_a_threshold():
    assert gaussian_bottleneck(0.1**0.5 - 1e-9, 0.1) == 0
    assert 0 < gaussian_bottleneck(0.1**0.5 + 1e-3, 0.1) < 0.02
    with pytest.raises(ValueError, match="correlation"):
        gaussian_bottleneck(1.0, 0.1)


def test_information_of_gaussians():
    rng = np.random.default_rng(0)
    x, e = rng.normal(size=(2, 40_000))
    for r in (0.0, 0.5, 0.9):
        nats, error = information(x, r * x + (1 - r**2) ** 0.5 * e, bins=24)
        assert correlation_of(nats) == pytest.approx(r, abs=0.05)
        assert error < 0.005
    same, _ = information(x, np.exp(3 * x))
    assert same > 2


def test_information_of_independent_values_is_zero_on_average():
    rng = np.random.default_rng(0)
    found = np.array([information(*rng.normal(size=(2, 600)), bins=8, seed=s) for s in range(60)])
    z = found[:, 0].mean() / (found[:, 0].std(ddof=1) / 60**0.5)
    assert abs(z) < 4


@pytest.mark.parametrize("x, y, message", [
    (np.zeros(5), np.zeros(6), "as long as"),
    (np.zeros(20), np.zeros(20), "at least 288"),
    (np.full(500, np.nan), np.zeros(500), "finite: False"),
])  # fmt: skip
def test_information_refuses(x, y, message):
    with pytest.raises(ValueError, match=message):
        information(x, y)


def test_used_is_a_count_of_averages():
    net = coder()
    code = encode(net, torch.randn(30, 3))
    assert code.used == int((code.kl.mean(0) > USED).sum())
    assert torch.equal(code.relevance[code.order], code.relevance.sort(descending=True).values)


def test_no_items_are_refused():
    with pytest.raises(ValueError, match="no items"):
        encode(coder(), torch.zeros(0, 3))
