"""How much a picture is like its own rotations and mirror images.

In polar coordinates about a centre a rotation is a roll of the angle and a mirror a reversal, so
that one Fourier transform gives the correlations for all angles and all axes at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from parity_nb.symmetry import reflect

RINGS, ANGLES = 16, 64


@dataclass
class Around:
    """Correlations of N pictures with their transforms about C centres.

    Attributes:
        turns: (N, C, A), rotation by 0, 360/A, ... degrees.
        mirrors: (N, C, A), mirror axis at 0, 180/A, ... degrees from the horizontal.
    """

    turns: Tensor
    mirrors: Tensor


def values_at(pictures: Tensor, xy: Tensor) -> Tensor:
    """Values at points: pictures (N, 1, H, W), points (A, B, 2) with y upwards -> (N, A, B)."""
    grid = reflect(xy, 1).expand(len(pictures), -1, -1, -1)
    return grid_sample(pictures, grid, align_corners=False, padding_mode="border")[:, 0]


def around(pictures: Tensor, centres: Tensor) -> Around:
    """Correlations with all rotations and mirrors about given centres.

    A picture is compared with its transform inside the largest disc about the centre that fits
    into it.  Where the disc has one tone only, the correlation is put to zero.

    Args:
        pictures: (N, 1, H, W), square.
        centres: (C, 2), coordinates from -1 to 1.
    """
    device = pictures.device
    angle = torch.arange(ANGLES, device=device) * (2 * math.pi / ANGLES)
    radius = (torch.arange(RINGS, device=device) + 0.5) / RINGS
    unit = torch.stack([angle.cos(), angle.sin()], -1)
    reach = 1 - centres.abs().amax(-1).to(device)
    discs = (reach[:, None, None] * radius[:, None])[..., None] * unit  # C, RINGS, ANGLES, 2
    points = centres.to(device)[:, None, None] + discs
    values = values_at(pictures, points.flatten(0, 1)).unflatten(1, (len(centres), RINGS))
    weight = (radius / radius.sum())[:, None]
    values = values - (values * weight).sum((-2, -1), keepdim=True) / ANGLES
    wave = torch.fft.fft(values)  # over the angle
    # <f, rotated f> has the Fourier coefficients |F|^2, <f, mirrored f> has F^2 or its conjugate
    turns = torch.fft.ifft((wave.abs() ** 2 * weight).sum(-2)).real
    mirrors = torch.fft.fft((wave**2 * weight).sum(-2)).real / ANGLES
    total = turns[..., :1]
    scale = torch.where(total > 1e-6, 1 / total.clamp_min(1e-6), 0)
    return Around(turns * scale, mirrors * scale)
