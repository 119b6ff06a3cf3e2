"""Classifiers of calorimeter images: those of the sources, and one on the cylinder.

Images are tensors (N, 3, phi, eta): rows run round the beam and close upon themselves, columns run
along it.  Outputs are logits (N, classes).

The thesis (iRootTsar 2023, methods/nnmodel.py in its code) has names of its own for its networks;
each class here says which one it is.  None of them has any of the symmetries of the detector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18
from torchvision.models.resnet import BasicBlock

from parity_nb.networks import CylinderNet
from parity_nb.symmetry import Group, Symmetrised, half_turn, half_turn_parity, mirror, roll

CHANNELS = 3


def symmetry_averaging(y: Tensor, shift: int = 1) -> Tensor:
    """The thesis's "first pooling layer": mean of y, its flip, its roll, and the flip of its roll.

    It acts on what a convolution has made of the image, (N, C, H, W) in and out, which is not what
    the same convolution would have made of the flipped or rolled image.  The output is even under
    eta flips of y; under a flip or a roll of the *image* it changes.
    """
    rolled = roll(y, shift)
    return (y + mirror(y) + rolled + mirror(rolled)) / 4


def published_variants(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The four images over which the thesis averages: x, x rolled by half, eta flip, half turn.

    They are not the orbit of a group: the half turn of the eta flip, which is the phi flip, is not
    among them, nor is the roll of the eta flip.
    """
    return x, roll(x, x.shape[-2] // 2), mirror(x), half_turn(x)


class SimpleNet(nn.Sequential):
    """The thesis's ConvModelSimple: 452,738 weights for two classes at 50 pixels.

    (N, 3, size, size) -> (N, classes).  Three times Conv 3x3 without padding, ReLU and average
    pooling (by 2, 2 and 3), 16-64-256 channels, then two linear layers.

    Args:
        classes: number of classes.
        width: factor on the numbers of channels and hidden units; 1 as published.
        size: pixels of a side of the image.
        dropout: probability of dropout after the first linear layer.
    """

    def __init__(
        self, classes: int = 2, width: float = 1.0, size: int = 50, dropout: float = 0.3
    ) -> None:
        *channels, hidden = _scaled((16, 64, 256, 128), width)
        layers: list[nn.Module] = []
        narrow = CHANNELS
        for wider, pool in zip(channels, (2, 2, 3), strict=True):
            layers += [nn.Conv2d(narrow, wider, 3), nn.ReLU(), nn.AvgPool2d(pool)]
            narrow, size = wider, (size - 2) // pool
        super().__init__(
            *layers, nn.Flatten(), *_head(narrow * size**2, (hidden,), classes, dropout)
        )


class PlainNet(nn.Module):
    """The thesis's ConvModel: 9,423,874 weights for two classes.

    (N, 3, H, W) -> (N, classes) for H and W from 32 to 63.  Five times Conv 3x3 padded with zeros,
    batch norm, ReLU and average pooling by two, 64-128-256-512-1024 channels, which leaves one
    pixel; then 1024-2048-512-classes.

    Args:
        classes: number of classes.
        width: factor on the numbers of channels and hidden units; 1 as published.
        dropout: probability of dropout after each hidden layer.
        averaging: with `symmetry_averaging` before the first pooling: its ConvModelFPLMod, and
            ConvModelFPLRoll, which is the same network.
    """

    def __init__(
        self, classes: int = 2, width: float = 1.0, dropout: float = 0.3, averaging: bool = False
    ) -> None:
        super().__init__()
        channels = _scaled((64, 128, 256, 512, 1024), width)
        self.averaging = averaging
        self.blocks = nn.ModuleList(
            nn.Sequential(*_convolution(narrow, wider))
            for narrow, wider in zip((CHANNELS, *channels), channels, strict=False)
        )
        hidden = _scaled((2048, 512), width)
        self.head = nn.Sequential(*_head(channels[-1], hidden, classes, dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, classes)."""
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number == 0 and self.averaging:
                x = symmetry_averaging(x)
            x = functional.avg_pool2d(x, 2)
        return self.head(x.flatten(1))


class VGGNet(nn.Module):
    """The thesis's VGGNet2: 13,164,738 weights for two classes at 50 pixels.

    (N, 3, size, size) -> (N, classes).  Four blocks of two, three, three and three convolutions
    with 64-128-256-512 channels, run over four variants of the image (`published_variants`), whose
    feature maps are averaged.

    Args:
        classes: number of classes.
        width: factor on the numbers of channels and hidden units; 1 as published.
        size: pixels of a side of the image.
        dropout: probability of dropout after each block and each hidden layer.
    """

    def __init__(
        self, classes: int = 2, width: float = 1.0, size: int = 50, dropout: float = 0.5
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        narrow = CHANNELS
        for wider, depth in zip(_scaled((64, 128, 256, 512), width), (2, 3, 3, 3), strict=True):
            for _ in range(depth):
                layers += _convolution(narrow, wider)
                narrow = wider
            layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        self.features = nn.Sequential(*layers)
        hidden = _scaled((1024, 512, 256), width)
        self.head = nn.Sequential(*_head(narrow * (size // 16) ** 2, hidden, classes, dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, size, size) -> (N, classes)."""
        maps = torch.stack([self.features(variant) for variant in published_variants(x)])
        return self.head(maps.mean(0).flatten(1))


class ResidualNet(nn.Module):
    """The thesis's ResNet: 15,347,522 weights for two classes at 50 pixels.

    (N, 3, size, size) -> (N, classes).  The first convolution and pooling run over four variants of
    the image (`published_variants`) and are averaged; then three stages of two blocks, 128-256-512
    channels, and three linear layers.

    Args:
        classes: number of classes.
        width: factor on the numbers of channels and hidden units; 1 as published.
        size: pixels of a side of the image.
        dropout: probability of dropout.
    """

    def __init__(
        self, classes: int = 2, width: float = 1.0, size: int = 50, dropout: float = 0.3
    ) -> None:
        super().__init__()
        narrow, *stages = _scaled((64, 128, 256, 512), width)
        self.stem = nn.Sequential(*_convolution(CHANNELS, narrow, bias=False), nn.AvgPool2d(2))
        self.dropout = nn.Dropout(dropout)
        blocks: list[nn.Module] = []
        size //= 2
        for wider in stages:
            first = BasicBlock(narrow, wider, 2)
            first.downsample = nn.Sequential(
                nn.Conv2d(narrow, wider, 1, 2, bias=False), nn.BatchNorm2d(wider)
            )
            blocks += [first, BasicBlock(wider, wider)]
            narrow, size = wider, (size + 1) // 2
        self.stages = nn.Sequential(*blocks, nn.Flatten())
        hidden = _scaled((512, 256), width)
        self.head = nn.Sequential(*_head(narrow * size**2, hidden, classes, dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, size, size) -> (N, classes)."""
        averaged = torch.stack([self.stem(v) for v in published_variants(x)]).mean(0)
        return self.head(self.stages(self.dropout(averaged)))


class CylinderClassifier(CylinderNet):
    """`CylinderNet` for classes: unchanged by rolls in phi, by construction.

    (N, channels, phi, eta) -> (N, classes).  Circular padding in phi, zeros in eta, steps of one
    pixel along phi until the whole azimuth is pooled at once.  Mean and maximum over the azimuth
    are both kept, for the mean counts particles and sums energies, which a maximum cannot; a hidden
    layer follows.

    Args:
        beam: number of pixels along eta; along phi there may be any number.
        channels: of the images.
        classes: number of classes.
        widths: channels after each convolution.
        kernels: odd widths of the kernels, one for each convolution.
        hidden: units of the hidden layer.
    """

    def __init__(
        self,
        beam: int = 50,
        channels: int = CHANNELS,
        classes: int = 2,
        widths: Sequence[int] = (16, 32, 64),
        kernels: Sequence[int] = (5, 3, 3),
        hidden: int = 64,
    ) -> None:
        super().__init__(beam, channels, -2, widths, kernels)
        pooled = 2 * self.head.in_features
        self.head = nn.Sequential(nn.Linear(pooled, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, phi, beam) -> (N, classes)."""
        maps = self.features(x)
        # in float32 the sum round the beam would depend on where it begins; MPS has no float64
        wide = maps.dtype if maps.device.type == "mps" else torch.float64
        mean = maps.mean(-2, dtype=wide).to(maps.dtype)
        return self.head(torch.cat([maps.amax(-2), mean], 1).flatten(1))


def detector_group() -> Group:
    """{e, half turn, eta flip, phi flip}, chi = +1: what a classifier may ignore, but for rolls.

    The half turn of the unrolled image exchanges the beams; the eta flip is parity, up to a
    rotation about the beam, so to ignore it is to assume that both classes conserve parity.
    """
    return half_turn_parity().even()


def cylinder(
    classes: int = 2, width: float = 1.0, size: int = 50, group: Group | None = None
) -> Symmetrised:
    """A classifier with all the symmetries of the cylinder, exactly, whatever its weights are.

    Args:
        classes: number of classes.
        width: factor on the numbers of channels, 16-32-64, and hidden units.
        size: pixels along eta.
        group: whose orbit is averaged over; `detector_group()` by default.

    Returns:
        (N, 3, phi, size) -> (N, classes).
    """
    *widths, hidden = _scaled((16, 32, 64, 64), width)
    net = CylinderClassifier(size, classes=classes, widths=widths, hidden=hidden)
    return Symmetrised(net, group or detector_group())


def resnet(classes: int = 2, width: float = 1.0, size: int = 50) -> nn.Module:
    """ResNet18, as Grefsrud et al. (2023) use it: 7x7 stem with stride 2, stages of 64 to 512.

    torchvision's, whose blocks are the textbook's; theirs has some 1x1 convolutions as well.
    Neither `width` nor `size` changes it: it ends in an average over all pixels.
    """
    return resnet18(weights=None, num_classes=classes)


CLASSIFIERS: dict[str, Callable[..., nn.Module]] = {
    "simple": SimpleNet,
    "plain": PlainNet,
    "averaging": partial(PlainNet, averaging=True),
    "vgg": partial(VGGNet, dropout=0.1),
    "residual": ResidualNet,
    "resnet18": resnet,
    "cylinder": cylinder,
}
"""Classifiers by name; all take `classes` and `width`.

`vgg` drops a tenth where the thesis drops half.  Dropout in front of batch normalisation shifts the
variance between training and evaluation (Li et al. 2019), and after a training as short as ours the
published network, in evaluation, calls everything by one name.
"""


def _scaled(numbers: Sequence[int], width: float) -> list[int]:
    """Numbers of channels or units, times `width`, at least one."""
    if not 0 < width <= 4:
        raise ValueError(f"width is a factor between 0 and 4, not {width}")
    return [max(1, round(number * width)) for number in numbers]


def _convolution(narrow: int, wider: int, bias: bool = True) -> list[nn.Module]:
    """Conv 3x3 padded with zeros, batch norm, ReLU."""
    convolution = nn.Conv2d(narrow, wider, 3, padding=1, bias=bias)
    return [convolution, nn.BatchNorm2d(wider), nn.ReLU()]


def _head(units: int, hidden: Sequence[int], classes: int, dropout: float) -> list[nn.Module]:
    """Linear layers with ReLU and dropout between them, and logits at the end."""
    layers: list[nn.Module] = []
    for wider in hidden:
        layers += [nn.Linear(units, wider), nn.ReLU(), nn.Dropout(dropout)]
        units = wider
    return [*layers, nn.Linear(units, classes)]
