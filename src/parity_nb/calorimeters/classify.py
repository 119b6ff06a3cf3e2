"""Training and scoring classifiers of calorimeter images, and the plain numbers to beat."""

from __future__ import annotations

import numpy as np
import torch
from lightgbm import LGBMClassifier
from torch import Tensor, nn
from torch.nn import functional

from parity_nb.calorimeters.augmentation import augment
from parity_nb.calorimeters.data import Sample
from parity_nb.training import History, Recipe, evaluate, fabric, fit

ETA_REACH = 5.0
"""Images end at this pseudorapidity on either side."""
JET_PT = 70.0
"""Smallest transverse energy of a jet in GeV, as in Grefsrud et al. (2023)."""
JET_ETA = 2.4
"""Largest |eta| of a jet, from the same source."""
WINDOW = 5
"""Pixels of a side of the window in which energy is summed up for a jet."""
CALORIMETERS = slice(0, 2)
"""Channels of an image that are calorimeters; the third holds tracks."""


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
    model: nn.Module, sample: Sample, how: Recipe, seed: int = 0, scheme: str = "none"
) -> History:
    """Train a classifier in place with the cross entropy of its logits.

    Args:
        model: (N, 3, phi, eta) -> (N, classes).
        sample: training images and labels.
        how: from `recipe`.
        seed: of the order of events, of dropout and of the augmentation.
        scheme: of the augmentation, a name in `parity_nb.calorimeters.augmentation.SCHEMES`.
    """
    on = fabric()
    images, labels = sample.images.to(on.device), sample.labels.to(on.device)

    def step(prepared: nn.Module):
        def loss(chosen: Tensor) -> Tensor:
            moved = augment(images[chosen], scheme)
            batch = prepare(moved).contiguous(memory_format=torch.channels_last)
            return functional.cross_entropy(prepared(batch), labels[chosen])

        return loss

    return fit(model, torch.arange(len(sample)), how, seed, step, on, progress=False)


def logits(model: nn.Module, sample: Sample) -> Tensor:
    """Logits of every image of a sample, (N, classes) float32 on the CPU."""
    return evaluate(model, sample.images, prepare=prepare)


def correct(outputs: Tensor, labels: Tensor) -> Tensor:
    """+1 where the largest logit is the label's, -1 elsewhere: (N, classes), (N,) -> (N,).

    Two such vectors go into `parity_nb.statistics.paired`.
    """
    return torch.where(outputs.argmax(1) == labels, 1.0, -1.0)


def confusion(outputs: Tensor, labels: Tensor) -> np.ndarray:
    """Shares of labels given (columns) to events of each class (rows), rows add up to 1: (K, K)."""
    classes = outputs.shape[1]
    flat = torch.bincount(labels * classes + outputs.argmax(1), minlength=classes**2)
    counts = flat.reshape(classes, classes).double()
    return (counts / counts.sum(1, keepdim=True)).numpy()


# --- the plain numbers to beat


def summary(images: Tensor) -> Tensor:
    """Multiplicity and scalar sum of each image: (N, 3, phi, eta) GeV -> (N, 2) float32.

    The scalar sum is the transverse energy of both calorimeters, each pixel's energy divided by
    cosh(eta), in GeV.  The multiplicity is the number of jets within |eta| < 2.4: of pixels that
    are the largest of the five by five round them, which together hold more than 70 GeV.
    """
    columns = images.shape[-1]
    eta = (torch.arange(columns, device=images.device) + 0.5) / columns * 2 - 1
    transverse = images[:, CALORIMETERS].float().sum(1, keepdim=True) / (ETA_REACH * eta).cosh()
    half = WINDOW // 2

    wrapped = functional.pad(transverse, (0, 0, half, half), mode="circular")
    around = functional.pad(wrapped, (half, half))
    window = functional.avg_pool2d(around, WINDOW, 1) * WINDOW**2
    largest = functional.max_pool2d(around, WINDOW, 1)
    central = (ETA_REACH * eta).abs() < JET_ETA
    jets = ((transverse == largest) & (window > JET_PT) & central).sum((1, 2, 3))
    return torch.stack([jets.float(), transverse.sum((1, 2, 3))], 1)


def boosted_trees(train_on: Sample, test_on: Sample, seed: int = 0) -> Tensor:
    """Log probabilities of boosted trees on `summary`: (N, classes) for the test sample."""
    trees = LGBMClassifier(
        n_estimators=150, learning_rate=0.05, num_leaves=15, random_state=seed,
        n_jobs=torch.get_num_threads(), deterministic=True, verbose=-1,
    )  # fmt: skip
    trees.fit(_in_parts(train_on), train_on.labels.numpy())
    return torch.from_numpy(trees.predict_proba(_in_parts(test_on))).clamp(min=1e-12).log().float()


def _in_parts(sample: Sample) -> np.ndarray:
    return torch.cat([summary(part) for part in sample.images.split(1000)]).numpy()
