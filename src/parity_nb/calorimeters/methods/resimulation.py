"""Turned copies of events, and networks that are trained on them: derived in
`calorimeters/resimulation`.

A network is shown training events as they are, or in eight copies that were turned before the
detector or after it.  The random seeds, sample sizes and penalties of a study are trained side by
side, as one `Ensemble`, each network on events and random numbers of its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import (
    affine_grid,
    binary_cross_entropy_with_logits,
    grid_sample,
    interpolate,
)
from tqdm import tqdm

from parity_nb.calorimeters.world.disc import Detector, turn
from parity_nb.data import choose
from parity_nb.ensembles import Ensemble
from parity_nb.statistics import roc_area

ANGLES = tuple(range(0, 360, 45))
"""Degrees of the eight copies of an event."""


def turn_images(images: Tensor, degrees: float) -> Tensor:
    """Rotate images after the detector: spread oblong cells evenly, interpolate, add up again.

    Exact, to rounding, for quarter turns of square images and half turns of all.

    Args:
        images: (N, 32, 32) or (N, 32, 4), first axis x.
        degrees: anticlockwise from x to y.
    """
    rows, columns = images.shape[1:]
    fold = rows // columns
    fine = images.repeat_interleave(fold, 2) / fold
    turned = _rotate(fine, degrees, (0.0, 0.0))
    return turned.reshape(len(images), rows, columns, fold).sum(3)


def turn_images_as_published(images: Tensor, degrees: float) -> Tensor:
    """Rotate images as the published code does, faults and all (mirrors/errata).

    The centre of the rotation is the corner of four cells in coordinates whose whole numbers are
    middles of cells, so it is half a cell off along both axes.
    """
    rows, columns = images.shape[1:]
    resize = {"mode": "bilinear", "align_corners": False}
    fine = interpolate(images[:, None], (rows, rows), **resize)[:, 0]
    turned = _rotate(fine, degrees, (1.0 / rows, 1.0 / rows))
    return interpolate(turned[:, None], (rows, columns), **resize)[:, 0]


def _rotate(images: Tensor, degrees: float, centre: tuple[float, float]) -> Tensor:
    """Bilinear rotation of (N, L, L) about `centre`, in [-1, 1]; first axis x, second y."""
    if degrees % 360 == 0:
        return images
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    cx, cy = centre
    # grid_sample wants, for each output pixel, (second axis, first axis) of the source: turn back
    back = images.new_tensor([[c, -s, cy - c * cy + s * cx], [s, c, cx - s * cy - c * cx]])
    grid = affine_grid(back[None], [1, 1, *images.shape[1:]], align_corners=False)
    # one grid for all: images as channels
    return grid_sample(images[None], grid, align_corners=False)[0]


def copies(points: Tensor, detector: Detector, way: str, generator: torch.Generator) -> Tensor:
    """Lists of the cells of an event and of its seven turned copies.

    Args:
        points: (N, P, 3).
        detector: what sees them.
        way: "pre" turns the points and simulates the detector anew, "post" turns the image of
            the first copy, "post-published" does so as the published code does.
        generator: of the showers.

    Returns:
        (N, 8, capacity, 3); the first copy is the event as it is.

    Raises:
        ValueError: for another way.
    """
    first = detector.respond(points, generator)
    ways = {
        "pre": lambda angle: detector.cells(detector.respond(turn(points, angle), generator)),
        "post": lambda angle: detector.cells(turn_images(first, angle)),
        "post-published": lambda angle: detector.cells(
            turn_images_as_published(first, angle), keep="first"
        ),
    }
    again = choose("way", way, ways)
    return torch.stack([detector.cells(first), *map(again, ANGLES[1:])], 1)


@dataclass(frozen=True)
class Scheme:
    """What a network is shown of its training events.

    Attributes:
        way: which copies are made, as in `copies`; none for the event alone.
        encouraged: whether the eight copies of an event come together, with a penalty on the
            variance of the outputs.
    """

    way: str | None = None
    encouraged: bool = False


SCHEMES = {
    "none": Scheme(),
    "post": Scheme("post"),
    "pre": Scheme("pre"),
    "post-encouraged": Scheme("post", True),
    "pre-encouraged": Scheme("pre", True),
    "post-published": Scheme("post-published"),
    "post-published-encouraged": Scheme("post-published", True),
}
"""Schemes that a chapter's `scheme` parameter may name."""


def objective(logits: Tensor, labels: Tensor, penalty: Tensor) -> Tensor:
    """Cross-entropy plus penalty times the variance of the output over the copies, (K,).

    The published loss: the mean over events of the squared standard deviation of the outputs, which
    are probabilities.

    Args:
        logits: (K, events, copies).
        labels: (K, events).
        penalty: (K,), the weight of encouraged invariance; no effect on single copies.
    """
    target = labels[..., None].expand_as(logits)
    loss = binary_cross_entropy_with_logits(logits, target, reduction="none").mean((1, 2))
    if logits.shape[2] > 1:
        loss = loss + penalty * logits.sigmoid().var(2).mean(1)
    return loss


@dataclass
class Curve:
    """How a training of K networks went.

    Attributes:
        steps: (C,) gradient steps at the checkpoints.
        seconds: (C,) wall time of training at the checkpoints, validation left out.
        auc: (C, K) on validation events.
        chosen: (K,) index of the checkpoint with the best validation AUC, whose weights are kept.
    """

    steps: np.ndarray
    seconds: np.ndarray
    auc: np.ndarray
    chosen: np.ndarray


def make_ensemble(
    make: Callable[[], nn.Module],
    cells: Tensor,
    sizes: Sequence[int],
    owner: Sequence[int],
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
) -> Ensemble:
    """K networks with weights of their own random seeds and the scale of their own events.

    Args:
        make: makes one network.
        cells: (S, N, V, cells, 3); the first copy of the first `sizes[k]` events sets the scale.
        sizes: how many events of its sample each network may see, K numbers.
        owner: which sample each network has, K numbers.
        seeds: of the weights, K numbers.
        device: where the ensemble is to live.
    """
    networks = []
    with torch.random.fork_rng(devices=[]):
        for size, s, seed in zip(sizes, owner, seeds, strict=True):
            torch.manual_seed(seed)
            networks.append(make())
            networks[-1].set_scale(cells[s, :size, 0].cpu())
    return Ensemble(networks, device)


def train(
    ensemble: Ensemble,
    cells: Tensor,
    labels: Tensor,
    sizes: Sequence[int],
    owner: Sequence[int],
    scheme: Scheme,
    validation: tuple[Tensor, Tensor],
    *,
    steps: int,
    images: int = 128,
    rate: float = 1e-3,
    penalty: float | Sequence[float] = 0.0,
    checkpoints: int = 10,
    seed: int = 0,
    loss_of: Callable[[Tensor, Tensor, Tensor], Tensor] = objective,
    progress: bool = True,
) -> Curve:
    """Train all networks for the same number of steps on the same number of images a step.

    Without encouragement a step takes `images` images, each of a random event and, if there are
    copies, a random one of its copies.  With it, `images` / copies events come with all their
    copies.  Events are drawn with replacement.

    Args:
        ensemble: the K networks; they keep the weights of their best checkpoint.
        cells: (S, N, V, cells, 3), S training samples of N events with V copies each.
        labels: (S, N).
        sizes: how many events of its sample each network may see, K numbers.
        owner: which sample each network has, K numbers.
        scheme: what is shown.
        validation: unturned events (S, M, cells, 3) and labels (S, M), that choose the checkpoint.
        steps: gradient steps.
        images: images a step.
        rate: learning rate of Adam.
        penalty: weight of encouraged invariance, one or K.
        checkpoints: how often to look at the validation events.
        seed: of the order of events and copies.
        loss_of: logits, labels and penalties to the loss of each network, as `objective`.
        progress: show a bar.

    Raises:
        ValueError: if sizes or owners do not fit the ensemble or the samples, if a step has fewer
            images than an event has copies, or for no steps or checkpoints.
        FloatingPointError: at the first checkpoint after a loss that is not a finite number.
    """
    device, k, copies = ensemble.device, ensemble.size, cells.shape[2]
    if len(sizes) != k or len(owner) != k or max(sizes) > cells.shape[1]:
        raise ValueError(
            f"{k} networks want as many sizes and owners, not {len(sizes)} and {len(owner)}, and "
            f"no size above the {cells.shape[1]} events of a sample (largest: {max(sizes)})"
        )
    if steps < 1 or checkpoints < 1:
        raise ValueError(f"steps = {steps} and checkpoints = {checkpoints}: at least one of each")
    if scheme.encouraged and images < copies:
        raise ValueError(f"images = {images} a step do not hold the {copies} copies of one event")
    limit = torch.tensor(sizes, device=device)[:, None]
    sample = torch.tensor(owner, device=device)[:, None]
    weight = torch.as_tensor(penalty, dtype=torch.float32, device=device).expand(k)
    chance = torch.Generator(device).manual_seed(seed)
    optimiser = torch.optim.Adam(ensemble.weights.values(), lr=rate)
    best = {name: w.detach().clone() for name, w in ensemble.weights.items()}
    marks = np.unique(np.ceil(np.linspace(0, steps, checkpoints + 1)).astype(int)[1:])
    aucs, seconds, spent, start = [], [], 0.0, time.perf_counter()
    events = images // copies if scheme.encouraged else images
    for step in tqdm(
        range(1, steps + 1), "training", unit="step", leave=False, disable=not progress
    ):
        pick = (torch.rand(k, events, generator=chance, device=device) * limit).long()
        if scheme.encouraged:
            x = cells[sample, pick].flatten(1, 2)
        elif scheme.way is None:
            x = cells[sample, pick, 0]
        else:
            turned = torch.randint(copies, pick.shape, generator=chance, device=device)
            x = cells[sample, pick, turned]
        loss = loss_of(ensemble(x).reshape(k, events, -1), labels[sample, pick], weight)
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
        if step not in marks:
            continue
        if not loss.isfinite().all():
            wrong = loss.isfinite().logical_not().nonzero()[0].item()
            raise FloatingPointError(
                f"the loss of network {wrong} is not a finite number by step {step}: lower the "
                f"rate, now {rate}, or its penalty, now {weight[wrong].item()}"
            )
        spent += time.perf_counter() - start
        seconds.append(spent)
        scores, truth = ensemble.evaluate(validation[0], owner), validation[1][list(owner)] == 1
        aucs.append([roc_area(s, t).value for s, t in zip(scores, truth, strict=True)])
        better = torch.tensor(np.argmax(aucs, 0) == len(aucs) - 1, device=device)
        for name, w in ensemble.weights.items():
            best[name][better] = w.detach()[better]
        start = time.perf_counter()
    for name, w in ensemble.weights.items():
        w.data.copy_(best[name])
    return Curve(marks, np.array(seconds), np.array(aucs), np.argmax(aucs, 0))
