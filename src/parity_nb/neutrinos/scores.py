"""What the scores of a classifier are worth: purity, efficiency, curves, priors, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import Tensor

from parity_nb.statistics import Paired, paired


def _array(x: Tensor | ArrayLike) -> np.ndarray:
    return np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x)


def _weights(weights: ArrayLike | None, n: int) -> np.ndarray:
    if weights is None:
        return np.ones(n)
    w = _array(weights).astype(float)
    if len(w) != n:
        raise ValueError(f"{len(w)} weights for {n} events")
    if not np.isfinite(w).all():
        raise ValueError(f"the weight of event {int((~np.isfinite(w)).argmax())} is not finite")
    return w


# --- right and wrong


def compared(first: Tensor, second: Tensor, labels: Tensor) -> Paired:
    """Accuracy of the first minus the second scores, (N, classes) each, on the same events.

    The error counts the events that one gets right and the other wrong (McNemar 1947).
    """
    right = [2.0 * (scores.argmax(1) == labels).float() - 1 for scores in (first, second)]
    return paired(*right)


def mean_difference(differences: ArrayLike, errors: ArrayLike) -> tuple[float, float]:
    """Mean of paired differences over random seeds, and its error.

    The error is the larger of two: that of the events inside the runs, and the scatter between the
    runs, which has the random seeds in it.
    """
    d, e = _array(differences).astype(float), _array(errors).astype(float)
    inside = np.sqrt(np.square(e).sum()) / len(d)
    between = d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 1 else 0.0
    return float(d.mean()), float(max(inside, between))


def smallest_difference(error: float, runs: int, level: float = 0.05, power: float = 0.8) -> float:
    """The difference that so many runs would have shown, two-sided, with probability `power`.

    Args:
        error: of the mean difference.
        runs: random seeds; their number enters through Student's t.
        level: of the test.
        power: probability of noticing it.

    Raises:
        ValueError: for fewer than two runs, which say nothing of their scatter.
    """
    if runs < 2:
        raise ValueError("the scatter between runs needs at least two of them")
    t = stats.t(runs - 1)
    return float(error * (t.isf(level / 2) + t.isf(1 - power)))


# --- purity and efficiency


def purity_efficiency(
    score: Tensor | ArrayLike,
    signal: Tensor | ArrayLike,
    cuts: Sequence[float] | np.ndarray,
    weights: ArrayLike | None = None,
) -> pd.DataFrame:
    """Purity, efficiency and their product for events with a score of at least each cut.

    With S signal and B background events kept and L signal events lost, purity is S / (S + B),
    efficiency S / (S + L).  Errors are those of independent counts S, B and L, with sums of squared
    weights as variances.

    Args:
        score: (N,).
        signal: (N,) truth values.
        cuts: thresholds.
        weights: (N,), of each event; none: all one.

    Returns:
        Columns cut, purity, efficiency, product, each of the three with an error, and kept, the
        number of events.  A purity of no events at all is missing, and so is the product.

    Raises:
        ValueError: if there is no signal, or for weights that do not fit.
    """
    s, truth = _array(score).astype(float), _array(signal).astype(bool)
    w = _weights(weights, len(s))
    if not truth.any():
        raise ValueError("there is no signal event, so no efficiency")
    order = np.argsort(s)
    first = np.searchsorted(s[order], np.asarray(cuts, dtype=float))

    def above(values: np.ndarray) -> np.ndarray:
        tail = np.append(values[order][::-1].cumsum()[::-1], 0.0)
        return tail[first]

    S, VS = above(w * truth), above(w**2 * truth)
    B, VB = above(w * ~truth), above(w**2 * ~truth)
    L, VL = (w * truth).sum() - S, (w**2 * truth).sum() - VS
    with np.errstate(divide="ignore", invalid="ignore"):
        purity, efficiency = S / (S + B), S / (S + L)
        purity_error = np.sqrt(B**2 * VS + S**2 * VB) / (S + B) ** 2
        efficiency_error = np.sqrt(L**2 * VS + S**2 * VL) / (S + L) ** 2
        slope = 2 / S - 1 / (S + B) - 1 / (S + L)
        relative = slope**2 * VS + VB / (S + B) ** 2 + VL / (S + L) ** 2
        product = purity * efficiency
        product_error = product * np.sqrt(relative)
    return pd.DataFrame(
        {
            "cut": np.asarray(cuts, dtype=float),
            "purity": purity,
            "purity_error": purity_error,
            "efficiency": efficiency,
            "efficiency_error": efficiency_error,
            "product": product,
            "product_error": product_error,
            "kept": above(np.ones(len(s))).astype(int),
        }
    )


def best_cut(score: Tensor | ArrayLike, signal: Tensor | ArrayLike, steps: int = 99) -> float:
    """The cut, of so many between 0 and 1, with the largest product; choose it on validation.

    The largest product on the events that it is then quoted for is too large: it follows their
    fluctuations.
    """
    cuts = np.arange(1, steps + 1) / (steps + 1)
    table = purity_efficiency(score, signal, cuts)
    return float(table.cut[table["product"].fillna(0).argmax()])


# --- another composition


def prior_correction(
    probabilities: Tensor | ArrayLike, trained: ArrayLike, wanted: ArrayLike
) -> np.ndarray:
    """Scores for another composition of classes: (N, K) -> (N, K).

    If only the shares of the classes differ and not what each looks like, Bayes' rule multiplies
    every score by wanted / trained, and makes the sum one again.

    Args:
        probabilities: scores of a network that was trained on shares `trained`, (N, K).
        trained: (K,), positive; the sum does not matter.
        wanted: the same of the events that are scored.

    Raises:
        ValueError: for shares that are not positive.
    """
    shares = [_array(x).astype(float) for x in (trained, wanted)]
    if not all((x > 0).all() for x in shares):
        raise ValueError(f"shares of classes must be positive: {shares}")
    scaled = _array(probabilities) * (shares[1] / shares[0])
    return scaled / scaled.sum(1, keepdims=True)


def estimate_shares(
    probabilities: Tensor | ArrayLike, trained: ArrayLike, rounds: int = 1000, enough: float = 1e-8
) -> np.ndarray:
    """The composition of unlabelled events, from their scores: (N, K) -> (K,).

    The largest likelihood, by the iteration of Saerens et al. (2002): correct the scores for the
    shares, take their mean for the new shares, again.  Right for calibrated scores only.
    """
    p, start = _array(probabilities).astype(float), _array(trained).astype(float)
    shares = start / start.sum()
    for _ in range(rounds):
        new = prior_correction(p, start, np.maximum(shares, 1e-12)).mean(0)
        if np.abs(new - shares).max() < enough:
            break
        shares = new
    return new


# --- calibration


def calibration(
    probabilities: Tensor | ArrayLike, labels: Tensor | ArrayLike, bins: int = 10
) -> pd.DataFrame:
    """How often a score of so much is right, all classes together.

    Returns:
        One row a bin that is not empty: score (its mean), right (share of events of the class that
        was scored), error (binomial, with (k + 1/2) / (n + 1) for the share), n.
    """
    p, y = _array(probabilities), _array(labels)
    hit = (y[:, None] == np.arange(p.shape[1])).ravel()
    p = p.ravel()
    place = np.minimum((p * bins).astype(int), bins - 1)
    n = np.bincount(place, minlength=bins)
    k, total = np.bincount(place, hit, bins), np.bincount(place, p, bins)
    used = n > 0
    n, k, total = n[used], k[used], total[used]
    near = (k + 0.5) / (n + 1)
    return pd.DataFrame(
        {"score": total / n, "right": k / n, "error": np.sqrt(near * (1 - near) / n), "n": n}
    )


def calibration_error(probabilities: Tensor | ArrayLike, labels: Tensor | ArrayLike) -> float:
    """Mean distance of score and share that is right, weighted by the number of events."""
    table = calibration(probabilities, labels)
    return float(np.average((table.score - table.right).abs(), weights=table.n))


def temperature(logits: Tensor | ArrayLike, labels: Tensor | ArrayLike) -> float:
    """The number to divide logits (N, K) by that makes the likelihood of the labels largest.

    Guo et al. (2017); fit it on validation events.  Above one: the network was too sure.
    """
    z, y = _array(logits).astype(float), _array(labels)

    def loss(log_t: float) -> float:
        return -log_softmax(z / np.exp(log_t), axis=1)[np.arange(len(y)), y].mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
