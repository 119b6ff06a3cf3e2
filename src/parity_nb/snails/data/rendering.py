"""What data sets of model snails and of living ones share: variants, coins, and many processes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import torch
from joblib import Parallel, cpu_count, delayed
from torch import Tensor
from tqdm import tqdm

from parity_nb.images import resize
from parity_nb.snails.world.offscreen import check_opengl
from parity_nb.symmetry import mirror_where

VARIANTS = ("S", "SLR")
"""As photographed, and the control: a random half of the screenshots mirrored."""

PIXELS = 64
"""Width and height of the images of every set."""


def check(images: int, variant: str) -> None:
    """Raise ValueError for an unknown variant, or a set without an image."""
    if variant not in VARIANTS:
        raise ValueError(f'variant = {variant!r} is neither "S" nor "SLR"')
    if images < 1:
        raise ValueError(f"images = {images}: a set needs at least one image")


def coins(variant: str, images: int, seed: int, name: str) -> np.ndarray:
    """Which screenshots of the set `name` are mirrored: bool (images,), all False for S."""
    if variant == "S":
        return np.zeros(images, bool)
    return np.random.default_rng([seed, *name.encode()]).random(images) < 0.5


def parts(images: int) -> list[np.ndarray]:
    """Numbers of the images, in parts that one process renders."""
    return np.array_split(np.arange(images), max(1, images // 400))


def render(
    develop: Callable[..., dict[Hashable, np.ndarray]],
    jobs: Sequence[tuple[Any, ...]],
    workers: int | None,
    label: str,
) -> dict[Hashable, Tensor]:
    """Call `develop(*job)` for each job, in several processes, and join what it returns.

    Args:
        develop: from a part's description to arrays, one item an image.
        jobs: one a part.
        workers: processes; one a core by default.
        label: of the progress bar.

    Raises:
        RuntimeError: if this machine cannot render.
    """
    check_opengl()
    # A single part is rendered here: a worker takes seconds to start.
    at_once = min(workers or cpu_count(), len(jobs))
    parallel = Parallel(at_once, return_as="generator", inner_max_num_threads=1)
    results = parallel(delayed(develop)(*job) for job in jobs)
    done = list(tqdm(results, total=len(jobs), desc=label, unit="part"))
    return {k: torch.from_numpy(np.concatenate([part[k] for part in done])) for k in done[0]}


def mirrored_and_resized(screenshots: Tensor, coin: np.ndarray) -> np.ndarray:
    """Screenshots (N, C, H, W) mirrored where the coin says so, and then made `PIXELS` wide."""
    return resize(mirror_where(screenshots, coin), PIXELS).numpy()
