"""Networks for two-view pixel maps: the printed one, repaired and smaller ones.

All are `TwoView` networks.  They take maps (N, 2, 100, 80), planes by cells in two views, as uint8
or as floats in the same units, and go through the same three stages, which chapters may call one
by one: pooled `features`, the last hidden layer (`nodes`) and the `output`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.ops.misc import Conv2dNormActivation

from parity_nb.neutrinos.world.generators import LABELS

CLASSES = LABELS
"""Order of the outputs: charged-current muon and electron neutrinos, neutral current."""

FULL_SCALE = 64.0
"""Level of a map that networks see as one; a fixed scale keeps the energy, unlike one per event."""

KERAS_EPSILON = 1e-3
"""What batch normalisation in Keras adds to a variance."""
RUNNING = 0.1
"""Weight of a batch in the running averages of batch normalisation.  In Keras it is 0.01: averages
over a hundred batches.  Our trainings have a few hundred, in which the weights move on faster, and
a network that has learned in training mode is at chance in evaluation.
"""


class TwoView(nn.Module):
    """Base of all networks here: `trunk` of two views, one hidden layer of nodes, one output.

    Args:
        trunk: scaled maps (N, 2, H, W) to pooled features (N, width).
        width: number of features.
        hidden: nodes of the last hidden layer; 0: there is none, the features are the nodes.
        classes: outputs.
        dropout: on features and on nodes.
        output_bias: whether the last layer has a bias; the printed one has none.
    """

    def __init__(
        self,
        trunk: nn.Module,
        width: int,
        hidden: int,
        classes: int = 3,
        dropout: float = 0.4,
        output_bias: bool = True,
    ) -> None:
        super().__init__()
        self.trunk, self.width, self.classes = trunk, width, classes
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(width, hidden) if hidden else None
        self.output = nn.Linear(hidden or width, classes, bias=output_bias)

    def features(self, maps: Tensor) -> Tensor:
        """Pooled features: (N, 2, H, W) -> (N, width)."""
        return self.trunk(maps.float() / FULL_SCALE)

    def nodes(self, features: Tensor) -> Tensor:
        """Values of the last hidden layer after its ReLU: (N, width) -> (N, hidden)."""
        features = self.dropout(features)
        return features if self.hidden is None else self.hidden(features).relu()

    def classify(self, features: Tensor) -> Tensor:
        """Logits of the classes: (N, width) -> (N, classes)."""
        nodes = self.nodes(features)
        return self.output(nodes if self.hidden is None else self.dropout(nodes))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, 2, H, W) -> logits (N, classes)."""
        return self.classify(self.features(maps))


class Views(nn.Module):
    """One branch for each view, with weights of its own, then a common part.

    (N, 2, H, W) -> (N, C, H', W').  The outputs of the branches are joined as channels.
    """

    def __init__(self, branch: Callable[[], nn.Module], merge: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList([branch(), branch()])
        self.merge = merge

    def forward(self, maps: Tensor) -> Tensor:
        """(N, 2, H, W) -> (N, C, H', W')."""
        views = maps.split(1, dim=1)
        return self.merge(
            torch.cat([b(v) for b, v in zip(self.branches, views, strict=True)], dim=1)
        )


# --- the printed network


class SameConv(nn.Conv2d):
    """A convolution with Keras' padding "same": with stride 2 an odd pixel goes to the far side."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', ceil(H / stride), ceil(W / stride))."""
        ends: list[int] = []
        for size, kernel, stride in zip(
            reversed(x.shape[2:]), self.kernel_size, self.stride, strict=True
        ):
            short = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            ends += [short // 2, short - short // 2]
        return super().forward(functional.pad(x, ends))


def keras_norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with the defaults of Keras, but for the memory of its averages."""
    return nn.BatchNorm2d(channels, KERAS_EPSILON, RUNNING)


class FrozenNorm(nn.BatchNorm2d):
    """Batch normalisation that always uses its running statistics, which therefore never run.

    What `training=False` makes of the layer in the printed code: they stay at mean 0 and variance
    1, and a scale and an offset for each channel is all that it does.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
        )


def _norm_conv(channels: int, wider: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        SameConv(channels, wider, kernel, stride, bias=False), keras_norm(wider), nn.ReLU6()
    )


class PrintedBottleneck(nn.Module):
    """The inverted residual of Shokar (2020), appendix, `_bottleneck`.

    Args:
        channels, out: of input and output.
        expansion: how many times as many channels the depthwise convolution has.
        stride: of the depthwise convolution.
        residual: whether the input is added.
    """

    def __init__(
        self, channels: int, out: int, expansion: float, stride: int, residual: bool
    ) -> None:
        super().__init__()
        wide = int(channels * expansion)
        self.layers = nn.Sequential(
            _norm_conv(channels, wide, 1),
            SameConv(wide, wide, 3, stride, groups=wide),
            keras_norm(wide),
            nn.ReLU6(),
            SameConv(wide, out, 1),
            FrozenNorm(out),
        )
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, out, ceil(H / stride), ceil(W / stride))."""
        y = self.layers(x)
        return x + y if self.residual else y


Rows = Sequence[tuple[int, int, int, int]]
"""Filters before the width multiplier, expansion, stride of the first block, repetitions."""


def _plan(channels: int, rows: Rows) -> Iterator[tuple[int, int, int, int, bool]]:
    """Of every block: channels before and after, expansion, stride, whether the input is added."""
    for filters, t, stride, repeats in rows:
        out = int(PrintedMobileNet.ALPHA * filters)
        for i in range(repeats):
            yield channels, out, t, 1 if i else stride, i > 0
            channels = out


class PrintedMobileNet(TwoView):
    """The two-view MobileNetV2 of Shokar (2020), appendix, to the letter: 394,548 weights.

    To the letter means: the width multiplier 0.25 enters the number of expanded channels a second
    time, so the blocks expand 1.5 times and not 6 times (and the very first one *reduces* to a
    quarter); normalisations after linear layers never normalise; convolutions that are followed by
    a normalisation have a bias all the same; weights start as Keras starts them.  With
    `alpha_twice=False` the expansion is 6 as in Sandler et al. (2018): 499,872 weights.

    The maps come as (N, 2, 100, 80).  The source's own way to that shape mixes up rows and columns,
    see the chapter on pixel maps.

    Args:
        classes: outputs.
        alpha_twice: as printed, or repaired.
    """

    ALPHA = 0.25
    VIEW = ((16, 1, 1, 1), (24, 6, 2, 2), (32, 6, 2, 3))
    MERGE = ((64, 6, 2, 4), (96, 6, 1, 3), (160, 6, 2, 3), (320, 6, 1, 1))

    def __init__(self, classes: int = 3, alpha_twice: bool = True) -> None:
        self.alpha_twice = alpha_twice
        trunk = nn.Sequential(
            GaussianDropout(1e-3),
            Views(self._view, nn.Sequential(*self._blocks(16, self.MERGE), _norm_conv(80, 320, 1))),
            Pool(),
        )
        super().__init__(trunk, width=320, hidden=1024, classes=classes, output_bias=False)
        self.apply(keras_start)

    def _view(self) -> nn.Module:
        return nn.Sequential(_norm_conv(1, 8, 3, 2), *self._blocks(8, self.VIEW))

    def _blocks(self, channels: int, rows: Rows) -> list[nn.Module]:
        twice = self.ALPHA if self.alpha_twice else 1
        return [
            PrintedBottleneck(before, out, t * twice, stride, residual)
            for before, out, t, stride, residual in _plan(channels, rows)
        ]


class TenthNet(PrintedMobileNet):
    """The printed network without its two last and largest layers: 39,223 weights, a tenth.

    The blocks are those of the printed network.  Its last convolution is left out, and the hidden
    layer has 32 nodes instead of 1024.
    """

    def __init__(self, classes: int = 3) -> None:
        super().__init__(classes)
        self.trunk[1].merge = self.trunk[1].merge[:-1]
        self.width, self.hidden = 80, nn.Linear(80, 32)
        self.output = nn.Linear(32, classes)
        self.hidden.apply(keras_start)
        self.output.apply(keras_start)


class GaussianDropout(nn.Module):
    """Multiplies by Gaussian noise of mean 1 and variance p / (1 - p) in training, as in Keras."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.std = (p / (1 - p)) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * (1 + self.std * torch.randn_like(x)) if self.training else x


class Pool(nn.Module):
    """Mean over all pixels: (N, C, H, W) -> (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C)."""
        return x.mean((2, 3))


def keras_start(layer: nn.Module) -> None:
    """Start one layer as Keras does: Glorot uniform, biases zero."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


# --- ours


class MobileNet(TwoView):
    """The same plan from torchvision's own blocks (Sandler et al. 2018): 497,264 weights.

    True expansion, no bias before a normalisation, no expansion in the first block, and
    normalisations that normalise.
    """

    def __init__(self, classes: int = 3) -> None:
        merge = nn.Sequential(
            *_residuals(16, PrintedMobileNet.MERGE),
            Conv2dNormActivation(80, 320, 1, activation_layer=nn.ReLU6),
        )
        trunk = nn.Sequential(Views(self._view, merge), Pool())
        super().__init__(trunk, width=320, hidden=1024, classes=classes, output_bias=False)

    @staticmethod
    def _view() -> nn.Module:
        return nn.Sequential(
            Conv2dNormActivation(1, 8, stride=2, activation_layer=nn.ReLU6),
            *_residuals(8, PrintedMobileNet.VIEW),
        )


def _residuals(channels: int, rows: Rows) -> list[nn.Module]:
    plan = _plan(channels, rows)
    return [InvertedResidual(before, out, stride, t) for before, out, t, stride, _ in plan]


class SixBlocks(TwoView):
    """Six blocks of convolution, pooling and dropout, as the source's first network.

    The source (section 2.3) says no more than that; widths, kernels and the joining of the views
    as channels are ours.
    """

    def __init__(self, classes: int = 3, widths: Sequence[int] = (8, 16, 32, 32, 64, 64)) -> None:
        layers: list[nn.Module] = []
        for channels, wider in pairwise((2, *widths)):
            layers += [
                nn.Conv2d(channels, wider, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2, ceil_mode=True),
                nn.Dropout(0.05),
            ]
        trunk = nn.Sequential(*layers, nn.Flatten())
        super().__init__(trunk, width=widths[-1] * 4, hidden=0, classes=classes, dropout=0.2)


class QuickNet(TwoView):
    """Ours for two processor cores: it sees the maps averaged over 2 x 2 pixels.

    Each view goes through one convolution of 5 x 5 and one of 3 x 3 pixels, each with stride 2,
    with weights of its own; two more of 3 x 3 pixels see both views.  Mean and maximum over the
    pixels are the features, and there is a hidden layer of 256 nodes.
    """

    def __init__(self, classes: int = 3, hidden: int = 256) -> None:
        merge = nn.Sequential(_normal(32, 48, 3, 1), nn.MaxPool2d(2), _normal(48, 64, 3, 1))
        trunk = nn.Sequential(nn.AvgPool2d(2), Views(self._view, merge), MeanAndMax())
        super().__init__(trunk, width=128, hidden=hidden, classes=classes, dropout=0.2)

    @staticmethod
    def _view() -> nn.Module:
        return nn.Sequential(_normal(1, 8, 5, 2), _normal(8, 16, 3, 2))


def _normal(channels: int, wider: int, kernel: int, stride: int) -> nn.Sequential:
    norm = partial(nn.BatchNorm2d, momentum=0.2)
    return Conv2dNormActivation(channels, wider, kernel, stride, norm_layer=norm)


class MeanAndMax(nn.Module):
    """Mean and maximum over all pixels: (N, C, H, W) -> (N, 2 C)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 2 C)."""
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


NETWORKS: dict[str, Callable[..., TwoView]] = {
    "quick": QuickNet,
    "printed": PrintedMobileNet,
    "mobilenet": MobileNet,
    "six-blocks": SixBlocks,
    "tenth": TenthNet,
}
"""Networks that a chapter's `network` parameter may name."""


def weights(model: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
