"""Ways to train on a labelled source domain so that the network works on an unlabelled target.

Every method gets the same network, the same number of steps and the same source events.  None looks
at a target label, but for the two that say so: "target supervised", the ceiling, and "both
supervised".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.func import functional_call

from parity_nb.data import choose
from parity_nb.neutrinos.adversarial import (
    DomainNet,
    blurred,
    coral,
    domain_head,
    domain_loss,
    drawer,
    mmd,
    ramp,
)
from parity_nb.neutrinos.learning import Events, train_classifier, weighted_cross_entropy
from parity_nb.neutrinos.networks import CLASSES, TwoView
from parity_nb.training import Recipe, evaluate, fabric, fit

PRINTED_STRENGTH = 0.5
"""What the printed gradient reversal multiplies by, whatever strength it is given."""

HEAD = {"nodes": 512, "dropout": 0.0, "layers": 2}
"""Our adversary.  The printed head is too weak to chase the domain out of the features: dropout
blurs what it sees, and a probe finds the domain again.
"""


def train_adversarial(
    net: TwoView,
    source: Events,
    target: Events,
    recipe: Recipe,
    strength: float,
    seed: int = 0,
    alike: Callable[[Tensor, Tensor], Tensor] | None = None,
    head: Mapping[str, float] = HEAD,
    on: Fabric | None = None,
) -> DomainNet:
    """Class loss on the source, domain loss on both, the same features for both heads.

    The strength of the reversal follows `ramp`.  With strength 0 the features hear nothing of the
    domain, but batch normalisation sees both: the control that shares every line with the method.

    Args:
        net: the classifier, trained in place.
        source: labelled events.
        target: events whose labels are not looked at.
        recipe: batch counts source events; as many target events join each.
        strength: of the gradient reversal at full ramp, or of `alike`.
        seed: of order and dropout.
        alike: a distance of two sets of features that takes the place of the adversary.
        head: of the adversary, as for `DomainNet`.
        on: device; `fabric()` by default.

    Returns:
        The network with its domain head, on the CPU.
    """
    on = on or fabric()
    model = DomainNet(net, **head)
    here, there = source.to(on.device), target.maps.to(on.device)
    draw = drawer(len(target), seed + 1)
    steps = recipe.epochs * max(1, round(len(source) / recipe.batch))
    done = 0

    def step(prepared: nn.Module) -> Callable[[Tensor], Tensor]:
        def loss_of(chosen: Tensor) -> Tensor:
            nonlocal done
            now = strength * ramp(min(done / steps, 1.0))
            done += 1
            model.reversal.set(now if alike is None else 0.0)
            known = here[chosen]
            unknown = there[draw(len(chosen)).to(on.device)]
            classes, domain, features = prepared(torch.cat([known.maps, unknown]))
            n = len(known)
            is_target = torch.arange(2 * n, device=on.device) >= n
            loss = weighted_cross_entropy(classes[:n], known.labels, known.weights)
            loss = loss + domain_loss(domain, is_target)
            return loss if alike is None else loss + now * alike(features[:n], features[n:])

        return loss_of

    fit(model, torch.arange(len(source)), recipe, seed, step, on)
    return model


def train_as_printed(
    net: TwoView,
    both: Events,
    recipe: Recipe,
    strength: float,
    seed: int = 0,
    on: Fabric | None = None,
) -> DomainNet:
    """The domain-adversarial training of Shokar (2020), appendix, with its three faults.

    `strength` is ignored, as there: the reversal always multiplies by 0.5.  Batches are drawn from
    both domains, and the class loss uses the labels of both.  The domain head sees the first half
    of the batch twice, but is told the domains of the whole batch.  Nothing is ramped.
    """
    on = on or fabric()
    model = DomainNet(net)
    model.reversal.set(PRINTED_STRENGTH)
    here = both.to(on.device)

    def step(_: nn.Module) -> Callable[[Tensor], Tensor]:
        def loss_of(chosen: Tensor) -> Tensor:
            part = here[chosen[: len(chosen) // 2 * 2]]
            features = net.features(part.maps)
            half = model.reversal(features)[: len(part) // 2]
            domain = model.head(torch.cat([half, half])).squeeze(1)
            loss = weighted_cross_entropy(net.classify(features), part.labels, part.weights)
            return loss + domain_loss(domain, part.domain)

        return loss_of

    fit(model, torch.arange(len(both)), recipe, seed, step, on)
    return model


def train_blurred(
    net: TwoView,
    source: Events,
    recipe: Recipe,
    sigma: float = 1.0,
    seed: int = 0,
    on: Fabric | None = None,
) -> TwoView:
    """Source only, with a Gaussian blur on a random half of the nu_e events of each batch.

    What the source proposes for the rarest class (section 4.2).
    """
    on = on or fabric()
    here = source.to(on.device)
    nue = CLASSES.index("nue")

    def step(prepared: nn.Module) -> Callable[[Tensor], Tensor]:
        def loss_of(chosen: Tensor) -> Tensor:
            part = here[chosen]
            coin = torch.rand(len(part), device=on.device) < 0.5
            maps = blurred(part.maps, sigma, coin & (part.labels == nue))
            return weighted_cross_entropy(prepared(maps), part.labels, part.weights)

        return loss_of

    fit(net, torch.arange(len(source)), recipe, seed, step, on)
    return net


class Adda(nn.Module):
    """Two copies of one trained network: `fixed` for the source, `net` for the target domain."""

    def __init__(self, net: TwoView, fixed: TwoView) -> None:
        super().__init__()
        self.net, self.fixed = net, fixed.requires_grad_(False)
        self.head = domain_head(net.width, **HEAD)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, 2, H, W) -> features of the target copy (N, width)."""
        return self.net.features(maps)


def train_adda(
    net: TwoView,
    fixed: TwoView,
    source: Events,
    target: Events,
    recipe: Recipe,
    seed: int = 0,
    on: Fabric | None = None,
) -> TwoView:
    """Adversarial discriminative domain adaptation (Tzeng et al. 2017), its second stage.

    A head learns to tell source features, made by `fixed`, from target features, made by `net`;
    `net` learns to make target features that it takes for source.  The classifying layers stay
    those of the first stage.

    Args:
        net: a trained classifier, whose trunk is trained on.
        fixed: the same classifier, left as it is.
        source: events of the source domain; no label is used.
        target: events of the target domain; no label is used.
        recipe: a gentle one: nothing but the adversary holds the features in place.
        seed: of order and dropout.
        on: device; `fabric()` by default.
    """
    on = on or fabric()
    for layer in (net.hidden, net.output):
        if layer is not None:
            layer.requires_grad_(False)
    model = Adda(net, fixed)
    here, there = source.maps.to(on.device), target.maps.to(on.device)
    draw = drawer(len(target), seed + 1)

    def step(prepared: nn.Module) -> Callable[[Tensor], Tensor]:
        fixed.eval()

        def loss_of(chosen: Tensor) -> Tensor:
            with torch.no_grad():
                known = fixed.features(here[chosen])
            moved = prepared(there[draw(len(chosen)).to(on.device)])
            zeros = torch.zeros(len(known), device=on.device)
            seen = model.head(torch.cat([known, moved.detach()])).squeeze(1)
            told = domain_loss(seen, torch.cat([zeros, zeros + 1]))
            # the head's weights are held fixed while the features learn to deceive it
            held = {k: v.detach() for k, v in model.head.named_parameters()}
            deceived = functional_call(model.head, held, (moved,)).squeeze(1)
            return told + domain_loss(deceived, zeros)

        return loss_of

    fit(model, torch.arange(len(source)), recipe, seed, step, on)
    fixed.train()
    return net


def probe(
    features: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    seed: int = 0,
    epochs: int = 15,
    on: Fabric | None = None,
) -> Tensor:
    """Train a fresh domain head on frozen features and ask it about others.

    Args:
        features: of source and target events, (N, d) and (M, d), to train on.
        held_out: the same of other events.
        seed: of weights and order.
        epochs: passes.
        on: device; `fabric()` by default.

    Returns:
        Logits of the held-out events, source before target: positive for the target domain.
    """
    on = on or fabric()
    known = torch.cat(features)
    mean, spread = known.mean(0), known.std(0).clamp_min(1e-6)
    domain = torch.cat([torch.zeros(len(features[0])), torch.ones(len(features[1]))]).to(on.device)
    scaled = ((known - mean) / spread).to(on.device)
    torch.manual_seed(seed)
    head = domain_head(known.shape[1], dropout=0.2)
    recipe = Recipe("probe", "adamw", 3e-3, 256, epochs, "cross entropy", "one cycle", decay=1e-2)

    def step(prepared: nn.Module) -> Callable[[Tensor], Tensor]:
        return lambda chosen: domain_loss(prepared(scaled[chosen]).squeeze(1), domain[chosen])

    fit(head, torch.arange(len(known)), recipe, seed, step, on)
    return evaluate(
        head, (torch.cat(held_out) - mean) / spread, 4096, on, prepare=lambda x: x
    ).squeeze(1)


SCALE = {"coral": 50.0, "mmd": 2.0}
"""Strengths are multiplied by this: a covariance, whose differences are small, would not count
beside the class loss.  The strength of the adversary was chosen among a few on other events,
without labels of the target; those of its rivals were not tuned.
"""

METHODS = (
    "source only",
    "strength 0",
    "adversarial",
    "printed head",
    "coral",
    "mmd",
    "adda",
    "blur",
    "as printed",
    "both supervised",
    "target supervised",
)
"""Methods that a chapter may name."""


def adapt(
    method: str,
    make: Callable[[], TwoView],
    source: Events,
    target: Events,
    recipe: Recipe,
    strength: float,
    seed: int = 0,
    on: Fabric | None = None,
) -> tuple[TwoView, TwoView]:
    """Train a fresh network by one of `METHODS`.

    Args:
        method: one of `METHODS`.
        make: makes the network; it is called after the random seed has been set.
        source: labelled events to train on.
        target: events to train on.
        recipe: of every method; "adda" goes on from "source only" with a tenth of its rate.
        strength: of "adversarial", "printed head", "coral", "mmd" and, without effect, "as
            printed".
        seed: of weights, order and dropout.
        on: device; `fabric()` by default.

    Returns:
        The networks for source and target events; the same one, except for "adda".

    Raises:
        ValueError: for another method.
    """
    choose("method", method, dict.fromkeys(METHODS))
    torch.manual_seed(seed)
    net = make()
    doubled = replace(recipe, batch=2 * recipe.batch)  # batches of both domains, as many steps
    if method in ("source only", "adda"):
        train_classifier(net, source, recipe, seed, on=on)
        if method == "adda":
            moved = make()
            moved.load_state_dict(net.state_dict())
            gentle = Recipe(
                "adda",
                "adamw",
                recipe.rate / 10,
                recipe.batch,
                max(1, recipe.epochs // 2),
                "cross entropy",
                "one cycle",
            )
            return net, train_adda(moved, net, source, target, gentle, seed, on)
    elif method == "target supervised":
        train_classifier(net, target, recipe, seed, on=on)
    elif method == "both supervised":
        train_classifier(net, source + target, doubled, seed, on=on)
    elif method == "as printed":
        train_as_printed(net, source + target, doubled, strength, seed, on)
    elif method == "blur":
        train_blurred(net, source, recipe, seed=seed, on=on)
    else:
        alike = {"coral": coral, "mmd": mmd}.get(method)
        full = 0.0 if method == "strength 0" else strength * SCALE.get(method, 1.0)
        head = {} if method == "printed head" else HEAD
        train_adversarial(net, source, target, recipe, full, seed, alike, head, on)
    return net, net
