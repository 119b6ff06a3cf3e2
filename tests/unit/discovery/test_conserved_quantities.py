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


# --- the simulated collisions


def test_angular_momentum_is_r_cross_p():
    """From the observed positions alone, by differences."""
    made = chapter.collide(200, exact=True)
    rod, free = made.observation.reshape(200, 2, 5, 2).unbind(1)
    step = chapter.OBSERVED[1] - chapter.OBSERVED[0]
    place, velocity = free[:, -1].double(), ((free[:, -1] - free[:, -2]) / step).double()
    total = place[:, 0] * velocity[:, 1] - place[:, 1] * velocity[:, 0]
    angle = np.unwrap(np.arctan2(rod[..., 1], rod[..., 0]), axis=1)
    total += torch.tensor((angle[:, -1] - angle[:, -2]) / step)
    assert np.allclose(chapter.MASS * total, made.before, atol=1e-4)
    assert torch.allclose(chapter.angular_momentum(made.turn, made.velocity[:, 1]), made.before)


def test_the_answer_follows_from_the_law():
    made = chapter.collide(200, exact=True)
    place = torch.atan2(made.question[:, 1], made.question[:, 0])
    leaving = (made.question[:, 4:6] - made.question[:, :2]) / chapter.ASKED[2]
    sideways = -place.sin() * leaving[:, 0] + place.cos() * leaving[:, 1]
    angle = place + (made.before - sideways) * made.question[:, 6]
    assert torch.allclose(made.answer, torch.stack([angle.cos(), angle.sin()], 1), atol=1e-4)


@pytest.mark.parametrize("kept", [0.0, 0.6, 1.0])
def test_a_broken_law_keeps_the_distribution(kept):
    made = chapter.collide(40_000, kept)
    assert np.corrcoef(made.before, made.after)[0, 1] == pytest.approx(kept, abs=0.02)
    assert made.after.mean().item() == pytest.approx(made.before.mean().item(), abs=0.05)
    assert made.after.std().item() == pytest.approx(chapter.SPREAD, rel=0.03)


def test_observations_have_the_stated_errors():
    exact, seen = chapter.collide(4000, exact=True), chapter.collide(4000)
    assert (seen.observation - exact.observation).std().item() == pytest.approx(0.01, rel=0.02)
    assert torch.equal(seen.question[:, 6], exact.question[:, 6])


def test_same_momentum_changes_everything_else():
    made = chapter.collide(2000)
    other = chapter.same_momentum(made, seed=5)
    assert torch.allclose(made.before, other.before, atol=1e-5)
    assert other.velocity.abs().max() <= chapter.SPEED + 1e-5
    assert abs(np.corrcoef(made.place, other.place)[0, 1]) < 0.1


def test_sets_are_reproducible_and_differ_by_seed():
    for part, size in (("observation", 20), ("question", 7), ("answer", 2)):
        first, again, other = (getattr(chapter.collide(5, seed=s), part) for s in (3, 3, 4))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert first.shape == (5, size)


@pytest.mark.parametrize("n, kept", [(0, 1.0), (5, 1.1), (5, -0.1)])
def test_bad_numbers_are_refused(n, kept):
    with pytest.raises(ValueError, match=f"n = {n} .* kept = {kept}"):
        chapter.collide(n, kept)
