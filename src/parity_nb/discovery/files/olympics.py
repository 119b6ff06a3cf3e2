"""Events of the LHC Olympics (Kasieczka et al. 2021) from their own file."""

from __future__ import annotations

from pathlib import Path

import h5py
import torch
from torch import Tensor

from parity_nb.discovery.world.dijets import RADIUS, Events, hardest_first, wrapped


def read_olympics(path: str | Path, n: int = 0) -> Events:
    """Events of the R&D data set, `events_anomalydetection.h5` (Zenodo 4536377).

    The file is pandas' fixed format: under `df/block0_values`, one row an event, 700 particles with
    transverse momentum, pseudorapidity and azimuth each, zeros where there are fewer, and a last
    column that is 1 for signal.  Jets are not in the file; they are found here by two fixed cones
    of radius 1 about the hardest particle and the hardest outside the first cone, each moved to its
    centre once.  (The Olympics used the anti-kt algorithm.)

    Args:
        path: the file.
        n: the first so many events; 0 for all.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds something else, or events without two jets; it says how many.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no file {path}: get events_anomalydetection.h5 from zenodo.org/records/4536377"
        )
    try:
        with h5py.File(path) as file:
            table = torch.tensor(file["df/block0_values"][: n or None]).float()
    except (OSError, KeyError) as error:
        raise ValueError(f"{path} is not the Olympics' file, df/block0_values: {error}") from error
    if table.ndim != 2 or table.shape[1] % 3 != 1:
        raise ValueError(
            f"{path} has rows of {tuple(table.shape)[1:]} numbers; expected are three for each "
            "particle, and a label"
        )
    jets, rest = [], table[:, :-1].reshape(len(table), -1, 3)
    for number in (1, 2):
        jet, rest = _cone(rest)
        if empty := int((jet[..., 0].sum(1) == 0).sum()):
            raise ValueError(f"{path}: {empty} of {len(table)} events have no jet number {number}")
        jets.append(jet)
    return Events(hardest_first(torch.stack(jets, dim=1)), table[:, -1] > 0.5, path.name)


def _cone(particles: Tensor) -> tuple[Tensor, Tensor]:
    """Particles (N, P, 3) inside a cone about the hardest one, and those outside."""
    pt = particles[..., 0]
    axis = particles.gather(1, pt.argmax(1)[:, None, None].expand(-1, 1, 3))[..., 1:]
    for _ in range(2):
        shift = particles[..., 1:] - axis
        shift = torch.stack([shift[..., 0], wrapped(shift[..., 1])], dim=-1)
        inside = (shift.norm(dim=-1) < RADIUS) & (pt > 0)
        weight = (pt * inside)[..., None]
        total = weight.sum(1, keepdim=True).clamp(min=1e-6)
        axis = axis + (weight * shift).sum(1, keepdim=True) / total
    return particles * inside[..., None], particles * ~inside[..., None]
