"""Coders with noisy latent neurons, and what the neurons cost."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from parity_nb.discovery.networks import Coder, kl_nats, mlp


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
