"""Latent neurons: their price, what they know, and the theory of a Gaussian bottleneck."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from parity_nb.discovery.latents import (
    USED,
    Coder,
    bottleneck_recipe,
    coder_step,
    correlation_of,
    encode,
    gaussian_bottleneck,
    gaussian_loss,
    information,
    intraclass,
    kl_nats,
    mlp,
)
from parity_nb.training import fit


def coder(inputs=3, questions=0, outputs=3, latents=2, noisy=True):
    torch.manual_seed(0)
    net = Coder(mlp(inputs, 8, 2 * latents), mlp(latents + questions, 8, outputs), latents, noisy)
    return net.eval()


def test_kl_is_that_of_torch():
    mean, log_variance = torch.randn(50, 4), torch.randn(50, 4)
    theirs = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    assert torch.allclose(kl_nats(mean, log_variance), theirs, atol=1e-5)
    assert kl_nats(torch.zeros(1), torch.zeros(1)).item() == 0


def test_noise_in_training_only():
    net, x = coder(), torch.randn(5, 3)
    assert torch.equal(net(x).output, net(x).output)
    net.train()
    assert not torch.equal(net(x).output, net(x).output)
    assert net(x).kl.shape == (5, 2)


def test_a_plain_autoencoder_has_no_noise_and_no_price():
    net, x = coder(noisy=False).train(), torch.randn(5, 3)
    assert torch.equal(net(x).output, net(x).output)
    assert net(x).kl.abs().sum() == 0


def test_the_decoder_sees_the_question():
    net = coder(questions=1, outputs=2)
    x = torch.randn(4, 3)
    assert not torch.equal(net(x, torch.zeros(4, 1)).output, net(x, torch.ones(4, 1)).output)
    assert torch.equal(net.decode(net(x, torch.zeros(4, 1)).mean, torch.ones(4, 1)),
                       net(x, torch.ones(4, 1)).output)  # fmt: skip


def test_bad_networks_are_refused():
    with pytest.raises(ValueError, match="4 numbers; 3 latent neurons need 6"):
        Coder(mlp(3, 4), mlp(3, 3), 3)(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="at least one latent"):
        Coder(mlp(3, 4), mlp(3, 3), 0)
    with pytest.raises(ValueError, match="input and an output"):
        mlp(3)
    with pytest.raises(ValueError, match="cannot be negative"):
        coder_step(-1, (1, 1, 1))
    with pytest.raises(ValueError, match="no items"):
        encode(coder(), torch.zeros(0, 3))


def test_gaussian_loss_is_a_log_likelihood():
    target, output, sigma = torch.randn(20, 3), torch.randn(20, 3), torch.tensor(0.7)
    theirs = -Normal(output, sigma).log_prob(target).sum(1).mean()
    ours = gaussian_loss(output, target, sigma.log()) + 1.5 * np.log(2 * np.pi)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)


@pytest.mark.parametrize("beta", [0.05, 0.2])
def test_the_bottleneck_on_gaussians_keeps_what_theory_says(beta):
    """The input has two independent numbers; the answer is correlated with the first by 0.9."""
    chance = torch.Generator().manual_seed(1)
    x = torch.randn(8000, 2, generator=chance)
    y = 0.9 * x[:, :1] + (1 - 0.81) ** 0.5 * torch.randn(8000, 1, generator=chance)
    torch.manual_seed(0)
    net = Coder(torch.nn.Linear(2, 4), torch.nn.Linear(2, 1), 2)
    recipe = bottleneck_recipe(epochs=12, batch=128, rate=2e-2)
    fit(net, torch.cat([x, y], 1), recipe, step=coder_step(beta, (2, 0, 1)), progress=False)
    code = encode(net, x)
    assert code.used == 1
    assert code.relevance.sum().item() == pytest.approx(gaussian_bottleneck(0.9, beta), abs=0.12)
    k = code.order[0]
    assert abs(np.corrcoef(code.mean[:, k], x[:, 0])[0, 1]) > 0.99


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


def test_intraclass():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(300), 6)
    own = rng.normal(size=300)[groups]
    assert intraclass(own, groups) == pytest.approx(1)
    assert intraclass(rng.normal(size=1800), groups) == pytest.approx(0, abs=0.06)
    assert intraclass(own + rng.normal(size=1800), groups) == pytest.approx(0.5, abs=0.08)
    with pytest.raises(ValueError, match="two groups"):
        intraclass(np.zeros(3), [0, 1, 2])


def test_used_is_a_count_of_averages():
    net = coder()
    code = encode(net, torch.randn(30, 3))
    assert code.used == int((code.kl.mean(0) > USED).sum())
    assert torch.equal(code.relevance[code.order], code.relevance.sort(descending=True).values)
