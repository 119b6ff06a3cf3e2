"""Particles: slices, and the symmetries that act on them."""

from __future__ import annotations

import math

import pytest
import torch

from parity_nb.calorimeters.world.generator import make_class
from parity_nb.calorimeters.world.particles import Particles, concatenate


@pytest.fixture(scope="module")
def some():
    return concatenate([make_class("BH_n4_M10", 40), make_class("SPH_9", 40)])


def test_slices_takes_and_concatenation_agree(some):
    parts = [some[:30], some[30:31], some[31:]]
    whole = concatenate(parts)
    assert whole.n == some.n
    assert torch.equal(whole.event, some.event)
    assert torch.equal(whole.eta, some.eta)
    assert torch.equal(some.take(range(30, 40)).phi, some[30:40].phi)
    last = some.take([some.n - 1])
    assert torch.equal(last.pt, some[some.n - 1 :].pt)
    assert some[5:5].n == 0
    with pytest.raises(ValueError, match="step"):
        some[::2]


def test_an_event_without_particles_keeps_its_place():
    one = Particles(*(torch.tensor(x) for x in ([2], [1.0], [0.0], [0.0], [0], [0])), n=4)
    assert one[1:3].event.tolist() == [1]
    assert one.take([0, 2, 2]).event.tolist() == [1, 2]
    assert one.sum(one.pt).tolist() == [0, 0, 1, 0]


def test_symmetries_of_events_are_a_group(some):
    for action in (Particles.eta_flip, Particles.phi_flip, Particles.half_turn):
        back = action(action(some))
        torch.testing.assert_close(back.phi, some.phi, atol=1e-6, rtol=0)
        assert torch.equal(back.eta, some.eta)
        torch.testing.assert_close(action(some).sum(some.energy), some.sum(some.energy))
    assert torch.equal(some.half_turn().phi, some.phi_flip().phi)
    turned = some.phi_rotation(torch.full((some.n,), 1.0)).phi_rotation(-1.0)
    torch.testing.assert_close(turned.phi, some.phi, atol=1e-5, rtol=0)
    assert torch.equal(some.conjugate().conjugate().charge, some.charge)
    assert (some.phi_rotation(5.0).phi.abs() <= math.pi).all()


@pytest.mark.parametrize(("change", "message"), [
    ({"event": [1, 0]}, "sort"),
    ({"event": [0, 7]}, "rise"),
    ({"pt": [1.0, math.nan]}, "event 1 is not finite"),
    ({"pt": [-1.0, 1.0]}, "negative"),
    ({"eta": [0.0]}, "one entry"),
])  # fmt: skip
def test_bad_particles_are_refused(change, message):
    columns = {"event": [0, 1], "pt": [1.0, 1.0], "eta": [0.0, 0.0], "phi": [0.0, 0.0],
               "charge": [0, 0], "kind": [0, 0]}  # fmt: skip
    columns |= change
    with pytest.raises(ValueError, match=message):
        Particles(**{name: torch.tensor(x) for name, x in columns.items()}, n=2)
