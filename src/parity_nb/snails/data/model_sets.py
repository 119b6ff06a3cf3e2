"""The data sets of model snails: what is photographed, and how the pictures are developed.

A screenshot is mirrored (in the control SLR), made grey, compressed (in M2) and resized to
64 x 64, in that order: the control flips the rawest image, or it would test nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
import pyvista as pv
import torch
from torch import Tensor

from parity_nb import images as pipeline
from parity_nb.data import choose, data_dir, made_once, source_key
from parity_nb.images import ImageSet
from parity_nb.snails.data import rendering
from parity_nb.snails.data.rendering import PIXELS
from parity_nb.snails.world import model_snail, offscreen, shell, studio
from parity_nb.snails.world.model_snail import snail_mesh
from parity_nb.snails.world.studio import Cameras, Studio, isotropic_cameras
from parity_nb.symmetry import mirror_where

PUBLISHED_IMAGES = 24_470
"""Size of each published set: 4,894 test images are a fifth of it."""

Wanted = tuple[str, str]
"""A name in `MODEL_SETS` and a variant, "S" or "SLR"."""


@dataclass(frozen=True)
class ModelSet:
    """What is photographed, and how it is developed.

    Attributes:
        name: as in tables.
        right, left: colour of the model of either chirality; only right-handed ones if `left`
            is None.
        screenshot: width and height of a screenshot, pixels.
        lights: as in `Studio`.
        quality: JPEG quality, or None for PNG.
        coloured: keep three channels; otherwise BT.601 grey.
    """

    name: str
    right: str = "lightgrey"
    left: str | None = "lightgrey"
    screenshot: int = 256
    lights: str = "headlight"
    quality: int | None = None
    coloured: bool = False

    @property
    def film(self) -> tuple:
        """Sets that share this share their screenshots."""
        return self.right, self.left, self.screenshot, self.lights


_SETS = [
    ModelSet("M0", left=None),
    ModelSet("M1"),
    ModelSet("M1-lightkit", lights="light kit"),
    *(
        ModelSet(f"M2{letter}-{size}", screenshot=size, quality=quality)
        for size in (256, 250)
        for letter, quality in zip("abc", (1, 20, 90), strict=True)
    ),
    ModelSet("M3", right="red", left="blue", coloured=True),
    ModelSet("M3-grey", right="red", left="blue"),
]
MODEL_SETS = {s.name: s for s in _SETS}
"""M1, M2 and M3 are those of Gibbon (2023), table 2; M0, M1-lightkit, the M2 at 250 pixels
and M3-grey are ours."""


def model_set(name: str, variant: str = "S", images: int = PUBLISHED_IMAGES, **options) -> ImageSet:
    """One data set of model snails; see `model_sets`."""
    return model_sets([(name, variant)], images, **options)[0]


def model_sets(
    wanted: Iterable[Wanted],
    images: int = PUBLISHED_IMAGES,
    seed: int = 0,
    mesh: pv.PolyData | None = None,
    workers: int | None = None,
) -> list[ImageSet]:
    """Data sets of model snails, each rendered once and cached; screenshots are shared.

    Args:
        wanted: pairs of a name in `MODEL_SETS` and "S" (as photographed) or "SLR" (a random
            half of the screenshots mirrored).
        images: number of images in each set.
        seed: of cameras, chiralities and coins.
        mesh: the right-handed model; the book's own snail by default.
        workers: rendering processes; one a core by default.

    Returns:
        For each pair, `images` uint8 images of 64 x 64 pixels with one or three channels
        and the columns `chirality` ("right" or "left") and `mirrored`.

    Raises:
        ValueError: for an unknown name or variant, or fewer than one image.
        RuntimeError: if this machine cannot render.
    """
    wanted = list(wanted)
    for name, variant in wanted:
        choose("dataset", name, MODEL_SETS)
        rendering.check(images, variant)
    mesh = snail_mesh() if mesh is None else mesh
    folder = data_dir() / "snails" / _key(mesh, images, seed)
    folders = {w: folder / "-".join(w) for w in wanted}
    missing = [w for w, path in folders.items() if not path.exists()]
    for film in dict.fromkeys(MODEL_SETS[name].film for name, _ in missing):
        batch = [w for w in missing if MODEL_SETS[w[0]].film == film]
        photographed = cache(partial(_photograph, tuple(batch), images, seed, mesh, workers))
        for w in batch:
            made_once(folders[w], lambda part, w=w, made=photographed: made()[w].save(part))
    return [ImageSet.load(folders[w]) for w in wanted]


def _key(mesh: pv.PolyData, images: int, seed: int) -> str:
    """Names the folder: all that the pixels depend on, source code included."""
    steps = (ModelSet, _photograph, _develop, develop, rendering)
    darkroom = (pipeline.resize, pipeline.to_grey, pipeline.reencode_jpeg)
    solid = (mesh.points.tobytes(), np.ascontiguousarray(mesh.faces).tobytes())
    made_from = source_key(
        shell, model_snail, offscreen, studio, *steps, *darkroom, MODEL_SETS, *solid
    )
    return f"{images}-seed{seed}-{made_from}"


def _photograph(
    batch: tuple[Wanted, ...], images: int, seed: int, mesh: pv.PolyData, workers: int | None
) -> dict[Wanted, ImageSet]:
    """Render the screenshots of one film once and develop them into every set of `batch`."""
    first = MODEL_SETS[batch[0][0]]
    rng = np.random.default_rng([seed, *repr(first.film).encode()])
    cameras = isotropic_cameras(images, rng)
    # Exactly half are left-handed; they have cameras of their own, since a mirror twin in
    # the other half of the split would be a leak.
    left = np.zeros(images, bool)
    if first.left is not None:
        left[rng.permutation(images)[: images // 2]] = True
    chiralities = np.where(left, "left", "right")
    coins = {w: rendering.coins(w[1], images, seed, "".join(w)) for w in batch}
    jobs = [
        (first, mesh, cameras[part], chiralities[part], {w: coins[w][part] for w in batch})
        for part in rendering.parts(images)
    ]
    developed = rendering.render(_develop, jobs, workers, f"rendering {first.name}")
    return {
        w: ImageSet(
            developed[w],
            pd.DataFrame({"chirality": chiralities, "mirrored": coins[w]}),
            w[0] if w[1] == "S" else f"{w[0]} {w[1]}",
        )
        for w in batch
    }


def _develop(
    film: ModelSet,
    mesh: pv.PolyData,
    cameras: Cameras,
    chiralities: np.ndarray,
    coins: dict[Wanted, np.ndarray],
) -> dict[Wanted, np.ndarray]:
    colours = {"right": film.right, "left": film.left or film.right}
    with Studio(mesh, film.screenshot, film.lights) as photographer:
        shots = np.stack(list(photographer.shoot(cameras, chiralities, colours)))
    screenshots = torch.from_numpy(shots).permute(0, 3, 1, 2)
    return {
        w: develop(mirror_where(screenshots, coin), MODEL_SETS[w[0]]).numpy()
        for w, coin in coins.items()
    }


def develop(screenshots: Tensor, recipe: ModelSet) -> Tensor:
    """Screenshots (N, 3, size, size) to a set's images (N, 1 or 3, 64, 64), uint8."""
    out = screenshots if recipe.coloured else pipeline.to_grey(screenshots)
    if recipe.quality is not None:
        out = pipeline.reencode_jpeg(out, recipe.quality)
    return pipeline.resize(out, PIXELS)
