"""Outliers: scores that need no labels, and honest measures of them.

A score is large for what is unlike the training events.  Whether it finds a signal is measured with
labels that no method saw: the area under the ROC curve, which is the probability that a signal
event scores higher than a normal one, and the significance improvement, signal efficiency over the
root of the background's, which is the factor by which a cut raises signal over root background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from parity_nb.discovery.latents import mlp
from parity_nb.statistics import roc_area


@dataclass(frozen=True)
class Roc:
    """How a score parts signal from background.

    Attributes:
        auc: area under the curve; 1/2 for a score that knows nothing.
        error: its standard deviation (DeLong et al. 1988).
        background, signal: efficiencies of cuts, from the tightest on, starting at (0, 0).
        n: numbers of background and signal events.
    """

    auc: float
    error: float
    background: np.ndarray
    signal: np.ndarray
    n: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.auc:.3f} ± {self.error:.3f}"

    def improvement(self, least: int = 20) -> tuple[float, float, float]:
        """Largest significance improvement with at least so many background events left.

        Returns:
            The improvement, its binomial error, and the background efficiency of the cut.  The cut
            is chosen on the same events, which flatters the value by a part of its error.

        Raises:
            ValueError: if there are fewer background events than that.
        """
        if self.n[0] < least:
            raise ValueError(f"{self.n[0]} background events; at least {least} are needed")
        kept = self.background * self.n[0] >= least - 0.5
        ratio = self.signal[kept] / np.sqrt(self.background[kept])
        best = int(ratio.argmax())
        b, s = self.background[kept][best], self.signal[kept][best]
        of_background = (1 - b) / (4 * b * self.n[0])
        of_signal = (1 - s) / (max(s, 1e-9) * self.n[1])
        return float(ratio[best]), float(ratio[best] * (of_background + of_signal) ** 0.5), float(b)


def roc(background: Tensor | ArrayLike, signal: Tensor | ArrayLike) -> Roc:
    """ROC of scores of background and signal events, (B,) and (S,).

    Raises:
        ValueError: for fewer than two events of either, NaN or infinite scores.
    """
    b, s = (np.asarray(torch.as_tensor(x).cpu(), dtype=float).ravel() for x in (background, signal))
    if min(len(b), len(s)) < 2 or not (np.isfinite(b).all() and np.isfinite(s).all()):
        raise ValueError(
            f"{len(b)} background and {len(s)} signal scores: at least two of each, all finite"
        )
    area = roc_area(np.concatenate([b, s]), np.repeat([0, 1], [len(b), len(s)]))
    cuts = np.unique(np.concatenate([b, s]))[::-1]
    passed = [1 - np.searchsorted(np.sort(x), cuts, side="left") / len(x) for x in (b, s)]
    background, signal = (np.concatenate([[0.0], part]) for part in passed)
    return Roc(area.value, area.error, background, signal, (len(b), len(s)))


@dataclass(frozen=True)
class Scale:
    """Mean and covariance of training events: standard scores, and distances from the mean.

    Attributes:
        mean: (D,).
        std: (D,).
        inverse: (D, D) inverse covariance of the standard scores.
    """

    mean: Tensor
    std: Tensor
    inverse: Tensor

    @classmethod
    def fit(cls, x: Tensor) -> Scale:
        """From events (N, D).

        Raises:
            ValueError: if a feature is the same for all events.
        """
        std = x.std(0)
        if (std == 0).any():
            constant = (std == 0).nonzero().flatten().tolist()
            raise ValueError(f"features {constant} are the same for all {len(x)} events")
        standard = (x - x.mean(0)) / std
        covariance = standard.T.double() @ standard.double() / len(x)
        ridge = 1e-6 * torch.eye(x.shape[1], dtype=torch.float64)
        return cls(x.mean(0), std, torch.linalg.inv(covariance + ridge).float())

    def __call__(self, x: Tensor) -> Tensor:
        """(N, D) -> (N, D) standard scores."""
        return (x - self.mean) / self.std

    def distance(self, x: Tensor) -> Tensor:
        """Squared Mahalanobis distance from the mean, (N, D) -> (N,): a Gaussian's -2 log p."""
        z = self(x)
        return (z @ self.inverse * z).sum(1)


class Flow(nn.Module):
    """A density in D dimensions: affine couplings (Dinh et al. 2017) from a standard Gaussian.

    Each layer leaves every second coordinate alone and moves and stretches the others by amounts
    that depend on those.  The roles change from layer to layer, and so does the order.

    Args:
        dimensions: D, at least 2.
        layers: couplings.
        width: hidden neurons in each coupling.
    """

    def __init__(self, dimensions: int, layers: int = 8, width: int = 64) -> None:
        super().__init__()
        if dimensions < 2:
            raise ValueError(f"dimensions = {dimensions}: a coupling needs two at least")
        self.half = dimensions // 2
        rest = dimensions - self.half
        chance = torch.Generator().manual_seed(dimensions)
        orders = [torch.randperm(dimensions, generator=chance) for _ in range(layers)]
        self.register_buffer("orders", torch.stack(orders))
        self.nets = nn.ModuleList(
            mlp(self.half, width, width, 2 * rest, activation=nn.ReLU) for _ in range(layers)
        )
        for net in self.nets:  # start at the identity
            nn.init.zeros_(net[-1].weight)
            nn.init.zeros_(net[-1].bias)

    def _amounts(self, net: nn.Module, kept: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = net(kept).chunk(2, dim=1)
        return 2 * torch.tanh(log_scale / 2), shift

    def forward(self, x: Tensor) -> Tensor:
        """Logarithm of the density, (N, D) -> (N,)."""
        volume = x.new_zeros(len(x))
        for order, net in zip(self.orders, self.nets, strict=True):
            x = x[:, order]
            kept, moved = x[:, : self.half], x[:, self.half :]
            log_scale, shift = self._amounts(net, kept)
            x = torch.cat([kept, moved * log_scale.exp() + shift], dim=1)
            volume = volume + log_scale.sum(1)
        constant = 0.5 * x.shape[1] * np.log(2 * np.pi)
        return volume - 0.5 * x.square().sum(1) - constant

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """New events, (n, D), of a flow that is on the CPU."""
        chance = torch.Generator().manual_seed(seed)
        dimensions = self.orders.shape[1]
        x = torch.randn(n, dimensions, generator=chance)
        for order, net in zip(self.orders.flip(0), reversed(self.nets), strict=True):
            kept, moved = x[:, : self.half], x[:, self.half :]
            log_scale, shift = self._amounts(net, kept)
            x = torch.cat([kept, (moved - shift) * (-log_scale).exp()], dim=1)
            x = x[:, order.argsort()]
        return x


def told_apart(real: Tensor, made: Tensor, seed: int = 0) -> Roc:
    """Whether a classifier can tell made events from real ones (Lopez-Paz and Oquab 2017).

    Boosted trees are trained on one half of both and score the other half.  An area of one half
    means that they found no difference.

    Args:
        real: (N, D).
        made: (M, D).
        seed: of the halves and the trees.

    Raises:
        ValueError: for fewer than 40 of either.
    """
    if min(len(real), len(made)) < 40:
        raise ValueError(f"{len(real)} real and {len(made)} made events: at least 40 are needed")
    halves = []
    for x in (real, made):
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
        halves.append((x[order[: len(x) // 2]], x[order[len(x) // 2 :]]))
    model = trees(halves[0][0], halves[1][0], seed)
    return roc(model(halves[0][1]), model(halves[1][1]))


def trees(zero: Tensor, one: Tensor, seed: int = 0):
    """Boosted trees that part two sets of events; returns x (N, D) -> (N,) probability of `one`."""
    from lightgbm import LGBMClassifier

    x = torch.cat([zero, one]).cpu().numpy()
    y = np.repeat([0, 1], [len(zero), len(one)])
    model = LGBMClassifier(
        n_estimators=150, learning_rate=0.05, num_leaves=15, min_child_samples=40,
        class_weight="balanced", random_state=seed, n_jobs=1, verbose=-1, deterministic=True,
    )  # fmt: skip
    model.fit(x, y)
    booster = model.booster_
    return lambda events: torch.tensor(booster.predict(events.cpu().numpy(), num_threads=1))
