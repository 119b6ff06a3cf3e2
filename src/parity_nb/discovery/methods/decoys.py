"""The decoy task: a small network learns the tone of each pixel of one picture from its (x, y).

Derived in discovery/decoy-task.  Every picture has a network of its own, and hundreds of them are
trained together as one `Ensemble`.  Each network stops where it first reaches a given accuracy on
pixels that it was not trained on, so that no picture is learnt better than another.

The source (Barenboim et al. 2021) does not give its network or its stopping rule; these are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from parity_nb.ensembles import Ensemble
from parity_nb.training import fabric

LOOK = 20
"""Steps between two looks at the accuracy."""
STRETCH = 3.0
"""Coordinates are multiplied by this, so that the first layer bends inside the picture."""


class DecoyNet(nn.Module):
    """Coordinates to the logit of the tone: three hidden layers of tanh.

    Args:
        width: units in each hidden layer.
    """

    def __init__(self, width: int = 32):
        super().__init__()
        layers = []
        for units in (2, width, width):
            layers += [nn.Linear(units, width), nn.Tanh()]
        self.hidden = nn.Sequential(*layers)
        self.out = nn.Linear(width, 1)

    def forward(self, xy: Tensor) -> tuple[Tensor, Tensor]:
        """Points (M, 2) -> logits (M,), and the last hidden layer (M, width)."""
        hidden = self.hidden(STRETCH * xy)
        return self.out(hidden)[:, 0], hidden


def fresh(n: int, width: int = 32, seed: int = 0, device: torch.device | str = "cpu") -> Ensemble:
    """`n` networks before training; network i has weights of its own.

    Raises:
        ValueError: for fewer than one network.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return Ensemble([DecoyNet(width) for _ in range(n)], device)


def gradients(networks: Ensemble, xy: Tensor, tones: Tensor) -> dict[str, Tensor]:
    """The gradient of every network's own loss, stacked as its weights are.

    Args:
        networks: N of them.
        xy: (M, 2), points, the same for all.
        tones: (N, M) float, 0 and 1, of each network's picture there.
    """

    def loss(weights: dict[str, Tensor], tone: Tensor) -> Tensor:
        logits, _ = functional_call(networks.skeleton, weights, (xy,))
        return binary_cross_entropy_with_logits(logits, tone)

    return vmap(grad(loss))(networks.weights, tones)


class Adam:
    """Adam (Kingma and Ba 2015) for stacked weights, element by element."""

    # Not torch.optim.Adam, which differs in the last digits (it takes the root before it divides)
    # and would have to be made again, with its memory cut, whenever networks leave the stack.

    def __init__(self, weights: dict[str, Tensor], rate: float):
        self.rate, self.t = rate, 0
        self.mean = {k: torch.zeros_like(w) for k, w in weights.items()}
        self.square = {k: torch.zeros_like(w) for k, w in weights.items()}

    @torch.no_grad()
    def step(self, weights: dict[str, Tensor], gradient: dict[str, Tensor]) -> None:
        """Change the weights in place."""
        self.t += 1
        small, large = 1 - 0.9**self.t, 1 - 0.999**self.t
        for k, g in gradient.items():
            self.mean[k].lerp_(g, 0.1)
            self.square[k].lerp_(g * g, 0.001)
            root = (self.square[k] / large).sqrt_().add_(1e-8)
            weights[k].addcdiv_(self.mean[k], root, value=-self.rate / small)

    def keep(self, index: Tensor) -> None:
        """Forget all other networks."""
        for memory in (self.mean, self.square):
            memory.update({k: v[index] for k, v in memory.items()})


@dataclass
class Decoys:
    """N trained networks.

    Attributes:
        trained: the networks at the end of training, on the device where they were trained.
        start: before it.
        steps: (N,) int, steps that each took.
        accuracy: (N,) share of held-out pixels right at its end.
        reached: (N,) bool, whether it reached the accuracy asked for.
    """

    trained: Ensemble
    start: Ensemble
    steps: Tensor
    accuracy: Tensor
    reached: Tensor

    def __len__(self) -> int:
        return len(self.steps)


@torch.no_grad()
def train_decoys(
    tones: Tensor,
    xy: Tensor,
    width: int = 32,
    target: float = 0.94,
    most: int = 1500,
    batch: int = 256,
    rate: float = 0.02,
    seed: int = 0,
    on: Fabric | None = None,
    progress: bool = True,
) -> Decoys:
    """Train one network for each picture, all at the same time.

    A quarter of the pixels, the same of every picture, are held out.  Every `LOOK` steps each
    network's accuracy on them is compared with `target`.  Networks that have reached it are
    finished; they leave the stack when they are a quarter of it.

    Args:
        tones: (N, M) bool, the pictures.
        xy: (M, 2), coordinates of their pixels.
        width: units in each hidden layer.
        target: accuracy at which a network stops.
        most: steps after which it stops in any case.
        batch: pixels in a step, drawn with replacement, the same for all networks.
        rate: learning rate of Adam.
        seed: of the weights and of the pixels.
        on: the device; `fabric()` by default.
        progress: show a bar.

    Returns:
        The trained networks.  A network that never reached the target has its last weights.

    Raises:
        ValueError: if a picture has one tone only, naming the first, if numbers of pixels differ,
            or for a target that no accuracy can reach.
    """
    if tones.ndim != 2 or tones.shape[1] != len(xy):
        raise ValueError(f"tones are {tuple(tones.shape)}, but there are {len(xy)} pixels")
    if not 0.5 < target < 1:
        raise ValueError(f"target = {target} must lie between 0.5 and 1")
    plain = (tones.all(1) | ~tones.any(1)).nonzero().ravel()
    if len(plain):
        raise ValueError(f"picture {int(plain[0])} has one tone only: there is nothing to learn")
    device = (on or fabric()).device
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(xy), generator=chance)
    held, seen = order[: len(xy) // 4].to(device), order[len(xy) // 4 :].to(device)
    goal, xy = tones.float().to(device), xy.float().to(device)
    alive = torch.arange(len(tones), device=device)
    start = fresh(len(tones), width, seed, device)
    ended, networks = start[alive], start[alive]
    adam = Adam(networks.weights, rate)
    steps, accuracy = torch.zeros_like(alive), torch.zeros(len(tones), device=device)
    bar = tqdm(total=len(tones), desc="decoy networks", leave=False, disable=not progress)
    with bar:
        for step in range(1, most + 1):
            pixel = seen[torch.randint(len(seen), (batch,), generator=chance).to(device)]
            adam.step(networks.weights, gradients(networks, xy[pixel], goal[:, pixel]))
            if step % LOOK and step < most:
                continue
            logits, _ = networks(xy[held], shared=True)
            right = ((logits > 0) == (goal[:, held] > 0.5)).float().mean(1)
            running = steps[alive] == 0
            stop = running & ((right >= target) | (step == most))
            for name, w in networks.weights.items():
                ended.weights[name][alive[stop]] = w[stop]
            steps[alive[stop]], accuracy[alive[stop]] = step, right[stop]
            left = running & ~stop
            bar.update(int(stop.sum()))
            if not left.any():
                break
            if left.float().mean() < 0.75:
                networks, alive, goal = networks[left], alive[left], goal[left]
                adam.keep(left)
    return Decoys(ended, start, steps.cpu(), accuracy.cpu(), (accuracy >= target).cpu())
