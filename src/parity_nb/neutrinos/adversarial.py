"""Two domains, one classifier: gradient reversal and other ways to make features alike.

A *domain* is a generator here.  The source domain has class labels, the target domain has none;
a method may use the maps of both.  After Ganin et al. (2016), Sun and Saenko (2016), Gretton et al.
(2012) and Tzeng et al. (2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_nb.neutrinos.networks import TwoView, keras_start


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, strength: Tensor) -> Tensor:
        ctx.save_for_backward(strength)
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (strength,) = ctx.saved_tensors
        return -strength * gradient, None


class GradientReversal(nn.Module):
    """The identity, whose gradient is multiplied by minus `strength` (Ganin et al. 2016).

    `strength` is a buffer, so that it moves to the device with the module and may be changed
    during training.

    Raises:
        ValueError: for a strength that is negative or not finite.
    """

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("strength", torch.tensor(0.0))
        self.set(strength)

    def set(self, strength: float) -> None:
        """Use another strength from now on."""
        if not (math.isfinite(strength) and strength >= 0):
            raise ValueError(f"the strength of a gradient reversal is {strength}, and must be >= 0")
        self.strength.fill_(strength)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; x itself."""
        return _Reverse.apply(x, self.strength)


def ramp(progress: float, steepness: float = 10.0) -> float:
    """Share of the full strength after a share `progress` of the training: 2 / (1 + e^-kp) - 1.

    From 0 to nearly 1 (Ganin et al. 2016, section 5.2.2).

    Raises:
        ValueError: for a progress outside 0 to 1.
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"progress is a share of the training from 0 to 1, not {progress}")
    return 2 / (1 + math.exp(-steepness * progress)) - 1


def domain_head(
    width: int, nodes: int = 128, dropout: float = 0.5, layers: int = 1
) -> nn.Sequential:
    """Features (N, width) to one logit per event, (N, 1): positive for the target domain.

    By default the source's head; it has two outputs and a softmax, which is the same with twice the
    weights.

    Args:
        width: of the features.
        nodes: of a hidden layer.
        dropout: before every layer.
        layers: how many are hidden.
    """
    parts: list[nn.Module] = []
    for wide in [width, *[nodes] * (layers - 1)]:
        parts += [nn.Dropout(dropout), nn.Linear(wide, nodes), nn.ReLU()]
    head = nn.Sequential(*parts, nn.Dropout(dropout), nn.Linear(nodes, 1))
    return head.apply(keras_start)


class DomainNet(nn.Module):
    """A classifier with a second head that guesses the domain through a gradient reversal.

    Args:
        net: the classifier; both heads see the same pooled features.
        head: what `domain_head` is given beside their width.
    """

    def __init__(self, net: TwoView, **head: float) -> None:
        super().__init__()
        self.net, self.reversal = net, GradientReversal(0.0)
        self.head = domain_head(net.width, **head)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 2, H, W) -> class logits (N, classes), domain logits (N,), features (N, width)."""
        features = self.net.features(maps)
        domain = self.head(self.reversal(features)).squeeze(1)
        return self.net.classify(features), domain, features


def domain_loss(logits: Tensor, domain: Tensor) -> Tensor:
    """Binary cross-entropy of the domain, 0 source and 1 target: (N,), (N,) -> ()."""
    return functional.binary_cross_entropy_with_logits(logits, domain.to(logits.dtype))


def coral(source: Tensor, target: Tensor) -> Tensor:
    """Squared distance of the covariances of two sets of features, over 4 d^2.

    Deep CORAL (Sun and Saenko 2016).

    Args:
        source: (N, d), at least two events.
        target: (M, d), at least two.

    Raises:
        ValueError: for fewer.
    """
    if min(len(source), len(target)) < 2:
        raise ValueError(
            f"{len(source)} and {len(target)} events: a covariance needs at least two of each"
        )
    d = source.shape[1]
    return (source.T.cov() - target.T.cov()).square().sum() / (4 * d * d)


def mmd(source: Tensor, target: Tensor, widths: tuple[float, ...] = (0.5, 1.0, 2.0)) -> Tensor:
    """Squared maximum mean discrepancy with Gaussian kernels (Gretton et al. 2012), unbiased.

    Args:
        source: (N, d), at least two events.
        target: (M, d), at least two.
        widths: of the kernels, in units of the median distance between all events.

    Raises:
        ValueError: for fewer events.
    """
    n, m = len(source), len(target)
    if min(n, m) < 2:
        raise ValueError(f"{n} and {m} events: the discrepancy needs at least two of each")
    both = torch.cat([source, target])
    norms = both.square().sum(1)
    squares = (norms[:, None] + norms - 2 * both @ both.T).clamp_min(0)
    scale = squares.detach().median().clamp_min(1e-12)
    kernel = sum((-squares / (2 * w * w * scale)).exp() for w in widths) / len(widths)
    within = [
        (block.sum() - block.trace()) / (len(block) * (len(block) - 1))
        for block in (kernel[:n, :n], kernel[n:, n:])
    ]
    return within[0] + within[1] - 2 * kernel[:n, n:].mean()


def blurred(maps: Tensor, sigma: float, chosen: Tensor) -> Tensor:
    """Blur some maps with a Gaussian of `sigma` pixels: (N, 2, H, W) -> float, same shape.

    Args:
        maps: uint8 or float.
        sigma: in pixels, for planes and cells alike.
        chosen: (N,) mask of those that are blurred.
    """
    maps = maps.float()
    reach = max(1, math.ceil(3 * sigma))
    at = torch.arange(-reach, reach + 1, device=maps.device, dtype=maps.dtype)
    line = torch.exp(-at.square() / (2 * sigma**2))
    line = (line / line.sum())[None, None]
    flat = maps[chosen].flatten(0, 1)[:, None]
    flat = functional.conv2d(flat, line[..., None], padding=(reach, 0))
    flat = functional.conv2d(flat, line[:, :, None], padding=(0, reach))
    out = maps.clone()
    out[chosen] = flat.reshape(-1, *maps.shape[1:])
    return out


Draw = Callable[[int], Tensor]


def drawer(n: int, seed: int) -> Draw:
    """Endless shuffled passes over n items: called with a number, it gives so many indices.

    Every item comes once before any comes twice.

    Raises:
        ValueError: for no items.
    """
    if n < 1:
        raise ValueError("there are no items to draw from")
    generator = torch.Generator().manual_seed(seed)
    waiting = torch.empty(0, dtype=torch.long)

    def draw(k: int) -> Tensor:
        nonlocal waiting
        while len(waiting) < k:
            waiting = torch.cat([waiting, torch.randperm(n, generator=generator)])
        chosen, waiting = waiting[:k], waiting[k:]
        return chosen

    return draw
