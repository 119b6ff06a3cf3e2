"""The chapter about symmetric networks: its augmentations."""

import numpy as np
import pytest
import torch
from chapter_code import chapter_code

from parity_nb.symmetry import half_turn, mirror, roll

code = chapter_code("calorimeters/symmetric-networks")


def pictures(n=400, size=10):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("move", "act"), [("eta flip", mirror), ("half turn", half_turn)], ids=["flip", "turn"]
)
def test_half_of_the_images_are_moved(move, act):
    x = pictures()
    torch.manual_seed(1)
    moved = code.augment(x, move)
    same = (moved == x).flatten(1).all(1)
    assert torch.equal(moved[~same], act(x)[~same])
    assert same.double().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / 400**0.5)


def test_rolls_are_uniform_and_each_image_has_its_own():
    x = pictures()
    torch.manual_seed(1)
    moved = code.augment(x, "phi roll")
    shift = [
        next(k for k in range(10) if torch.equal(roll(a, k), b))
        for a, b in zip(x, moved, strict=True)
    ]
    counts = np.bincount(shift, minlength=10)
    assert ((counts - 40) ** 2 / 40).sum() < 28  # chi-square of 9 at 0.1 %


def test_no_augmentation_and_an_unknown_one():
    x = pictures(3)
    assert torch.equal(code.augment(x, "none"), x)
    with pytest.raises(ValueError, match="scheme = 'mirror' is none of"):
        code.augment(x, "mirror")
