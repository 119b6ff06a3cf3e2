"""The second network: from an image to a class of symmetry, and the symmetry score."""

from __future__ import annotations

import math

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from parity_nb.discovery.templates import CLASSES
from parity_nb.symmetry import dihedral
from parity_nb.training import Recipe, evaluate, fabric, fit


class SymmetryNet(nn.Module):
    """Convolutions that halve the image until 2 x 2 pixels are left, then one linear layer.

    Args:
        channels: of the image.
        pixels: its side, a power of two from 8 on.
        width: channels of the first convolution; the next have two and four times as many.

    Raises:
        ValueError: for a side that is no such power of two.
    """

    def __init__(self, channels: int, pixels: int = 32, width: int = 16):
        super().__init__()
        depth = int(math.log2(pixels)) - 1
        if 2 ** (depth + 1) != pixels or pixels < 8:
            raise ValueError(f"pixels = {pixels} must be a power of two, 8 at least")
        layers, before = [], channels
        for k in range(depth):
            after = width * min(2**k, 4)
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
            before = after
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3))
        self.classify = nn.Linear(4 * before, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, S, S) -> logits (N, classes)."""
        return self.classify(self.features(x))


def recipe(epochs: int, batch: int = 64) -> Recipe:
    """How the second network is trained; tuned on templates of a random seed used nowhere else.

    Its objective is the cross-entropy of `train_classifier`, not the one a Recipe has to name.
    """
    return Recipe(
        "symmetry", "adamw", 4e-3, batch, epochs, "which is real", "one cycle", decay=1e-2
    )


def train_classifier(
    images: Tensor, kinds: Tensor, epochs: int, batch: int = 64, seed: int = 0
) -> SymmetryNet:
    """Train a `SymmetryNet`.

    Every batch is turned or mirrored by one random symmetry of the square, and every channel of
    every image is inverted or not at random: neither changes the class.

    Args:
        images: (N, channels, S, S), each channel with mean 0.
        kinds: (N,) int, classes.
        epochs: passes over the images.
        batch: images in a step.
        seed: of weights, order and transforms.

    Raises:
        ValueError: for different numbers of images and classes.
    """
    if len(images) != len(kinds):
        raise ValueError(f"{len(images)} images, but {len(kinds)} classes")
    on = fabric()
    images, kinds = images.to(on.device), kinds.to(on.device)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        net = SymmetryNet(images.shape[1], images.shape[-1])
    elements = dihedral().elements

    def step(model: nn.Module):
        def loss(rows: Tensor) -> Tensor:
            x = elements[int(torch.randint(len(elements), (1,)))].act(images[rows])
            sign = torch.randint(0, 2, (len(x), x.shape[1], 1, 1), device=x.device) * 2 - 1
            return cross_entropy(model(x * sign), kinds[rows], label_smoothing=0.05)

        return loss

    fit(net, torch.arange(len(images)), recipe(epochs, batch), seed, step, on, progress=False)
    return net


def probabilities(net: nn.Module, images: Tensor) -> Tensor:
    """Probabilities of the classes, (N, classes): the mean over the eight symmetries of the square.

    They are therefore the same for an image and its mirror image.
    """
    copies = [
        evaluate(net, element.act(images), prepare=lambda x: x.contiguous()).softmax(-1)
        for element in dihedral().elements
    ]
    return torch.stack(copies).mean(0)


def symmetry_score(p: Tensor) -> Tensor:
    """From probabilities (N, classes) to the score (N,): 1 for symmetric, 0 for none.

    The probability of "none" against the mean of the other classes, as if a picture were as likely
    to have a symmetry as not: one half for a classifier that knows nothing.
    """
    none = list(CLASSES).index("none")
    others = (p.sum(-1) - p[:, none]) / (p.shape[-1] - 1)
    return others / (others + p[:, none])


def calibration(p: Tensor, kinds: Tensor, bins: int = 5) -> pd.DataFrame:
    """Confidence against accuracy, in bins with equally many images.

    Args:
        p: (N, classes), probabilities.
        kinds: (N,), true classes.
        bins: number of bins, at most N.

    Returns:
        One row a bin: mean confidence (the largest probability), accuracy, its binomial error, n.
    """
    confidence, predicted = p.max(-1)
    order = confidence.argsort()
    rows = []
    for part in torch.tensor_split(order, min(bins, len(order))):
        right = (predicted[part] == kinds[part]).float().mean().item()
        error = (right * (1 - right) / len(part)) ** 0.5
        rows.append((confidence[part].mean().item(), right, error, len(part)))
    return pd.DataFrame(rows, columns=["confidence", "accuracy", "error", "n"])


def calibration_error(table: pd.DataFrame) -> float:
    """Mean distance of accuracy from confidence, weighted by the number of images."""
    gap = (table.accuracy - table.confidence).abs()
    return float((gap * table.n).sum() / table.n.sum())
