"""How symmetric is a picture?  Measured directly, without any network.

The measure is the correlation of a picture with its transform, the largest over what is not known:
the centre of a rotation, the axis of a mirror, the direction of a shift.  In polar coordinates
about a centre a rotation is a roll of the angle and a mirror a reversal, so that one Fourier
transform gives the correlations for all angles and all axes at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from parity_nb.training import fabric

RINGS, ANGLES = 16, 64

MEASURES = ("mirror", "half turn", "quarter turn", "rotation", "translation")
"""Columns of `direct_symmetry`."""


@dataclass
class Around:
    """Correlations of N pictures with their transforms about C centres.

    Attributes:
        turns: (N, C, A), rotation by 0, 360/A, ... degrees.
        mirrors: (N, C, A), mirror axis at 0, 180/A, ... degrees from the horizontal.
    """

    turns: Tensor
    mirrors: Tensor


def _sample(pictures: Tensor, xy: Tensor) -> Tensor:
    """Values at points: pictures (N, 1, H, W), points (A, B, 2) with y upwards -> (N, A, B)."""
    grid = (xy * torch.tensor([1.0, -1.0], device=xy.device)).expand(len(pictures), -1, -1, -1)
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
    values = _sample(pictures, points.flatten(0, 1)).unflatten(1, (len(centres), RINGS))
    weight = (radius / radius.sum())[:, None]
    values = values - (values * weight).sum((-2, -1), keepdim=True) / ANGLES
    wave = torch.fft.fft(values)  # over the angle
    # <f, rotated f> has the Fourier coefficients |F|^2, <f, mirrored f> has F^2 or its conjugate
    turns = torch.fft.ifft((wave.abs() ** 2 * weight).sum(-2)).real
    mirrors = torch.fft.fft((wave**2 * weight).sum(-2)).real / ANGLES
    total = turns[..., :1]
    scale = torch.where(total > 1e-6, 1 / total.clamp_min(1e-6), 0)
    return Around(turns * scale, mirrors * scale)


def along(pictures: Tensor, directions: int = 32) -> Tensor:
    """Share of a picture's variance that no shift along a direction changes, (N, directions).

    Inside the disc that fits into the picture, the variance of the mean over lines of that
    direction, which are at 0, 180/directions, ... degrees from the horizontal.
    """
    device = pictures.device
    step = (torch.arange(32, device=device) + 0.5) / 16 - 1
    across, forward = torch.meshgrid(step, step, indexing="ij")
    inside = (across**2 + forward**2 < 1).float()
    shares = []
    for k in range(directions):
        turn = math.pi * k / directions
        x = forward * math.cos(turn) - across * math.sin(turn)
        y = forward * math.sin(turn) + across * math.cos(turn)
        values = _sample(pictures, torch.stack([x, y], -1))
        mean = (values * inside).sum((-2, -1), keepdim=True) / inside.sum()
        values = (values - mean) * inside
        lines = values.sum(-1) ** 2 / inside.sum(-1)
        total = (values**2).sum((-2, -1))
        shares.append(torch.where(total > 1e-6, lines.sum(-1) / total.clamp_min(1e-6), 0))
    return torch.stack(shares, -1)


def direct_symmetry(pictures: Tensor, reach: float = 0.3, centres: int = 7) -> pd.DataFrame:
    """The largest correlation of each picture with its transforms.

    Args:
        pictures: (N, 1, H, W), square; any tones.
        reach: how far from the middle centres are looked for, where half a side is 1.
        centres: so many in each direction.

    Returns:
        N rows and the columns `MEASURES`: largest correlation with a mirror image, over axes and
        centres; with a half turn and with a quarter turn, over centres; share of the variance that
        no rotation about a centre changes; share that no shift along a direction changes.

    Raises:
        ValueError: for pictures of another shape.
    """
    if pictures.ndim != 4 or pictures.shape[1] != 1 or pictures.shape[2] != pictures.shape[3]:
        raise ValueError(f"pictures must be (N, 1, S, S), not {tuple(pictures.shape)}")
    line = torch.linspace(-reach, reach, centres)
    grid = torch.cartesian_prod(line, line)
    device = fabric().device
    rows = []
    for some in pictures.float().split(64):
        some = some.to(device)
        profile = around(some, grid)
        best = (
            profile.mirrors.amax((1, 2)),
            profile.turns[..., ANGLES // 2].amax(1),
            profile.turns[..., ANGLES // 4].amax(1),
            profile.turns.mean(-1).amax(1),
            along(some).amax(1),
        )
        rows.append(torch.stack(best, -1).cpu())
    return pd.DataFrame(torch.cat(rows).numpy(), columns=MEASURES)
