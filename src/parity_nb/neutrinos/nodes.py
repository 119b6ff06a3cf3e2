"""What the nodes of the last hidden layer know: of the interaction, and of the generator."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from torch import Tensor

from parity_nb.neutrinos.networks import CLASSES
from parity_nb.neutrinos.scores import _array, purity_efficiency


def dead(values: Tensor | ArrayLike) -> np.ndarray:
    """Nodes that are zero for every event: (N, nodes) -> (nodes,) truth values."""
    return ~(_array(values) > 0).any(0)


def best_product(values: Tensor | ArrayLike, signal: Tensor | ArrayLike, cuts: int = 40) -> float:
    """Largest purity times efficiency of a cut on one node, (N,), for a signal, (N,).

    Cuts lie at zero, where all events are kept, and at quantiles of the values.  A node that knows
    nothing ends with the share of the signal, and so does a dead one.
    """
    v = _array(values).astype(float)
    places = np.unique(np.quantile(v, np.linspace(0, 1, cuts, endpoint=False)))
    return float(purity_efficiency(v, signal, places)["product"].max())


def products(
    values: Tensor | ArrayLike, labels: Tensor | ArrayLike, domain: Tensor | ArrayLike
) -> pd.DataFrame:
    """Best product of each node for every class and for both generators, one row a node.

    Args:
        values: (N, nodes).
        labels: (N,) places in `CLASSES`.
        domain: (N,), 0 and 1.

    Returns:
        Columns numu, nue, nc, source, target.
    """
    v, y, d = (_array(x) for x in (values, labels, domain))
    signals = {name: y == place for place, name in enumerate(CLASSES)}
    signals |= {"source": d == 0, "target": d == 1}
    return pd.DataFrame(
        {
            name: [best_product(v[:, node], truth) for node in range(v.shape[1])]
            for name, truth in signals.items()
        }
    )


def generator_knowledge(
    values: Tensor | ArrayLike, labels: Tensor | ArrayLike, domain: Tensor | ArrayLike
) -> np.ndarray:
    """How well each node alone tells the generators apart, class by class: (N, nodes) -> (nodes,).

    The area under the ROC curve of target against source, minus one half, without its sign, and
    averaged over the classes: 0 knows nothing, 0.5 everything.  Within a class, because a node that
    knows the class would otherwise seem to know a generator that makes more of it.
    """
    v, y, d = (_array(x) for x in (values, labels, domain))
    found = []
    for place in range(len(CLASSES)):
        part, target = v[y == place], d[y == place] == 1
        m, n = int(target.sum()), int((~target).sum())
        if not m * n:
            continue
        ranks = stats.rankdata(part, axis=0)[target].sum(0)
        found.append(np.abs((ranks - m * (m + 1) / 2) / (m * n) - 0.5))
    return np.mean(found, axis=0) if found else np.zeros(v.shape[1])


def class_knowledge(values: Tensor | ArrayLike, labels: Tensor | ArrayLike) -> pd.DataFrame:
    """How well each node alone tells each class from the others: (N, nodes), (N,) -> (nodes, 3).

    The area under the ROC curve minus one half, without its sign.  Unlike `best_product`, it sees
    nodes that are low for the signal, and small shifts.
    """
    v, y = _array(values), _array(labels)
    ranks = stats.rankdata(v, axis=0)
    found = {}
    for place, name in enumerate(CLASSES):
        m, n = int((y == place).sum()), int((y != place).sum())
        area = (ranks[y == place].sum(0) - m * (m + 1) / 2) / (m * n)
        found[name] = np.abs(area - 0.5)
    return pd.DataFrame(found)
