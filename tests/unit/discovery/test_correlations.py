"""A picture against its own rotations and mirror images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parity_nb.discovery.world.correlations import around
from parity_nb.discovery.world.templates import draw, pixel_grid, two_tones
from parity_nb.symmetry import mirror


def test_rotation_is_a_roll_and_mirror_a_reversal():
    """The Fourier transforms against a sum over explicitly transformed values."""
    some, share = draw("none", "ridges", 1, np.random.default_rng(0))
    picture = two_tones(some.values(pixel_grid(32)), share).reshape(1, 1, 32, 32).float()
    found = around(picture, torch.zeros(1, 2))
    assert found.turns[0, 0, 0] == pytest.approx(1, abs=1e-5)
    flipped = around(mirror(picture), torch.zeros(1, 2))
    # an axis at angle a in the picture is at 180 degrees - a in its mirror image
    assert torch.allclose(flipped.mirrors[0, 0], found.mirrors[0, 0].flip(0).roll(1), atol=1e-4)
    assert torch.allclose(flipped.turns[0, 0], found.turns[0, 0].flip(0).roll(1), atol=1e-4)
