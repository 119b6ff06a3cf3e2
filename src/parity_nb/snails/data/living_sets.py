"""The data sets of living snails, simulated, with the truth about every picture.

`living_snails` makes the photographs of land snails and slugs (Stylommatophora) as iNaturalist
would bring them; `living_set` chooses from them one of the sets L1 to L6 of Gibbon (2023).

A picture is mirrored (in the control SLR) as it comes from the camera and resized to 64 x 64
afterwards.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from parity_nb.data import choose, data_dir, made_once, source_key
from parity_nb.images import ImageSet, resize
from parity_nb.snails.data import rendering
from parity_nb.snails.data.rendering import VARIANTS, mirrored_and_resized
from parity_nb.snails.world import animals, field, hand_model, offscreen, shell, surface
from parity_nb.snails.world.animals import HELICOIDEA
from parity_nb.snails.world.field import HANDS, Field, Photograph, draw_again, draw_photograph

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
        `chirality`, the shell's ("right", "left" or "none"), `hand`, the human one in the
        picture ("left", "right" or "none"), and `mirrored`, the coin of the control.  Chirality
        and hand are those in front of the camera, before the coin.

    Raises:
        ValueError: for an unknown variant, no image, or a burst or share out of range.
        RuntimeError: if this machine cannot render.
    """
    return ImageSet.load(_made(images, seed, variant, burst, hands, workers) / variant)


def living_shells(images: int, seed: int = 0, variant: str = "S", **options) -> ImageSet:
    """Where the shell is in each of `living_snails`, whose arguments these are.

    Returns:
        Grey uint8 images of 64 x 64 pixels, above 127 where the shell is, with the same columns.
    """
    return ImageSet.load(_made(images, seed, variant, **options) / f"{variant}-shells")


def living_set(name: str, population: ImageSet, removed=None) -> ImageSet:
    """One of `LIVING_SETS`, chosen from `living_snails`.

    Args:
        name: L1 to L5; L6 has the photographs of L2.
        population: photographs with the columns `taxon` and `hand`.
        removed: for each photograph whether it is removed for a hand; by default what is true.

    Raises:
        ValueError: for an unknown name, or another number of decisions than photographs.
    """
    choose("dataset", name, LIVING_SETS)
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


def first_of_each(photographs: ImageSet) -> ImageSet:
    """The first photograph of each observation."""
    return photographs[~photographs.meta["observation"].duplicated().to_numpy()]


# --- making them


def _made(
    images: int,
    seed: int,
    variant: str,
    burst: float = BURST,
    hands: float = HANDS,
    workers: int | None = None,
) -> Path:
    """The folder that holds both variants and their shells."""
    rendering.check(images, variant)
    if burst < 1:
        raise ValueError(f"burst = {burst}: an observation has at least one photograph")
    if not 0 <= hands <= 1:
        raise ValueError(f"hands = {hands} is no share: it must lie in 0..1")

    def make(folder: Path) -> None:
        for name, made in _photograph(images, seed, burst, hands, workers).items():
            made.save(folder / name)

    modules = (animals, field, hand_model, offscreen, shell, surface, rendering)
    steps = (draw_photographs, _photograph, _truth, _develop, resize, hand_model.MODEL)
    key = source_key(*modules, *steps, SCREENSHOT, burst, hands)
    return made_once(data_dir() / "snails-living" / f"{images}-seed{seed}-{key}", make)


def draw_photographs(
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
    """Both variants and their shells, from the same screenshots."""
    wanted = draw_photographs(images, seed, burst, hands)
    truth = pd.DataFrame([_truth(observation, photo) for observation, photo in wanted])
    coins = {v: rendering.coins(v, images, seed, "living SLR") for v in VARIANTS}
    jobs = [
        ([wanted[i][1] for i in part], {v: coin[part] for v, coin in coins.items()})
        for part in rendering.parts(images)
    ]
    developed = rendering.render(_develop, jobs, workers, "photographing living snails")
    return {
        name: ImageSet(
            pictures,
            truth.assign(mirrored=coins[name.removesuffix("-shells")]),
            "living snails" if name == "S" else f"living snails {name}",
        )
        for name, pictures in developed.items()
    }


def _truth(observation: int, photo: Photograph) -> dict[str, str | int]:
    species = photo.animal.species
    return {
        "observation": observation,
        "species": species.name,
        "family": species.family,
        "taxon": species.taxon,
        "chirality": photo.animal.chirality,
        "hand": photo.hand,
    }


def _develop(photos: list[Photograph], coins: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with Field(SCREENSHOT) as photographer:
        shots = [photographer.shoot(photo) for photo in photos]
    pictures = torch.from_numpy(np.stack([picture for picture, _ in shots])).permute(0, 3, 1, 2)
    shells = 255 * torch.from_numpy(np.stack([shell for _, shell in shots]))[:, None].byte()
    return {v: mirrored_and_resized(pictures, coin) for v, coin in coins.items()} | {
        f"{v}-shells": mirrored_and_resized(shells, coin) for v, coin in coins.items()
    }
