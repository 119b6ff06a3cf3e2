"""Templates of known symmetry."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parity_nb.discovery.world.correlations import around
from parity_nb.discovery.world.templates import (
    CLASSES,
    FAMILIES,
    MATRICES,
    draw,
    pixel_grid,
    point_group,
    two_tones,
)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", CLASSES)
def test_template_has_the_symmetry_of_its_class(kind, family):
    some, _ = draw(kind, family, 2, rng())
    own = torch.from_numpy(rng(1).uniform(-1, 1, (2, 50, 2))).double()
    some.parameters = some.parameters.double()
    values = some.own_values(own)
    transforms = {
        "none": ["e"],
        "mirror": ["P"],
        "two mirrors": ["P", "R180"],
        "turns": ["R90"],
        "turns and mirrors": ["R90", "P"],
        "rotation": ["R90", "P"],
        "translation": [],
    }[kind]
    for name in transforms:
        moved = own @ torch.tensor(MATRICES[name]).double().T
        assert torch.allclose(some.own_values(moved), values, atol=1e-5)
    if kind == "translation":
        assert torch.allclose(some.own_values(own + torch.tensor([0.3, 0])), values, atol=1e-5)
    if kind == "rotation":
        turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
        assert torch.allclose(some.own_values(own @ turn.T), values, atol=1e-4)


@pytest.mark.parametrize("kind", ["none", "turns", "mirror"])
def test_template_has_no_more_than_that(kind):
    some, share = draw(kind, "wells", 20, rng())
    own = pixel_grid(32).expand(20, -1, -1)
    tones = two_tones(some.own_values(own), share).reshape(20, 1, 32, 32)
    found = around(tones.float(), torch.zeros(1, 2))
    if kind != "mirror":
        assert found.mirrors.max() < 0.66
    if kind != "turns":
        assert found.turns[:, 0, 32].max() < 0.66


def test_own_frame_and_its_inverse():
    some, _ = draw("none", "wells", 5, rng())
    xy = pixel_grid(6)
    assert torch.allclose(some.picture(some.own(xy)), xy.expand(5, -1, -1), atol=1e-6)


def test_matrices_are_the_square():
    assert len(point_group(*MATRICES)) == 8
    with pytest.raises(ValueError, match="not a group"):
        point_group("e", "R90")


def test_drawing_is_the_same_under_a_seed():
    first, second = (draw("none", "charges", 4, rng(3)) for _ in range(2))
    assert torch.equal(first[0].parameters, second[0].parameters)
    assert torch.equal(first[1], second[1])


def test_unknown_class_and_family_are_refused():
    with pytest.raises(ValueError, match=r"kind = 'twins' is none of: none, mirror"):
        draw("twins", "wells", 1, rng())
    with pytest.raises(ValueError, match=r"family = 'springs' is none of: wells"):
        draw("none", "springs", 1, rng())
    with pytest.raises(ValueError, match="at least one"):
        draw("none", "wells", 0, rng())


def test_two_tones_have_the_share():
    tones = two_tones(torch.randn(3, 1000, generator=torch.Generator().manual_seed(0)),
                      torch.tensor([0.3, 0.5, 0.7]))  # fmt: skip
    assert tones.float().mean(1).tolist() == pytest.approx([0.3, 0.5, 0.7], abs=0.001)
