"""What `snails/training` defines: its step, and what a network has seen before."""

from __future__ import annotations

import pytest
import torch
from chapter_code import chapter_code

from parity_nb.snails.data.living_sets import living_snails
from parity_nb.snails.data.splits import train_and_test
from parity_nb.training import RECIPES, symmetry_step

N = 30
CODE = chapter_code("snails/training")
pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture(scope="module", autouse=True)
def population(data):
    return living_snails(N, workers=1)


def test_l6_shared_has_seen_s_before_slr():
    train, test = train_and_test("L6-shared", "S", N, fold=2)
    before = CODE.trained_before("L6-shared", "S", N, fold=2)
    assert before.meta["observation"].equals(train.meta["observation"])
    assert not before.meta["mirrored"].any()
    assert train.meta["mirrored"].any()
    assert not set(before.meta["observation"]) & set(test.meta["observation"])
    assert CODE.trained_before("L6-shared", "SLR", N) is None, (
        "S comes first and is never retrained"
    )
    assert CODE.trained_before("L6", "S", N) is None


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_step_is_the_one_of_the_core(recipe, monkeypatch):
    chosen = RECIPES[recipe]()
    monkeypatch.setattr(CODE, "training_recipe", chosen, raising=False)
    images = torch.randint(0, 256, (9, 3, 8, 8), generator=torch.Generator().manual_seed(0)).byte()

    def model(x):
        return x.flatten(1) @ torch.linspace(-1, 1, 192)

    assert CODE.step(model)(images).equal(symmetry_step(model, chosen.objective)(images))
