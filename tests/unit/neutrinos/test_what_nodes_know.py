"""What nodes know, against answers known by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from chapter_code import chapter_code

from parity_nb.neutrinos.methods import logits_of
from parity_nb.neutrinos.networks import QuickNet
from parity_nb.statistics import roc_area

code = chapter_code("neutrinos/what-nodes-know")


def test_dead_nodes():
    values = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert code.dead(values).tolist() == [True, False, True]


def test_a_node_that_knows_nothing_ends_with_the_share_of_the_signal():
    signal = np.arange(60) % 3 == 0
    assert code.best_product(np.zeros(60), signal) == pytest.approx(1 / 3)
    assert code.best_product(signal.astype(float), signal) == pytest.approx(1)


def test_knowledge_of_the_generator_is_not_knowledge_of_the_class():
    rng = np.random.default_rng(8)
    y, d = rng.integers(0, 3, 600), rng.integers(0, 2, 600)
    more = rng.random(600) < 0.5 + 0.5 * (d == 0)  # the target lacks half of class 0
    kept = (y != 0) | more
    y, d = y[kept], d[kept]
    values = np.stack([y == 0, d == 1, rng.random(len(y))], 1).astype(float)
    known = code.generator_knowledge(values, y, d)
    assert known[0] == 0
    assert known[1] == pytest.approx(0.5)
    assert known[2] < 0.1


def test_products_of_all_kinds():
    y, d = np.arange(60) % 3, np.arange(60) // 30
    values = np.stack([y == 2, d == 0], 1).astype(float)
    table = code.products(values, y, d)
    assert table.nc[0] == pytest.approx(1) and table.source[1] == pytest.approx(1)
    assert table.numu[0] == pytest.approx(1 / 3) and table.target[0] == pytest.approx(0.5)


def test_knowledge_of_a_class_sees_low_nodes_too():
    y = np.arange(60) % 3
    values = np.stack([y == 1, y != 1, np.zeros(60)], 1).astype(float)
    table = code.class_knowledge(values, y)
    assert table.nue.tolist() == pytest.approx([0.5, 0.5, 0])
    assert table.numu[0] == pytest.approx(0.25)


def test_nodes_are_ranked_by_the_area_of_the_book():
    rng = np.random.default_rng(9)
    values, signal = rng.random((80, 5)).round(1), rng.random(80) < 0.4  # with ties
    known = code.beyond_a_coin(values, signal)
    areas = [roc_area(v, signal).value for v in values.T]
    assert known == pytest.approx(np.abs(np.array(areas) - 0.5), abs=1e-12)


def test_histograms_have_one_panel_a_node():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    code.node_histograms(rng.random((200, 3)), labels, labels % 2, [0, 2])
    assert [ax.get_xlabel() for ax in plt.gcf().axes] == ["node 0", "node 2"]
    plt.close("all")


def test_nodes_of_all_events(domains):
    net = QuickNet()
    nodes = code.nodes_of(net, domains[0])
    assert nodes.shape == (48, 256) and (nodes >= 0).all()
    net.eval()
    with torch.no_grad():
        logits = net.output(torch.from_numpy(nodes))
        assert torch.allclose(logits, logits_of(net, domains[0]), atol=1e-5)
