"""Training and test images of any data set of snails, which the pipeline may make beforehand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from parity_nb.data import choose
from parity_nb.images import ImageSet
from parity_nb.snails.data.living_sets import LIVING_SETS, first_of_each, living_set, living_snails
from parity_nb.snails.data.model_sets import MODEL_SETS, model_set, model_sets

SHARED = "L6-shared"
"""L6 as the source's code has it: its one network is trained on S first, and then on SLR."""

PREPARED = {
    "set": ("dataset", "variant", "images"),
    "together": ("images",),
    "made by": {
        "M*": "parity_nb.snails.data.model_sets",
        "L*": "parity_nb.snails.data.living_sets",
    },
}
"""What `parity_nb.making.chapters` reads here: a run with these parameters needs a data set, which
is made by one of these modules, according to the first of them, before the run."""


def prepare(wanted: Iterable[Mapping[str, Any]]) -> list[ImageSet]:
    """Render data sets into the cache; screenshots that several have in common, once.

    L1 to L6 are chosen from the same photographs, so any of them makes those of all.

    Args:
        wanted: for each set its `dataset`, `variant` and number of `images`.

    Raises:
        ValueError: for an unknown name or variant, or fewer than one image.
        RuntimeError: if this machine cannot render.
    """
    models = defaultdict(list)
    alive = set()
    for w in wanted:
        choose("dataset", w["dataset"], {**MODEL_SETS, **LIVING_SETS, SHARED: ""})
        if w["dataset"] in MODEL_SETS:
            models[w["images"]].append((w["dataset"], w["variant"]))
        else:
            alive.add((w["images"], w["variant"]))
    made = [one for images, pairs in models.items() for one in model_sets(pairs, images)]
    return made + [living_snails(images, variant=variant) for images, variant in sorted(alive)]


def train_and_test(
    dataset: str, variant: str, images: int, fold: int = 0
) -> tuple[ImageSet, ImageSet]:
    """Training and test images of any data set of snails, models or alive.

    Of living snails, all photographs of an observation are on one side, and only the first of
    each is in the test set, whose images are then independent.  L6 is trained on the other
    variant of L2, and so is L6-shared, after what {ref}`snails/training` shows its network first.

    Args:
        dataset: a name in `MODEL_SETS` or `LIVING_SETS`, or L6-shared.
        variant: "S" or "SLR".
        images: number of images; of living snails, of the photographs to choose from.
        fold: which fifth is the test set.

    Raises:
        ValueError: for an unknown name or variant, or too few images.
    """
    choose("dataset", dataset, {**MODEL_SETS, **LIVING_SETS, SHARED: ""})
    if dataset in MODEL_SETS:
        return model_set(dataset, variant, images).split(fold=fold)
    dataset = "L6" if dataset == SHARED else dataset
    chosen = living_set(dataset, living_snails(images, variant=variant))
    train, test = chosen.split(fold=fold, by="observation")
    if dataset == "L6":
        other = living_snails(images, variant="SLR" if variant == "S" else "S")
        train, _ = living_set(dataset, other).split(fold=fold, by="observation")
    return train, first_of_each(test)
