"""The data sets of living snails, simulated, with the truth about every picture.

`living_snails` makes the photographs of land snails and slugs (Stylommatophora) as iNaturalist
would bring them; `living_set` chooses from them one of the sets L1 to L6 of Gibbon (2023).

A picture is mirrored (in the control SLR) as it comes from the camera and resized to 64 x 64
afterwards.
"""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from joblib import Parallel, cpu_count, delayed
from torch import Tensor
from tqdm import tqdm

from parity_nb import images as pipeline
from parity_nb.data import data_dir
from parity_nb.images import ImageSet
from parity_nb.snails import animals, field, hand_model, mesh, surface
from parity_nb.snails.animals import HELICOIDEA
from parity_nb.snails.field import HANDS, PIXELS, Field, Photograph, draw_again, draw_photograph
from parity_nb.snails.sets import MODEL_SETS, VARIANTS, model_set
from parity_nb.snails.studio import check_opengl
from parity_nb.symmetry import mirror_where

SCREENSHOT = 128
BURST = 1.5
"""Mean number of photographs of one observation."""

LIVING_SETS = {
    "L1": "Helicoidea, unfiltered",
    "L2": "Helicoidea, hands removed",
    "L3": "the photographs that were removed from L1",
    "L4": "L2 in grey",
    "L5": "Stylommatophora, slugs among them, hands removed",
    "L6": "L2, tested with the network of the other variant",
}
"""Those of Gibbon (2023), table 1 and section 5.1."""

SHARED = "L6-shared"
"""L6 as the source's code has it: its one network is trained on S first, and then on SLR."""


def living_snails(
    images: int,
    seed: int = 0,
    variant: str = "S",
    burst: float = BURST,
    hands: float = HANDS,
    workers: int | None = None,
) -> ImageSet:
    """Photographs of Stylommatophora, rendered once and cached.

    Args:
        images: number of photographs.
        seed: of all that is drawn.
        variant: "S" (as photographed) or "SLR" (a random half mirrored).
        burst: mean number of photographs of one observation, at least 1.
        hands: share of observations with a human hand in the picture.
        workers: rendering processes; one a core by default.

    Returns:
        RGB uint8 images of 64 x 64 pixels with the columns `observation` (its number),
        `species`, `family`, `taxon` ("Helicoidea", "other Stylommatophora" or "slug"),
        `handedness`, the animal's ("right", "left" or "none"), `hand`, the human one in the
        picture ("left", "right" or "none"), and `mirrored`, the coin of the control.  Both hands
        are those in front of the camera, before the coin.

    Raises:
        ValueError: for an unknown variant, no image, or a burst or share out of range.
        RuntimeError: if this machine cannot render.
    """
    folder = _made(images, seed, variant, burst, hands, workers)
    return ImageSet.load(folder / variant)


def shell_masks(
    images: int,
    seed: int = 0,
    variant: str = "S",
    burst: float = BURST,
    hands: float = HANDS,
    workers: int | None = None,
) -> Tensor:
    """Where the shell is in each of `living_snails`: bool (N, 64, 64); nowhere for a slug."""
    folder = _made(images, seed, variant, burst, hands, workers)
    return _is_shell(ImageSet.load(folder / f"{variant}-shells"))


def living_set(name: str, population: ImageSet, removed=None) -> ImageSet:
    """One of `LIVING_SETS`, chosen from `living_snails`.

    Args:
        name: L1 to L5; L6 has the photographs of L2.
        population: photographs with the columns `taxon` and `hand`.
        removed: for each photograph whether it is removed for a hand; by default what is true.

    Raises:
        ValueError: for an unknown name, or another number of decisions than photographs.
    """
    if name not in LIVING_SETS:
        raise ValueError(f"dataset = {name!r} is none of {', '.join(LIVING_SETS)}")
    truth = population.meta["hand"] != "none"
    removed = (truth if removed is None else pd.Series(np.asarray(removed, bool))).to_numpy()
    if len(removed) != len(population):
        raise ValueError(f"{len(removed)} decisions for {len(population)} photographs")
    helicoidea = (population.meta["taxon"] == HELICOIDEA).to_numpy()
    wanted = {"L1": helicoidea, "L3": helicoidea & removed, "L5": ~removed}
    chosen = population[np.flatnonzero(wanted.get(name, helicoidea & ~removed))]
    chosen = chosen.grey() if name == "L4" else chosen
    control = " SLR" if population.meta["mirrored"].any() else ""
    return ImageSet(chosen.images, chosen.meta, name + control)


def train_and_test(
    dataset: str, variant: str, images: int, fold: int = 0
) -> tuple[ImageSet, ImageSet]:
    """Training and test images of any data set of snails, models or alive.

    Of living snails, all photographs of an observation are on one side, and only the first of
    each is in the test set, whose images are then independent.  L6 is trained on the other
    variant of L2, and so is L6-shared, after the images of `trained_before`.

    Args:
        dataset: a name in `MODEL_SETS` or `LIVING_SETS`.
        variant: "S" or "SLR".
        images: number of images; of living snails, of the photographs to choose from.
        fold: which fifth is the test set.

    Raises:
        ValueError: for an unknown name or variant, or too few images.
    """
    if dataset in MODEL_SETS:
        return model_set(dataset, variant, images).split(fold=fold)
    if dataset not in (*LIVING_SETS, SHARED):
        known = ", ".join([*MODEL_SETS, *LIVING_SETS, SHARED])
        raise ValueError(f"dataset = {dataset!r} is none of {known}")
    dataset = "L6" if dataset == SHARED else dataset
    chosen = living_set(dataset, living_snails(images, variant=variant))
    train, test = chosen.split(fold=fold, by="observation")
    if dataset == "L6":
        other = living_snails(images, variant="SLR" if variant == "S" else "S")
        train, _ = living_set(dataset, other).split(fold=fold, by="observation")
    return train, first_of_each(test)


def trained_before(dataset: str, variant: str, images: int, fold: int = 0) -> ImageSet | None:
    """What the network has been trained on before it meets the training images.

    The source's groups S and SLR share one network object, and S comes first; so what it calls
    the network of SLR has seen S.  That matters where S is tested with it: L6-shared S.  In all
    else a network starts fresh, and this is None.
    """
    if (dataset, variant) != (SHARED, "S"):
        return None
    return train_and_test("L2", "S", images, fold)[0]


def shells_of_test(dataset: str, images: int, fold: int = 0) -> Tensor:
    """Where the shells are in the test images of `train_and_test`, variant S.

    Args:
        dataset: L1 to L6.
        images: number of the photographs to choose from.
        fold: which fifth is the test set.

    Returns:
        Bool (N, 64, 64), in the order of the test images.
    """
    masks = ImageSet.load(_made(images) / "S-shells")
    _, test = living_set(dataset, masks).split(fold=fold, by="observation")
    return _is_shell(first_of_each(test))


def first_of_each(photographs: ImageSet) -> ImageSet:
    """The first photograph of each observation."""
    return photographs[~photographs.meta["observation"].duplicated().to_numpy()]


# --- making them


def _is_shell(masks: ImageSet) -> Tensor:
    return masks.images[:, 0] > 127


def _made(
    images: int,
    seed: int = 0,
    variant: str = "S",
    burst: float = BURST,
    hands: float = HANDS,
    workers: int | None = None,
) -> Path:
    """The folder that holds both variants and their masks."""
    if variant not in VARIANTS:
        raise ValueError(f'variant = {variant!r} is neither "S" nor "SLR"')
    if images < 1:
        raise ValueError(f"images = {images}: a set needs at least one image")
    if burst < 1:
        raise ValueError(f"burst = {burst}: an observation has at least one photograph")
    if not 0 <= hands <= 1:
        raise ValueError(f"hands = {hands} is no share: it must lie in 0..1")
    folder = data_dir() / "snails-living" / _key(images, seed, burst, hands)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "SLR-shells" / "set.json").exists():  # the last one written
            for name, made in _photograph(images, seed, burst, hands, workers).items():
                made.save(folder / name)
    return folder


def _key(images: int, seed: int, burst: float, hands: float) -> str:
    """Names the folder: a hash of all that the pixels depend on, source code included."""
    digest = hashlib.sha256()
    steps = (photographs, _photograph, _coins, _develop, _resized, pipeline.resize)
    for made_by in (animals, field, hand_model, surface, mesh.Shell, *steps):
        digest.update(inspect.getsource(made_by).encode())
    digest.update(hand_model.MODEL.read_bytes())
    digest.update(repr((SCREENSHOT, PIXELS, burst, hands)).encode())
    return f"{images}-seed{seed}-{digest.hexdigest()[:12]}"


def photographs(
    images: int, seed: int, burst: float = BURST, hands: float = HANDS
) -> list[tuple[int, Photograph]]:
    """What is to be photographed: the observation's number and all that the picture shows."""
    wanted: list[tuple[int, Photograph]] = []
    observation = 0
    while len(wanted) < images:
        rng = np.random.default_rng([seed, observation])
        first = draw_photograph(rng, hands)
        again = [draw_again(first, rng) for _ in range(rng.poisson(burst - 1))]
        wanted += [(observation, photo) for photo in (first, *again)]
        observation += 1
    return wanted[:images]


def _photograph(
    images: int, seed: int, burst: float, hands: float, workers: int | None
) -> dict[str, ImageSet]:
    """Both variants and their masks, from the same screenshots."""
    check_opengl()
    wanted = photographs(images, seed, burst, hands)
    truth = pd.DataFrame([_truth(observation, photo) for observation, photo in wanted])
    coins = {variant: _coins(variant, images, seed) for variant in VARIANTS}
    parts = np.array_split(np.arange(images), max(1, images // 400))
    jobs = (
        delayed(_develop)([wanted[i][1] for i in part], {v: c[part] for v, c in coins.items()})
        for part in parts
    )
    # A single part is rendered here: a worker takes seconds to start.
    jobs_at_once = min(workers or cpu_count(), len(parts))
    results = Parallel(jobs_at_once, return_as="generator", inner_max_num_threads=1)(jobs)
    progress = tqdm(results, total=len(parts), desc="photographing living snails", unit="part")
    developed = list(progress)
    names = ("S", "SLR", "S-shells", "SLR-shells")
    return {
        name: ImageSet(
            torch.from_numpy(np.concatenate([part[name] for part in developed])),
            truth.assign(mirrored=coins[name.removesuffix("-shells")]),
            "living snails" if name == "S" else f"living snails {name}",
        )
        for name in names
    }


def _truth(observation: int, photo: Photograph) -> dict[str, str | int]:
    species = photo.animal.species
    return {
        "observation": observation,
        "species": species.name,
        "family": species.family,
        "taxon": species.taxon,
        "handedness": photo.animal.handedness,
        "hand": photo.hand,
    }


def _coins(variant: str, images: int, seed: int) -> np.ndarray:
    if variant == "S":
        return np.zeros(images, bool)
    return np.random.default_rng([seed, *b"living SLR"]).random(images) < 0.5


def _develop(photos: list[Photograph], coins: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with Field(SCREENSHOT) as studio:
        shots = [studio.shoot(photo) for photo in photos]
    pictures = torch.from_numpy(np.stack([picture for picture, _ in shots])).permute(0, 3, 1, 2)
    shells = torch.from_numpy(np.stack([shell for _, shell in shots]))[:, None]
    shells = 255 * shells.to(torch.uint8)
    return {v: _resized(pictures, coin) for v, coin in coins.items()} | {
        f"{v}-shells": _resized(shells, coin) for v, coin in coins.items()
    }


def _resized(screenshots: Tensor, coin: np.ndarray) -> np.ndarray:
    return pipeline.resize(mirror_where(screenshots, coin), PIXELS).numpy()
