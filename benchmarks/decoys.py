"""Training many decoy networks: one after another, and stacked by torch.func.vmap.

    python benchmarks/decoys.py [--networks 256] [--pixels 256] [--width 32]

One network after another is the plain loop, `torch.nn.Module` and `torch.optim.Adam`.  Both sides
take turns; each rate is the median of five.  Ratios are printed, nothing is asserted: the machine
may be busy.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from parity_nb.discovery.methods.decoys import Adam, DecoyNet, fresh, gradients
from parity_nb.discovery.world.templates import pixel_grid
from parity_nb.training import fabric

TURNS = 5


def finish(device: torch.device) -> None:
    """Wait until a GPU has done what it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def alone(width: int, pixels: int, device: torch.device, steps: int = 100) -> float:
    """Seconds a step of one network."""
    net = DecoyNet(width).to(device)
    adam = torch.optim.Adam(net.parameters(), lr=0.02)
    xy = pixel_grid(32).to(device)
    tone = (torch.rand(len(xy)) < 0.5).float().to(device)
    finish(device)
    start = time.perf_counter()
    for _ in range(steps):
        pixel = torch.randint(len(xy), (pixels,), device=device)
        adam.zero_grad()
        binary_cross_entropy_with_logits(net(xy[pixel])[0], tone[pixel]).backward()
        adam.step()
    finish(device)
    return (time.perf_counter() - start) / steps


def stacked(n: int, width: int, pixels: int, device: torch.device) -> float:
    """Seconds a step and network of `n` networks."""
    networks = fresh(n, width, device=device)
    adam = Adam(networks.weights, 0.02)
    xy = pixel_grid(32).to(device)
    tone = (torch.rand(n, len(xy)) < 0.5).float().to(device)

    steps = max(5, 400 // n) if device.type == "cpu" else 50
    finish(device)
    start = time.perf_counter()
    for _ in range(steps):
        pixel = torch.randint(len(xy), (pixels,), device=device)
        adam.step(networks.weights, gradients(networks, xy[pixel], tone[:, pixel]))
    finish(device)
    return (time.perf_counter() - start) / steps / n


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=256, help="largest stack")
    parser.add_argument("--pixels", type=int, default=256, help="pixels in a step")
    parser.add_argument("--width", type=int, default=32, help="units in each hidden layer")
    a = parser.parse_args()
    device = fabric().device
    sizes = [n for n in (1, 4, 16, 64, 256, 1024, 4096) if n <= a.networks]
    print(f"{device}, {torch.get_num_threads()} thread(s), {a.pixels} pixels a step")
    ratios = {n: [] for n in sizes}
    for turn in range(TURNS + 1):
        for n in sizes:
            one, many = alone(a.width, a.pixels, device), stacked(n, a.width, a.pixels, device)
            if turn:  # the first turn warms up
                ratios[n].append((one / many, one, many))
    print("networks  one after another  stacked (ms a network and step)  ratio")
    for n in sizes:
        ratio, one, many = (median(v) for v in zip(*ratios[n], strict=True))
        print(f"{n:>8}  {1e3 * one:>17.3f}  {1e3 * many:>31.3f}  {ratio:>5.1f}")
    print("\npixels a step  ratio with", sizes[-1], "networks")
    for pixels in (64, 256, 1024):
        both = [
            alone(a.width, pixels, device) / stacked(sizes[-1], a.width, pixels, device)
            for _ in range(3)
        ]
        print(f"{pixels:>13}  {median(both):>5.1f}")


if __name__ == "__main__":
    main()
