"""Two-bar melodies on a grid: tokens for a network, features for a human, notes for an instrument.

A melody is a row of 32 steps, each REST, HOLD or a MIDI pitch, as in `tunes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from parity_nb.discovery.latents import Coder, mlp
from parity_nb.discovery.tunes import HOLD, REST, STEPS, Windows

LOWEST, HIGHEST = 48, 88
"""Range of pitches in the tunes, MIDI numbers: C3 to E6."""

TOKENS = 2 + HIGHEST - LOWEST + 1
"""Rest, hold and the pitches."""


def tokens(steps: np.ndarray) -> Tensor:
    """Steps (N, 32) -> tokens (N, 32) int64: 0 rest, 1 hold, 2 the lowest pitch, and so on.

    Raises:
        ValueError: for a pitch outside the range.
    """
    steps = np.asarray(steps)
    pitched = steps > HOLD
    if pitched.any() and (steps[pitched].min() < LOWEST or steps[pitched].max() > HIGHEST):
        raise ValueError(
            f"pitches run from {steps[pitched].min()} to {steps[pitched].max()}; the network knows "
            f"{LOWEST} to {HIGHEST}: leave out these windows with `within_range`"
        )
    return torch.tensor(np.where(pitched, steps.astype(int) - LOWEST + 2, steps), dtype=torch.int64)


def steps_of(token: Tensor) -> np.ndarray:
    """Tokens (N, 32) -> steps (N, 32) uint8, the reverse of `tokens`."""
    t = token.cpu().numpy()
    return np.where(t > HOLD, t + LOWEST - 2, t).astype(np.uint8)


def within_range(windows: Windows) -> Windows:
    """The windows whose pitches the network knows."""
    steps = windows.steps
    return windows[((steps <= HOLD) | ((steps >= LOWEST) & (steps <= HIGHEST))).all(1)]


def split_by_tune(windows: Windows, fold: int, folds: int = 5) -> tuple[Windows, Windows]:
    """Training and held-out windows, no tune in both; every `folds`-th tune, from `fold` on.

    Held-out windows that also occur, note for note, in a training tune are dropped.

    Raises:
        ValueError: if either part is empty.
    """
    held = windows.tune % folds == fold % folds
    known = {row.tobytes() for row in windows.steps[~held]}
    new = np.array([row.tobytes() not in known for row in windows.steps])
    train, test = windows[~held], windows[held & new]
    if not len(train) or not len(test):
        raise ValueError(f"{len(train)} windows to train on and {len(test)} to test on: too few")
    return train, test


def transpose(token: Tensor, semitones: int | Tensor) -> Tensor:
    """Tokens (N, 32) moved by so many semitones, one number for all or (N, 1).

    A melody that would leave the range stays as it is.
    """
    moved = torch.where(token > HOLD, token + semitones, token)
    pitched = token > HOLD
    fits = ((moved >= 2) & (moved < TOKENS) | ~pitched).all(1, keepdim=True)
    return torch.where(fits, moved, token)


class StepEmbedding(nn.Module):
    """A linear layer on tokens written as zeros and ones, (N, 32) int64 -> (N, width) float32.

    Looking the 32 columns up and adding them is the same and several times as fast.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.columns = nn.EmbeddingBag(2 * STEPS * TOKENS, width, mode="sum")
        nn.init.normal_(self.columns.weight, std=(2 * STEPS) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, token: Tensor) -> Tensor:
        """(N, 32) int64 -> (N, width)."""
        first = torch.arange(token.shape[1], device=token.device) * TOKENS
        return self.columns(token + first) + self.bias


def melody_coder(latents: int, width: int) -> Coder:
    """A variational autoencoder of two-bar melodies; the decoder gives (N, 32 * TOKENS) logits.

    The decoder gives all steps at once, so that what it knows of the melody can only come from
    the latent neurons, and not from the notes before.
    """
    inputs = 2 * STEPS * TOKENS
    encoder = nn.Sequential(StepEmbedding(width), nn.ELU(), mlp(width, width, 2 * latents))
    return Coder(encoder, mlp(latents, width, width, inputs), latents)


def melody_loss(logits: Tensor, token: Tensor) -> Tensor:
    """Cross entropy of the steps, nats a melody: (N, 32 * TOKENS) and (N, 32) -> ()."""
    return cross_entropy(logits.unflatten(1, (-1, TOKENS)).mT, token, reduction="sum") / len(token)


def melody_step(beta: float, shift: int = 0):
    """The step for `training.fit` on tokens: cross entropy plus beta times KL.

    Args:
        beta: price of a nat.
        shift: each melody is transposed by a random number of semitones up to so many.
    """

    def make(model: nn.Module):
        def step(batch: Tensor) -> Tensor:
            if shift:
                by = torch.randint(-shift, shift + 1, (len(batch), 1), device=batch.device)
                batch = transpose(batch, by)
            coded = model(batch)
            return melody_loss(coded.output, batch) + beta * coded.kl.sum(-1).mean()

        return step

    return make


@torch.no_grad()
def decode(model: Coder, z: Tensor) -> Tensor:
    """Latent values (N, K) -> the most probable tokens (N, 32); a hold after a rest is a rest."""
    token = model.eval().decode(z).unflatten(1, (-1, TOKENS)).argmax(-1)
    for step in range(token.shape[1]):
        before = token[:, step - 1] if step else torch.zeros_like(token[:, 0])
        token[:, step] = torch.where(
            (token[:, step] == HOLD) & (before == REST), REST, token[:, step]
        )
    return token


# --- notes


@dataclass(frozen=True)
class Note:
    """A note: MIDI pitch, start and length in sixteenths."""

    pitch: int
    start: int
    length: int


def notes(steps: np.ndarray) -> list[Note]:
    """Notes of one melody, (steps,)."""
    found: list[Note] = []
    for start, step in enumerate(steps.tolist()):
        if step > HOLD:
            found.append(Note(step, start, 1))
        elif step == HOLD and found and found[-1].start + found[-1].length == start:
            last = found[-1]
            found[-1] = Note(last.pitch, last.start, last.length + 1)
    return found


# --- what a human would say about a melody

FEATURES = {
    "mean pitch": "pitch",
    "highest pitch": "pitch",
    "lowest pitch": "pitch",
    "last pitch": "pitch",
    "notes": "rhythm",
    "notes off the beat": "rhythm",
    "longest note": "rhythm",
    "unevenness": "rhythm",
    "rests": "rhythm",
    "more notes in bar 2": "rhythm",
    "range": "melody",
    "direction": "melody",
    "mean interval": "melody",
    "leaps": "melody",
    "turns": "melody",
    "pitch classes": "melody",
    "bars alike": "melody",
}
"""Features of `describe` and what they are about."""


def describe(steps: np.ndarray) -> pd.DataFrame:
    """Features of melodies (N, 32), one row each, columns as in `FEATURES`.

    Pitches are MIDI numbers, intervals semitones, lengths sixteenths.  "Notes off the beat" is the
    share of notes that begin between quarters; "unevenness" the standard deviation of the notes'
    lengths; "direction" the correlation of pitch with the number of the note; "leaps" the share of
    intervals above two semitones; "turns" the share of notes at which the melody changes between
    rising and falling; "bars alike" the share of steps that are the same in both bars.  A melody
    without a note has no features: they are NaN.
    """
    return pd.DataFrame([_describe(row) for row in np.asarray(steps)], columns=list(FEATURES))


def _describe(row: np.ndarray) -> list[float]:
    found = notes(row)
    if not found:
        return [float("nan")] * len(FEATURES)
    pitch = np.array([n.pitch for n in found], dtype=float)
    length = np.array([n.length for n in found], dtype=float)
    start = np.array([n.start for n in found])
    steps = np.diff(pitch)
    moves = np.sign(steps[steps != 0])
    rising = 0.0
    if len(pitch) > 2 and pitch.std() > 0:
        rising = float(np.corrcoef(np.arange(len(pitch)), pitch)[0, 1])
    half = len(row) // 2
    return [
        float((pitch * length).sum() / length.sum()),
        pitch.max(),
        pitch.min(),
        pitch[-1],
        len(found),
        float((start % 4 != 0).mean()),
        length.max(),
        length.std(),
        float((row == REST).mean()),
        float((start >= half).sum() - (start < half).sum()),
        float(np.ptp(pitch)),
        rising,
        float(np.abs(steps).mean()) if len(steps) else 0.0,
        float((np.abs(steps) > 2).mean()) if len(steps) else 0.0,
        float((moves[1:] != moves[:-1]).mean()) if len(moves) > 1 else 0.0,
        len(set((pitch % 12).tolist())),
        float((row[:half] == row[half:]).mean()),
    ]
