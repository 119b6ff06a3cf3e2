"""Training and scoring classifiers of calorimeter images.

Derived in calorimeters/black-holes-and-sphalerons; calorimeters/symmetric-networks trains with
moved images too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_nb.calorimeters.data import Sample
from parity_nb.symmetry import Action, identity
from parity_nb.training import History, Recipe, evaluate, fit


def prepare(images: Tensor) -> Tensor:
    """GeV, any float, to log(1 + GeV), float32: pixel by pixel, so it keeps all symmetries."""
    return images.float().log1p()


def recipe(steps: int, items: int, batch: int = 64, rate: float = 3e-3) -> Recipe:
    """AdamW on one cycle of about `steps` steps, whatever the size of the training set.

    Args:
        steps: gradient steps wanted; a whole number of passes comes nearest.
        items: training images.
        batch: images a step.
        rate: largest learning rate.
    """
    epochs = max(1, round(steps * batch / items))
    return Recipe(
        "classifier", "adamw", rate, batch, epochs, "cross entropy", "one cycle", decay=1e-2
    )


def train(
    model: nn.Module, sample: Sample, how: Recipe, seed: int = 0, move: Action = identity
) -> History:
    """Train a classifier in place with the cross entropy of its logits.

    Args:
        model: (N, 3, phi, eta) -> (N, classes).
        sample: training images and labels.
        how: from `recipe`.
        seed: of the order of events, of dropout and of the augmentation.
        move: what is done by chance to a batch of images in GeV before the model sees them.
    """

    def step(prepared: nn.Module):
        def loss(images: Tensor, labels: Tensor) -> Tensor:
            batch = prepare(move(images)).contiguous(memory_format=torch.channels_last)
            return functional.cross_entropy(prepared(batch), labels)

        return loss

    return fit(model, (sample.images, sample.labels), how, seed, step, progress=False)


def logits(model: nn.Module, sample: Sample) -> Tensor:
    """Logits of every image of a sample, (N, classes) float32 on the CPU."""
    return evaluate(model, sample.images, prepare=prepare)


def correct(outputs: Tensor, labels: Tensor) -> Tensor:
    """+1 where the largest logit is the label's, -1 elsewhere: (N, classes), (N,) -> (N,).

    Two such vectors go into `parity_nb.statistics.paired`.
    """
    return torch.where(outputs.argmax(1) == labels, 1.0, -1.0)
