"""Networks of the part on discovery: layers in a row, and coders with noisy latent neurons."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn


def mlp(*widths: int, activation: Callable[[], nn.Module] = nn.ELU) -> nn.Sequential:
    """Fully connected layers of these widths, the activation between them and not after the last.

    Raises:
        ValueError: for fewer than two widths.
    """
    if len(widths) < 2:
        raise ValueError(f"widths {widths}: a network needs an input and an output")
    layers: list[nn.Module] = []
    for narrow, wide in pairwise(widths):
        layers += [nn.Linear(narrow, wide), activation()]
    return nn.Sequential(*layers[:-1])


def kl_nats(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of each latent Gaussian from a standard one, (N, K) and (N, K) -> (N, K)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


class Coded(NamedTuple):
    """What a `Coder` makes of a batch: output (N, ...), latent means and their KL, (N, K)."""

    output: Tensor
    mean: Tensor
    kl: Tensor


class Coder(nn.Module):
    """Encoder, noisy latent neurons, decoder.

    In training the decoder sees a sample of the latent Gaussians, otherwise their means.

    Args:
        encoder: (N, ...) -> (N, 2 latents), means first, then logarithms of variances.
        decoder: (N, latents + questions) -> (N, ...).
        latents: K, the number of latent neurons.
        noisy: whether there is noise at all; without it (a plain autoencoder) all KL are zero.

    The parameter `log_sigma` is the logarithm of the decoder's error, for `gaussian_loss`.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, latents: int, noisy: bool = True
    ) -> None:
        super().__init__()
        if latents < 1:
            raise ValueError(f"latents = {latents}: at least one latent neuron is needed")
        self.encoder, self.decoder = encoder, decoder
        self.latents, self.noisy = latents, noisy
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, question: Tensor | None = None) -> Coded:
        """Items (N, ...), questions (N, Q) or none -> `Coded`.

        Raises:
            ValueError: if the encoder does not give two numbers for each latent neuron.
        """
        code = self.encoder(x)
        if code.shape[-1] != 2 * self.latents:
            raise ValueError(
                f"the encoder gives {code.shape[-1]} numbers; {self.latents} latent neurons need "
                f"{2 * self.latents}, a mean and a log variance each"
            )
        mean, log_variance = code.chunk(2, dim=-1)
        log_variance = log_variance.clamp(-14, 6)
        z, kl = mean, torch.zeros_like(mean)
        if self.noisy:
            kl = kl_nats(mean, log_variance)
            if self.training:
                z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        asked = z if question is None else torch.cat([z, question], dim=-1)
        return Coded(self.decoder(asked), mean, kl)

    def decode(self, z: Tensor, question: Tensor | None = None) -> Tensor:
        """Latent values (N, K) of the reader's choice -> output (N, ...)."""
        return self.decoder(z if question is None else torch.cat([z, question], dim=-1))
