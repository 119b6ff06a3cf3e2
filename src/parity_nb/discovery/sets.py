"""Sets of template pictures, and what a classifier may be shown of their decoy networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from parity_nb.discovery.components import output_images, pca_images
from parity_nb.discovery.decoy import Decoys
from parity_nb.discovery.templates import CLASSES, FAMILIES, draw, pixel_grid, two_tones


@dataclass
class TemplateSet:
    """Two-tone pictures of templates.

    Attributes:
        tones: (N, M) bool, some pixels swapped.
        kind: (N,) int, position of the class in `CLASSES`.
        family: (N,) int, position of the family in `FAMILIES`.
        amount: (N,) share of another potential, without symmetry, that was mixed in.
    """

    tones: Tensor
    kind: Tensor
    family: Tensor
    amount: Tensor

    def __len__(self) -> int:
        return len(self.tones)

    @property
    def pictures(self) -> Tensor:
        """(N, 1, S, S) float, 0 and 1."""
        side = round(self.tones.shape[1] ** 0.5)
        return self.tones.float().reshape(-1, 1, side, side)


def template_set(each: int, pixels: int, noise: float, seed: int) -> TemplateSet:
    """`each` pictures of every class and family, with a share `noise` of the pixels swapped.

    Raises:
        ValueError: for a share of swapped pixels outside 0 to 0.2.
    """
    rng, xy = np.random.default_rng(seed), pixel_grid(pixels)
    parts = []
    for kind in CLASSES:
        for family in FAMILIES:
            some, share = draw(kind, family, each, rng)
            parts.append(two_tones(some.values(xy), share))
    cells = [(k, f) for k in range(len(CLASSES)) for f in range(len(FAMILIES))]
    kind, family = torch.tensor(cells).repeat_interleave(each, 0).T
    tones = _swapped(torch.cat(parts), noise, rng)
    return TemplateSet(tones, kind, family, torch.zeros(len(tones)))


def broken_set(
    family: str, each: int, amounts: list[float], pixels: int, noise: float, seed: int
) -> TemplateSet:
    """Templates whose symmetry is broken little by little.

    A template V of each class with a symmetry is mixed with one without, U, of the same family:
    (1 - b) V + b U, both with mean 0 and standard deviation 1 over the picture.  Each of the
    `each` pairs is followed through all amounts b, from small to large, at one level.

    Args:
        family: of all templates, a key of `FAMILIES`.
        each: pairs of each class.
        amounts: the values of b, between 0 and 1.
        pixels: side of the pictures.
        noise: share of swapped pixels.
        seed: random seed.

    Raises:
        ValueError: for an amount outside 0 to 1, or swapped pixels outside 0 to 0.2.
    """
    if not all(0 <= b <= 1 for b in amounts):
        raise ValueError(f"amounts = {amounts} must lie between 0 and 1")
    rng, xy = np.random.default_rng(seed), pixel_grid(pixels)
    tones, kinds, mixed = [], [], []
    for position, kind in enumerate(CLASSES):
        if kind == "none":
            continue
        some, share = draw(kind, family, each, rng)
        others, _ = draw("none", family, each, rng)
        v, u = (_standard(t.values(xy)) for t in (some, others))
        for b in amounts:
            tones.append(two_tones((1 - b) * v + b * u, share))
            kinds.append(torch.full((each,), position))
            mixed.append(torch.full((each,), b))
    tones = _swapped(torch.cat(tones), noise, rng)
    where = torch.full((len(tones),), list(FAMILIES).index(family))
    return TemplateSet(tones, torch.cat(kinds), where, torch.cat(mixed))


def _standard(v: Tensor) -> Tensor:
    return (v - v.mean(1, keepdim=True)) / v.std(1, keepdim=True)


def _swapped(tones: Tensor, noise: float, rng: np.random.Generator) -> Tensor:
    if not 0 <= noise <= 0.2:
        raise ValueError(f"noise = {noise} must lie between 0 and 0.2")
    return tones ^ torch.from_numpy(rng.random(tones.shape) < noise)


VIEWS = ("picture", "output", "PCA", "output and PCA", "untrained PCA")
"""What a classifier may be shown; keys of `views`."""


def views(decoys: Decoys, tones: Tensor) -> dict[str, Tensor]:
    """The inputs of a classifier, each (N, channels, S, S) on the CPU.

    Every channel of every picture has mean 0 and standard deviation 1.

    Args:
        decoys: networks that learnt the pictures.
        tones: (N, S^2) bool, the pictures.
    """
    side = round(tones.shape[1] ** 0.5)
    xy = pixel_grid(side)
    output = _normal(output_images(decoys.weights, xy))
    pca = _normal(pca_images(decoys.weights, xy)[0])
    return {
        "picture": _normal(tones.float().reshape(-1, 1, side, side)),
        "output": output,
        "PCA": pca,
        "output and PCA": torch.cat([output, pca], 1),
        "untrained PCA": _normal(pca_images(decoys.start, xy)[0]),
    }


def _normal(x: Tensor) -> Tensor:
    centred = x - x.mean((2, 3), keepdim=True)
    return centred / centred.square().mean((2, 3), keepdim=True).sqrt().clamp_min(1e-6)


def difficulty(decoys: Decoys, tones: Tensor) -> Tensor:
    """What the decoy task costs, without any image: (N, 4).

    Logarithm of the number of steps, accuracy at the end, share of dark pixels, and share of
    neighbouring pixels that differ.
    """
    side = round(tones.shape[1] ** 0.5)
    t = tones.reshape(-1, side, side)
    across, down = t[:, :, 1:] ^ t[:, :, :-1], t[:, 1:] ^ t[:, :-1]
    edge = across.flatten(1).float().mean(1) + down.flatten(1).float().mean(1)
    columns = [decoys.steps.float().log(), decoys.accuracy, tones.float().mean(1), edge]
    return torch.stack(columns, 1)
