"""Sub-networks g that several chapters share: arbitrary functions, symmetrised elsewhere."""

from __future__ import annotations

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
    """Ours, small and quick on a CPU: 23,953 weights.

    (N, 3, H, W) -> (N,) for any H and W.  The image is averaged down to 20 x 20 pixels, in
    which a snail's hand can still be seen; then three times Conv 3x3, batch norm, ReLU, pool,
    with 16, 32 and 64 channels, and one linear layer.

    The average commutes with the symmetries of the square (not with rolls by a few pixels), and
    repeated it changes nothing: `Symmetrised` does it once, before it makes the copies.
    """

    before = staticmethod(partial(functional.adaptive_avg_pool2d, output_size=20))

    def __init__(self) -> None:
        layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(20)]
        for channels, wider in ((3, 16), (16, 32), (32, 64)):
            layers += [
                nn.Conv2d(channels, wider, 3, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        super().__init__(*layers, nn.Flatten(), nn.Linear(64 * 2 * 2, 1), nn.Flatten(0))


NETWORKS = {"published": PublishedNet, "fast": FastNet, "sharp": PublishedNet}
"""Networks g that go with the recipes of the same names."""
