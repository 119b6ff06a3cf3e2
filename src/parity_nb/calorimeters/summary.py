"""Histograms of events and images, to compare one generator with another.

`stored()` reads the ones made with Pythia 8, which the package carries, so that the comparison
needs no Pythia.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor

from parity_nb.calorimeters.world.cylinder_detector import CHANNELS
from parity_nb.calorimeters.world.particles import Particles

EDGES: dict[str, np.ndarray] = {
    "particles": np.arange(0, 1501, 50.0),
    "scalar sum / TeV": np.arange(0, 13.1, 0.5),
    "eta": np.linspace(-5, 5, 41),
    "log10 pt / GeV": np.linspace(-1, 4, 26),
    "lit pixels": np.arange(0, 801, 25.0),
    **{f"log10 {channel} / GeV": np.linspace(-1, 4, 26) for channel in CHANNELS},
}
"""Edges of the bins of each histogram."""


@dataclass(frozen=True)
class Summary:
    """Histograms and means of n events.

    Attributes:
        n: number of events.
        counts: by the names of `EDGES`; "eta", "log10 pt" and the channels count particles or
            pixels, the others events.
        means: mean and its error over events by name.
    """

    n: int
    counts: dict[str, np.ndarray]
    means: dict[str, tuple[float, float]]

    def density(self, name: str) -> np.ndarray:
        """Entries an event and bin."""
        return self.counts[name] / self.n


def summarise(particles: Particles, images: Tensor) -> Summary:
    """Histograms of events and of the images made of them.

    Args:
        particles: of n events.
        images: (n, 3, H, W), channels as in `detector.CHANNELS`.

    Raises:
        ValueError: if there are not as many images as events.
    """
    if len(images) != particles.n:
        raise ValueError(f"{len(images)} images of {particles.n} events")
    images = images.cpu()
    seen = particles.where(particles.eta.abs() < 5)
    values = {
        "particles": torch.bincount(seen.event, minlength=particles.n),
        "scalar sum / TeV": seen.sum(seen.pt) / 1000,
        "eta": seen.eta,
        "log10 pt / GeV": seen.pt.log10(),
        "lit pixels": (images > 0).sum((1, 2, 3)),
    }
    for c, channel in enumerate(CHANNELS):
        layer = images[:, c]
        values[f"log10 {channel} / GeV"] = layer[layer > 0].log10()
    counts = {name: np.histogram(values[name].numpy(), EDGES[name])[0] for name in EDGES}
    each = {
        "particles": values["particles"],
        "scalar sum / TeV": values["scalar sum / TeV"],
        "lit pixels": values["lit pixels"],
        "sum / TeV": images.sum((1, 2, 3)) / 1000,
    }
    for c, channel in enumerate(CHANNELS):
        each[f"{channel} pixels"] = (images[:, c] > 0).sum((1, 2))
        each[f"{channel} / TeV"] = images[:, c].sum((1, 2)) / 1000
    means = {name: mean_and_error(x) for name, x in each.items()}
    return Summary(particles.n, counts, means)


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Mean of values (n,) and its standard error."""
    x = values.double()
    return x.mean().item(), (x.std() / len(x) ** 0.5).item()


def stored() -> tuple[dict[str, Summary], dict[str, str]]:
    """The summaries made with Pythia 8 that come with the package, and where they come from.

    Returns:
        summaries by class, and the provenance: versions, random seed, settings.
    """
    text = files("parity_nb.calorimeters").joinpath("pythia.json").read_text(encoding="utf-8")
    content = json.loads(text)
    summaries = {
        name: Summary(
            entry["n"],
            {key: np.array(counts) for key, counts in entry["counts"].items()},
            {key: tuple(pair) for key, pair in entry["means"].items()},
        )
        for name, entry in content["summaries"].items()
    }
    return summaries, content["provenance"]


def to_json(summaries: dict[str, Summary], provenance: dict[str, str]) -> str:
    """The text of the file that `stored` reads."""
    content = {
        "provenance": provenance,
        "summaries": {
            name: {
                "n": s.n,
                "counts": {key: counts.tolist() for key, counts in s.counts.items()},
                "means": {key: [float(f"{x:.6g}") for x in pair] for key, pair in s.means.items()},
            }
            for name, s in summaries.items()
        },
    }
    return json.dumps(content, indent=1) + "\n"
