"""The source's join and cuts and ours side by side; ratios of wall times.

    python benchmarks/neutrinos.py            2,000 events, a minute or two
    python benchmarks/neutrinos.py --full     and 8,000, some minutes more

The source's steps are those of Shokar (2020) with the fewest repairs; they and our cuts stand in
the chapter `neutrinos/pixel-maps`.  Both read the same simulated file, both make the join and both
selections, and must agree event by event.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from parity_nb.neutrinos.files.hdf5 import read_index
from parity_nb.neutrinos.world.simulate import EVERYWHERE, events

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from chapter_code import chapter_code

code = chapter_code("neutrinos/pixel-maps")


def ours(path: Path) -> dict[str, set[int]]:
    """Rows of the events that pass."""
    index = read_index([path], {"numu": code.NUMU, "nue": code.NUE})
    return {name: set(index["row"][index[name]]) for name in ("numu", "nue")}


def theirs(path: Path) -> dict[str, set[int]]:
    """The same, step by step."""
    with h5py.File(path) as file:
        joined = code.printed_join(file)
        lost = {"numu": set(code.mu_cuts(file)), "nue": set(code.e_cuts(file))}
    return {
        name: {row for key, (row, _, _) in joined.items() if key not in keys}
        for name, keys in lost.items()
    }


def timed(function, path: Path, repeats: int) -> tuple[dict[str, set[int]], float]:
    """What a function finds, and the best of its wall times, s."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = function(path)
        seconds.append(time.perf_counter() - start)
    return found, float(np.min(seconds))


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="8,000 events too")
    sizes = (2000, 8000) if parser.parse_args().full else (2000,)
    print(f"{'events':>8}  {'source':>10}  {'ours':>10}  {'ratio':>8}  kept by both")
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            path = code.write_simulated(
                Path(folder) / f"{n}.h5", events(n, "B", vertices=EVERYWHERE)
            )
            mine, fast = timed(ours, path, 5)
            published_found, slow = timed(theirs, path, 1)
            if mine != published_found:
                raise SystemExit(f"{n} events: the two disagree")
            kept = ", ".join(f"{len(rows)} {name}" for name, rows in mine.items())
            print(f"{n:8}  {slow:8.1f} s  {fast:8.3f} s  {slow / fast:8.0f}  {kept}", flush=True)


if __name__ == "__main__":
    main()
