"""Sub-networks g that several chapters share: arbitrary functions, symmetrised elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional


class PublishedNet(nn.Module):
    """The network of Gibbon (2023), section 2.3, to the letter: 673,377 weights.

    (N, 3, 64, 64) -> (N,).  Conv 3-16 5x5, pool, Conv 16-32 5x5, pool, 5408-120-84-1 with ReLU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(16, 32, 5)
        self.fc1 = nn.Linear(32 * 13 * 13, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 64, 64) -> (N,)."""
        x = self.pool(self.conv1(x).relu())
        x = self.pool(self.conv2(x).relu())
        x = self.fc1(x.flatten(1)).relu()
        x = self.fc2(x).relu()
        return self.fc3(x).squeeze(1)


class FastNet(nn.Sequential):
    """Ours, small and quick on a CPU: 23,953 weights for three channels.

    (N, channels, H, W) -> (N,) for any H and W.  The image is averaged down to 20 x 20 pixels, in
    which a snail's hand can still be seen; then three times Conv 3x3, batch norm, ReLU, pool,
    with 16, 32 and 64 channels, and one linear layer.

    The average commutes with the symmetries of the square (not with rolls by a few pixels), and
    repeated it changes nothing: `Symmetrised` does it once, before it makes the copies.
    """

    before = staticmethod(partial(functional.adaptive_avg_pool2d, output_size=20))

    def __init__(self, channels: int = 3) -> None:
        layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(20)]
        for narrow, wider in ((channels, 16), (16, 32), (32, 64)):
            layers += [
                nn.Conv2d(narrow, wider, 3, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        super().__init__(*layers, nn.Flatten(), nn.Linear(64 * 2 * 2, 1), nn.Flatten(0))


class CylinderNet(nn.Module):
    """For images on an unrolled cylinder: unchanged by rolls along the azimuth, by construction.

    (N, channels, H, W) -> (N,).  The convolutions see the two ends of the azimuth as
    neighbours (circular padding) and move along it in steps of one pixel, so a roll of the image
    rolls their output; the maximum over the whole azimuth then forgets by how much.  Along the
    beam, each convolution is padded with zeros and halves the number of pixels.  Any weights
    will do, so the symmetry costs nothing and cannot be lost in training.  It follows the
    calorimeter network of Lester et al. (2022), whose two convolutions are followed by one
    maximum over the azimuth.

    Args:
        beam: number of pixels along the beam; along the azimuth there may be any number.
        channels: of the images.
        azimuth: its axis, -2 if the azimuth runs over the rows of the image, -1 over its columns.
        widths: channels after each convolution.
        kernels: odd widths of the kernels in pixels, one for each convolution.

    Raises:
        ValueError: for another azimuth, an even kernel, or not one kernel for each width.
    """

    def __init__(
        self,
        beam: int,
        channels: int = 1,
        azimuth: int = -2,
        widths: Sequence[int] = (8, 16, 32),
        kernels: Sequence[int] = (5, 3, 3),
    ) -> None:
        super().__init__()
        if azimuth not in (-2, -1):
            raise ValueError(f"azimuth is the axis -2 (rows) or -1 (columns), not {azimuth}")
        if len(widths) != len(kernels) or not all(k % 2 for k in kernels):
            raise ValueError(f"{kernels} must be one odd kernel width for each of {widths}")
        self.azimuth = azimuth
        self.layers = nn.ModuleList()
        for wider, kernel in zip(widths, kernels, strict=True):
            convolution = nn.Conv2d(
                channels, wider, kernel, stride=(1, 2), padding=(0, kernel // 2), bias=False
            )
            self.layers.append(nn.Sequential(convolution, nn.BatchNorm2d(wider), nn.ReLU()))
            channels, beam = wider, (beam + 1) // 2
        self.head = nn.Linear(channels * beam, 1)

    def features(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, features, azimuth, beam'): rolled where x is rolled."""
        if self.azimuth == -1:
            x = x.mT
        for layer in self.layers:
            ends = layer[0].kernel_size[0] // 2
            x = layer(functional.pad(x, (0, 0, ends, ends), mode="circular"))
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N,)."""
        return self.head(self.features(x).amax(-2).flatten(1)).squeeze(1)


NETWORKS = {"published": PublishedNet, "fast": FastNet}
"""Networks g for images of three channels, which a recipe may name."""
