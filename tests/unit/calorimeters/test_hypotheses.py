"""Hypothesis tests by the labels that a classifier gives."""

from functools import partial

import numpy as np
import pytest

from parity_nb.calorimeters.methods.hypotheses import (
    counting_power,
    events_needed,
    likelihood_power,
)
from parity_nb.calorimeters.world.hard_process import CLASSES
from parity_nb.records import published


@pytest.fixture(scope="module")
def table():
    """The confusion matrix of Grefsrud et al. (2023), in per cent."""
    value = published("grefsrud2023").set_index("name").value
    return np.array([[value[f"{a} as {b}"] for b in CLASSES] for a in CLASSES])


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
