"""One look for every figure: f < 0 blue, f = 0 white, f > 0 red.

The two colours are the ends of RdBu_r, which stay apart for colour-blind readers.
Functions return matplotlib objects and save nothing; captions belong to the page, so
nothing here paints a title.
"""

from __future__ import annotations

import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

SIGNED = "RdBu_r"
NEGATIVE, POSITIVE = "#2166ac", "#b2182b"
# Okabe and Ito's palette, blue and vermilion first because they are the signed colours' kin
CYCLE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]

STYLE = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "savefig.bbox": "tight",
    "font.size": 10,
    "axes.prop_cycle": mpl.cycler(color=CYCLE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}


def use_style() -> None:
    """Set the book's matplotlib style, and sharp figures where a notebook shows them."""
    mpl.rcParams.update(STYLE)
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")


def signed_norm(values: ArrayLike) -> Normalize:
    """A colour scale with white at zero and equal reach on both sides."""
    largest = float(np.abs(np.asarray(values, dtype=float)).max(initial=0.0))
    reach = largest if largest > 0 else 1.0
    return TwoSlopeNorm(0.0, -reach, reach)


def image_grid(
    images: Tensor | ArrayLike, values: Tensor | ArrayLike | None = None, columns: int = 8
) -> Figure:
    """Show images in rows, each framed in the colour of its value if values are given.

    Args:
        images: (N, C, H, W) with C = 1 or 3, or (N, H, W); uint8 (0 to 255) or float (0 to 1,
            values outside are clipped).
        values: f of each image, shape (N,); blue frames below zero, white at, red above.
        columns: images in a row.

    Raises:
        ValueError: for no images, another shape, or another number of values.
    """
    pictures = _as_pictures(images)
    n = len(pictures)
    rows, columns = math.ceil(n / columns), min(n, columns)
    if values is not None:
        values = np.asarray(_on_host(values), dtype=float).ravel()
        if len(values) != n:
            raise ValueError(f"{len(values)} values for {n} images")
        # the ends of the map are nearly black: stop short of them
        frames = mpl.colormaps[SIGNED](0.5 + 0.8 * (signed_norm(values)(values) - 0.5))
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * 0.8, rows * 0.8), squeeze=False, layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    for index, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if index >= n:
            continue
        ax.imshow(pictures[index], cmap="gray", vmin=0, vmax=1)
        if values is not None:
            frame = plt.Rectangle((0, 0), 1, 1, transform=ax.transAxes, fill=False)
            frame.set(edgecolor=frames[index], linewidth=5, clip_on=True)
            ax.add_patch(frame)
    return figure


def signed_histogram(
    values: Tensor | ArrayLike, ax: Axes | None = None, bins: int = 60, label: str | None = None
) -> Axes:
    """Histogram of f with bins symmetric about zero: blue below, red above.

    An even number of bins is used, so that no bin straddles zero, and the mirror image of the
    histogram is drawn as an outline: where the two differ, the mirror symmetry is broken.

    Args:
        values: f, shape (N,).
        ax: where to draw; the current axes if not given.
        bins: number of bins, rounded up to an even number.
        label: text for the horizontal axis; "f" if not given.

    Raises:
        ValueError: for no values, NaN or infinite ones.
    """
    values = np.asarray(_on_host(values), dtype=float).ravel()
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("signed_histogram needs finite values, at least one of them")
    ax = ax or plt.gca()
    reach = np.abs(values).max() or 1.0
    edges = np.linspace(-reach, reach, bins + bins % 2 + 1)
    # zeros belong to neither side: half of them go to each of the two middle bins
    counts = np.histogram(values[values != 0], edges)[0].astype(float)
    middle = len(counts) // 2
    counts[middle - 1 : middle + 1] += (values == 0).sum() / 2
    centres = (edges[:-1] + edges[1:]) / 2
    colours = np.where(centres > 0, POSITIVE, NEGATIVE)
    ax.bar(centres, counts, width=np.diff(edges), color=colours)
    ax.stairs(counts[::-1], edges, color="black", linewidth=1.0, label="mirror image")
    ax.set(xlabel=label or "$f$", ylabel="items", xlim=(-reach, reach))
    return ax


def _on_host(x: Tensor | ArrayLike) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def _as_pictures(images: Tensor | ArrayLike) -> np.ndarray:
    """(N, C, H, W) or (N, H, W) -> (N, H, W) or (N, H, W, 3), floats from 0 to 1."""
    x = _on_host(images)
    shape = x.shape
    if x.ndim == 3:
        x = x[:, None]
    if x.ndim != 4 or x.shape[1] not in (1, 3) or 0 in x.shape:
        raise ValueError(
            f"images have shape {shape}; expected (N, 1 or 3, H, W) or (N, H, W) with N > 0"
        )
    x = x / 255 if x.dtype == np.uint8 else np.clip(x.astype(float), 0, 1)
    return x[:, 0] if x.shape[1] == 1 else np.moveaxis(x, 1, -1)
