"""The data sets of model snails: what is photographed, and how the pictures are developed.

A screenshot is mirrored (in the control SLR), made grey, compressed (in M2) and resized to
64 x 64, in that order: the control flips the rawest image, or it would test nothing.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyvista as pv
import torch
from filelock import FileLock
from joblib import Parallel, cpu_count, delayed
from torch import Tensor
from tqdm import tqdm

from parity_nb import images as pipeline
from parity_nb.data import data_dir
from parity_nb.images import ImageSet
from parity_nb.snails import mesh as mesh_module
from parity_nb.snails import studio as studio_module
from parity_nb.snails.mesh import snail_mesh
from parity_nb.snails.studio import Cameras, Studio, check_opengl, isotropic_cameras
from parity_nb.symmetry import mirror_where

VARIANTS = ("S", "SLR")
PIXELS = 64
PUBLISHED_IMAGES = 24_470
"""Size of each published set: 4,894 test images are a fifth of it."""


@dataclass(frozen=True)
class ModelSet:
    """What is photographed, and how it is developed.

    Attributes:
        name: as in tables.
        right, left: colour of the model in either hand; no left-handed ones if `left` is None.
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
    wanted: Iterable[tuple[str, str]],
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
        seed: of cameras, hands and coins.
        mesh: the right-handed model; the book's own snail by default.
        workers: rendering processes; one a core by default.

    Returns:
        For each pair, `images` uint8 images of 64 x 64 pixels with one or three channels
        and the columns `hand` and `mirrored`.

    Raises:
        ValueError: for an unknown name or variant, or fewer than one image.
        RuntimeError: if this machine cannot render.
    """
    wanted = list(wanted)
    for name, variant in wanted:
        if name not in MODEL_SETS:
            raise ValueError(f"dataset = {name!r} is none of {', '.join(MODEL_SETS)}")
        if variant not in VARIANTS:
            raise ValueError(f'variant = {variant!r} is neither "S" nor "SLR"')
    if images < 1:
        raise ValueError(f"images = {images}: a set needs at least one image")
    mesh = snail_mesh() if mesh is None else mesh
    key = _key(mesh, images, seed)
    folders = {w: data_dir() / "snails" / key / "-".join(w) for w in wanted}
    folder = data_dir() / "snails" / key
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        missing = [w for w in folders if not (folders[w] / "set.json").exists()]
        for film in dict.fromkeys(MODEL_SETS[name].film for name, _ in missing):
            batch = [w for w in missing if MODEL_SETS[w[0]].film == film]
            for w, made in zip(batch, _photograph(batch, images, seed, mesh, workers), strict=True):
                made.save(folders[w])
    return [ImageSet.load(folders[w]) for w in wanted]


def _key(mesh: pv.PolyData, images: int, seed: int) -> str:
    """Names the folder: a hash of all that the pixels depend on, source code included."""
    digest = hashlib.sha256()
    steps = (_photograph, _coins, _develop, develop, pipeline.resize, pipeline.to_grey)
    for made_by in (mesh_module, studio_module, ModelSet, *steps, pipeline.reencode_jpeg):
        digest.update(inspect.getsource(made_by).encode())
    digest.update(repr(MODEL_SETS).encode())
    digest.update(np.ascontiguousarray(mesh.points).tobytes())
    digest.update(np.ascontiguousarray(mesh.faces).tobytes())
    return f"{images}-seed{seed}-{digest.hexdigest()[:12]}"


def _photograph(
    batch: list[tuple[str, str]],
    images: int,
    seed: int,
    mesh: pv.PolyData,
    workers: int | None,
) -> list[ImageSet]:
    """Render the screenshots of one film once and develop them into every set of `batch`."""
    check_opengl()
    first = MODEL_SETS[batch[0][0]]
    rng = np.random.default_rng([seed, *repr(first.film).encode()])
    cameras = isotropic_cameras(images, rng)
    # Exactly half are left-handed; they have cameras of their own, since a mirror twin in
    # the other half of the split would be a leak.
    left = np.zeros(images, bool)
    if first.left is not None:
        left[rng.permutation(images)[: images // 2]] = True
    hands = np.where(left, "left", "right")
    coins = {w: _coins(w, images, seed) for w in batch}
    parts = np.array_split(np.arange(images), max(1, min(images, images // 400)))
    jobs = (
        delayed(_develop)(first, mesh, cameras[p], hands[p], {w: coins[w][p] for w in batch})
        for p in parts
    )
    # A single part is rendered here: a worker takes seconds to start.
    jobs_at_once = min(workers or cpu_count(), len(parts))
    parallel = Parallel(jobs_at_once, return_as="generator", inner_max_num_threads=1)
    results = parallel(jobs)
    progress = tqdm(results, total=len(parts), desc=f"rendering {first.name}", unit="part")
    developed = list(progress)
    return [
        ImageSet(
            torch.from_numpy(np.concatenate([d[w] for d in developed])),
            pd.DataFrame({"hand": hands, "mirrored": coins[w]}),
            w[0] if w[1] == "S" else f"{w[0]} {w[1]}",
        )
        for w in batch
    ]


def _coins(wanted: tuple[str, str], images: int, seed: int) -> np.ndarray:
    if wanted[1] == "S":
        return np.zeros(images, bool)
    return np.random.default_rng([seed, *"".join(wanted).encode()]).random(images) < 0.5


def _develop(
    film: ModelSet,
    mesh: pv.PolyData,
    cameras: Cameras,
    hands: np.ndarray,
    coins: dict[tuple[str, str], np.ndarray],
) -> dict[tuple[str, str], np.ndarray]:
    colours = {"right": film.right, "left": film.left or film.right}
    with Studio(mesh, film.screenshot, film.lights) as studio:
        shots = np.stack(list(studio.shoot(cameras, hands, colours)))
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
