"""Tests of `parity_nb.networks`: the published one to the letter, the cylinder's by symmetry."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from parity_nb.networks import CylinderNet, FastNet, PublishedNet
from parity_nb.symmetry import (
    Symmetrised,
    equivariance_error,
    half_turn,
    half_turn_parity,
    identity,
    mirror,
    roll,
    rolls,
    semidirect,
)


class FourCalls(nn.Module):
    """The forward pass as Gibbon (2023) prints it: four calls, one after another."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, (5, 5), 1)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(16, 32, (5, 5), 1)
        self.fc1 = nn.Linear(32 * 13 * 13, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 1)

    def worker(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return torch.sum(self.fc3(x), dim=1)

    def forward(self, x):
        answer = self.worker(x)
        answer = answer + self.worker(torch.rot90(x, 2, [2, 3]))
        answer = answer - self.worker(torch.flip(x, [3]))
        answer = answer - self.worker(torch.flip(x, [2]))
        return answer / 4.0


def test_published_network_has_the_published_number_of_weights():
    net = PublishedNet()
    assert sum(p.numel() for p in net.parameters()) == 673_377
    assert net.fc1.in_features == 5408


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_one_batch_equals_the_four_published_calls(dtype, tolerance):
    torch.manual_seed(0)
    theirs = FourCalls().to(dtype)
    ours = Symmetrised(PublishedNet(), half_turn_parity()).to(dtype)
    ours.g.load_state_dict(theirs.state_dict())
    x = torch.randn(9, 3, 64, 64, dtype=dtype)
    expected, f = theirs(x), ours(x)
    assert f.shape == (9,)
    assert (f - expected).abs().max() < tolerance * expected.std()


def test_gradients_equal_those_of_the_four_published_calls():
    torch.manual_seed(1)
    theirs = FourCalls().double()
    ours = Symmetrised(PublishedNet(), half_turn_parity()).double()
    ours.g.load_state_dict(theirs.state_dict())
    x = torch.randn(4, 3, 64, 64, dtype=torch.float64)
    for f in (theirs, ours):
        out = f(x)
        (-out.mean() / out.std()).backward()
    for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_fresh_weights_with_the_same_seed_are_the_same():
    def fresh():
        torch.manual_seed(3)
        return PublishedNet()

    for p, q in zip(fresh().parameters(), fresh().parameters(), strict=True):
        assert torch.equal(p, q)


def test_the_bare_network_is_not_odd():
    torch.manual_seed(2)
    g, x = PublishedNet(), torch.randn(8, 3, 64, 64)
    with torch.no_grad():
        assert (g(mirror(x)) + g(x)).abs().min() > 1e-4


@pytest.mark.parametrize("size", [(64, 64), (28, 28), (100, 80)])
def test_the_fast_network_takes_any_size(size):
    g = FastNet().eval()
    assert g(torch.randn(3, 3, *size)).shape == (3,)
    assert sum(p.numel() for p in g.parameters()) == 23_953


PRECISIONS = [(torch.float32, 1e-6), (torch.float64, 1e-12)]
AXES = [(-2, (12, 9)), (-1, (9, 12))]
"""The azimuth's axis, and the shape of an image with 12 pixels along it and 9 along the beam."""


def cylinder_net(azimuth, dtype=torch.float32, channels=2):
    torch.manual_seed(0)
    return CylinderNet(beam=9, channels=channels, azimuth=azimuth).to(dtype).eval()


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(("azimuth", "shape"), AXES)
@pytest.mark.parametrize("shift", [1, 5, 11])
def test_the_cylinder_network_ignores_rolls_along_the_azimuth(
    azimuth, shape, shift, dtype, tolerance
):
    g, x = cylinder_net(azimuth, dtype), torch.randn(20, 2, *shape, dtype=dtype)
    error = equivariance_error(g, x, lambda x: roll(x, shift, azimuth), identity)
    assert error.relative < tolerance


@pytest.mark.parametrize(("azimuth", "shape"), AXES)
def test_the_cylinder_network_sees_rolls_along_the_beam(azimuth, shape):
    g, x = cylinder_net(azimuth), torch.randn(20, 2, *shape)
    beam = -3 - azimuth
    assert equivariance_error(g, x, lambda x: roll(x, 1, beam), identity).relative > 0.01


@pytest.mark.parametrize(("azimuth", "shape"), AXES)
def test_the_two_azimuths_are_the_same_network_transposed(azimuth, shape):
    x = torch.randn(5, 2, *shape)
    torch.testing.assert_close(cylinder_net(azimuth)(x), cylinder_net(-3 - azimuth)(x.mT))


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize(("azimuth", "shape"), AXES)
def test_four_elements_of_the_cylinder_network_equal_the_average_over_all_rolls(
    azimuth, shape, dtype, tolerance
):
    g, x = cylinder_net(azimuth, dtype, channels=1), torch.randn(20, 1, *shape, dtype=dtype)
    fast = Symmetrised(g, half_turn_parity())
    slow = Symmetrised(g, semidirect(rolls(12, azimuth), half_turn_parity()))
    with torch.no_grad():
        assert (fast(x) - slow(x)).abs().max() < tolerance * fast(x).std()
    assert equivariance_error(fast, x, half_turn, identity).relative < tolerance
    assert equivariance_error(fast, x, mirror, torch.neg).relative < tolerance


def test_the_cylinder_network_ignores_rolls_in_train_mode_too():
    f = Symmetrised(cylinder_net(-2).train(), half_turn_parity())
    x = torch.randn(20, 2, 12, 9)
    assert equivariance_error(f, x, lambda x: roll(x, 5), identity).relative < 1e-5


def test_every_weight_of_the_cylinder_network_is_used():
    g = cylinder_net(-2).train()
    g(torch.randn(20, 2, 12, 9)).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in g.parameters())


@pytest.mark.parametrize(
    "wrong", [{"azimuth": 0}, {"kernels": (5, 3)}, {"kernels": (4, 3, 3)}], ids=str
)
def test_the_cylinder_network_refuses(wrong):
    with pytest.raises(ValueError, match=r"azimuth|odd kernel"):
        CylinderNet(beam=9, **wrong)
