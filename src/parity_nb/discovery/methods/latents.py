"""Latent neurons: a noisy bottleneck, what each neuron costs in nats, and what it is about.

An encoder gives every latent neuron a mean and a variance; the decoder sees a sample.  The
Kullback-Leibler divergence of that Gaussian from a standard one,

    KL = (mean^2 + variance - 1 - log variance) / 2   nats,

is what the neuron tells about the item (Kingma and Welling 2014).  A neuron whose average KL is
below `USED` says nothing that the decoder could use.  Derived in discovery/conserved-quantities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from parity_nb.discovery.networks import Coder, kl_nats
from parity_nb.training import Recipe, fabric

USED = 0.1
"""Average KL divergence, in nats, from which on a latent neuron counts as used."""


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
