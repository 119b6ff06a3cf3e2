"""Decoy networks trained together, and their images over the pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from parity_nb.discovery.methods.decoys import DecoyNet, fresh, train_decoys
from parity_nb.discovery.methods.pca_images import (
    output_images,
    pca_images,
    principal_components,
)
from parity_nb.discovery.world.templates import draw, pixel_grid, two_tones

PIXELS = 24


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def trained():
    """Six pictures of two classes, learnt."""
    made = [draw(kind, "wells", 3, rng(1)) for kind in ("rotation", "turns and mirrors")]
    xy = pixel_grid(PIXELS)
    tones = torch.cat([two_tones(t.values(xy), share) for t, share in made])
    return train_decoys(tones, xy, 16, 0.9, 400, progress=False), tones, [t for t, _ in made]


# --- networks


def test_stacked_networks_are_single_ones():
    networks = fresh(3, 8, seed=5)
    xy = pixel_grid(5)
    found, hidden = networks(xy, shared=True)
    for i in range(3):
        net = DecoyNet(8)
        net.load_state_dict({k: w[i] for k, w in networks.weights.items()})
        assert torch.allclose(found[i], net(xy)[0], atol=1e-6)
        assert torch.allclose(hidden[i], net(xy)[1], atol=1e-6)
    assert torch.allclose(networks(xy.expand(3, -1, -1))[0], found, atol=1e-6)


def test_stacked_training_is_that_of_a_single_network_with_torch_adam():
    tones = torch.rand(4, 64, generator=torch.Generator().manual_seed(0)) < 0.5
    xy, most = pixel_grid(8), 7
    found = train_decoys(tones, xy, 8, 0.99, most, batch=16, seed=2, progress=False)
    chance = torch.Generator().manual_seed(2)
    seen = torch.randperm(64, generator=chance)[16:]
    batches = [seen[torch.randint(48, (16,), generator=chance)] for _ in range(most)]
    for i in range(4):
        net = DecoyNet(8)
        net.load_state_dict({k: w[i] for k, w in found.start.weights.items()})
        adam = torch.optim.Adam(net.parameters(), lr=0.02)
        for pixel in batches:
            adam.zero_grad()
            binary_cross_entropy_with_logits(net(xy[pixel])[0], tones[i, pixel].float()).backward()
            adam.step()
        for k, w in net.state_dict().items():
            assert torch.allclose(found.trained.weights[k][i], w, atol=1e-4), k


def test_networks_stop_at_the_target(trained):
    decoys, tones, _ = trained
    assert decoys.reached.all()
    assert (decoys.accuracy >= 0.9).all()
    assert decoys.steps.unique().numel() > 1  # each at its own time
    right = (decoys.trained(pixel_grid(PIXELS), shared=True)[0] > 0) == tones
    assert right.float().mean(1).min() > 0.85


def test_unreachable_target_ends_with_the_steps():
    noise = torch.rand(2, 64, generator=torch.Generator().manual_seed(1)) < 0.5
    found = train_decoys(noise, pixel_grid(8), 8, 0.99, 30, progress=False)
    assert found.steps.tolist() == [30, 30]
    assert not found.reached.any()


def test_bad_pictures_are_refused():
    xy = pixel_grid(4)
    tones = torch.rand(3, 16, generator=torch.Generator().manual_seed(0)) < 0.5
    tones[1] = True
    with pytest.raises(ValueError, match="picture 1 has one tone only"):
        train_decoys(tones, xy, progress=False)
    with pytest.raises(ValueError, match="there are 16 pixels"):
        train_decoys(tones[:, :9], xy, progress=False)
    with pytest.raises(ValueError, match="target = 1"):
        train_decoys(tones[:1], xy, target=1.0, progress=False)
    with pytest.raises(ValueError, match="at least one"):
        fresh(0)


# --- PCA images


def test_components_are_those_of_numpy():
    hidden = torch.randn(2, 60, 5, generator=torch.Generator().manual_seed(0)).double()
    scores, share = principal_components(hidden, 3)
    for i in range(2):
        centred = hidden[i].numpy() - hidden[i].numpy().mean(0)
        _, s, v = np.linalg.svd(centred, full_matrices=False)
        assert share[i].numpy() == pytest.approx(s[:3] ** 2 / (s**2).sum())
        expected = centred @ v[:3].T
        expected /= expected.std(0)
        agree = np.abs((expected * scores[i].numpy().T).mean(0))
        assert agree == pytest.approx(np.ones(3))
    assert (scores.pow(3).mean(-1) >= 0).all()


def test_constant_layer_gives_zeros():
    scores, _ = principal_components(torch.ones(1, 20, 4))
    assert (scores == 0).all()
    with pytest.raises(ValueError, match="9 components of 4 units"):
        principal_components(torch.ones(1, 20, 4), 9)


def test_images_have_the_shape_of_the_picture(trained):
    decoys, tones, _ = trained
    xy = pixel_grid(PIXELS)
    images, shares = pca_images(decoys.trained, xy, chunk=4)
    assert images.shape == (6, 3, PIXELS, PIXELS)
    assert (shares.sum(1) <= 1.0001).all()
    whole, _ = pca_images(decoys.trained, xy)
    assert torch.allclose(images, whole, atol=1e-3)
    learned = output_images(decoys.trained, xy)
    assert ((learned > 0.5).flatten(1) == tones).float().mean() > 0.85
