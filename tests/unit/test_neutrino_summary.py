"""Means over runs, sets of two domains, and figures of the part on neutrinos."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from parity_nb.neutrinos import figures
from parity_nb.neutrinos.domains import domain, shares
from parity_nb.neutrinos.summary import commonest, over_seeds, seed_by_seed, text, widest


def records(values, errors=0.01, name="accuracy"):
    """One row a run: {(network, seed): value}."""
    rows = [
        {"network": k, "seed": s, "batch": 32, "name": name, "value": v, "error": errors, "n": 100}
        for (k, s), v in values.items()
    ]
    return pd.DataFrame(rows).assign(file=lambda t: t.network + t.seed.astype(str))


def test_mean_over_seeds_takes_the_larger_error():
    scattered = records({("a", 0): 0.5, ("a", 1): 0.7, ("b", 0): 0.9})
    found = over_seeds(scattered, "accuracy", network="a")
    assert found.value == pytest.approx(0.6)
    assert found.error == pytest.approx(0.1)
    assert (found.seeds, found.n) == (2, 100)
    assert found.text() == "60.0 ± 10.0 (2)"
    assert over_seeds(scattered, "accuracy", network="b").error == pytest.approx(0.01)
    assert over_seeds(scattered, "speed") is None
    assert text(None) == ""


def test_one_seed_could_have_shown_nothing():
    assert math.isinf(over_seeds(records({("a", 0): 0.5}), "accuracy").least)
    assert over_seeds(records({("a", 0): 0.5, ("a", 1): 0.6}), "accuracy").least < math.inf


def test_networks_are_compared_seed_by_seed():
    """What the events of a seed do to both networks cancels."""
    luck = {0: 0.1, 1: -0.1, 2: 0.05}
    values = {("a", s): 0.6 + v for s, v in luck.items()} | {
        ("b", s): 0.5 + v for s, v in luck.items()
    }
    found = seed_by_seed(records(values), "accuracy", "a", "b")
    assert found.value == pytest.approx(0.1)
    assert found.error == pytest.approx(0, abs=1e-12)
    assert found.seeds == 3
    assert seed_by_seed(records({("a", 0): 1.0, ("b", 0): 1.0}), "accuracy", "a", "b") is None
    assert seed_by_seed(records(values), "accuracy", "a", "c") is None


def test_complete_runs_and_default_settings_are_found():
    whole = pd.concat([records({("a", 0): 0.5}), records({("a", 0): 0.5}, name="accuracy too")])
    short = records({("b", 0): 0.5})
    assert set(widest(pd.concat([whole, short]), "accuracy").network) == {"a"}
    usual = records({("a", s): 0.5 for s in range(3)})
    other = records({("a", 7): 0.5}).assign(batch=512)
    assert set(commonest(pd.concat([usual, other]), ["batch"], "network").batch) == {32}


# --- domains


@pytest.fixture(scope="module")
def domains(data):
    return [domain(g, 60, 30, seed=3) for g in ("genie-like", "gibuu-like")]


def test_domains_are_split_and_numbered(domains):
    for number, d in enumerate(domains):
        assert (len(d.train), len(d.test), len(d.truth)) == (60, 30, 30)
        assert set(d.train.domain.tolist()) == set(d.test.domain.tolist()) == {number}
        assert list(d.truth.label) == [("numu", "nue", "nc")[k] for k in d.test.labels]
        assert (d.test.weights == 1).all()
        maps = {m.numpy().tobytes() for m in d.train.maps}
        assert not maps & {m.numpy().tobytes() for m in d.test.maps}


def test_accepted_events_follow_the_beam(domains, data):
    """The second generator draws energies evenly; accepted ones are as narrow as the first's."""
    energies = [domain(g, 0, 400, seed=4).truth.energy for g in ("genie-like", "gibuu-like")]
    assert energies[0].std() == pytest.approx(energies[1].std(), rel=0.2)
    assert energies[1].std() < 0.9 * 2 / 12**0.5


def test_shares_are_never_zero(domains):
    both = domains[0].train + domains[0].test
    assert shares(both) == pytest.approx([1 / 3] * 3)
    only = domains[0].train[domains[0].train.labels == 0]
    assert (shares(only) > 0).all()


# --- figures


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    labels = torch.as_tensor(rng.integers(0, 3, 200))
    logits = torch.as_tensor(rng.normal(size=(200, 3))) + 2 * torch.eye(3)[labels]
    return logits.softmax(1), labels


def test_histograms_add_up_to_one(scored):
    axes = figures.score_histograms(*scored)
    assert len(axes) == 2
    for ax in axes:
        for patch in ax.patches:
            assert patch.get_data().values.sum() == pytest.approx(1)
    plt.close("all")


def test_roc_curves_end_at_one(scored):
    _, ax = plt.subplots()
    figures.roc_curves(ax, {"one": scored, "two": scored})
    assert len(ax.lines) == 4
    for line in ax.lines:
        assert line.get_xdata()[-1] == line.get_ydata()[-1] == 1
        assert (np.diff(line.get_ydata()) >= 0).all()
    plt.close("all")


def test_other_figures_draw_what_they_are_given(scored):
    scores, labels = scored
    _, (one, two) = plt.subplots(1, 2)
    figures.cut_curves(one, {"a": scored, "b": scored}, "nue", bins=10)
    assert len(one.lines) == 6
    figures.reliability(two, {"a": scored})
    assert len(two.containers) == 1
    figures.node_histograms(scores.numpy(), labels, labels % 2, [0, 2])
    assert [ax.get_xlabel() for ax in plt.gcf().axes] == ["node 0", "node 2"]
    plt.close("all")
