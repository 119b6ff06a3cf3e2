"""The PCA image: what the last hidden layer of a decoy network looks like over the picture."""

from __future__ import annotations

import torch
from torch import Tensor

from parity_nb.discovery.decoy import Weights, activations, chosen, outputs


def principal_components(hidden: Tensor, components: int = 3) -> tuple[Tensor, Tensor]:
    """Principal components of hidden layers over the pixels, one analysis a network.

    Args:
        hidden: (N, M, width), activations at M pixels.
        components: how many are kept.

    Returns:
        (N, components, M), each with mean 0 and standard deviation 1, its sign such that its
        third moment is not negative; and (N, components), their shares of the variance.  A
        component without variance is zero.

    Raises:
        ValueError: for more components than units.
    """
    if components > hidden.shape[-1]:
        raise ValueError(f"{components} components of {hidden.shape[-1]} units")
    centred = hidden - hidden.mean(1, keepdim=True)
    variance, axes = torch.linalg.eigh(centred.transpose(1, 2) @ centred)  # ascending
    axes = axes.flip(-1)[..., :components]
    share = variance.flip(-1)[..., :components] / variance.sum(-1, keepdim=True)
    scores = (centred @ axes).transpose(1, 2)
    spread = scores.square().mean(-1, keepdim=True).sqrt()
    scores = torch.where(spread > 1e-6, scores / spread.clamp_min(1e-6), 0)
    sign = torch.where(scores.pow(3).mean(-1, keepdim=True) < 0, -1.0, 1.0)
    return scores * sign, share


def pca_images(
    weights: Weights, xy: Tensor, components: int = 3, chunk: int = 128
) -> tuple[Tensor, Tensor]:
    """PCA images of N networks, (N, components, S, S), and the components' shares, on the CPU.

    Args:
        weights: of the networks; the work is done where they lie.
        xy: (S^2, 2), the pixels row by row.
        components: channels of the image.
        chunk: networks at a time.
    """
    side = round(len(xy) ** 0.5)
    images, shares = [], []
    for some in _chunks(weights, chunk):
        xy = xy.to(some["out.weight"])
        scores, share = principal_components(activations(some, xy), components)
        images.append(scores.unflatten(-1, (side, side)).cpu())
        shares.append(share.cpu())
    return torch.cat(images), torch.cat(shares)


def output_images(weights: Weights, xy: Tensor, chunk: int = 128) -> Tensor:
    """What the networks reproduce: probability of the dark tone, (N, 1, S, S), on the CPU."""
    side = round(len(xy) ** 0.5)
    found = [
        outputs(some, xy.to(some["out.weight"])).sigmoid().cpu() for some in _chunks(weights, chunk)
    ]
    return torch.cat(found).unflatten(-1, (side, side))[:, None]


def _chunks(weights: Weights, size: int):
    n = len(weights["out.weight"])
    device = weights["out.weight"].device
    return (chosen(weights, part) for part in torch.arange(n, device=device).split(size))


def as_colours(images: Tensor) -> Tensor:
    """Three components as red, green and blue, each from its 2nd to its 98th percentile."""
    flat = images.flatten(2)
    low, high = (flat.quantile(q, -1, keepdim=True) for q in (0.02, 0.98))
    return ((flat - low) / (high - low).clamp_min(1e-6)).clamp(0, 1).reshape(images.shape)
