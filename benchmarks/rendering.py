"""How many screenshots a second the studio makes: size, multisampling, processes.

    python benchmarks/rendering.py [--images 400]

Every rate is the median of three runs, after one that warms up.  Ratios are printed, nothing is
asserted: the machine may be busy.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median

import numpy as np
from joblib import Parallel, delayed

from parity_nb.snails.world.model_snail import snail_mesh
from parity_nb.snails.world.offscreen import check_opengl
from parity_nb.snails.world.studio import Studio, isotropic_cameras

RUNS = 3
GREY = {"right": "lightgrey", "left": "lightgrey"}


def rate(size: int, samples: int, images: int) -> float:
    """Screenshots a second in this process, the studio's own start left out."""
    cameras = isotropic_cameras(images, np.random.default_rng(0))
    hands = np.where(np.arange(images) % 2, "left", "right")
    with Studio(snail_mesh(), size) as studio:
        studio.plotter.render_window.SetMultiSamples(samples)
        rates = []
        for _ in range(RUNS + 1):
            start = time.perf_counter()
            for _ in studio.shoot(cameras, hands, GREY):
                pass
            rates.append(images / (time.perf_counter() - start))
    return median(rates[1:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=400, help="screenshots a run")
    images = parser.parse_args().images
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    check_opengl()
    print("size  samples  one process  two processes  (images/s)")
    found = {}
    with Parallel(n_jobs=2) as both:
        for size in (64, 256):
            for samples in (0, 8):
                one = rate(size, samples, images)
                two = sum(both(delayed(rate)(size, samples, images) for _ in range(2)))
                found[size, samples] = one, two
                print(f"{size:>4}  {samples:>7}  {one:>11.0f}  {two:>13.0f}")
    print()
    for size in (64, 256):
        off, on = found[size, 0], found[size, 8]
        print(f"{size} px: two processes {off[1] / off[0]:.2f} x one;", end=" ")
        print(f"without multisampling {off[0] / on[0]:.2f} x with it")
    print(f"64 px {found[64, 0][0] / found[256, 0][0]:.2f} x 256 px")


if __name__ == "__main__":
    main()
