"""The sets that the chapter on toys trains on."""

from __future__ import annotations

import pytest
import torch
from chapter_code import chapter_code

from parity_nb.mirrors.world import FIELD, PIXELS

toy_set = chapter_code("mirrors/toy-training").toy_set


def test_sets():
    plain, control = toy_set("SPR-RI-3", 60), toy_set("SPR-RI-3", 60, control=True)
    assert plain.images.shape == (60, 1, PIXELS, PIXELS) and plain.images.dtype == torch.uint8
    assert not plain.meta.mirrored.any() and 0 < control.meta.mirrored.sum() < 60
    assert torch.equal(plain.images, toy_set("SPR-RI-3", 60).images)
    assert not torch.equal(plain.images, toy_set("SPR-RI-3", 60, seed=1).images)
    assert toy_set("fields", 3).images.shape == (3, 1, FIELD, FIELD)
    with pytest.raises(ValueError, match="is none of: RI"):
        toy_set("SPR", 3)
