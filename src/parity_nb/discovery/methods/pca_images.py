"""What decoy networks look like over their pictures; derived in discovery/decoy-task.

The PCA image is that of the last hidden layer, the output image what the network reproduces.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from parity_nb.ensembles import Ensemble


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
    variance, axes = torch.linalg.eigh(centred.mT @ centred)  # ascending
    largest = range(-1, -1 - components, -1)
    share = variance[..., largest] / variance.sum(-1, keepdim=True)
    scores = (centred @ axes.mT[:, largest].mT).mT
    spread = scores.square().mean(-1, keepdim=True).sqrt()
    scores = torch.where(spread > 1e-6, scores / spread.clamp_min(1e-6), 0)
    sign = torch.where(scores.pow(3).mean(-1, keepdim=True) < 0, -1.0, 1.0)
    return scores * sign, share


def pca_images(
    networks: Ensemble, xy: Tensor, components: int = 3, chunk: int = 128
) -> tuple[Tensor, Tensor]:
    """PCA images of N networks, (N, components, S, S), and the components' shares, on the CPU.

    Args:
        networks: the work is done where they lie.
        xy: (S^2, 2), the pixels row by row.
        components: channels of the image.
        chunk: networks at a time.
    """
    images, shares = [], []
    for _, hidden in _over(networks, xy, chunk):
        scores, share = principal_components(hidden, components)
        images.append(_pictures(scores).cpu())
        shares.append(share.cpu())
    return torch.cat(images), torch.cat(shares)


def output_images(networks: Ensemble, xy: Tensor, chunk: int = 128) -> Tensor:
    """What the networks reproduce: probability of the dark tone, (N, 1, S, S), on the CPU."""
    found = [logits.sigmoid().cpu() for logits, _ in _over(networks, xy, chunk)]
    return _pictures(torch.cat(found))[:, None]


@torch.no_grad()
def _over(networks: Ensemble, xy: Tensor, chunk: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Outputs and last hidden layers at all pixels, some networks at a time."""
    for some in torch.arange(networks.size, device=networks.device).split(chunk):
        yield networks[some](xy.to(networks.device), shared=True)


def _pictures(values: Tensor) -> Tensor:
    """(..., S^2) -> (..., S, S)."""
    side = round(values.shape[-1] ** 0.5)
    return values.unflatten(-1, (side, side))
