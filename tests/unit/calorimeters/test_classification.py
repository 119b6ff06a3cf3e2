"""Samples, augmentation, scores and hypothesis tests of the calorimeter chapters."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from parity_nb.calorimeters import augmentation, classify
from parity_nb.calorimeters import data as samples
from parity_nb.calorimeters.files import write_images
from parity_nb.calorimeters.methods.hypotheses import (
    counting_power,
    events_needed,
    likelihood_power,
)
from parity_nb.calorimeters.networks.classifiers import cylinder
from parity_nb.records import published
from parity_nb.statistics import accuracy, paired, roc_area
from parity_nb.symmetry import half_turn, mirror, roll

# --- augmentation


def pictures(n=400, size=10):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("move", "act"), [("eta flip", mirror), ("half turn", half_turn)], ids=["flip", "turn"]
)
def test_half_of_the_images_are_moved(move, act):
    x = pictures()
    torch.manual_seed(1)
    moved = augmentation.augment(x, move)
    same = (moved == x).flatten(1).all(1)
    assert torch.equal(moved[~same], act(x)[~same])
    assert same.double().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / 400**0.5)


def test_rolls_are_uniform_and_each_image_has_its_own():
    x = pictures()
    torch.manual_seed(1)
    moved = augmentation.augment(x, "phi roll")
    shift = [
        next(k for k in range(10) if torch.equal(roll(a, k), b))
        for a, b in zip(x, moved, strict=True)
    ]
    counts = np.bincount(shift, minlength=10)
    assert ((counts - 40) ** 2 / 40).sum() < 28  # chi-square of 9 at 0.1 %


def test_no_augmentation_and_an_unknown_one():
    x = pictures(3)
    assert torch.equal(augmentation.augment(x, "none"), x)
    with pytest.raises(ValueError, match="scheme = 'mirror' is none of"):
        augmentation.augment(x, "mirror")


# --- samples


def test_energies_are_kept_to_one_part_in_two_thousand():
    x = 10 ** (6 * torch.rand(20, 3, 5, 5, generator=torch.Generator().manual_seed(0)) - 1.5)
    kept = samples.compact(x).float()
    assert (kept / x - 1).abs().max() < 1 / 2000
    assert samples.compact(torch.full((1, 3, 2, 2), 1e6)).max() == samples.LARGEST // 32 * 32


@pytest.mark.parametrize("bad", [-1.0, float("nan")])
def test_bad_energies_are_refused_and_the_image_named(bad):
    x = torch.ones(4, 3, 5, 5)
    x[2, 0, 0, 0] = bad
    with pytest.raises(ValueError, match="image 2 holds an energy that is negative or not"):
        samples.compact(x)


def test_streams_give_every_seed_its_own_events_and_one_test_set(data, monkeypatch):
    monkeypatch.setattr(samples, "PIECE", 8)
    monkeypatch.setattr(samples, "_version", lambda: "test")
    first, test = samples.simulated("two", 12, 4, seed=0)
    second, again = samples.simulated("two", 12, 4, seed=1)
    assert first.images.shape == (24, 3, 50, 50) and first.images.dtype == torch.float16
    assert first.labels.tolist() == [0] * 12 + [1] * 12
    assert torch.equal(test.images, again.images)
    both = torch.cat([first.images, second.images, test.images]).flatten(1).float()
    assert len(both.unique(dim=0)) == len(both), "an event stands in two samples"
    nested, _ = samples.simulated("two", 6, 4, seed=1, offset=12)
    assert torch.equal(nested.images[:6], second.images[:6])


@pytest.mark.parametrize(
    "wrong", [{"events": 0}, {"tests": 0}, {"offset": 3}, {"seed": -1}], ids=lambda w: next(iter(w))
)
def test_bad_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="events a class"):
        samples.simulated("two", **{"events": 4, "tests": 4, **wrong})


NAMES = {
    "SPH_9": "PP13-Sphaleron-THR9-FRZ15-NB0-NSUBPALL_res50_6_events.h5",
    "BH_n4_M10": "BH_n4_M10_res50_6_events.h5",
}


@pytest.fixture
def folder(tmp_path):
    """Two small files in the source's format; the energy tells class and event."""
    for k, (name, file) in enumerate(NAMES.items()):
        images = torch.zeros(6, 3, 50, 50)
        images[:, 0, 25, 25] = torch.arange(1.0, 7) + 10 * k
        write_images(tmp_path / file, images, name)
    return tmp_path


def test_files_make_the_same_samples(folder):
    train, test = samples.labelled("two", 3, 2, seed=0, files=str(folder))
    other, same = samples.labelled("two", 3, 2, seed=1, files=str(folder))
    energy = test.images.sum((1, 2, 3)).tolist()
    assert energy == [5, 6, 15, 16] and torch.equal(test.images, same.images)
    assert test.labels.tolist() == [0, 0, 1, 1]
    assert not torch.equal(train.images, other.images)
    assert train.images.amax((1, 2, 3))[train.labels == 0].max() <= 4


def test_missing_double_and_short_files_are_named(folder):
    with pytest.raises(FileNotFoundError, match="BH_n4_M8"):
        samples.from_files("six", folder, 3, 2)
    with pytest.raises(ValueError, match="holds 6 events, but 5 to train on and 2"):
        samples.from_files("two", folder, 5, 2)
    (folder / "BH_n4_M10_copy.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="several files of the class BH_n4_M10"):
        samples.from_files("two", folder, 3, 2)


# --- scores


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


def test_confusion_and_accuracy_count_alike():
    outputs = torch.eye(3)[[0, 0, 1, 2, 2, 2]]
    labels = torch.tensor([0, 1, 1, 2, 2, 0])
    table = classify.confusion(outputs, labels)
    np.testing.assert_allclose(table, [[0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0, 1]])
    assert accuracy(outputs, labels).value == pytest.approx(4 / 6)
    assert classify.correct(outputs, labels).tolist() == [1, -1, 1, 1, 1, -1]


def test_jets_are_counted_round_the_seam_and_energy_is_transverse():
    image = torch.zeros(1, 3, 50, 50)
    image[0, 0, 0, 25] = 60.0
    image[0, 1, 49, 25] = 20.0  # the neighbour on the other side of the seam
    image[0, 1, 20, 30] = 200.0
    image[0, 0, 30, 45] = 1e4  # too far forward for a jet
    image[0, 2, 40, 25] = 500.0  # a track
    jets, total = classify.summary(image)[0].tolist()
    eta = np.array([0.1, 0.1, 1.1, 4.1])
    assert jets == 2
    assert total == pytest.approx(np.sum(np.array([60, 20, 200, 1e4]) / np.cosh(eta)), rel=1e-4)
    assert classify.summary(roll(image, 7)).tolist() == [[jets, pytest.approx(total, rel=1e-5)]]


@pytest.mark.parametrize("scheme", ["none", "all"])
def test_training_learns_which_half_is_brighter_and_repeats_itself(scheme):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2).repeat(60)
    images = 5 * torch.rand(120, 3, 16, 16, generator=generator) * (1 + labels)[:, None, None, None]
    sample = samples.Sample(images.half(), labels, ("dim", "bright"))
    outputs = []
    for _ in range(2):
        torch.manual_seed(0)
        model = cylinder(size=16, width=0.25)
        classify.train(model, sample, classify.recipe(40, 120, 32), seed=0, scheme=scheme)
        outputs.append(classify.logits(model, sample))
    assert torch.equal(*outputs)
    assert accuracy(outputs[0], labels).value > 0.9


def test_a_recipe_has_about_the_steps_asked_for():
    for items in (100, 1000, 10_000):
        how = classify.recipe(400, items, 100)
        assert how.epochs * items / 100 == 400


# --- hypotheses


@pytest.fixture(scope="module")
def table():
    """The confusion matrix of Grefsrud et al. (2023), in per cent."""
    value = published("grefsrud2023").set_index("name").value
    return np.array([[value[f"{a} as {b}"] for b in samples.CLASSES] for a in samples.CLASSES])


def test_counting_power_is_that_of_pseudo_experiments(table):
    from scipy import stats

    rng = np.random.default_rng(0)
    rows = table / table.sum(1, keepdims=True)
    label = rows[1].argmax()
    seen = rng.multinomial(30, rows[3], 20_000)[:, label]
    thrown = (stats.poisson.cdf(seen, 30 * rows[1, label]) < 0.05).mean()
    assert counting_power(table, 3, 1, 30) == pytest.approx(thrown, abs=4 * 0.5 / 20_000**0.5)


def test_a_true_hypothesis_is_excluded_at_most_as_often_as_the_level(table):
    for events in (5, 20, 80):
        assert counting_power(table, 2, 2, events) <= 0.05
        assert likelihood_power(table, 2, 2, events) <= 0.05


def test_the_published_numbers_of_events(table):
    power = partial(counting_power, table)
    assert all(events_needed(partial(power, 0, hole), 0.84) < 15 for hole in range(1, 6))
    half, most = (events_needed(partial(power, 2, 4), wanted) for wanted in (0.5, 0.84))
    assert half < 45 < most


def test_counting_one_label_cannot_exclude_what_gives_it_too_rarely(table):
    assert events_needed(partial(counting_power, table, 4, 3)) is None
    assert events_needed(partial(likelihood_power, table, 4, 3, experiments=1000)) < 200


@pytest.mark.parametrize("bad", [np.ones((2, 3)), -np.eye(2), np.diag([1.0, 0.0])])
def test_bad_templates_are_refused(bad):
    with pytest.raises(ValueError, match="template"):
        counting_power(bad, 0, 1, 10)


def test_a_paired_comparison_sees_what_two_binomial_errors_hide():
    rng = np.random.default_rng(0)
    first = torch.from_numpy(np.where(rng.random(4000) < 0.9, 1.0, -1.0))
    second = first.clone()
    second[torch.from_numpy(rng.permutation(4000)[:40])] = -1.0
    found = paired(first, second)
    binomial = (2 * 0.09 / 4000) ** 0.5
    assert found.p < 1e-6 and found.difference < 2 * binomial
