"""Many small networks trained at once, each on events and random numbers of its own.

Ten networks of a hundred thousand weights keep a device as busy as one of a million, so the
random seeds, sample sizes and penalties of a study are trained side by side: one batched network
(`torch.func.stack_module_state`, `vmap`), one optimiser that works weight by weight, no exchange
between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from parity_nb.ensembles import Ensemble
from parity_nb.statistics import roc_area


@dataclass(frozen=True)
class Scheme:
    """What a network is shown of its training events.

    Attributes:
        name: as in tables.
        way: which copies are made, as in `disc.copies`; none for the event alone.
        encouraged: whether the eight copies of an event come together, with a penalty on the
            variance of the outputs.
    """

    name: str
    way: str | None = None
    encouraged: bool = False


SCHEMES = {
    s.name: s
    for s in (
        Scheme("none"),
        Scheme("post", "post"),
        Scheme("pre", "pre"),
        Scheme("post-encouraged", "post", True),
        Scheme("pre-encouraged", "pre", True),
        Scheme("post-published", "post-published"),
        Scheme("post-published-encouraged", "post-published", True),
    )
}
"""Schemes that a chapter's `scheme` parameter may name."""


@dataclass
class Curve:
    """How a training of K networks went.

    Attributes:
        steps: (C,) gradient steps at the checkpoints.
        seconds: (C,) wall time of training at the checkpoints, validation left out.
        auc: (C, K) on validation events.
        loss: (C, K) binary cross-entropy on validation events, in nats.
        chosen: (K,) index of the checkpoint with the best validation AUC, whose weights are kept.
    """

    steps: np.ndarray
    seconds: np.ndarray
    auc: np.ndarray
    loss: np.ndarray
    chosen: np.ndarray


def objective(logits: Tensor, labels: Tensor, penalty: Tensor) -> Tensor:
    """Cross-entropy plus penalty times the variance of the output over the copies, (K,).

    Args:
        logits: (K, events, copies).
        labels: (K, events).
        penalty: (K,), the weight of encouraged invariance; no effect on single copies.

    The published loss: the mean over events of the squared standard deviation of the outputs, which
    are probabilities.
    """
    target = labels[..., None].expand_as(logits)
    loss = binary_cross_entropy_with_logits(logits, target, reduction="none").mean((1, 2))
    if logits.shape[2] > 1:
        loss = loss + penalty * logits.sigmoid().var(2).mean(1)
    return loss


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
        progress: show a bar.

    Raises:
        ValueError: if sizes or owners do not fit the ensemble or the samples, if a step has fewer
            images than an event has copies, or for no steps or checkpoints.
        FloatingPointError: at the first checkpoint after a loss that is not a finite number.
    """
    device, k = ensemble.device, ensemble.size
    copies = cells.shape[2]
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
    aucs, losses, seconds, spent = [], [], [], 0.0
    events = images // copies if scheme.encouraged else images
    bar = tqdm(
        total=steps, desc=f"training, {scheme.name}", unit="step", leave=False, disable=not progress
    )
    start = time.perf_counter()
    for step in range(1, steps + 1):
        pick = (torch.rand(k, events, generator=chance, device=device) * limit).long()
        if scheme.encouraged:
            x = cells[sample, pick].flatten(1, 2)
        elif scheme.way is None:
            x = cells[sample, pick, 0]
        else:
            turn = torch.randint(copies, pick.shape, generator=chance, device=device)
            x = cells[sample, pick, turn]
        logits = ensemble(x).reshape(k, events, -1)
        loss = objective(logits, labels[sample, pick], weight)
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
        if step in marks:
            if not loss.isfinite().all():
                wrong = loss.isfinite().logical_not().nonzero()[0].item()
                raise FloatingPointError(
                    f"the loss of network {wrong} is not a finite number by step {step}: lower the "
                    f"rate, now {rate}, or its penalty, now {weight[wrong].item()}"
                )
            spent += time.perf_counter() - start
            seconds.append(spent)
            scores = ensemble.evaluate(validation[0], owner)
            truth = validation[1].cpu()[list(owner)]
            aucs.append([auc(s, t)[0] for s, t in zip(scores, truth, strict=True)])
            entropy = binary_cross_entropy_with_logits(scores, truth, reduction="none")
            losses.append(entropy.mean(1).tolist())
            better = torch.tensor(np.argmax(aucs, 0) == len(aucs) - 1, device=device)
            for name, w in ensemble.weights.items():
                best[name][better] = w.detach()[better]
            bar.update(step - bar.n)
            start = time.perf_counter()
    bar.close()
    for name, w in ensemble.weights.items():
        w.data.copy_(best[name])
    return Curve(marks, np.array(seconds), np.array(aucs), np.array(losses), np.argmax(aucs, 0))


def auc(scores: Tensor, labels: Tensor) -> tuple[float, float]:
    """Area under the ROC curve and its standard deviation (DeLong et al. 1988).

    Args:
        scores: (N,), larger for signal; ties count one half.
        labels: (N,), 1 for signal.

    Raises:
        ValueError: for scores that are no numbers, or a class with fewer than two events.
    """
    found = roc_area(scores, labels == 1)
    return found.value, found.error


def efficiency(scores: Tensor, labels: Tensor, false_positive: float) -> float:
    """Share of signal above the score that a share `false_positive` of background exceeds."""
    background = scores[labels.cpu() == 0]
    threshold = background.quantile(1 - false_positive)
    return (scores[labels.cpu() == 1] > threshold).double().mean().item()


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
            network = make()
            network.set_scale(cells[s, :size, 0].cpu())
            networks.append(network)
    return Ensemble(networks, device)
