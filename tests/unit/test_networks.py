"""Tests of `parity_nb.networks`: the published network, to the letter."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from parity_nb.networks import FastNet, PublishedNet
from parity_nb.symmetry import Symmetrised, half_turn_parity, mirror


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
