"""Training classifiers of pixel maps, and everything that a trained one is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from parity_nb.neutrinos.networks import CLASSES, TwoView
from parity_nb.training import History, Recipe, evaluate, fabric, fit

DECAY_OUTPUT = 2e-4
"""L2 penalty of the printed network, on the weights of its last layer alone."""


@dataclass(frozen=True)
class Events:
    """Maps with what a network may learn from them.

    Attributes:
        maps: uint8 (N, 2, planes, cells).
        labels: (N,) int64, indices of `CLASSES`.
        domain: (N,) int64, 0 source and 1 target.
        weights: (N,) float32, of each event in the loss.
    """

    maps: Tensor
    labels: Tensor
    domain: Tensor
    weights: Tensor

    def __post_init__(self) -> None:
        n = len(self.maps)
        for name in ("labels", "domain", "weights"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{len(getattr(self, name))} {name} for {n} maps")
        if not self.weights.isfinite().all():
            event = int((~self.weights.isfinite()).nonzero()[0])
            raise ValueError(
                f"the weight of event {event} is {self.weights[event].item()}: leave such events "
                "out, or find out where the weight comes from"
            )
        if n and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(CLASSES):
            raise ValueError(f"labels must be 0 to {len(CLASSES) - 1}, the places in {CLASSES}")

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, chosen) -> Events:
        return Events(
            self.maps[chosen], self.labels[chosen], self.domain[chosen], self.weights[chosen]
        )

    def __add__(self, other: Events) -> Events:
        names = ("maps", "labels", "domain", "weights")
        return Events(*(torch.cat([getattr(self, k), getattr(other, k)]) for k in names))

    def to(self, device: torch.device | str) -> Events:
        """The same on another device."""
        return Events(*(t.to(device) for t in (self.maps, self.labels, self.domain, self.weights)))

    def reweighted(self, by: str) -> Events:
        """Other weights: "none", all one; "class", every class counts alike; "as given".

        Raises:
            ValueError: for another word.
        """
        if by == "as given":
            return self
        if by == "none":
            return replace(self, weights=torch.ones_like(self.weights))
        if by != "class":
            raise ValueError(f"weights by {by!r}: none, class or as given")
        counts = self.labels.bincount(minlength=len(CLASSES)).clamp_min(1)
        return replace(self, weights=(len(self) / (counts > 1).sum() / counts)[self.labels].float())

    def thinned(self, seed: int) -> Events:
        """As many events of every class as of the rarest, chosen at random, in their order."""
        generator = torch.Generator().manual_seed(seed)
        least = int(self.labels.bincount(minlength=len(CLASSES)).min())
        kept = []
        for k in range(len(CLASSES)):
            members = (self.labels == k).nonzero().squeeze(1)
            kept.append(members[torch.randperm(len(members), generator=generator)[:least]])
        return self[torch.cat(kept).sort().values]


def events_of(pixel_maps, domain: int = 0) -> Events:
    """Maps and labels of simulated or read events, all of weight one.

    Args:
        pixel_maps: with `maps` uint8 (N, 2, planes, cells) and `meta`, whose column `label` holds
            numu, nue or nc.
        domain: 0 for the source, 1 for the target domain.

    Raises:
        ValueError: for an unknown label, naming it and the first event that has it.
    """
    names = list(pixel_maps.meta.label)
    places = {name: place for place, name in enumerate(CLASSES)}
    for event, name in enumerate(names):
        if name not in places:
            raise ValueError(f"event {event} has the label {name!r}, which is none of {CLASSES}")
    n = len(names)
    maps = torch.as_tensor(pixel_maps.maps)
    labels = torch.tensor([places[name] for name in names])
    return Events(maps, labels, torch.full((n,), domain), torch.ones(n))


# --- training


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
    on: Fabric | None = None,
) -> tuple[History, Curves]:
    """Train `net` in place on labelled events.

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
        on: device; `fabric()` by default.
    """
    on = on or fabric()
    here = events.to(on.device)
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

    def step(prepared: nn.Module) -> Callable[[Tensor], Tensor]:
        seen = 0

        def loss_of(chosen: Tensor) -> Tensor:
            nonlocal seen
            # the epoch that has just ended is looked at before the first step of the next
            if validation is not None and seen == len(events):
                look()
                seen = 0
            seen += len(chosen)
            part = here[chosen]
            loss = weighted_cross_entropy(prepared(part.maps), part.labels, part.weights)
            return loss + output_decay * net.output.weight.square().sum()

        return loss_of

    history = fit(net, torch.arange(len(events)), recipe, seed, step, on, progress=True)
    if validation is not None:
        net.to(on.device)
        look()
        net.load_state_dict(kept)
        net.to("cpu")
    return history, curves


# --- asking


def logits_of(net: TwoView, events: Events, on: Fabric | None = None) -> Tensor:
    """Logits of every event: (N, classes) on the CPU."""
    return evaluate(net, events.maps, batch=512, on=on, prepare=lambda m: m)


def probabilities_of(net: TwoView, events: Events, on: Fabric | None = None) -> Tensor:
    """Scores of every class for every event, which add up to one: (N, classes) on the CPU."""
    return logits_of(net, events, on).softmax(1)


class _Stage(nn.Module):
    """One stage of a network as a module of its own, for `evaluate`."""

    def __init__(self, net: TwoView, nodes: bool) -> None:
        super().__init__()
        self.net, self.nodes = net, nodes

    def forward(self, maps: Tensor) -> Tensor:
        features = self.net.features(maps)
        return self.net.nodes(features) if self.nodes else features


def features_of(net: TwoView, events: Events, on: Fabric | None = None) -> Tensor:
    """Pooled features of every event: (N, width) on the CPU."""
    return evaluate(_Stage(net, nodes=False), events.maps, 512, on, prepare=lambda m: m)


def nodes_of(net: TwoView, events: Events, on: Fabric | None = None) -> Tensor:
    """Values of the last hidden layer for every event: (N, hidden) on the CPU."""
    return evaluate(_Stage(net, nodes=True), events.maps, 512, on, prepare=lambda m: m)
