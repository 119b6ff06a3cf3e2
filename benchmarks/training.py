"""Training, the published appendix code and ours side by side; ratios of wall times.

    python benchmarks/training.py                  one step, and one convolution
    python benchmarks/training.py --race           a whole training, theirs extrapolated
    python benchmarks/training.py --race --full    a whole training, theirs run to its end

The published code is that of the appendix of Gibbon (2023), with its network and its training
step as printed, on the device of this machine instead of Apple's.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms
from torchvision.datasets import ImageFolder
from tqdm.auto import tqdm

from parity_nb.images import IMAGENET_MEAN, IMAGENET_STD, ImageSet
from parity_nb.networks import NETWORKS, PublishedNet
from parity_nb.objectives import mean_over_std
from parity_nb.snails.data.model_sets import MODEL_SETS, PUBLISHED_IMAGES, develop, model_set
from parity_nb.snails.world.model_snail import snail_mesh
from parity_nb.snails.world.studio import Studio, isotropic_cameras
from parity_nb.statistics import positive_fraction
from parity_nb.symmetry import GROUPS, Symmetrised, half_turn_parity
from parity_nb.training import Recipe, evaluate, fabric, fit

DEVICE = fabric().device
BATCH = Recipe.published().batch


# --- the published code


class Net(nn.Module):
    """f as published: four calls of g, one after another."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, (5, 5), 1)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(16, 32, (5, 5), 1)
        self.fc1 = nn.Linear(32 * 13 * 13, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 1)

    def forward(self, x):
        """Return f: (N, 3, 64, 64) -> (N,)."""
        answer = self.forward_worker(x)
        answer = answer + self.forward_worker(torch.flip(x, [2, 3]))
        answer = answer - self.forward_worker(torch.flip(x, [2]))
        answer = answer - self.forward_worker(torch.flip(x, [3]))
        return answer / 4.0

    def forward_worker(self, x):
        """Return g: (N, 3, 64, 64) -> (N,)."""
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return torch.sum(x, dim=1)


def published_step(net: nn.Module, optimiser: torch.optim.Optimizer, inputs: Tensor) -> float:
    """One step as published: the network is run once for the spread and once for the mean."""
    optimiser.zero_grad()
    std = torch.std(net(inputs))
    mean = torch.mean(net(inputs))
    loss = -mean / std
    loss.backward()
    optimiser.step()
    return loss.item()


PUBLISHED_TRANSFORM = transforms.Compose(
    [
        transforms.ToTensor(),
        transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        transforms.Resize(64, antialias=True),
        transforms.CenterCrop(64),
    ]
)


def published_loader(folder: Path) -> torch.utils.data.DataLoader:
    """Every picture opened, decoded and resized again in every epoch, by four processes."""
    return torch.utils.data.DataLoader(
        ImageFolder(str(folder), PUBLISHED_TRANSFORM),
        batch_size=BATCH,
        shuffle=True,
        pin_memory=DEVICE.type == "cuda",
        num_workers=4,
    )


# --- one step, one convolution


def alternating(
    theirs: Callable[[], object], ours: Callable[[], object], repeats: int, calls: int
) -> tuple[float, float]:
    """Median seconds of one call of each, the two taking turns; one unmeasured turn first."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for call, spent in zip((theirs, ours), times, strict=True):
            start = now()
            for _ in range(calls):
                call()
            if turn:
                spent.append((now() - start) / calls)
    return statistics.median(times[0]), statistics.median(times[1])


def now() -> float:
    """Seconds, when all work so far is done."""
    if DEVICE.type != "cpu":
        torch.accelerator.synchronize()
    return time.perf_counter()


def matmul_rate(size: int = 2048, repeats: int = 5) -> float:
    """Floating-point operations a second of a large float32 matrix product: the best of some."""
    a = torch.randn(size, size, device=DEVICE)
    a @ a
    spent = []
    for _ in range(repeats):
        start = now()
        a @ a
        spent.append(now() - start)
    return 2 * size**3 / min(spent)


def step(repeats: int, calls: int) -> None:
    """A training step of the published network: appendix code against ours."""
    images = torch.randn(BATCH, 3, 64, 64, device=DEVICE)
    net = Net().to(DEVICE)
    model = Symmetrised(PublishedNet(), half_turn_parity()).to(DEVICE)
    model.to(memory_format=torch.channels_last)
    sgd = [torch.optim.SGD(m.parameters(), lr=1e-3, momentum=0.9) for m in (net, model)]

    def ours() -> None:
        sgd[1].zero_grad()
        mean_over_std(model(images)).backward()
        sgd[1].step()

    with FlopCounterMode(display=False) as counter:
        ours()
    slow, fast = alternating(lambda: published_step(net, sgd[0], images), ours, repeats, calls)
    rate = counter.get_total_flops() / fast
    print(
        f"training step, batch of {BATCH}: appendix {slow * 1e3:.0f} ms, ours {fast * 1e3:.0f} ms, "
        f"ratio {slow / fast:.2f} (target 2.5)"
    )
    peak = matmul_rate()
    print(
        f"ours: {rate / 1e9:.1f} of the {peak / 1e9:.1f} GFLOP/s that a large matrix product "
        f"reaches, {100 * rate / peak:.0f} %"
    )


def wide_convolution(repeats: int, calls: int) -> None:
    """First convolution of four copies, or one of the single image with four times the kernels."""
    group = half_turn_parity()
    acts = [element.act for element in group.elements]  # each is its own inverse
    conv = nn.Conv2d(3, 16, 5).to(DEVICE, memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, 64, 64, device=DEVICE)
    images = images.contiguous(memory_format=torch.channels_last)

    def narrow() -> Tensor:
        return conv(group.orbit(images).contiguous(memory_format=torch.channels_last))

    def wide() -> Tensor:
        kernels = torch.cat([act(conv.weight) for act in acts])
        outputs = F.conv2d(images, kernels, conv.bias.repeat(len(acts))).chunk(len(acts), dim=1)
        # The next layer needs the maps of the flipped copies, so they are flipped back.
        turned = torch.cat([act(output) for act, output in zip(acts, outputs, strict=True)])
        return turned.contiguous(memory_format=torch.channels_last)

    torch.testing.assert_close(narrow(), wide(), rtol=1e-3, atol=1e-3)
    slow, fast = alternating(
        lambda: narrow().sum().backward(), lambda: wide().sum().backward(), repeats, calls
    )
    print(
        f"first convolution: four narrow {slow * 1e3:.1f} ms, one wide {fast * 1e3:.1f} ms, "
        f"ratio {slow / fast:.2f} (above 1: the wide one is quicker)"
    )


# --- a whole training


def write_screenshots(folder: Path, rows: np.ndarray, data: ImageSet, seed: int) -> None:
    """The screenshots from which these images of M3 were made, as PNG files, by hand.

    Raises:
        RuntimeError: if they do not develop into those images.
    """
    film = MODEL_SETS["M3"]
    rng = np.random.default_rng([seed, *repr(film.film).encode()])
    cameras = isotropic_cameras(len(data), rng)[rows]
    hands = data.meta["hand"].to_numpy()[rows]
    with Studio(snail_mesh(), film.screenshot, film.lights) as studio:
        shots = studio.shoot(cameras, hands, {"right": film.right, "left": film.left})
        for row, hand, shot in tqdm(
            zip(rows, hands, shots, strict=True), total=len(rows), desc="screenshots", leave=False
        ):
            made = develop(torch.from_numpy(shot).permute(2, 0, 1)[None], film)[0]
            if (made.int() - data.images[row].int()).abs().max() > 1:
                raise RuntimeError(
                    f"screenshot {row} is not the one that image {row} was made from"
                )
            (folder / hand).mkdir(parents=True, exist_ok=True)
            Image.fromarray(shot).save(folder / hand / f"{row:06d}.png")


def published_training(folder: Path, epochs: int) -> tuple[nn.Module, float]:
    """The appendix code on a folder of screenshots: the network, and images a second.

    The clock of an epoch starts with its first batch: starting the workers is not counted.
    """
    torch.manual_seed(0)
    net = Net().to(DEVICE)
    sgd = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
    loader, seconds, images = published_loader(folder), 0.0, 0
    for _ in tqdm(range(epochs), desc="appendix code", unit="epoch", leave=False):
        batches = iter(loader)
        inputs, _labels = next(batches)
        start = now()
        published_step(net, sgd, inputs.to(DEVICE))
        images += len(inputs)
        for inputs, _labels in batches:
            published_step(net, sgd, inputs.to(DEVICE))
            images += len(inputs)
        seconds += now() - start
    return net.cpu(), images / seconds


def race(images: int, sample: int, seed: int, full: bool, group: str) -> None:
    """`Recipe.fast()` to its end against the 15 epochs of the appendix code, on M3."""
    published, fast = Recipe.published(), Recipe.fast()
    data = model_set("M3", images=images, seed=seed)
    data.meta["row"] = range(images)
    train, test = data.split()
    rows = train.meta["row"].to_numpy()[: None if full else sample]
    with tempfile.TemporaryDirectory() as folder:
        write_screenshots(Path(folder), rows, data, seed)
        net, rate = published_training(Path(folder), published.epochs if full else 1)
        start = now()
        ImageSet.from_folder(folder, size=64)
        reading = (now() - start) * len(train) / len(rows)
    theirs = published.epochs * len(train) / rate

    start = now()
    train, test = model_set("M3", images=images, seed=seed).split()
    torch.manual_seed(0)
    model = Symmetrised(NETWORKS["fast"](), GROUPS[group]())
    fit(model, train, fast)
    ours = now() - start

    kind = "measured" if full else f"extrapolated from one epoch of {len(rows):,} images"
    print(f"M3, {len(train):,} training images, {group} group for ours")
    print(f"appendix code, {published.epochs} epochs: {theirs:.0f} s ({rate:.0f} images/s; {kind})")
    print(f"fast recipe, {fast.epochs} epochs, loading included: {ours:.0f} s")
    print(f"ratio {theirs / ours:.1f} (target 15, aim 40)")
    reads = "measured" if full else f"extrapolated from {len(rows):,} files"
    print(f"reading the screenshots once, if they were PNG files: {reading:.0f} s more ({reads})")
    print(f"ratio with it {theirs / (ours + reading):.1f}")
    print(f"fast recipe, held out: {positive_fraction(evaluate(model, test))}")
    if full:
        print(f"appendix code, held out: {positive_fraction(evaluate(net, test))}")
    else:
        print("appendix code, held out: not known without --full")


def main() -> None:
    """Read the command line and run what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="turns of each; the median counts")
    parser.add_argument("--calls", type=int, default=5, help="calls in one turn")
    parser.add_argument("--race", action="store_true", help="time whole trainings")
    parser.add_argument("--images", type=int, default=PUBLISHED_IMAGES, help="size of M3")
    parser.add_argument("--sample", type=int, default=2048, help="images of the appendix's epoch")
    parser.add_argument("--seed", type=int, default=0, help="of the renders")
    parser.add_argument("--group", default="dihedral", choices=GROUPS, help="group of ours")
    parser.add_argument("--full", action="store_true", help="run the appendix code to its end")
    options = parser.parse_args()
    print(f"device {DEVICE}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    if options.race:
        race(options.images, options.sample, options.seed, options.full, options.group)
    else:
        step(options.repeats, options.calls)
        wide_convolution(options.repeats, options.calls)


if __name__ == "__main__":
    main()
