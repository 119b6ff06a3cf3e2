"""A remover of hands that cannot prefer left ones: a network, a rule that makes it even, a cut.

Hands are handed.  A set of snails from which a remover takes more left than right hands is left
with right ones, and breaks mirror symmetry by the remover's doing.  A decision d(x) does no such
harm if d(Px) = d(x), and two rules make one of any network g:

- "even": the mean of g(x) and g(Px), `Symmetrised` with the character +1, and then a cut;
- "or", of Gibbon (2023): the picture goes if g(x) or g(Px) is beyond the cut, that is, if the
  larger of the two is.

"plain" is g itself, which promises nothing.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from parity_nb.data import build_dir
from parity_nb.images import ImageSet, normalise, resize
from parity_nb.objectives import OBJECTIVES
from parity_nb.symmetry import Group, Symmetrised, parity
from parity_nb.training import History, Recipe, evaluate, fit

RECIPE = Recipe("hands", "adamw", 2e-3, 32, 4, "which is real", "one cycle", decay=1e-2)
"""How a remover is trained: ours, for what the source says nothing about."""


# --- networks and rules


class ResNet18(ResNet):
    """ResNet-18 of torchvision from random weights, with one output: (N, 3, H, W) -> (N,).

    Args:
        width: channels of the first stage; 64 is ResNet-18 itself (11.2 million weights), less is
            the same network with all its layers narrower.
    """

    def __init__(self, width: int = 64) -> None:
        self.width = width
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=1)
        if width != 64:
            self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
            self.bn1 = nn.BatchNorm2d(width)
            self.fc = nn.Linear(8 * width, 1)

    def _make_layer(self, block, planes, blocks, *more, **options):
        if planes == 64:
            self.inplanes = self.width
        return super()._make_layer(block, planes * self.width // 64, blocks, *more, **options)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N,)."""
        return super().forward(x).squeeze(1)


class Largest(nn.Module):
    """The largest g(h x) over a group: beyond a cut if one of the copies is, and invariant.

    Args:
        g: a module that takes (M, C, H, W) to (M,).
        group: its elements; their signs play no part.
    """

    def __init__(self, g: nn.Module, group: Group):
        super().__init__()
        self.g = g
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N,)."""
        copies = self.group.orbit(x).contiguous(memory_format=torch.channels_last)
        return self.g(copies).reshape(len(self.group), len(x)).amax(0)


RULES = {
    "plain": nn.Sequential,
    "or": lambda g: Largest(g, parity()),
    "even": lambda g: Symmetrised(g, parity().even()),
}
"""Ways of making a score from a network g."""


class Remover(nn.Module):
    """A score minus a cut; a picture goes if that is positive.

    `parity_nb.training.save_weights` and `load_weights` keep one, with its cut.

    Args:
        g: a network (M, 3, H, W) -> (M,).
        rule: a name in `RULES`.
        cut: pictures with a larger score go.

    Raises:
        ValueError: for an unknown rule, or weights that were saved for another one.
    """

    def __init__(self, g: nn.Module, rule: str = "even", cut: float = 0.0):
        super().__init__()
        if rule not in RULES:
            raise ValueError(f"rule = {rule!r} is none of {', '.join(RULES)}")
        self.rule = rule
        self.score = RULES[rule](g)
        self.register_buffer("cut", torch.tensor(cut))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N,), positive where the picture goes."""
        return self.score(x) - self.cut

    def get_extra_state(self) -> str:
        """The rule, saved with the weights."""
        return self.rule

    def set_extra_state(self, state: str) -> None:
        """Refuse weights of another rule: they would fit without a word."""
        if state != self.rule:
            raise ValueError(f"weights of a remover by rule {state!r}, not {self.rule!r}")


def remover_path() -> Path:
    """Where the chapter keeps the remover it has trained, for others to use."""
    return build_dir() / "weights" / "snails" / "hand-remover.pt"


def fit_to_labels(
    model: nn.Module,
    images: Tensor,
    positive: ArrayLike,
    recipe: Recipe = RECIPE,
    seed: int = 0,
) -> History:
    """Train a score to be positive on some pictures and negative on the others, in place.

    The loss is -log sigmoid(f) of the ones and -log sigmoid(-f) of the others.

    Args:
        model: a map (N, 3, H, W) -> (N,).
        images: uint8 or float (N, 1 or 3, H, W).
        positive: which pictures, (N,) truth values.
        recipe: as in `parity_nb.training.fit`.
        seed: of the order.

    Raises:
        ValueError: unless there are pictures of both kinds, and one label for each picture.
    """
    labels = np.asarray(positive, dtype=bool)
    if labels.shape != (len(images),) or labels.all() or not labels.any():
        raise ValueError(
            f"{len(images)} pictures and labels of shape {labels.shape}, {labels.sum()} of them "
            "true: each picture needs one, and both kinds are needed"
        )
    signs = torch.where(torch.tensor(labels), 1.0, -1.0)
    loss = OBJECTIVES[recipe.objective]

    def step(model: nn.Module):
        def score(chosen: Tensor) -> Tensor:
            rows, device = chosen.cpu(), chosen.device
            return loss(signs[rows].to(device) * model(normalise(images[rows].to(device))))

        return score

    return fit(model, torch.arange(len(images)), recipe, seed, step=step)


# --- what a remover does to a set


def remove_hands(images: ImageSet, remover: nn.Module) -> tuple[ImageSet, ImageSet]:
    """The pictures that stay and those that go, in order.

    Both get the columns `hand score`, the remover's value, and `hand found`.  From Helicoidea these
    are L2 and L3 of Gibbon (2023).
    """
    score = evaluate(remover, images).numpy()
    meta = images.meta.assign(**{"hand score": score, "hand found": score > 0})
    marked = ImageSet(images.images, meta, images.name)
    return marked[np.flatnonzero(score <= 0)], marked[np.flatnonzero(score > 0)]


def performance(
    score: ArrayLike,
    hand: ArrayLike,
    share: float | None = None,
    cuts: Iterable[float] | None = None,
) -> pd.DataFrame:
    """How good a remover is at each cut, on pictures whose truth is known.

    The two fractions that are counted are `efficiency`, of the pictures with hands those that go,
    and `false`, of the others those that go; their errors are binomial.  Everything else follows
    from them for a population in which `share` of the pictures show hands.

    Args:
        score: values (N,); a picture goes if its value is larger than the cut.
        hand: whether there is a hand, (N,).
        share: of pictures with hands in the population; that of these N by default.
        cuts: all that make a difference by default, from removing nothing on.

    Returns:
        One row a cut: `efficiency`; `false`; `removed`, the fraction of all pictures that go;
        `purity`, the fraction of these that show a hand; `left`, the fraction of what stays that
        shows one; each with its standard deviation, `removed error` and so on.  What is a fraction
        of nothing is NaN.

    Raises:
        ValueError: unless there is one truth for each score and pictures of both kinds, or for a
            share that is none.
    """
    score, hand = np.asarray(score, dtype=float), np.asarray(hand, dtype=bool)
    if score.shape != hand.shape or score.ndim != 1 or hand.all() or not hand.any():
        raise ValueError(
            f"scores {score.shape} and truths {hand.shape} with {hand.sum()} hands: each score "
            "needs a truth, and both kinds are needed"
        )
    share = float(hand.mean()) if share is None else share
    if not 0 < share < 1:
        raise ValueError(f"share = {share} must lie between 0 and 1")
    cuts = np.unique(score)[::-1] if cuts is None else np.asarray(list(cuts), dtype=float)
    table = {"cut": cuts}
    for name, values in (("efficiency", score[hand]), ("false", score[~hand])):
        gone = 1 - np.searchsorted(np.sort(values), cuts, side="right") / len(values)
        table[name] = gone
        table[f"{name} error"] = np.sqrt(gone * (1 - gone) / len(values))
    e, f = table["efficiency"], table["false"]
    de, df = table["efficiency error"], table["false error"]
    gone, stays = share * e + (1 - share) * f, share * (1 - e) + (1 - share) * (1 - f)
    table |= {"removed": gone, "removed error": np.hypot(share * de, (1 - share) * df)}
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, ours, theirs, total in (
            ("purity", e, f, gone),
            ("left", 1 - e, 1 - f, stays),
        ):
            table[name] = share * ours / total
            slope = share * (1 - share) / total**2
            table[f"{name} error"] = slope * np.hypot(theirs * de, ours * df)
    return pd.DataFrame(table)


@dataclass(frozen=True)
class OneSided:
    """What a decision leaves of a world in which each picture is as likely as its mirror image.

    Attributes:
        both: number of pairs, a picture and its mirror image, of which both stay.
        one: number of pairs of which one stays.
        none: number of pairs of which none stays.
    """

    both: int
    one: int
    none: int

    @property
    def share(self) -> float:
        """Fraction of what stays whose mirror image goes."""
        return self.one / (2 * self.both + self.one)

    @property
    def error(self) -> float:
        """Standard deviation of `share`, from that of a binomial fraction of the pairs."""
        pairs = self.both + self.one
        q = self.one / pairs  # share = q / (2 - q)
        return float(2 / (2 - q) ** 2 * np.sqrt(q * (1 - q) / pairs))

    @property
    def largest_fraction(self) -> float:
        """The largest positive fraction that an odd function can find in what stays.

        Of a pair that stays each is as likely as the other, and the best guess is right half of
        the time; what stays alone can be known.  Together (1 + share) / 2.
        """
        return (1 + self.share) / 2


def one_sided(goes: ArrayLike, mirror_goes: ArrayLike) -> OneSided:
    """Compare the decisions about pictures with those about their mirror images.

    Args:
        goes: whether each picture goes, (N,).
        mirror_goes: whether its mirror image would go, (N,).

    Raises:
        ValueError: for another number of the ones than of the others, or if nothing stays.
    """
    goes, mirror_goes = np.asarray(goes, dtype=bool), np.asarray(mirror_goes, dtype=bool)
    if goes.shape != mirror_goes.shape:
        raise ValueError(f"decisions {goes.shape} and, of mirror images, {mirror_goes.shape}")
    none, one, both = np.bincount(2 - goes.astype(int) - mirror_goes, minlength=3).tolist()
    if none == len(goes):
        raise ValueError(f"all {none} pictures go, and so do their mirror images: raise the cut")
    return OneSided(both, one, none)


# --- a remover of another make


MEDIAPIPE = "PARITY_NB_HANDS_PYTHON"
"""Environment variable that names the Python of an environment with MediaPipe."""

_SCRIPT = """
import sys
import mediapipe, numpy
images = numpy.load(sys.argv[1])
with mediapipe.solutions.hands.Hands(static_image_mode=True, max_num_hands=2) as hands:
    with open(sys.argv[2], "w") as out:
        for image in images:
            found = hands.process(numpy.ascontiguousarray(image)).multi_handedness or []
            out.write(" ".join(h.classification[0].label for h in found) + "\\n")
"""


class NoMediaPipeError(RuntimeError):
    """MediaPipe is not here, or does not run."""


def mediapipe_hands(images: Tensor, python: str | None = None, size: int = 320) -> list[str]:
    """Ask MediaPipe 0.10.14 which hands it sees.

    It needs an older NumPy than this book, and so an environment and a Python of its own:
    `pip install --group hands` installs it there.

    Args:
        images: uint8 (N, 3, H, W).
        python: the Python of that environment; that of $PARITY_NB_HANDS_PYTHON by default.
        size: pictures are enlarged to this many pixels, as it was made for larger ones.

    Returns:
        For each picture "left", "right", "both" or "none".

    Raises:
        NoMediaPipeError: if there is no such Python, or it has no MediaPipe.
    """
    python = python or os.environ.get(MEDIAPIPE)
    if not python:
        raise NoMediaPipeError(
            f"MediaPipe is skipped: {MEDIAPIPE} names no Python of an environment that has it"
        )
    with tempfile.TemporaryDirectory() as folder:
        pictures, answers = Path(folder) / "pictures.npy", Path(folder) / "answers.txt"
        np.save(pictures, resize(images, size).permute(0, 2, 3, 1).numpy())
        try:
            command = [python, "-c", _SCRIPT, str(pictures), str(answers)]
            # a notebook's backend of matplotlib, which MediaPipe imports, is not there
            there = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
            done = subprocess.run(command, capture_output=True, text=True, env=there)
        except OSError as error:
            raise NoMediaPipeError(f"MediaPipe is skipped: cannot run {python}: {error}") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise NoMediaPipeError(f"MediaPipe is skipped: {python} ended with: {last}")
        return [_true_hand(line.split()) for line in answers.read_text().split("\n")[:-1]]


def _true_hand(labels: list[str]) -> str:
    # Its labels are meant for pictures of a selfie camera, which are mirrored.
    hands = {{"Left": "right", "Right": "left"}[label] for label in labels}
    return "both" if len(hands) > 1 else hands.pop() if hands else "none"
