"""Means over runs, and differences seed by seed."""

import math

import numpy as np
import pandas as pd
import pytest
from chapter_code import chapter_code
from scipy import stats

code = chapter_code("neutrinos/results")


def records(values, errors=0.01, name="accuracy"):
    """One row a run: {(network, seed): value}."""
    rows = [
        {"network": k, "seed": s, "batch": 32, "name": name, "value": v, "error": errors, "n": 100}
        for (k, s), v in values.items()
    ]
    return pd.DataFrame(rows).assign(file=lambda t: t.network + t.seed.astype(str))


def test_mean_over_seeds_takes_the_larger_error():
    scattered = records({("a", 0): 0.5, ("a", 1): 0.7, ("b", 0): 0.9})
    found = code.over_seeds(scattered, "accuracy", network="a")
    assert found.value == pytest.approx(0.6)
    assert found.error == pytest.approx(0.1)
    assert (found.seeds, found.n) == (2, 100)
    assert found.text() == "60.0 ± 10.0 (2)"
    assert code.over_seeds(scattered, "accuracy", network="b").error == pytest.approx(0.01)
    assert code.over_seeds(scattered, "speed") is None
    assert code.text(None) == ""


def test_one_seed_could_have_shown_nothing():
    assert math.isinf(code.over_seeds(records({("a", 0): 0.5}), "accuracy").least)
    assert code.over_seeds(records({("a", 0): 0.5, ("a", 1): 0.6}), "accuracy").least < math.inf


def test_networks_are_compared_seed_by_seed():
    """What the events of a seed do to both networks cancels."""
    luck = {0: 0.1, 1: -0.1, 2: 0.05}
    values = {("a", s): 0.6 + v for s, v in luck.items()} | {
        ("b", s): 0.5 + v for s, v in luck.items()
    }
    found = code.seed_by_seed(records(values), "accuracy", "a", "b")
    assert found.value == pytest.approx(0.1)
    assert found.error == pytest.approx(0, abs=1e-12)
    assert found.seeds == 3
    assert code.seed_by_seed(records({("a", 0): 1.0, ("b", 0): 1.0}), "accuracy", "a", "b") is None
    assert code.seed_by_seed(records(values), "accuracy", "a", "c") is None


def test_complete_runs_and_default_settings_are_found():
    whole = pd.concat([records({("a", 0): 0.5}), records({("a", 0): 0.5}, name="accuracy too")])
    short = records({("b", 0): 0.5})
    assert set(code.widest(pd.concat([whole, short]), "accuracy").network) == {"a"}
    usual = records({("a", s): 0.5 for s in range(3)})
    other = records({("a", 7): 0.5}).assign(batch=512)
    assert set(code.commonest(pd.concat([usual, other]), ["batch"], "network").batch) == {32}


def test_mean_difference_takes_the_larger_error():
    assert code.mean_difference([0.1, 0.1], [0.3, 0.4]) == pytest.approx((0.1, 0.25))
    assert code.mean_difference([0.0, 0.2], [0.01, 0.01]) == pytest.approx((0.1, 0.1))


def test_smallest_difference_is_seen_so_often():
    rng = np.random.default_rng(7)
    size = code.smallest_difference(1 / 5**0.5, runs=5)
    draws = rng.normal(size, 1, (4000, 5))
    t = draws.mean(1) / (draws.std(1, ddof=1) / 5**0.5)
    assert (t > stats.t(4).isf(0.025)).mean() == pytest.approx(0.8, abs=0.05)
    with pytest.raises(ValueError, match="at least two"):
        code.smallest_difference(1, 1)
