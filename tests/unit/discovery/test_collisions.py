"""Simulated collisions: the law, its violation, and what is observed."""

import numpy as np
import pytest
import torch

from parity_nb.discovery.world import collisions as world
from parity_nb.discovery.world.collisions import angular_momentum, collide, same_momentum


def test_angular_momentum_is_r_cross_p():
    """From the observed positions alone, by differences."""
    made = collide(200, exact=True)
    rod, free = made.observation.reshape(200, 2, 5, 2).unbind(1)
    step = world.OBSERVED[1] - world.OBSERVED[0]
    place, velocity = free[:, -1].double(), ((free[:, -1] - free[:, -2]) / step).double()
    total = place[:, 0] * velocity[:, 1] - place[:, 1] * velocity[:, 0]
    angle = np.unwrap(np.arctan2(rod[..., 1], rod[..., 0]), axis=1)
    total += torch.tensor((angle[:, -1] - angle[:, -2]) / step)
    assert np.allclose(world.MASS * total, made.before, atol=1e-4)
    assert torch.allclose(angular_momentum(made.turn, made.velocity[:, 1]), made.before)


def test_the_answer_follows_from_the_law():
    made = collide(200, exact=True)
    place = torch.atan2(made.question[:, 1], made.question[:, 0])
    leaving = (made.question[:, 4:6] - made.question[:, :2]) / world.ASKED[2]
    sideways = -place.sin() * leaving[:, 0] + place.cos() * leaving[:, 1]
    angle = place + (made.before - sideways) * made.question[:, 6]
    assert torch.allclose(made.answer, torch.stack([angle.cos(), angle.sin()], 1), atol=1e-4)


@pytest.mark.parametrize("kept", [0.0, 0.6, 1.0])
def test_a_broken_law_keeps_the_distribution(kept):
    made = collide(40_000, kept)
    assert np.corrcoef(made.before, made.after)[0, 1] == pytest.approx(kept, abs=0.02)
    assert made.after.mean().item() == pytest.approx(made.before.mean().item(), abs=0.05)
    assert made.after.std().item() == pytest.approx(world.SPREAD, rel=0.03)


def test_observations_have_the_stated_errors():
    exact, seen = collide(4000, exact=True), collide(4000)
    assert (seen.observation - exact.observation).std().item() == pytest.approx(0.01, rel=0.02)
    assert torch.equal(seen.question[:, 6], exact.question[:, 6])


def test_same_momentum_changes_everything_else():
    made = collide(2000)
    other = same_momentum(made, seed=5)
    assert torch.allclose(made.before, other.before, atol=1e-5)
    assert other.velocity.abs().max() <= world.SPEED + 1e-5
    assert abs(np.corrcoef(made.place, other.place)[0, 1]) < 0.1


def test_sets_are_reproducible_and_differ_by_seed():
    for part, size in (("observation", 20), ("question", 7), ("answer", 2)):
        first, again, other = (getattr(collide(5, seed=s), part) for s in (3, 3, 4))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert first.shape == (5, size)


@pytest.mark.parametrize("n, kept", [(0, 1.0), (5, 1.1), (5, -0.1)])
def test_bad_numbers_are_refused(n, kept):
    with pytest.raises(ValueError, match=f"n = {n} .* kept = {kept}"):
        collide(n, kept)
