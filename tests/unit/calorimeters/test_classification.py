"""Training and scores of the classifiers."""

from functools import partial

import numpy as np
import pytest
import torch
from chapter_code import chapter_code
from sklearn.metrics import roc_auc_score

from parity_nb.calorimeters.data import Sample
from parity_nb.calorimeters.methods.classification import correct, logits, recipe, train
from parity_nb.calorimeters.networks.classifiers import cylinder
from parity_nb.statistics import accuracy, paired, roc_area


def test_the_area_under_the_curve_and_its_error():
    rng = np.random.default_rng(0)
    positive = torch.from_numpy(rng.random(300) < 0.4)
    areas = []
    for _ in range(300):
        score = torch.from_numpy(rng.normal(size=300).round(1)) + 0.8 * positive
        found = roc_area(score, positive)
        areas.append(found.value)
    assert found.value == pytest.approx(roc_auc_score(positive, score))
    assert found.error == pytest.approx(np.std(areas), rel=0.2)


def test_the_right_answers_are_counted():
    outputs = torch.eye(3)[[0, 0, 1, 2, 2, 2]]
    labels = torch.tensor([0, 1, 1, 2, 2, 0])
    assert accuracy(outputs, labels).value == pytest.approx(4 / 6)
    assert correct(outputs, labels).tolist() == [1, -1, 1, 1, 1, -1]


@pytest.mark.parametrize("scheme", ["none", "all"])
def test_training_learns_which_half_is_brighter_and_repeats_itself(scheme):
    code = chapter_code("calorimeters/symmetric-networks")
    move = partial(code.augment, scheme=scheme)
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2).repeat(60)
    images = 5 * torch.rand(120, 3, 16, 16, generator=generator) * (1 + labels)[:, None, None, None]
    sample = Sample(images.half(), labels, ("dim", "bright"))
    outputs = []
    for _ in range(2):
        torch.manual_seed(0)
        model = cylinder(size=16, width=0.25)
        train(model, sample, recipe(40, 120, 32), seed=0, move=move)
        outputs.append(logits(model, sample))
    assert torch.equal(*outputs)
    assert accuracy(outputs[0], labels).value > 0.9


def test_a_recipe_has_about_the_steps_asked_for():
    for items in (100, 1000, 10_000):
        how = recipe(400, items, 100)
        assert how.epochs * items / 100 == 400


def test_a_paired_comparison_sees_what_two_binomial_errors_hide():
    rng = np.random.default_rng(0)
    first = torch.from_numpy(np.where(rng.random(4000) < 0.9, 1.0, -1.0))
    second = first.clone()
    second[torch.from_numpy(rng.permutation(4000)[:40])] = -1.0
    found = paired(first, second)
    binomial = (2 * 0.09 / 4000) ** 0.5
    assert found.p < 1e-6 and found.difference < 2 * binomial
