"""How many events separate two hypotheses, given how a classifier labels events of each.

A template is the probability of each label under one hypothesis: a row of the confusion matrix.
The test of Grefsrud et al. (2023) looks at one label only, the one that a hypothesis gives most
often; the likelihood ratio uses them all and is the best that the labels allow (Neyman and
Pearson 1933); derived in calorimeters/black-holes-and-sphalerons.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.05
"""A hypothesis is excluded at this p-value, as in the source."""


def _templates(templates: ArrayLike) -> np.ndarray:
    rows = np.asarray(templates, dtype=float)
    if rows.ndim != 2 or rows.shape[0] != rows.shape[1] or (rows < 0).any():
        raise ValueError(f"templates are a square table of shares, not of shape {rows.shape}")
    if (rows.sum(1) <= 0).any():
        raise ValueError("a template has no events: every row needs some")
    return rows / rows.sum(1, keepdims=True)


def counting_power(
    templates: ArrayLike, truth: int, tested: int, events: int, level: float = LEVEL
) -> float:
    """Probability that the source's test excludes `tested` if `truth` is true.

    The tested hypothesis J expects a Poisson number of events with its own most likely label, of
    mean `events` times its share; it is excluded if so few or fewer have a probability below
    `level`.  The source throws pseudo-experiments; here the sum over all outcomes is exact.

    Args:
        templates: (K, K), rows are hypotheses and columns labels; rows are normalised.
        truth: the row of the true hypothesis.
        tested: the row of the one to be excluded.
        events: number of events observed.
        level: of the exclusion.

    Raises:
        ValueError: if the table is not square, has negative entries or an empty row.
    """
    rows = _templates(templates)
    label = rows[tested].argmax()
    seen = np.arange(events + 1)
    excluded = stats.poisson.cdf(seen, events * rows[tested, label]) < level
    return float(stats.binom.pmf(seen, events, rows[truth, label])[excluded].sum())


def likelihood_power(
    templates: ArrayLike,
    truth: int,
    tested: int,
    events: int,
    level: float = LEVEL,
    experiments: int = 4000,
    seed: int = 0,
) -> float:
    """Probability that the likelihood ratio of all labels excludes `tested` if `truth` is true.

    Args:
        templates: (K, K), rows are hypotheses and columns labels; rows are normalised.
        truth: the row of the true hypothesis.
        tested: the row of the one to be excluded.
        events: number of events observed.
        level: of the exclusion.
        experiments: pseudo-experiments for each of the two.
        seed: of the pseudo-experiments.

    Raises:
        ValueError: if the table is not square, has negative entries or an empty row.
    """
    rows = _templates(templates)
    rng = np.random.default_rng(seed)
    small = 0.5 / 10_000  # a label that a template has never shown is unlikely, not impossible
    weight = np.log((rows[truth] + small) / (rows[tested] + small))
    usual = rng.multinomial(events, rows[tested], experiments) @ weight
    if_true = rng.multinomial(events, rows[truth], experiments) @ weight
    threshold = np.quantile(usual, 1 - level, method="higher")
    return float((if_true > threshold).mean())


def events_needed(
    power: Callable[[int], float], wanted: float = 0.5, most: int = 1000
) -> int | None:
    """Smallest number of events from which on `power(events)` is at least `wanted`.

    Counts are whole numbers, so the power does not rise steadily; the answer is one more than the
    last number of events that does not suffice, looked for on a grid of steps of one in twenty.

    Args:
        power: such as `partial(counting_power, templates, truth, tested)`.
        wanted: probability of exclusion.
        most: largest number that is tried.

    Returns:
        The number; None if `most` events are not enough.
    """
    tried = [1]
    while tried[-1] < most:
        tried.append(min(most, max(tried[-1] + 1, tried[-1] * 21 // 20)))
    enough = [power(events) >= wanted for events in tried]
    if not enough[-1]:
        return None
    failed = [events for events, ok in zip(tried, enough, strict=True) if not ok]
    return failed[-1] + 1 if failed else 1
