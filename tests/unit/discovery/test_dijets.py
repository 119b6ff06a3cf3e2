"""Simulated events of two jets."""

import pytest
import torch

from parity_nb.discovery.world import dijets

KINDS = ("normal", "two-prong", "narrow")


@pytest.fixture(scope="module")
def sets():
    return {kind: dijets.simulate(1500, kind, seed=1) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_events_look_like_events(sets, kind):
    pt, eta, phi = sets[kind].particles.unbind(-1)
    assert sets[kind].particles.shape == (1500, 2, dijets.PARTICLES, 3)
    assert (pt[:, 0].sum(-1) >= pt[:, 1].sum(-1)).all(), "the harder jet first"
    assert (pt.diff(dim=-1) <= 0).all(), "the hardest particles first"
    assert phi.abs().max() <= torch.pi + 1e-5 and (eta[pt == 0] == 0).all()
    assert pt.sum(-1)[:, 0].median() > dijets.THRESHOLD
    assert sets[kind].signal.all() == (kind != "normal")


def test_sets_are_reproducible():
    first = dijets.simulate(50, seed=3).particles
    assert torch.equal(first, dijets.simulate(50, seed=3).particles)
    assert not torch.equal(first, dijets.simulate(50, seed=4).particles)
    with pytest.raises(ValueError, match="kind = 'odd' is none of: normal"):
        dijets.simulate(5, "odd")
    with pytest.raises(ValueError, match="at least one event"):
        dijets.simulate(0)
