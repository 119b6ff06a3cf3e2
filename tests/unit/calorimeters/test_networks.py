"""Classifiers of calorimeter images: sizes as published, symmetries exact or measured."""

import pytest
import torch

from parity_nb.calorimeters.networks.classifiers import (
    CLASSIFIERS,
    CylinderClassifier,
    PlainNet,
    ResidualNet,
    SimpleNet,
    VGGNet,
    cylinder,
    detector_group,
    published_variants,
    resnet,
    symmetry_averaging,
)
from parity_nb.symmetry import (
    Element,
    Group,
    Symmetrised,
    equivariance_error,
    half_turn,
    half_turn_parity,
    identity,
    mirror,
    mirror_vertical,
    roll,
    rolls,
    semidirect,
)

MOVES = {
    "eta flip": mirror,
    "phi flip": mirror_vertical,
    "half turn": half_turn,
    "roll by 1": lambda x: roll(x, 1),
    "roll by 13": lambda x: roll(x, 13),
}


def sparse(n=24, size=48, seed=0):
    """Logs of energies of some ten GeV in one pixel of twenty: (n, 3, size, size)."""
    generator = torch.Generator().manual_seed(seed)
    hit = torch.rand(n, 3, size, size, generator=generator) < 0.05
    energy = -30 * torch.rand(n, 3, size, size, generator=generator).log()
    return (hit * energy).log1p()


def warmed(net, size=48):
    """A network with random weights, whose batch norm has seen some images, in evaluation mode."""
    with torch.no_grad():
        for seed in range(3):
            net.train()(sparse(32, size, seed + 1))
    return net.eval()


def residual(net, x, act):
    """Relative residual of the difference of the two logits."""
    return equivariance_error(lambda x: net(x)[:, 0] - net(x)[:, 1], x, act, identity).relative


@pytest.mark.parametrize(
    ("make", "weights"),
    [
        (SimpleNet, 452_738),
        (PlainNet, 9_423_874),
        (VGGNet, 13_164_738),
        (ResidualNet, 15_347_522),
    ],
)
def test_published_networks_have_the_published_number_of_weights(make, weights):
    assert sum(p.numel() for p in make().parameters()) == weights


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_give_a_logit_a_class(name):
    net = CLASSIFIERS[name](classes=6, width=0.1).eval()
    assert net(sparse(2, 50)).shape == (2, 6)


@pytest.mark.parametrize("width", [0, -1.0, 5])
def test_a_bad_width_is_refused(width):
    with pytest.raises(ValueError, match="width is a factor"):
        PlainNet(width=width)


@pytest.mark.parametrize("size", [48, 32, 50])
@pytest.mark.parametrize("move", MOVES)
def test_the_cylinder_is_exact(size, move):
    torch.manual_seed(0)
    net = warmed(cylinder(size=size, width=0.5), size)
    assert residual(net, sparse(size=size), MOVES[move]) < 1e-6


@pytest.mark.parametrize("size", [48, 32])
def test_the_cylinder_is_exact_in_double_precision_and_in_training(size):
    torch.manual_seed(0)
    net = cylinder(size=size, width=0.5).double().train()
    for move in MOVES.values():
        assert residual(net, sparse(size=size).double(), move) < 1e-12


@pytest.mark.parametrize("size", [48, 32])
@pytest.mark.parametrize("name", ["simple", "plain", "averaging", "vgg", "residual", "resnet18"])
def test_the_sources_networks_are_not_invariant(name, size):
    torch.manual_seed(0)
    options = {"size": size} if name in ("simple", "vgg", "residual") else {}
    net = warmed(CLASSIFIERS[name](width=0.1, **options), size)
    for name, move in MOVES.items():
        assert residual(net, sparse(size=size), move) > 0.02, name


def test_rolls_are_exact_without_any_averaging():
    torch.manual_seed(0)
    net = warmed(CylinderClassifier(48))
    assert residual(net, sparse(), MOVES["roll by 13"]) < 1e-6
    assert residual(net, sparse(), mirror) > 0.02


def test_the_group_of_the_cylinder_is_closed():
    whole = semidirect(rolls(8), detector_group())
    assert len(whole) == 32 and set(whole.signs) == {1}


def test_the_published_variants_are_no_group():
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    names = ("e", "roll by half", "eta flip", "half turn")
    acts = (identity, lambda x: roll(x, 4), mirror, half_turn)
    for image, act in zip(published_variants(x), acts, strict=True):
        assert torch.equal(image, act(x))
    with pytest.raises(ValueError, match="not a group"):
        Group([Element(n, a, 1) for n, a in zip(names, acts, strict=True)], x)


def test_the_averaging_layer_is_even_only_in_its_own_input():
    y = torch.randn(4, 8, 12, 12, generator=torch.Generator().manual_seed(0)).double()
    flip = equivariance_error(symmetry_averaging, y, mirror, identity)
    rolled = equivariance_error(symmetry_averaging, y, lambda y: roll(y, 1), identity)
    assert flip.relative < 1e-12 and rolled.relative > 0.5


def test_a_symmetrised_network_keeps_the_order_of_classes():
    torch.manual_seed(0)
    g = CylinderClassifier(16, classes=3, widths=(4, 4, 4)).eval()
    x, group = sparse(5, 16), half_turn_parity().even()
    by_hand = sum(g(element.act(x)) for element in group.elements) / len(group)
    torch.testing.assert_close(Symmetrised(g, group)(x), by_hand)


def test_resnet18_is_torchvisions():
    assert sum(p.numel() for p in resnet(6).parameters()) == 11_179_590
