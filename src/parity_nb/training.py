"""One training loop for every chapter, on Lightning Fabric: any device, one process or many."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm import tqdm

from parity_nb.data import written
from parity_nb.images import ImageSet, normalise
from parity_nb.objectives import OBJECTIVES

Step = Callable[..., Tensor]
"""From a batch, one argument a tensor of the data, to its loss."""

CHECK = 50
"""Steps between two looks at the loss."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the group is the chapter's choice.

    Attributes:
        name: as in tables.
        optimiser: "sgd" or "adamw".
        rate: learning rate, the largest one of a one-cycle schedule.
        momentum: of SGD.
        decay: weight decay of AdamW.
        schedule: "constant" or "one cycle".
        batch: images a step, over all processes.
        epochs: passes over the training images.
        objective: a name in `parity_nb.objectives.OBJECTIVES`, or "cross entropy" where classes
            are told apart by labels and `fit` is given a step.
        network: which of `parity_nb.networks.NETWORKS` it was made for, where that is asked for.
    """

    name: str
    optimiser: str
    rate: float
    batch: int
    epochs: int
    objective: str
    schedule: str = "constant"
    momentum: float = 0.0
    decay: float = 0.0
    network: str = "fast"

    def __post_init__(self) -> None:
        for parameter, known in (
            ("optimiser", ("sgd", "adamw")),
            ("schedule", ("constant", "one cycle")),
            ("objective", (*OBJECTIVES, "cross entropy")),
        ):
            if getattr(self, parameter) not in known:
                raise ValueError(f"{parameter} = {getattr(self, parameter)!r} is none of {known}")
        if self.batch < 2 or self.epochs < 1:
            raise ValueError(
                f"batch = {self.batch} must be at least 2 and epochs = {self.epochs} at least 1"
            )

    @classmethod
    def published(cls) -> Recipe:
        """Gibbon (2023), sections 2.3 and 4, and its appendix: SGD, loss A, 15 epochs."""
        return cls(
            "published", "sgd", 1e-3, 64, 15, "mean over std", momentum=0.9, network="published"
        )

    @classmethod
    def fast(cls) -> Recipe:
        """Ours, tuned on renders of another random seed than those reported."""
        return cls("fast", "adamw", 4e-3, 32, 2, "which is real", "one cycle", decay=1e-2)

    @classmethod
    def patient(cls) -> Recipe:
        """Six times as long as `fast`, for what only a product of two features shows."""
        return replace(cls.fast(), name="patient", epochs=12)

    @classmethod
    def sharp(cls) -> Recipe:
        """For the published network at full resolution, where nothing is averaged away."""
        return replace(cls.fast(), name="sharp", rate=1e-3, epochs=1, network="published")

    def shortened(self, epochs: int) -> Recipe:
        """The same recipe for another number of epochs; 0 keeps its own."""
        return replace(self, epochs=epochs) if epochs else self


RECIPES = {
    "published": Recipe.published,
    "fast": Recipe.fast,
    "patient": Recipe.patient,
    "sharp": Recipe.sharp,
}
"""Recipes that a chapter's `recipe` parameter may name."""


@dataclass
class History:
    """What happened during training.

    Attributes:
        losses: (steps,) loss of every step.
        epoch: (steps,) fractional epoch at the end of every step.
        seconds: wall time.
        device: where it ran.
    """

    losses: Tensor
    epoch: Tensor
    seconds: float
    device: str

    def smoothed(self, window: int = 100) -> tuple[Tensor, Tensor]:
        """Epochs and means of the loss over consecutive windows of at most `window` steps."""
        window = min(window, len(self.losses))
        n = len(self.losses) // window * window
        return (
            self.epoch[:n].reshape(-1, window).mean(1),
            self.losses[:n].reshape(-1, window).mean(1),
        )


def fabric() -> Fabric:
    """The device of this machine: CUDA, MPS or CPU; all processes when started by torchrun.

    `torchrun --nproc_per_node 2 script.py` starts two; every one of them calls this.
    """
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world == 1:
        return Fabric(accelerator="auto", devices=1)
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    made = Fabric(accelerator="auto", devices=local, num_nodes=world // local, strategy="ddp")
    made.launch()
    return made


def symmetry_step(model: nn.Module, objective: str) -> Step:
    """The step of the book's core: normalise the images and score f; no labels."""
    loss = OBJECTIVES[objective]
    return lambda images: loss(model(normalise(images)))


def fit(
    model: nn.Module,
    data: ImageSet | Tensor | tuple[Tensor, ...],
    recipe: Recipe,
    seed: int = 0,
    step: Callable[[nn.Module], Step] | None = None,
    on: Fabric | None = None,
    progress: bool = True,
) -> History:
    """Train `model` in place.

    Args:
        model: any module; with the default step a map from images to f, (N, 3, H, W) -> (N,).
        data: the training items, first axis N; several tensors are shuffled alike.
        recipe: optimiser, schedule, batch, epochs and objective.
        seed: of the order of the items and of all chance in the model, such as dropout; seed
            the weights before the model is made.
        step: given the prepared model, returns batch -> loss, where a batch is one argument for
            each tensor of the data; `symmetry_step` with the recipe's objective by default.
        on: device and processes; `fabric()` by default.  Several processes start from the
            weights of the first one, and each takes its share of every batch.  The objectives
            are those of the whole batch; batch normalisation uses the statistics of each
            process's share, and the running ones that are kept are those of the first process.
        progress: show a bar with the running loss.

    Returns:
        The history; the model is left on the CPU in training mode.

    Raises:
        ValueError: for fewer items than two, tensors of different lengths, or a batch with fewer
            items than processes.
        FloatingPointError: within 50 steps of a loss that is not a finite number.
    """
    tensors = data if isinstance(data, tuple) else (_items(data),)
    n = len(tensors[0])
    if any(len(tensor) != n for tensor in tensors):
        raise ValueError(f"tensors of {[len(t) for t in tensors]} items: all need the same number")
    if n < 2:
        raise ValueError(f"{n} training item(s): at least two are needed")
    on = on or fabric()
    optimiser = _optimiser(model, recipe)
    batches = _batch_sizes(n, recipe.batch)
    if min(batches) < on.world_size:
        raise ValueError(
            f"a batch of {min(batches)} item(s) has no share for {on.world_size} processes"
        )
    steps = recipe.epochs * len(batches)
    schedule = _schedule(optimiser, recipe, steps)
    prepared, optimiser = on.setup(model.to(memory_format=torch.channels_last), optimiser)
    prepared.train()
    step = (step or (lambda m: symmetry_step(m, recipe.objective)))(prepared)
    shuffle = torch.Generator().manual_seed(seed)
    losses: list[Tensor] = []
    start = time.perf_counter()
    bar = tqdm(
        total=steps,
        desc=f"training, {recipe.name}",
        unit="step",
        leave=False,
        disable=not progress or on.global_rank > 0,
    )
    with bar, _chance(seed + on.global_rank, on.device):
        for _ in range(recipe.epochs):
            for chosen in torch.randperm(n, generator=shuffle).split(batches):
                share = chosen[on.global_rank :: on.world_size]
                batch = [tensor[share.to(tensor.device)].to(on.device) for tensor in tensors]
                optimiser.zero_grad()
                loss = step(*batch)
                on.backward(loss)
                optimiser.step()
                schedule.step()
                losses.append(loss.detach())
                bar.update()
                # Looking at the loss makes a GPU wait: not at every step.
                if len(losses) % CHECK == 0 or len(losses) in (1, steps):
                    _check(losses, recipe)
                    bar.set_postfix(loss=f"{torch.stack(losses[-CHECK:]).mean().item():.3f}")
    seconds = time.perf_counter() - start
    model.to("cpu")
    return History(
        torch.stack(losses).float().cpu(),
        torch.arange(1, steps + 1) / len(batches),
        seconds,
        str(on.device),
    )


def _items(data: ImageSet | Tensor) -> Tensor:
    return data.images if isinstance(data, ImageSet) else data


@contextmanager
def _chance(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's own random numbers, and give the caller's back afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def _check(losses: list[Tensor], recipe: Recipe) -> None:
    finite = torch.stack(losses[-CHECK:]).isfinite()
    if not finite.all():
        step = len(losses) - len(finite) + int(finite.logical_not().nonzero()[0]) + 1
        raise FloatingPointError(
            f"the loss is not a finite number at step {step} of recipe {recipe.name!r}: lower "
            f"its learning rate (now {recipe.rate}), or look for constant images, whose f has no "
            "spread, and for images that hold NaN"
        )


def _batch_sizes(n: int, batch: int) -> list[int]:
    """Sizes of one epoch's batches; a last one of one item, or under half the size, joins the one
    before.
    """
    full, rest = divmod(n, batch)
    if full == 0:
        return [n]
    if rest == 1 or rest * 2 < batch:
        return [batch] * (full - 1) + [batch + rest]
    return [batch] * full + [rest]


def _optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(model.parameters(), lr=recipe.rate, momentum=recipe.momentum)
    return torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)


def _schedule(optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int):
    if recipe.schedule == "constant" or steps < 2:
        return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _: 1.0)
    # The warm-up is a fifth of the steps, and one at least: OneCycleLR divides by their number.
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=recipe.rate,
        total_steps=steps + 1,
        pct_start=max(0.2, 2 / (steps + 1)),
        cycle_momentum=False,
    )


@torch.no_grad()
def evaluate(
    model: nn.Module,
    data: ImageSet | Tensor,
    batch: int = 256,
    on: Fabric | None = None,
    prepare: Callable[[Tensor], Tensor] = normalise,
) -> Tensor:
    """Return f of every item, in order: (N,) float32 on the CPU.

    `prepare` is what training did to a batch before the model saw it.

    The model is put into evaluation mode for this and back afterwards; it is left on the CPU.
    """
    items = _items(data)
    device = (on or fabric()).device
    was_training = model.training
    model.to(device=device, memory_format=torch.channels_last).eval()
    values = [model(prepare(chunk.to(device))).float().cpu() for chunk in items.split(batch)]
    model.to("cpu").train(was_training)
    return torch.cat(values)


def save_weights(model: nn.Module, path: str | Path) -> Path:
    """Write the weights; the file appears complete or not at all."""
    path = Path(path)
    with written(path) as part:
        torch.save(model.state_dict(), part)
    return path


def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """Load weights saved by `save_weights`; only tensors are read, no code is run.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, or its weights belong to another network.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}: train the network first")
    try:
        weights = torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"cannot read weights from {path}; train again: {error}") from error
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} holds the weights of another network: {error}") from error
    return model
