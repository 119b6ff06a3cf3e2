"""Four subsystems of the detector, each with cells of its own, merged into one image.

The merged image (n, 4, 16, 16) has azimuth from -pi along its rows and pseudorapidity from -3.2 to
3.2 along its columns; its channels are those of `CHANNELS`, transverse energy or momentum in
GeV.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from parity_nb.calorimeters.world import cylinder_detector as detectors
from parity_nb.calorimeters.world.cylinder_detector import Detector
from parity_nb.calorimeters.world.particles import CHARGED_HADRON, MUON, NEUTRAL_HADRON, Particles
from parity_nb.symmetry import mirror

SIZES = {
    "tracker": (64, 100),
    "electromagnetic": (64, 64),
    "hadronic": (32, 50),
    "muon": (24, 20),
}
"""Rows and columns of each subsystem's own cells, to |eta| = 5."""
CHANNELS = tuple(SIZES)
CELLS = 16
"""Rows and columns of the merged image; a cell is about 0.4 by 0.4, a jet in size."""
REACH = 3.2
"""Largest |eta| of the merged image."""


def overlap(old: Tensor, new: Tensor) -> Tensor:
    """Share of each old cell that lies in each new one, from the edges of both: (new, old)."""
    low = torch.maximum(old[:-1], new[:-1, None])
    high = torch.minimum(old[1:], new[1:, None])
    return (high - low).clamp(min=0) / old.diff()


def regrid(image: Tensor, cells: int = CELLS) -> Tensor:
    """Share energy out by area: (..., rows, columns) to |eta| = 5 -> (..., cells, cells) to 3.2.

    Both grids begin at -pi and are symmetric about eta = 0, so the step commutes with both flips.
    Energy is kept, except beyond |eta| = 3.2.
    """
    down, across = _matrices(image.shape[-2], image.shape[-1], cells)
    return down.to(image) @ image @ across.to(image)


@cache
def _matrices(rows: int, columns: int, cells: int) -> tuple[Tensor, Tensor]:
    def edges(half: float, count: int) -> Tensor:
        line = torch.linspace(-half, half, count + 1, dtype=torch.float64)
        return (line - mirror(line)) / 2  # exactly symmetric

    down = overlap(edges(math.pi, rows), edges(math.pi, cells))
    across = overlap(edges(detectors.REACH, columns), edges(REACH, cells))
    return down, across.T


def merge(native: Mapping[str, Tensor]) -> Tensor:
    """Native images of `subsystems`, (n, 1, rows, columns) each -> (n, 4, 16, 16).

    Calorimeters report energy; what goes into the merged image is transverse, E / cosh(eta).

    Raises:
        ValueError: if a subsystem of `CHANNELS` is missing.
    """
    if missing := [name for name in CHANNELS if name not in native]:
        raise ValueError(f"merging needs {', '.join(CHANNELS)}; missing: {', '.join(missing)}")
    layers = []
    for name in CHANNELS:
        image = native[name]
        if name in detectors.CHANNELS:
            columns = image.shape[-1]
            centre = (torch.arange(columns) + 0.5) / columns - 0.5
            image = image / torch.cosh(2 * detectors.REACH * centre).to(image)
        layers.append(regrid(image))
    return torch.cat(layers, 1)


def subsystems(
    particles: Particles,
    detector: Detector,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> dict[str, Tensor]:
    """What each subsystem reports, in cells of its own: name to (n, 1, rows, columns) in GeV.

    Muons are seen by the last one only, and leave no track in the first.

    Args:
        particles: of n events.
        detector: whose response it is; its rows and columns are replaced by those of `SIZES`.
        seed: of the response.
        device: where to compute; that of the particles if not given.
    """
    muon = particles.kind == MUON
    hadron = (particles.kind == CHARGED_HADRON) | (particles.kind == NEUTRAL_HADRON)
    seen = {
        "tracker": (~muon & (particles.charge != 0), detectors.TRACKS),
        "electromagnetic": (~muon & ~hadron, detectors.ELECTROMAGNETIC),
        "hadronic": (hadron, detectors.HADRONIC),
        "muon": (muon, detectors.TRACKS),
    }
    native = {}
    for k, (name, (chosen, channel)) in enumerate(seen.items()):
        rows, columns = SIZES[name]
        eye = replace(detector, rows=rows, columns=columns)
        images = eye.images(particles.where(chosen), len(seen) * seed + k, device)
        native[name] = images[:, channel, None]
    return native
