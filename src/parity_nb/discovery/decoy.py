"""The decoy task: a small network learns the tone of each pixel of one picture from its (x, y).

Every picture has a network of its own, and hundreds of them are trained together: their weights
are stacked, `torch.func.vmap` maps one network's loss and gradient over the stack, and the
multiplications of all networks become one batched multiplication.  Each network stops where it
first reaches a given accuracy on pixels that it was not trained on, so that no picture is learnt
better than another.

The source (Barenboim et al. 2021) does not give its network or its stopping rule; these are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from parity_nb.training import fabric

Weights = dict[str, Tensor]
"""Weights of N networks, each tensor (N, ...)."""

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

    def forward(self, xy: Tensor) -> Tensor:
        """(M, 2) -> (M,)."""
        return self.out(self.last_hidden(xy))[:, 0]

    def last_hidden(self, xy: Tensor) -> Tensor:
        """(M, 2) -> (M, width)."""
        return self.hidden(STRETCH * xy)


def fresh(n: int, width: int = 32, seed: int = 0) -> Weights:
    """Weights of `n` networks before training, on the CPU; network i has its own.

    Raises:
        ValueError: for fewer than one network.
    """
    if n < 1:
        raise ValueError(f"cannot make {n} networks: at least one")
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        weights, _ = stack_module_state([DecoyNet(width) for _ in range(n)])
    return {name: w.detach() for name, w in weights.items()}


class _LastHidden(DecoyNet):
    forward = DecoyNet.last_hidden


def _skeleton(weights: Weights, kind: type[DecoyNet] = DecoyNet) -> DecoyNet:
    """A network without weights, for `functional_call`."""
    return kind(weights["out.weight"].shape[-1]).to("meta")


def _mapped(kind: type[DecoyNet], weights: Weights, xy: Tensor) -> Tensor:
    net = _skeleton(weights, kind)
    own = None if xy.ndim == 2 else 0
    return vmap(lambda w, x: functional_call(net, w, (x,)), in_dims=(0, own))(weights, xy)


def outputs(weights: Weights, xy: Tensor) -> Tensor:
    """Logits of all networks at the points (M, 2), or at points of their own (N, M, 2): (N, M)."""
    return _mapped(DecoyNet, weights, xy)


def activations(weights: Weights, xy: Tensor) -> Tensor:
    """The last hidden layer of all networks at the points (M, 2) or (N, M, 2): (N, M, width)."""
    return _mapped(_LastHidden, weights, xy)


def moved(weights: Weights, device: torch.device | str) -> Weights:
    """The same weights on another device."""
    return {name: w.to(device) for name, w in weights.items()}


def chosen(weights: Weights, index: Tensor) -> Weights:
    """The weights of some of the networks."""
    return {name: w[index] for name, w in weights.items()}


@dataclass
class Decoys:
    """N trained networks.

    Attributes:
        weights: at the end of training, on the device where they were trained.
        start: before it.
        steps: (N,) int, steps that each took.
        accuracy: (N,) share of held-out pixels right at its end.
        reached: (N,) bool, whether it reached the accuracy asked for.
    """

    weights: Weights
    start: Weights
    steps: Tensor
    accuracy: Tensor
    reached: Tensor

    def __len__(self) -> int:
        return len(self.steps)


class Adam:
    """Adam (Kingma and Ba 2015) for stacked weights; `keep` drops networks that are done.

    It works element by element, so that each network is trained as if it were alone.
    """

    def __init__(self, weights: Weights, rate: float):
        self.rate, self.t = rate, 0
        self.mean = {k: torch.zeros_like(w) for k, w in weights.items()}
        self.square = {k: torch.zeros_like(w) for k, w in weights.items()}

    def step(self, weights: Weights, gradient: Weights) -> None:
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
        self.mean, self.square = chosen(self.mean, index), chosen(self.square, index)


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
    start = moved(fresh(len(tones), width, seed), device)
    ended = {k: w.clone() for k, w in start.items()}
    weights = {k: w.clone() for k, w in start.items()}
    net, adam = _skeleton(weights), Adam(weights, rate)
    alive = torch.arange(len(tones), device=device)
    steps = torch.zeros(len(tones), dtype=torch.long, device=device)
    accuracy = torch.zeros(len(tones), device=device)

    def loss(w: Weights, x: Tensor, tone: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(functional_call(net, w, (x,)), tone)

    gradient = vmap(grad(loss), in_dims=(0, None, 0))
    bar = tqdm(total=len(tones), desc="decoy networks", leave=False, disable=not progress)
    with bar, torch.no_grad():
        for step in range(1, most + 1):
            pixel = seen[torch.randint(len(seen), (batch,), generator=chance).to(device)]
            adam.step(weights, gradient(weights, xy[pixel], goal[:, pixel]))
            if step % LOOK and step < most:
                continue
            right = ((outputs(weights, xy[held]) > 0) == (goal[:, held] > 0.5)).float().mean(1)
            running = steps[alive] == 0
            stop = running & ((right >= target) | (step == most))
            _put(ended, alive[stop], chosen(weights, stop))
            steps[alive[stop]], accuracy[alive[stop]] = step, right[stop]
            left = running & ~stop
            bar.update(int(stop.sum()))
            if not left.any():
                break
            if left.float().mean() < 0.75:
                weights, alive, goal = chosen(weights, left), alive[left], goal[left]
                adam.keep(left)
    return Decoys(ended, start, steps.cpu(), accuracy.cpu(), (accuracy >= target).cpu())


def _put(into: Weights, index: Tensor, weights: Weights) -> None:
    for k, w in weights.items():
        into[k][index] = w
