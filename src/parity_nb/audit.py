"""Which step of a pipeline knows left from right?

A parity-odd network detects whatever tells x from Px: an asymmetry of the world, or one of the
steps between the world and the network.  A step T that is a function does no harm if it commutes
with the mirror, T(Px) = P T(x).  A step that tosses coins need not do so draw by draw; it does no
harm if P T P has the same law as T.  `audit_pipeline` examines the steps one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from parity_nb.symmetry import Action, equivariance_error, mirror

WHOLE = "whole pipeline"
"""Name of the last row of an audit."""

EXACT = 1e-6
"""Relative difference below which a step commutes: the rounding of float32."""


def audit_pipeline(
    steps: Mapping[str, Action],
    images: Tensor,
    act: Action = mirror,
    *,
    draws: int = 16,
    permutations: int = 1999,
    tolerance: float = 0.03,
    level: float = 0.001,
    seed: int = 0,
) -> pd.DataFrame:
    """Audit the steps of an image pipeline, each on what reaches it, and the whole.

    A step that gives the same result twice is taken for a function, and T(Px) is compared with
    P T(x) pixel by pixel.  From any other step `draws` results of T(x) and as many of P T(Px)
    are drawn for each image.  If the two have the same law, the 2 x `draws` results of an image
    are exchangeable, so shuffling them gives the exact null distribution of any statistic; ours
    is the energy distance between the two halves (Szekely and Rizzo 2013), summed over images.
    The p-value is exact whatever the images are: they need be neither symmetric as a population
    nor independent of each other.

    Limits.  The energy distance vanishes for equal laws only, but with few draws it sees hardly
    more than a shift of the mean result, and not one that is small beside the random scatter; no
    difference seen is no proof.  A random event that is rarer than about one in 2 x `images` may
    be missed altogether.  And commuting is sufficient, not necessary: a shift by one pixel does
    not commute, yet no population that lives anywhere in the frame could show it.

    Args:
        steps: names and functions (1, C, H, W) -> (1, C, H', W'), first step first.  Each is
            given one image at a time, so that no two images share their random numbers, which
            torch must draw for the result to be reproducible.
        images: the rawest there are, (N, C, H, W); some dozens will do.
        act: the transformation P, on images at every stage; twice P must be nothing.
        draws: results of T(x), and of P T(Px), for each image and random step.
        permutations: of the shuffling; the smallest p is 1 / (1 + permutations).
        tolerance: largest relative difference of a function that is put down to rounding; the
            default is one or two of 255 levels in an ordinary photograph, such as JPEG needs.
        level: largest p-value that convicts a random step.
        seed: of all chance; the caller's random state is left alone.

    Returns:
        One row a step and one for the whole pipeline (whose steps may undo each other):

        - random: whether two results differed;
        - rms: root-mean-square difference of P T(Px) and T(x), for a random step that of their
          means, free from the bias of few draws; in the units of the result (pixel levels);
        - relative: the same, divided by the standard deviation of the result;
        - p: p-value of equal laws, missing for a function;
        - verdict: "commutes" (relative up to `EXACT`), "nearly" (up to `tolerance`) or "breaks"
          for a function; "breaks" (p up to `level`) or "not seen" for a random step.

    Raises:
        ValueError: for no steps or images, a step called like the last row, an `act` that is
            not its own inverse, a step that changes the number of images or gives them
            different shapes, fewer than two draws, or a level that no p-value could reach.
    """
    _check(steps, images, act, draws, permutations, level)
    judge = partial(_judge, tolerance=tolerance, level=level)
    measure = partial(_measure, act=act, draws=draws, permutations=permutations, seed=seed)
    rows = {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        x = images
        for name, step in steps.items():
            row, x = measure(_one_by_one(name, step), x)
            rows[name] = judge(row)
        if len(steps) > 1:
            row, _ = measure(_one_by_one(WHOLE, partial(_through, steps)), images)
        rows[WHOLE] = judge(row)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("step")


def _check(
    steps: Mapping[str, Action],
    images: Tensor,
    act: Action,
    draws: int,
    permutations: int,
    level: float,
) -> None:
    if not steps or len(images) == 0:
        raise ValueError(f"{len(steps)} steps and {len(images)} images: nothing to audit")
    if WHOLE in steps:
        raise ValueError(f"a step may not be called {WHOLE!r}, like the last row of the table")
    if not torch.equal(act(act(images)), images):
        raise ValueError("act twice does not give the images back, so it is no mirror")
    if draws < 2:
        raise ValueError(f"draws must be at least 2, not {draws}: one result has no scatter")
    if not 1 / (1 + permutations) <= level < 1:
        raise ValueError(
            f"with {permutations} permutations no p-value can be as small as the level {level}"
        )


def _measure(
    step: Action, x: Tensor, act: Action, draws: int, permutations: int, seed: int
) -> tuple[dict, Tensor]:
    """The row of a step without its verdict, and what the step makes of x."""
    result = step(x)
    if not torch.equal(result, step(x)):
        return {"random": True, **_compare_laws(step, x, act, draws, permutations, seed)}, result
    error = equivariance_error(step, x, act, act)
    return {"random": False, "rms": error.rms, "relative": error.relative, "p": np.nan}, result


def _judge(row: dict, tolerance: float, level: float) -> dict:
    if row["random"]:
        verdict = "breaks" if row["p"] <= level else "not seen"
    elif row["relative"] <= EXACT:
        verdict = "commutes"
    else:
        verdict = "nearly" if row["relative"] <= tolerance else "breaks"
    return {**row, "verdict": verdict}


def _through(steps: Mapping[str, Action], x: Tensor) -> Tensor:
    for step in steps.values():
        x = step(x)
    return x


def _one_by_one(name: str, step: Action) -> Action:
    """The step, given one image at a time: (N, ...) -> (N, ...)."""

    def each(x: Tensor) -> Tensor:
        results = [step(one) for one in x.split(1)]
        shapes = sorted({tuple(result.shape) for result in results})
        if len(shapes) > 1 or shapes[0][0] != 1:
            raise ValueError(
                f"step {name!r} makes {shapes} of single images; the audit needs one result for "
                "each image, and one shape for all"
            )
        return torch.cat(results)

    return each


def _compare_laws(
    step: Action, x: Tensor, act: Action, draws: int, permutations: int, seed: int
) -> dict[str, float]:
    """Compare `draws` results of T(x) with as many of P T(Px), image by image."""
    mirrored = act(x)
    ours = torch.stack([step(x) for _ in range(draws)], 1).flatten(2).float()
    theirs = torch.stack([act(step(mirrored)) for _ in range(draws)], 1).flatten(2).float()
    shift = ours.mean(1) - theirs.mean(1)
    scatter = (ours.var(1) + theirs.var(1)) / draws  # what equal means would still differ by
    rms = (shift.square() - scatter).mean().clamp(min=0).sqrt().item()
    p = _energy_test(torch.cat([ours, theirs], 1), permutations, seed)
    return {"rms": rms, "relative": rms / ours.std().item(), "p": p}


def _energy_test(results: Tensor, permutations: int, seed: int) -> float:
    """p-value of equal laws of the first and the second half of the results, (N, 2 M, D).

    With signs s = +1 for one half and -1 for the other, M^2 times the energy distance
    2 E|y-z| - E|y-y'| - E|z-z'| is -s D s, where D holds the distances of all pairs.
    """
    distances = torch.cdist(results, results, compute_mode="donot_use_mm_for_euclid_dist")
    distances = distances.double().numpy()
    half = distances.shape[1] // 2
    signs = np.repeat([1.0, -1.0], half)
    rng = np.random.default_rng(seed)
    shuffled = np.zeros(permutations)
    for d in distances:
        s = rng.permuted(np.tile(signs, (permutations, 1)), axis=1)
        shuffled -= ((s @ d) * s).sum(1)
    observed = -(signs @ distances @ signs).sum()
    slack = 1e-9 * np.abs(distances).sum()  # sums of the same numbers are ties
    return float((1 + (shuffled >= observed - slack).sum()) / (1 + permutations))
