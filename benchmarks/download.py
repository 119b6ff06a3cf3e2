"""Download thousands of small photographs from a bad server, being killed twice on the way.

    python benchmarks/download.py [--images 5000] [--seed 0]

The server runs here and misbehaves at random: 429 and 503 with and without Retry-After, 500,
connections cut half-way, photographs that do not exist, and files that are no whole JPEG.  The
download runs in a process of its own and is killed after a third and after two thirds.  What is
printed is counted by the server; what is asserted is that nothing is lost, that nothing came
twice but what was on its way at a kill, and that every checksum is that of the server's file.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from photo_server import Fault, PhotoServer, changed, jpeg

from parity_nb.snails.files.download import Limits, download, read_manifest

LIMITS = Limits(workers=8, per_second=1e6, backoff=0.02)
PASSING = ["429", ("429", "1"), "503", "500", "cut", "cut"]
"""Faults of which each photograph has none, one or two before it is sent."""


def fault(number: int, n: int, seed: int) -> Fault:
    """What goes wrong with the n-th request for a photograph: always the same for one seed."""
    rng = random.Random(f"{seed} {number}")
    if number % 100 == 0:
        return "404"
    often = rng.choices([0, 1, 2], [80, 15, 5])[0]
    # Waiting a whole second concerns everybody, so few photographs ask for it.
    wrong = [rng.choices(PASSING, [20, 1, 20, 20, 20, 20])[0] for _ in range(often)]
    return wrong[n] if n < often else ""


def picture(number: int) -> bytes:
    """A JPEG, cut short for one photograph in a hundred."""
    data = jpeg(number, 32)
    return data[: len(data) // 2] if number % 100 == 50 else data


def child(table: str, folder: str) -> None:
    """The process that is killed."""
    download(pd.read_csv(table, dtype=str, keep_default_na=False), folder, ["127.0.0.1"], LIMITS)


def run(images: int, seed: int, scratch: Path) -> None:
    """The parent: server, kills and counts."""
    table, folder = scratch / "table.csv", scratch / "photographs"
    numbers = range(1, images + 1)
    twice_allowed, files = set(), set()
    with PhotoServer(picture, lambda number, n: fault(number, n, seed)) as server:
        server.table(numbers).to_csv(table, index=False)
        command = [sys.executable, __file__, "--child", str(table), str(folder)]
        start = time.perf_counter()
        for part in (images // 3, 2 * images // 3, None):
            process = subprocess.Popen(command)
            while part and server.sent.total() < part and process.poll() is None:
                time.sleep(0.001)
            if part:
                process.kill()
            code = process.wait()
            assert (code == 0) == (part is None), f"the download ended with {code}"
            time.sleep(0.2)  # the server's threads notice
            files = {int(p.stem) for p in folder.rglob("[0-9]*.jpg")}
            on_its_way = set(server.sent) - files
            twice_allowed |= on_its_way
            print(
                f"{'killed' if part else 'ended'} at {server.sent.total():,} files sent: "
                f"{len(files):,} on disk, {len(on_its_way)} sent and not written"
            )
        seconds = time.perf_counter() - start
        rows = read_manifest(folder).set_index("photo")
        twice = {number for number, times in server.sent.items() if times > 1}
        print(f"{images:,} photographs in {seconds:.0f} s, {server.asked.total():,} requests")
        print(f"{len(server.ranges):,} of them for the rest of a file that was cut off")
        print(rows["status"].value_counts().to_string())
        print(f"sent twice: {len(twice)}; on their way at a kill: {len(twice_allowed)}")
        assert sorted(rows.index) == list(numbers), "photographs are lost"
        assert twice <= twice_allowed, f"sent again without need: {twice - twice_allowed}"
        assert max(server.sent.values()) <= 3  # once in each process at the most
        for number in numbers:
            kind = {0: "missing", 50: "quarantined"}.get(number % 100, "ok")
            assert rows.loc[number, "status"] == kind, rows.loc[number]
            if kind != "missing":
                where = folder if kind == "ok" else folder / "quarantine"
                data = (where / rows.loc[number, "file"]).read_bytes()
                assert data == picture(number)
                assert rows.loc[number, "sha256"] == hashlib.sha256(data).hexdigest()
        assert changed(folder).empty
        print("every checksum is that of the server's file")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=5000, help="photographs on the server")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            run(options.images, options.seed, Path(scratch))


if __name__ == "__main__":
    main()
