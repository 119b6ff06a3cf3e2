"""What the values of a parity-odd function on held-out items say about the population.

Everything here assumes that the items are independent (one per observation, burst or
orbit) and were not used in training.  Tests are one-sided: training fixed the sign, so
only f > 0 counts as success, and a fraction far BELOW one half is no detection but a sign
of a leak or of a shifted test set.

With a(x) = (p(x) - p(Px)) / (p(x) + p(Px)) for a population of density p, no function
does better than

    positive fraction   1/2 + E|a| / 2
    mean over std       sqrt(A / (1 - A)),  A = E[a] = E[a^2],        reached by f = a
    quality Q           the Jensen-Shannon divergence of p and p o P, by f = 2 atanh(a)

(Lester and Tombs 2021; Tombs and Lester 2022).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import betainc, betaincinv, log_expit
from torch import Tensor


def _array(x: Tensor | ArrayLike) -> np.ndarray:
    return np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x)


def _values(f: Tensor | ArrayLike, least: int = 1) -> np.ndarray:
    """The values as a flat float64 array; refuses too few values, NaN and infinity."""
    values = _array(f).astype(float).ravel()
    if values.size < least:
        raise ValueError(f"f has {values.size} values; this statistic needs at least {least}")
    if not np.isfinite(values).all():
        wrong = int((~np.isfinite(values)).sum())
        raise ValueError(f"{wrong} of {values.size} values of f are NaN or infinite")
    return values


def _p_text(relation: str, p: float) -> str:
    """A p-value; the smallest ones do not fit into a float and would read as 0."""
    return f"p {relation} {p:.3g}" if p > 1e-300 else "p < 1e-300"


# --- the positive fraction


@dataclass(frozen=True)
class PositiveFraction:
    """How often f > 0.

    Attributes:
        positive, negative, zero: numbers of items with f > 0, f < 0 and f = 0.
        fraction: (positive + zero / 2) / n.
        std: binomial standard deviation sqrt(fraction (1 - fraction) / n), as the sources
            print it; zero for a fraction of one, where `interval` still means something.
        interval: Clopper-Pearson interval of the non-zero items.
        level: confidence level of the interval.
        p_exact: P(at least so many positives | fair coin), non-zero items only.
        p_mid: the same with half the probability of exactly so many: uniform under the
            null hypothesis up to the discreteness of the count.
    """

    positive: int
    negative: int
    zero: int
    fraction: float
    std: float
    interval: tuple[float, float]
    level: float
    p_exact: float
    p_mid: float

    @property
    def n(self) -> int:
        """Number of items, zeros included."""
        return self.positive + self.negative + self.zero

    def __str__(self) -> str:
        p = _p_text("=", self.p_exact)
        return f"{self.fraction:.4f} ± {self.std:.4f} (n = {self.n}, exact {p})"


def positive_fraction(f: Tensor | ArrayLike, level: float = 0.68) -> PositiveFraction:
    """Count the positive values of f, shape (N,), and compare with a fair coin.

    Raises:
        ValueError: for no values, NaN or infinite ones, all zeros, or a level outside (0, 1).
    """
    values = _values(f)
    if not 0 < level < 1:
        raise ValueError(f"level is a probability between 0 and 1, not {level}")
    positive, negative = int((values > 0).sum()), int((values < 0).sum())
    decided = positive + negative
    if decided == 0:
        raise ValueError(
            f"all {values.size} values of f are exactly zero: the items are mirror images of "
            "themselves, or the group is blind to them, or g is constant"
        )
    fraction = 0.5 + 0.5 * (positive - negative) / values.size
    # binomial tails of a fair coin, as incomplete beta functions
    at_least = betainc(positive, negative + 1, 0.5) if positive else 1.0
    more = betainc(positive + 1, negative, 0.5) if negative else 0.0
    tail = (1 - level) / 2
    low = betaincinv(positive, negative + 1, tail) if positive else 0.0
    high = betaincinv(positive + 1, negative, 1 - tail) if negative else 1.0
    return PositiveFraction(
        positive,
        negative,
        zero=values.size - decided,
        fraction=fraction,
        std=float(np.sqrt(fraction * (1 - fraction) / values.size)),
        interval=(float(low), float(high)),
        level=level,
        p_exact=float(at_least),
        p_mid=float((at_least + more) / 2),
    )


def smallest_fraction(n: int, level: float, power: float = 0.95) -> float:
    """The positive fraction that n items show with probability `power` to be no fair coin.

    The exact p-value of the count is at most `level` from a certain number of positives on; the
    fraction is the one with which n items reach that number with probability `power`.

    Raises:
        ValueError: if not even n positives of n reach the level, or a probability is none.
    """
    if not (0 < level < 1 and 0 < power < 1):
        raise ValueError(f"level {level} and power {power} are probabilities between 0 and 1")
    enough = int(stats.binom.isf(level, n, 0.5)) + 1
    if enough > n:
        raise ValueError(
            f"{n} items give p = {0.5**n:.2g} at best, which is not below the level {level:.2g}"
        )
    return float(betaincinv(enough, n - enough + 1, power))


def joint_null(
    fractions: Iterable[PositiveFraction] | Sequence[float], n: ArrayLike | None = None
) -> float:
    """Chi-square p-value of a family of results that should all be one half.

    Two-sided, because a null result may scatter either way.  Judge a family by this number,
    not its members one by one at three standard deviations.

    Args:
        fractions: results of `positive_fraction`, or plain fractions (such as records hold).
        n: numbers of items, needed with plain fractions only.

    Raises:
        ValueError: for an empty family, or plain fractions without n.
    """
    fractions = list(fractions)
    if not fractions:
        raise ValueError("joint_null needs at least one result")
    if n is None:
        if not all(isinstance(r, PositiveFraction) for r in fractions):
            raise ValueError("joint_null of plain fractions needs n, the number of items of each")
        z = [(r.positive - r.negative) / np.sqrt(r.positive + r.negative) for r in fractions]
    else:
        z = (2 * _values(fractions) - 1) * np.sqrt(_values(n))
    return float(stats.chi2.sf(np.square(z).sum(), len(fractions)))


# --- two functions on the same items


@dataclass(frozen=True)
class Paired:
    """Difference of two positive fractions on the same items.

    Attributes:
        difference: of the first minus the second.
        error: its standard deviation, from the items on which the two disagree.
        better, worse: items positive for the first only, and for the second only.
        n: all items.
        p: exact two-sided p-value that both are equally often right (McNemar 1947).
    """

    difference: float
    error: float
    better: int
    worse: int
    n: int
    p: float

    def __str__(self) -> str:
        text = f"{100 * self.difference:+.2f} ± {100 * self.error:.2f} %"
        return f"{text} ({self.better} against {self.worse} of {self.n}, p = {self.p:.2g})"


def paired(first: Tensor, second: Tensor) -> Paired:
    """Compare f > 0 for two functions, values (N,) on the same items in the same order.

    Raises:
        ValueError: for different numbers of values, or none.
    """
    if first.shape != second.shape or first.numel() == 0:
        raise ValueError(f"{tuple(first.shape)} and {tuple(second.shape)} values: no pairs")
    n = first.numel()
    better = int(((first > 0) & (second <= 0)).sum())
    worse = int(((first <= 0) & (second > 0)).sum())
    difference = (better - worse) / n
    error = float(np.sqrt(max((better + worse) / n - difference**2, 0.0) / n))
    both = better + worse
    p = float(stats.binomtest(better, both).pvalue) if both else 1.0
    return Paired(difference, error, better, worse, n, p)


# --- the mean


def mean_test(
    f: Tensor | ArrayLike, flips: int = 9999, generator: np.random.Generator | int = 0
) -> float:
    """One-sided p-value of mean f, exact by random sign flips.

    Under the null hypothesis f and -f are equally likely, item by item, so flipping signs at
    random draws from the exact null distribution.  p = (1 + #) / (1 + flips), where # counts
    the flipped means that are at least as large; the smallest p is 1 / (1 + flips).

    Args:
        f: values on held-out items, shape (N,).
        flips: number of random flips of all signs.
        generator: numpy generator, or the random seed of one.

    Raises:
        ValueError: for no values, NaN or infinite ones, all zeros, or no flips.
    """
    values = _values(f)
    values = values[values != 0]
    if values.size == 0:
        raise ValueError("all values of f are exactly zero: their mean has nothing to test")
    if flips < 1:
        raise ValueError(f"flips must be at least 1, not {flips}")
    rng = np.random.default_rng(generator)
    # sums of the same numbers in another order are ties, not smaller ones
    observed = values.sum() - 1e-12 * np.abs(values).sum()
    reached = 0
    rows = max(1, 2**22 // values.size)  # about 32 MiB of signs at a time
    for done in range(0, flips, rows):
        bits = rng.integers(0, 2, (min(rows, flips - done), values.size), dtype=np.int8)
        reached += int(((2.0 * bits - 1.0) @ values >= observed).sum())
    return (1 + reached) / (1 + flips)


# --- the quality of a log ratio


@dataclass(frozen=True)
class Quality:
    """How much better than a fair coin phi tells an item from its mirror image.

    Attributes:
        q: log 2 + mean log sigmoid(phi), in nats; at most log 2, 0 for phi = 0, and negative
            for an over-fitted phi.
        error: standard deviation of the terms over sqrt(n).
        n: number of items.
        p_bound: min(1, exp(-n q)), a bound on the p-value that holds at any n.
    """

    q: float
    error: float
    n: int
    p_bound: float

    def __str__(self) -> str:
        bound = _p_text("<=", self.p_bound)
        return f"{self.q:.4f} ± {self.error:.4f} nats (n = {self.n}, {bound})"


def quality(phi: Tensor | ArrayLike) -> Quality:
    """Quality of an odd phi, shape (N,), read as log p(x) / p(Px), on held-out items.

    Under the null hypothesis the expectation of 2 sigmoid(phi(x)) is exactly 1, so
    exp(n q) is an e-value: P(exp(n q) >= 1/a) <= a for every a.

    Raises:
        ValueError: for fewer than two values, NaN or infinite ones.
    """
    terms = np.log(2) + log_expit(_values(phi, least=2))
    n = terms.size
    return Quality(
        float(terms.mean()),
        float(terms.std(ddof=1) / np.sqrt(n)),
        n,
        float(np.exp(-max(terms.sum(), 0.0))),
    )


@dataclass(frozen=True)
class Calibration:
    """phi = 2 atanh(scale f), with |scale f| clipped to `limit`."""

    scale: float
    limit: float

    def __call__(self, f: Tensor | ArrayLike) -> np.ndarray:
        """(N,) -> (N,): log ratios for `quality`."""
        return 2 * np.arctanh(np.clip(self.scale * _values(f), -self.limit, self.limit))


def calibrate(f_train: Tensor | ArrayLike, limit: float = 0.99) -> Calibration:
    """Fit the free scale of a function that was trained with loss A, on TRAINING values.

    The optimum of loss A is proportional to the asymmetry a, and phi = 2 atanh(a); the scale
    is the one that makes the quality of the training values largest.  It is 0, which claims
    nothing, if their mean is not positive.

    Args:
        f_train: values on the training items, shape (N,).
        limit: largest |a| that may be claimed; it bounds what one wrong item can cost.

    Raises:
        ValueError: for no values, NaN or infinite ones, or a limit outside (0, 1).
    """
    if not 0 < limit < 1:
        raise ValueError(f"limit must lie between 0 and 1, not {limit}")
    values = _values(f_train)
    if values.mean() <= 0:
        return Calibration(0.0, limit)
    largest = limit / np.median(np.abs(values[values != 0]))

    def loss(fraction: float) -> float:
        # log 2 sigmoid(2 atanh a) = log(1 + a)
        return -np.log1p(np.clip(fraction * largest * values, -limit, limit)).mean()

    best = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-6})
    return Calibration(float(best.x * largest), limit)


# --- the best that any function can do


@dataclass(frozen=True)
class Optimum:
    """The largest values of the three measures for a known population.

    Attributes:
        fraction: positive fraction of the best function.
        mean_over_std: minus the smallest loss A.
        quality: log 2 minus the smallest loss B, in nats.
    """

    fraction: float
    mean_over_std: float
    quality: float


def optimum(phi: ArrayLike, weights: ArrayLike | None = None) -> Optimum:
    """The best possible results where the true log ratio log p(x) / p(Px) is known.

    Args:
        phi: true log ratios at points x, shape (N,).
        weights: probabilities of the points under p; equal if not given, as for a sample.

    Raises:
        ValueError: for no values, or NaN or infinite ones.
    """
    phi = _values(phi)
    weights = np.ones_like(phi) if weights is None else _values(weights)
    a = np.tanh(phi / 2)
    power = np.average(a**2, weights=weights)
    return Optimum(
        float(0.5 + 0.5 * np.average(np.abs(a), weights=weights)),
        float(np.sqrt(power / (1 - power))) if power < 1 else float("inf"),
        float(np.average(np.log(2) + log_expit(phi), weights=weights)),
    )


# --- items of several kinds and scores that tell them apart


@dataclass(frozen=True)
class Share:
    """A share of n items and its binomial standard deviation."""

    value: float
    error: float
    n: int

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} ± {100 * self.error:.1f} % (n = {self.n})"


def accuracy(scores: Tensor | ArrayLike, labels: Tensor | ArrayLike) -> Share:
    """Share of items whose largest score, of (N, classes), is the one of their label, (N,).

    Raises:
        ValueError: for no items.
    """
    right = _array(scores).argmax(1) == _array(labels)
    if right.size == 0:
        raise ValueError("there are no events to be right or wrong about")
    value = float(right.mean())
    return Share(value, float(np.sqrt(value * (1 - value) / right.size)), right.size)


@dataclass(frozen=True)
class Area:
    """Area under the ROC curve: how often a positive item outscores a negative one.

    Attributes:
        value: 1 is perfect, 1/2 knows nothing; ties count one half.
        error: its standard deviation (DeLong, DeLong and Clarke-Pearson 1988).
        n: numbers of positive and of negative items.
    """

    value: float
    error: float
    n: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.error:.4f}"


def roc_area(score: Tensor | ArrayLike, positive: Tensor | ArrayLike) -> Area:
    """Area under the ROC curve of scores (N,) for the truth, (N,): 1 or True for a positive item.

    Raises:
        ValueError: for fewer than two items of either kind, NaN or infinite scores.
    """
    values = _values(score)
    truth = _array(positive).astype(bool)
    one, zero = values[truth], values[~truth]
    m, n = len(one), len(zero)
    if min(m, n) < 2:
        raise ValueError(f"{m} positive and {n} negative items: at least two of each are needed")
    ranks = stats.rankdata(np.concatenate([one, zero]))
    above = (ranks[:m] - stats.rankdata(one)) / n  # share of negatives below each positive
    below = 1 - (ranks[m:] - stats.rankdata(zero)) / m
    error = (above.var(ddof=1) / m + below.var(ddof=1) / n) ** 0.5
    return Area(float(above.mean()), float(error), (m, n))
