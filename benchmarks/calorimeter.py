"""Events a second: the parametric generator, the detector, and one picture at a time.

    python benchmarks/calorimeter.py [--events 4000] [--threads 2]

The source fills three two-dimensional histograms an event, one event after the other, with towers
that Delphes has made before; ours also bends tracks, shares showers among towers and applies
resolutions and thresholds.  Ratios are printed, nothing is asserted: the machine may be busy.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from parity_nb.calorimeters.world.cylinder_detector import SEGMENTATIONS, Detector
from parity_nb.calorimeters.world.generator import make_class
from parity_nb.calorimeters.world.particles import (
    CHARGED_HADRON,
    ELECTRON,
    NEUTRAL_HADRON,
    PHOTON,
    Particles,
)

RUNS = 3


def rate(job: Callable[[], object], n: int) -> float:
    """Events a second, median of three runs after one that warms up."""
    rates = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        job()
        rates.append(n / (time.perf_counter() - start))
    return median(rates[1:])


def one_by_one(particles: Particles) -> np.ndarray:
    """What the source does: three histograms an event."""
    box = [[-math.pi, math.pi], [-5, 5]]
    pictures = []
    for k in range(particles.n):
        p = particles[k : k + 1]
        phi, eta, energy = p.phi.numpy(), p.eta.numpy(), p.energy.numpy()
        kind, charge = p.kind.numpy(), p.charge.numpy()
        layers = (
            (np.isin(kind, (PHOTON, ELECTRON)), energy),
            (np.isin(kind, (CHARGED_HADRON, NEUTRAL_HADRON)), energy),
            (charge != 0, p.pt.numpy()),
        )
        pictures.append(
            [np.histogram2d(phi[m], eta[m], 50, box, weights=w[m])[0] for m, w in layers]
        )
    return np.array(pictures, dtype=np.float32)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=4000, help="events a run")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    options = parser.parse_args()
    n = options.events
    torch.set_num_threads(options.threads)
    found = {
        "black holes": rate(lambda: make_class("BH_n4_M10", n), n),
        "sphalerons": rate(lambda: make_class("SPH_9", n), n),
    }
    particles = make_class("SPH_9", n)
    for name in SEGMENTATIONS:
        found[f"detector, {name}"] = rate(lambda name=name: Detector(name).images(particles), n)
    few = particles[: max(1, n // 10)]
    found["three histograms an event"] = rate(lambda: one_by_one(few), few.n)
    print(f"{len(particles.event) / n:.0f} particles an event, {options.threads} threads")
    for name, value in found.items():
        print(f"{name:>26}  {value:>8.0f} events/s")
    ratio = found["detector, uniform"] / found["three histograms an event"]
    print(f"\nthe detector is {ratio:.1f} times as fast as filling histograms one event at a time")


if __name__ == "__main__":
    main()
