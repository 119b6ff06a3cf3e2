"""Latent neurons: a noisy bottleneck, what each neuron costs in nats, and what it is about.

An encoder gives every latent neuron a mean and a variance; the decoder sees a sample.  The
Kullback-Leibler divergence of that Gaussian from a standard one,

    KL = (mean^2 + variance - 1 - log variance) / 2   nats,

is what the neuron tells about the item (Kingma and Welling 2014).  A neuron whose average KL is
below `USED` says nothing that the decoder could use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from parity_nb.training import Recipe, Step, fabric

USED = 0.1
"""Average KL divergence, in nats, from which on a latent neuron counts as used."""


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


def gaussian_loss(output: Tensor, target: Tensor, log_sigma: Tensor) -> Tensor:
    """Negative log likelihood of targets (N, D) about outputs, nats an item, up to a constant."""
    squares = (target - output).square().sum(-1).mean()
    return 0.5 * squares * (-2 * log_sigma).exp() + target.shape[-1] * log_sigma


def coder_step(beta: float, columns: Sequence[int]) -> Callable[[nn.Module], Step]:
    """The step for `training.fit` on items that hold observation, question and answer in a row.

    The loss is the negative log likelihood of the answer plus beta times the KL divergence.

    Args:
        beta: price of a nat.
        columns: how many columns are observation, question and answer; no question is 0.

    Raises:
        ValueError: if beta is negative.
    """
    if beta < 0:
        raise ValueError(f"beta = {beta} is a price and cannot be negative")

    def make(model: nn.Module) -> Step:
        def step(batch: Tensor) -> Tensor:
            seen, question, answer = batch.split(list(columns), dim=1)
            coded = model(seen, question if question.shape[1] else None)
            nats = coded.kl.sum(-1).mean()
            return gaussian_loss(coded.output, answer, model.log_sigma) + beta * nats

        return step

    return make


def bottleneck_recipe(epochs: int, batch: int = 256, rate: float = 3e-3) -> Recipe:
    """AdamW with a one-cycle schedule; the objective is the chapter's step, not the recipe's."""
    return Recipe("bottleneck", "adamw", rate, batch, epochs, "which is real", "one cycle")


def gaussian_bottleneck(correlation: float, beta: float) -> float:
    """Nats that the best encoder of a Gaussian x keeps for predicting a Gaussian y.

    It minimises I(z; x) beta - I(z; y).  Below a squared correlation of beta nothing is worth its
    price; above, I(z; x) = log((1 / beta - 1) rho^2 / (1 - rho^2)) / 2 (Chechik et al. 2005).

    Args:
        correlation: rho of x and y, between -1 and 1, both excluded.
        beta: price of a nat, between 0 and 1, both excluded.

    Raises:
        ValueError: for values outside.
    """
    if not (abs(correlation) < 1 and 0 < beta < 1):
        raise ValueError(
            f"correlation {correlation} must lie inside (-1, 1) and beta {beta} inside (0, 1)"
        )
    square = correlation**2
    if square <= beta:
        return 0.0
    return float(np.log((1 / beta - 1) * square / (1 - square)) / 2)


@dataclass(frozen=True)
class Latents:
    """Latent neurons on a set of items.

    Attributes:
        mean: (N, K) means, on the CPU.
        kl: (N, K) divergences in nats.
    """

    mean: Tensor
    kl: Tensor

    @property
    def relevance(self) -> Tensor:
        """Average KL of each neuron in nats, (K,)."""
        return self.kl.mean(0)

    @property
    def error(self) -> Tensor:
        """Standard error of the relevance over the items, (K,)."""
        return self.kl.std(0) / len(self.kl) ** 0.5

    @property
    def order(self) -> Tensor:
        """Indices of the neurons, the most relevant first, (K,)."""
        return self.relevance.argsort(descending=True)

    @property
    def used(self) -> int:
        """How many neurons carry more than `USED` nats."""
        return int((self.relevance > USED).sum())


@torch.no_grad()
def encode(model: Coder, items: Tensor, batch: int = 4096) -> Latents:
    """Latent neurons of items (N, ...); the model is left on the CPU, in its mode.

    Raises:
        ValueError: for no items.
    """
    if len(items) == 0:
        raise ValueError("no items to encode")
    device = fabric().device
    was_training = model.training
    model.to(device).eval()
    means, kls = [], []
    for chunk in items.split(batch):
        mean, log_variance = model.encoder(chunk.to(device)).chunk(2, dim=-1)
        means.append(mean.float().cpu())
        kls.append(kl_nats(mean, log_variance.clamp(-14, 6)).float().cpu())
    model.to("cpu").train(was_training)
    return Latents(torch.cat(means), torch.cat(kls))


# --- what a neuron is about


def rank_bins(x: ArrayLike, bins: int) -> np.ndarray:
    """Values (N,) -> bins of nearly equal population, 0 to at most bins - 1; ties share a bin."""
    values = np.asarray(x, dtype=float)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def information(x: ArrayLike, y: ArrayLike, bins: int = 12, shuffles: int = 20, seed: int = 0):
    """Mutual information of two samples in nats, with the bias of a finite sample taken off.

    Both are binned by rank, so that any monotone change of scale leaves the result alone.  The
    mean over random pairings estimates the bias, their standard deviation the error under
    independence.

    Args:
        x: values, (N,).
        y: values, (N,).
        bins: bins of either.
        shuffles: random pairings.
        seed: of the pairings.

    Returns:
        Mutual information and its error, floats in nats; the first may come out below zero.

    Raises:
        ValueError: for different numbers of values, fewer than 2 bins squared, or NaN.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"x and y must be as long as each other, not {x.shape} and {y.shape}")
    if len(x) < 2 * bins**2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(
            f"{len(x)} pairs, finite: {bool(np.isfinite(x).all() and np.isfinite(y).all())}; "
            f"{bins} bins need at least {2 * bins**2} finite pairs"
        )
    rng = np.random.default_rng(seed)
    a, b = rank_bins(x, bins), rank_bins(y, bins)
    null = [_plug_in(a, rng.permutation(b), bins) for _ in range(shuffles)]
    return float(_plug_in(a, b, bins) - np.mean(null)), float(np.std(null, ddof=1))


def _plug_in(a: np.ndarray, b: np.ndarray, bins: int) -> float:
    joint = np.bincount(a * bins + b, minlength=bins**2).reshape(bins, bins) / len(a)
    product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / product[filled])).sum())


def correlation_of(nats: ArrayLike) -> np.ndarray:
    """Linfoot's (1957) coefficient sqrt(1 - exp(-2 I)): |r| of two Gaussians of information I."""
    return np.sqrt(1 - np.exp(-2 * np.maximum(np.asarray(nats, dtype=float), 0)))


def intraclass(values: ArrayLike, groups: ArrayLike) -> float:
    """Share of the variance that lies between groups (one-way random effects, Fisher's ICC).

    1: every group has one value of its own; 0: groups tell nothing (it may come out below).

    Args:
        values: (N,).
        groups: (N,) labels; groups with one item are left out.

    Raises:
        ValueError: if fewer than two groups have two items.
    """
    values, groups = np.asarray(values, dtype=float), np.asarray(groups)
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    keep = counts[index] > 1
    values, index = values[keep], np.unique(index[keep], return_inverse=True)[1]
    counts = np.bincount(index)
    if len(counts) < 2:
        raise ValueError("intraclass needs at least two groups of at least two items")
    means = np.bincount(index, values) / counts
    between = (counts * (means - values.mean()) ** 2).sum() / (len(counts) - 1)
    within = ((values - means[index]) ** 2).sum() / (len(values) - len(counts))
    size = (len(values) - (counts**2).sum() / len(values)) / (len(counts) - 1)
    total = between + (size - 1) * within
    return float((between - within) / total) if total > 0 else 0.0
