"""Training classifiers of pixel maps, and what a trained one is asked in several chapters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from parity_nb.neutrinos.data import Events
from parity_nb.neutrinos.networks import TwoView
from parity_nb.statistics import Paired, paired
from parity_nb.training import History, Recipe, Step, evaluate, fabric, fit

DECAY_OUTPUT = 2e-4
"""L2 penalty of the printed network, on the weights of its last layer alone."""


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean of weight times cross-entropy: (N, classes), (N,), (N,) -> ()."""
    return (weights * functional.cross_entropy(logits, labels, reduction="none")).mean()


@dataclass
class Curves:
    """Accuracy and loss after every epoch, in evaluation mode.

    Attributes:
        train, validation: accuracy, one value an epoch.
        train_loss, validation_loss: mean cross-entropy.
        best: epoch (from 0) with the lowest validation loss, whose weights are kept.
    """

    train: list[float]
    validation: list[float]
    train_loss: list[float]
    validation_loss: list[float]
    best: int = 0


def train_classifier(
    net: TwoView,
    events: Events,
    recipe: Recipe,
    seed: int = 0,
    validation: Events | None = None,
    watched: int = 1000,
    output_decay: float = 0.0,
) -> tuple[History, Curves]:
    """Train `net` in place on labelled events; derived in neutrinos/classifier.

    With validation events the network is looked at after every epoch, and ends with the weights
    of the epoch in which their loss was lowest: early stopping that needs no patience.

    Args:
        net: the classifier.
        events: to train on.
        recipe: optimiser, schedule, batch and epochs.
        seed: of the order of events and of dropout.
        validation: other events; none: the last weights are kept.
        watched: use at most so many training events for the curve.
        output_decay: penalty on the sum of the squared weights of the last layer.
    """
    on = fabric()
    curves = Curves([], [], [], [])
    kept: dict[str, Tensor] = {}

    def look() -> None:
        for part, accuracy, loss in (
            (events[:watched], curves.train, curves.train_loss),
            (validation, curves.validation, curves.validation_loss),
        ):
            with torch.no_grad():
                net.eval()
                logits = torch.cat([net(m.to(on.device)).cpu() for m in part.maps.split(512)])
                net.train()
            accuracy.append((logits.argmax(1) == part.labels.cpu()).float().mean().item())
            loss.append(functional.cross_entropy(logits, part.labels.cpu()).item())
        if curves.validation_loss[-1] <= min(curves.validation_loss):
            curves.best = len(curves.validation_loss) - 1
            kept.update({k: v.detach().clone() for k, v in net.state_dict().items()})

    def step(prepared: nn.Module) -> Step:
        seen = 0

        def loss_of(maps: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
            nonlocal seen
            # the epoch that has just ended is looked at before the first step of the next
            if validation is not None and seen == len(events):
                look()
                seen = 0
            seen += len(maps)
            loss = weighted_cross_entropy(prepared(maps), labels, weights)
            return loss + output_decay * net.output.weight.square().sum()

        return loss_of

    data = tuple(t.to(on.device) for t in (events.maps, events.labels, events.weights))
    history = fit(net, data, recipe, seed, step, on)
    if validation is not None:
        net.to(on.device)
        look()
        net.load_state_dict(kept)
        net.to("cpu")
    return history, curves


# --- asking


def logits_of(net: TwoView, events: Events) -> Tensor:
    """Logits of every event: (N, classes) on the CPU."""
    return evaluate(net, events.maps, batch=512, prepare=lambda m: m)


def compared(first: Tensor, second: Tensor, labels: Tensor) -> Paired:
    """Accuracy of the first minus the second scores, (N, classes) each, on the same events.

    Derived in neutrinos/classifier.
    The error counts the events that one gets right and the other wrong (McNemar 1947).
    """
    right = [2.0 * (scores.argmax(1) == labels).float() - 1 for scores in (first, second)]
    return paired(*right)


# --- purity and efficiency


def purity_efficiency(
    score: Tensor | ArrayLike,
    signal: Tensor | ArrayLike,
    cuts: Sequence[float] | np.ndarray,
) -> pd.DataFrame:
    """Purity, efficiency and their product for events with a score of at least each cut.

    Derived in neutrinos/classifier.
    With S signal and B background events kept and L signal events lost, purity is S / (S + B),
    efficiency S / (S + L).  Errors are those of independent counts S, B and L.

    Args:
        score: (N,).
        signal: (N,) truth values.
        cuts: thresholds.

    Returns:
        Columns cut, purity, efficiency, product, each of the three with an error, and kept, the
        number of events.  A purity of no events at all is missing, and so is the product.

    Raises:
        ValueError: if there is no signal.
    """
    s, truth = np.asarray(score).astype(float), np.asarray(signal).astype(bool)
    if not truth.any():
        raise ValueError("there is no signal event, so no efficiency")
    order = np.argsort(s)
    first = np.searchsorted(s[order], np.asarray(cuts, dtype=float))

    def above(values: np.ndarray) -> np.ndarray:
        tail = np.append(values[order][::-1].cumsum()[::-1], 0.0)
        return tail[first]

    S, B = above(truth), above(~truth)
    L = truth.sum() - S
    with np.errstate(divide="ignore", invalid="ignore"):
        purity, efficiency = S / (S + B), S / (S + L)
        purity_error = np.sqrt(B**2 * S + S**2 * B) / (S + B) ** 2
        efficiency_error = np.sqrt(L**2 * S + S**2 * L) / (S + L) ** 2
        slope = 2 / S - 1 / (S + B) - 1 / (S + L)
        relative = slope**2 * S + B / (S + B) ** 2 + L / (S + L) ** 2
        product = purity * efficiency
        product_error = product * np.sqrt(relative)
    return pd.DataFrame(
        {
            "cut": np.asarray(cuts, dtype=float),
            "purity": purity,
            "purity_error": purity_error,
            "efficiency": efficiency,
            "efficiency_error": efficiency_error,
            "product": product,
            "product_error": product_error,
            "kept": above(np.ones(len(s))).astype(int),
        }
    )
