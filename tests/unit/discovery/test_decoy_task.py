"""Colours of a PCA image, and the symmetry of a hidden layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from chapter_code import chapter_code

from parity_nb.discovery.methods.decoys import train_decoys
from parity_nb.discovery.methods.pca_images import pca_images
from parity_nb.discovery.world.templates import CLASSES, draw, pixel_grid, two_tones

PIXELS = 24
CODE = chapter_code("discovery/decoy-task")


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def trained():
    """Six pictures of two classes, learnt."""
    made = [draw(kind, "wells", 3, rng(1)) for kind in ("rotation", "turns and mirrors")]
    xy = pixel_grid(PIXELS)
    tones = torch.cat([two_tones(t.values(xy), share) for t, share in made])
    return train_decoys(tones, xy, 16, 0.9, 400, progress=False), tones, [t for t, _ in made]


def test_colours_lie_between_black_and_full(trained):
    decoys, _, _ = trained
    images, _ = pca_images(decoys.trained, pixel_grid(PIXELS), chunk=4)
    colours = CODE.as_colours(images)
    assert 0 <= colours.min() <= colours.max() <= 1


def test_invariance_of_the_output_exceeds_that_of_an_untrained_layer(trained):
    decoys, _, templates = trained
    found = CODE.invariance_errors(decoys, [0, 1, 2], templates[0], CODE.TRANSFORMS["rotation"])
    assert set(found) == {"output", "component 1", "component 2", "component 3", "untrained"}
    assert found["output"].mean() < found["untrained"].mean()
    assert set(CODE.TRANSFORMS) == set(CLASSES)


def test_transforms_of_the_page_are_isometries():
    own = pixel_grid(6).double()
    for h in CODE.TRANSFORMS.values():
        assert torch.allclose(torch.cdist(h(own), h(own)), torch.cdist(own, own), atol=1e-5)
