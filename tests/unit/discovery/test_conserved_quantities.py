"""The loss of a bottleneck, and that it keeps what the theory of Gaussians says."""

import numpy as np
import pytest
import torch
from chapter_code import chapter_code
from torch.distributions import Normal

from parity_nb.discovery.methods.latents import bottleneck_recipe, encode, gaussian_bottleneck
from parity_nb.discovery.networks import Coder
from parity_nb.training import fit

chapter = chapter_code("discovery/conserved-quantities")


def test_gaussian_loss_is_a_log_likelihood():
    target, output, sigma = torch.randn(20, 3), torch.randn(20, 3), torch.tensor(0.7)
    theirs = -Normal(output, sigma).log_prob(target).sum(1).mean()
    ours = chapter.gaussian_loss(output, target, sigma.log()) + 1.5 * np.log(2 * np.pi)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)


@pytest.mark.parametrize("beta", [0.05, 0.2])
def test_the_bottleneck_on_gaussians_keeps_what_theory_says(beta):
    """The input has two independent numbers; the answer is correlated with the first by 0.9."""
    chance = torch.Generator().manual_seed(1)
    x = torch.randn(8000, 2, generator=chance)
    y = 0.9 * x[:, :1] + (1 - 0.81) ** 0.5 * torch.randn(8000, 1, generator=chance)
    torch.manual_seed(0)
    net = Coder(torch.nn.Linear(2, 4), torch.nn.Linear(2, 1), 2)
    recipe = bottleneck_recipe(epochs=12, batch=128, rate=2e-2)
    fit(net, (x, y), recipe, step=chapter.bottleneck_step(beta), progress=False)
    code = encode(net, x)
    assert code.used == 1
    assert code.relevance.sum().item() == pytest.approx(gaussian_bottleneck(0.9, beta), abs=0.12)
    k = code.order[0]
    assert abs(np.corrcoef(code.mean[:, k], x[:, 0])[0, 1]) > 0.99


def test_a_price_is_not_negative():
    with pytest.raises(ValueError, match="cannot be negative"):
        chapter.bottleneck_step(-1)
