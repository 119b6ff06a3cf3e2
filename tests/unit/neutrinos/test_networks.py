"""Networks of the part on neutrinos: the printed one to the letter, and what differs from it."""

import pytest
import torch
from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual

from parity_nb.neutrinos.networks import (
    NETWORKS,
    FrozenNorm,
    GaussianDropout,
    MobileNet,
    PrintedBottleneck,
    PrintedMobileNet,
    SameConv,
    SixBlocks,
    TenthNet,
    weights,
)
from parity_nb.records import published


@pytest.fixture(scope="module")
def maps():
    levels = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, 2, 100, 80), generator=levels, dtype=torch.uint8)


def test_the_printed_number_of_weights():
    assert weights(PrintedMobileNet()) == published("shokar2020").set_index("name").value["weights"]


def test_repaired_and_torchvision_numbers_of_weights():
    assert weights(PrintedMobileNet(alpha_twice=False)) == 499_872
    assert weights(MobileNet()) == 497_264


def test_what_torchvision_leaves_out():
    """Biases before normalisations, and the expansion of the first block of each view."""
    repaired = PrintedMobileNet(alpha_twice=False)
    biases = sum(
        m.bias.numel() for m in repaired.modules() if isinstance(m, SameConv) and m.bias is not None
    )
    expansion = sum(
        p.numel() for view in repaired.trunk[1].branches for p in view[1].layers[0].parameters()
    )
    assert weights(repaired) - biases - expansion == weights(MobileNet())


def test_most_weights_are_one_dense_layer_and_a_tenth_is_a_tenth():
    printed = PrintedMobileNet()
    assert weights(printed.hidden) / weights(printed) == pytest.approx(0.833, abs=0.001)
    assert weights(TenthNet()) < weights(printed) / 10


def test_printed_blocks_expand_one_and_a_half_times():
    blocks = [m for m in PrintedMobileNet().modules() if isinstance(m, PrintedBottleneck)]
    first = [block.layers[0][0] for block in blocks]
    ratios = [c.out_channels / c.in_channels for c in first]
    assert len(blocks) == 23
    assert set(ratios) == {0.25, 1.5}
    repaired = [
        m for m in PrintedMobileNet(alpha_twice=False).modules() if isinstance(m, PrintedBottleneck)
    ]
    assert {b.layers[0][0].out_channels / b.layers[0][0].in_channels for b in repaired} == {1, 6}


def test_blocks_of_both_kinds_have_the_same_plan():
    printed = [
        m for m in PrintedMobileNet(alpha_twice=False).modules() if isinstance(m, PrintedBottleneck)
    ]
    ours = [m for m in MobileNet().modules() if isinstance(m, InvertedResidual)]
    assert [m.residual for m in printed] == [m.use_res_connect for m in ours]
    assert [m.layers[4].out_channels for m in printed] == [m.out_channels for m in ours]


def test_same_padding_is_that_of_keras():
    """Kernel 3, stride 2, even size: nothing in front, one pixel behind."""
    conv = SameConv(1, 1, 3, 2, bias=False)
    nn.init.ones_(conv.weight)
    x = torch.arange(4.0).reshape(1, 1, 1, 4).repeat(1, 1, 4, 1)
    assert conv(x).shape == (1, 1, 2, 2)
    assert conv(x)[0, 0, 0].tolist() == [3 * (0 + 1 + 2), 3 * (2 + 3)]
    assert SameConv(1, 1, 3, 2)(torch.zeros(1, 1, 25, 20)).shape[2:] == (13, 10)


def test_frozen_norm_never_normalises():
    norm = FrozenNorm(3)
    x = 5 + 7 * torch.randn(8, 3, 4, 4)
    for train in (True, False):
        norm.train(train)
        assert torch.allclose(norm(x), x / (1 + norm.eps) ** 0.5)
    assert norm.running_mean.abs().max() == 0


def test_gaussian_dropout_has_the_variance_of_keras():
    layer, ones = GaussianDropout(0.2), torch.ones(200_000)
    torch.manual_seed(0)
    assert layer(ones).std().item() == pytest.approx(0.5, rel=0.02)
    assert layer(ones).mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(layer.eval()(ones), ones)


@pytest.mark.parametrize("name", NETWORKS)
def test_stages_make_the_whole(name, maps):
    torch.manual_seed(0)
    net = NETWORKS[name]().eval()
    with torch.no_grad():
        features = net.features(maps)
        nodes = net.nodes(features)
        assert features.shape == (6, net.width)
        assert nodes.shape == (6, net.output.in_features)
        assert torch.allclose(net.output(nodes), net(maps), atol=1e-6)
        assert net(maps).shape == (6, 3)
        assert torch.allclose(net(maps), net(maps.float()))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_gets_a_gradient(name, maps):
    torch.manual_seed(0)
    net = NETWORKS[name]()
    net(maps).square().sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None] == []


def test_views_have_weights_of_their_own(maps):
    net = MobileNet()
    with torch.no_grad():
        assert not torch.allclose(net.features(maps), net.features(maps.flip(1)), atol=1e-2)


def test_six_blocks():
    net = SixBlocks()
    assert sum(isinstance(m, nn.MaxPool2d) for m in net.modules()) == 6
    assert sum(isinstance(m, nn.Conv2d) for m in net.modules()) == 6
