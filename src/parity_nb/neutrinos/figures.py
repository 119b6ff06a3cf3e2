"""Figures that the chapters on neutrinos share; like all of the book's, without titles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from torch import Tensor

from parity_nb.neutrinos.networks import CLASSES
from parity_nb.neutrinos.scores import _array, calibration, purity_efficiency
from parity_nb.plotting import CYCLE


def score_histograms(
    scores: Tensor | ArrayLike,
    labels: Tensor | ArrayLike,
    wanted: Sequence[str] = ("numu", "nue"),
    axes: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Histograms of scores (N, classes) by true class (N,), one panel a wanted class."""
    s, y = _array(scores), _array(labels)
    if axes is None:
        axes = plt.subplots(1, len(wanted), figsize=(7.2, 2.9), sharey=True)[1]
    edges = np.linspace(0, 1, 26)
    for ax, name in zip(axes, wanted, strict=True):
        for place, true in enumerate(CLASSES):
            values = s[y == place, CLASSES.index(name)]
            share = np.histogram(values, edges)[0] / max(len(values), 1)
            ax.stairs(share, edges, color=CYCLE[place], label=f"true {true}")
        ax.set(xlabel=f"{name} score", yscale="log", xlim=(0, 1))
    axes[0].set_ylabel("share of the class")
    axes[0].legend(fontsize=8)
    return axes


def cut_curves(
    ax: Axes, sets: Mapping[str, tuple[Tensor, Tensor]], name: str, bins: int = 50
) -> None:
    """Purity, efficiency and product against the cut on one score, for several sets of events.

    Args:
        ax: where to draw.
        sets: name to scores (N, classes) and labels (N,).
        name: the class whose score is cut on.
        bins: number of cuts.
    """
    place = CLASSES.index(name)
    for colour, (label, (scores, labels)) in zip(CYCLE, sets.items(), strict=False):
        t = purity_efficiency(scores[:, place], labels == place, np.arange(bins) / bins)
        ax.plot(t.cut, t.purity, "--", color=colour, linewidth=1)
        ax.plot(t.cut, t.efficiency, ":", color=colour, linewidth=1)
        ax.plot(t.cut, t["product"], color=colour, label=label)
        low, high = t["product"] - t.product_error, t["product"] + t.product_error
        ax.fill_between(t.cut, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel=f"cut on the {name} score", xlim=(0, 1), ylim=(0, 1))
    ax.set_ylabel("purity, efficiency, product")
    ax.legend(fontsize=8)


def roc_curves(ax: Axes, sets: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """ROC curves for muon and electron neutrinos; of two sets the second is dashed.

    Args:
        ax: where to draw.
        sets: name to scores (N, classes) and labels (N,), one or two.
    """
    for style, (label, (scores, labels)) in zip(("-", "--"), sets.items(), strict=False):
        for colour, name in zip(CYCLE[2:], CLASSES[:2], strict=False):
            place = CLASSES.index(name)
            order = np.argsort(-_array(scores)[:, place], kind="stable")
            truth = _array(labels)[order] == place
            rates = [np.cumsum(v) / max(v.sum(), 1) for v in (~truth, truth)]
            ax.plot(*rates, style, color=colour, label=f"{name}, {label}")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 0.5), ylim=(0, 1))
    ax.legend(fontsize=8)


def reliability(ax: Axes, sets: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Share of scores that are right against the score, with errors.

    Args:
        ax: where to draw.
        sets: name to scores (N, classes) and labels (N,).
    """
    for label, (scores, labels) in sets.items():
        t = calibration(scores, labels)
        ax.errorbar(t.score, t.right, t.error, fmt="o-", capsize=2, markersize=4, label=label)
    ax.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1)
    ax.set(xlabel="score", ylabel="share that is right")
    ax.legend()


def node_histograms(
    values: ArrayLike, labels: ArrayLike, domain: ArrayLike, nodes: Sequence[int]
) -> None:
    """Values of some nodes by class (colour) and generator (solid and dashed), one panel a node.

    Args:
        values: (N, nodes).
        labels: (N,).
        domain: (N,), 0 and 1.
        nodes: which.
    """
    v, y, d = (_array(x) for x in (values, labels, domain))
    _, axes = plt.subplots(1, len(nodes), figsize=(9, 2.6), sharey=True)
    for ax, node in zip(axes, nodes, strict=True):
        edges = np.linspace(1e-6, np.quantile(v[:, node], 0.995) + 1e-3, 21)
        for place, name in enumerate(CLASSES):
            for generator, style in ((0, "-"), (1, "--")):
                chosen = v[(y == place) & (d == generator), node]
                share = np.histogram(chosen, edges)[0] / max(len(chosen), 1)
                label = None if generator else name
                ax.stairs(share, edges, color=CYCLE[place], linestyle=style, label=label)
        ax.set(xlabel=f"node {node}", yscale="log")
    axes[0].set_ylabel("share of events")
    axes[0].legend(fontsize=8)
