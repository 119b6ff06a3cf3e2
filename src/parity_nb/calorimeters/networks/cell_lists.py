"""Networks on lists of cells: a batch (N, cells, 3) of x, y and energy, zero where there is none.

`FCN` and `PFN` are those of Witkowski and Whiteson (2023), from their code; `InvariantNet` and
`MixtureNet` are ours, the second after Nabat et al. (2024).  All return the logit of "signal",
(N,), and hold the scale of their inputs, which `set_scale` takes from training events.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class _OnCells(nn.Module):
    """A network that holds mean and standard deviation of its inputs, here of the energies."""

    def __init__(self, numbers: int = 1):
        super().__init__()
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("std", torch.ones(numbers))

    def set_scale(self, cells: Tensor) -> None:
        """Take mean and standard deviation from training events (N, cells, 3), unturned."""
        x = self.scaled(cells)
        mean, std = x.mean(0), x.std(0, correction=0)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 0, std, 1.0))

    def scaled(self, cells: Tensor) -> Tensor:
        """What the scale is taken from, all energies: (N, cells, 3) -> (N * cells, 1)."""
        return cells[..., 2:].reshape(-1, 1)

    def general(self, cells: Tensor) -> Tensor:
        """(N, cells, 3) -> (N, cells, 3): x, y and scaled energy."""
        return torch.cat([cells[..., :2], (cells[..., 2:] - self.mean) / self.std], -1)

    def invariant(self, cells: Tensor) -> Tensor:
        """(N, cells, 3) -> (N, cells, 2): r and scaled energy."""
        r2 = cells[..., :2].square().sum(-1, keepdim=True)
        return torch.cat([(r2 + 1e-12).sqrt(), (cells[..., 2:] - self.mean) / self.std], -1)


def _total(phi: nn.Module, features: Tensor, cells: Tensor) -> Tensor:
    """Sum of phi over active cells, (N, cells, features) -> (N, latent).

    The published code sums over the empty ones too.
    """
    return (phi(features) * (cells[..., 2:] > 0)).sum(-2)


def _layers(widths: list[int], linear_first: bool = False) -> nn.Sequential:
    """Linear layers with LeakyReLU between them, none after the last."""
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(a, b))
        if i < len(widths) - 2 and not (linear_first and i == 0):
            layers.append(nn.LeakyReLU())
    return nn.Sequential(*layers)


class FCN(_OnCells):
    """The published fully connected network: the list, cell after cell, through three layers.

    Every number of the list is scaled by itself, as published.  The network knows a cell by its
    place in the list, which depends on how many cells before it are active.

    Args:
        cells: length of the lists.
        width: units of a hidden layer; published: 32 to 512, chosen by search.
    """

    def __init__(self, cells: int, width: int = 128):
        super().__init__(cells * 3)
        self.layers = _layers([cells * 3, width, width, width, 1])

    def scaled(self, cells: Tensor) -> Tensor:
        """All numbers of a list, (N, cells, 3) -> (N, cells * 3)."""
        return cells.flatten(1)

    def forward(self, cells: Tensor) -> Tensor:
        """Logit of "signal", (N, cells, 3) -> (N,)."""
        return self.layers((self.scaled(cells) - self.mean) / self.std)[:, 0]


class PFN(_OnCells):
    """The published particle-flow network: F(sum over cells of phi(x, y, energy)).

    As published, the first two layers of both parts have nothing between them.

    Args:
        cells: length of the lists; not used, any length will do.
        width: units of every layer.
    """

    def __init__(self, cells: int = 0, width: int = 64):
        super().__init__()
        self.phi = _layers([3, width, width, width, width], linear_first=True)
        self.rest = _layers([width, width, width, width, width, 1], linear_first=True)

    def forward(self, cells: Tensor) -> Tensor:
        """Logit of "signal", (N, cells, 3) -> (N,)."""
        return self.rest(_total(self.phi, self.general(cells), cells))[:, 0]


class InvariantNet(_OnCells):
    """A PFN that is told r instead of x and y: exactly invariant under every rotation of its cells.

    What it cannot know is what the detector does to the symmetry.
    """

    def __init__(self, cells: int = 0, width: int = 64):
        super().__init__()
        self.phi = _layers([2, width, width, width])
        self.rest = _layers([width, width, width, 1])

    def forward(self, cells: Tensor) -> Tensor:
        """Logit of "signal", (N, cells, 3) -> (N,)."""
        return self.rest(_total(self.phi, self.invariant(cells), cells))[:, 0]


class MixtureNet(InvariantNet):
    """A general and an invariant sum over cells, mixed by weights that are learned.

    After Nabat et al. (2024): the weights are a softmax of what a small network makes of the
    number of active cells and their energy, and what is mixed goes to one classifier.
    """

    def __init__(self, cells: int = 0, width: int = 64):
        super().__init__(cells, width)
        self.free = _layers([3, width, width, width])
        self.mixer = _layers([2, width // 2, width // 2, 2])

    def forward(self, cells: Tensor) -> Tensor:
        """Logit of "signal", (N, cells, 3) -> (N,)."""
        free = _total(self.free, self.general(cells), cells)
        bound = _total(self.phi, self.invariant(cells), cells)
        weights = self.weights(cells)
        return self.rest(weights[:, :1] * free + weights[:, 1:] * bound)[:, 0]

    def weights(self, cells: Tensor) -> Tensor:
        """(N, cells, 3) -> (N, 2): shares of the general and of the invariant part, sum 1."""
        active = cells[..., 2:] > 0
        summary = torch.cat([active.sum(-2) / 100, cells[..., 2:].sum(-2) / 16], -1)
        return self.mixer(summary).softmax(-1)


NETWORKS = {"fcn": FCN, "pfn": PFN, "invariant": InvariantNet, "mixture": MixtureNet}
"""Networks that a chapter's `network` parameter may name."""
