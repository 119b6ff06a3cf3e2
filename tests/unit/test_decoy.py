"""Templates of known symmetry, decoy networks trained together, PCA images, direct measure."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from parity_nb.discovery.components import (
    as_colours,
    output_images,
    pca_images,
    principal_components,
)
from parity_nb.discovery.decoy import DecoyNet, activations, fresh, outputs, train_decoys
from parity_nb.discovery.direct import MEASURES, along, around, direct_symmetry
from parity_nb.discovery.inside import PROBES, invariance_errors
from parity_nb.discovery.templates import (
    CLASSES,
    FAMILIES,
    MATRICES,
    Pose,
    draw,
    pixel_grid,
    point_group,
    two_tones,
)
from parity_nb.symmetry import quarter_turn

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


# --- templates


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


def test_pose_and_its_inverse():
    pose = Pose.draw(5, rng())
    xy = pixel_grid(6)
    assert torch.allclose(pose.picture(pose.own(xy)), xy.expand(5, -1, -1), atol=1e-6)


def test_matrices_are_the_square():
    assert len(point_group(*MATRICES)) == 8
    with pytest.raises(ValueError, match="not a group"):
        point_group("e", "R90")


def test_drawing_is_the_same_under_a_seed():
    first, second = (draw("none", "charges", 4, rng(3)) for _ in range(2))
    assert torch.equal(first[0].parameters, second[0].parameters)
    assert torch.equal(first[1], second[1])


def test_unknown_class_and_family_are_refused():
    with pytest.raises(ValueError, match=r"class 'twins' is none of: none, mirror"):
        draw("twins", "wells", 1, rng())
    with pytest.raises(ValueError, match=r"family 'springs' is none of: wells"):
        draw("none", "springs", 1, rng())
    with pytest.raises(ValueError, match="at least one"):
        draw("none", "wells", 0, rng())


def test_two_tones_have_the_share():
    tones = two_tones(torch.randn(3, 1000, generator=torch.Generator().manual_seed(0)),
                      torch.tensor([0.3, 0.5, 0.7]))  # fmt: skip
    assert tones.float().mean(1).tolist() == pytest.approx([0.3, 0.5, 0.7], abs=0.001)


# --- networks


def test_stacked_networks_are_single_ones():
    weights = fresh(3, 8, seed=5)
    xy = pixel_grid(5)
    found, hidden = outputs(weights, xy), activations(weights, xy)
    for i in range(3):
        net = DecoyNet(8)
        net.load_state_dict({k: w[i] for k, w in weights.items()})
        assert torch.allclose(found[i], net(xy), atol=1e-6)
        assert torch.allclose(hidden[i], net.last_hidden(xy), atol=1e-6)
    assert torch.allclose(outputs(weights, xy.expand(3, -1, -1)), found, atol=1e-6)


def test_stacked_training_is_that_of_a_single_network_with_torch_adam():
    tones = torch.rand(4, 64, generator=torch.Generator().manual_seed(0)) < 0.5
    xy, most = pixel_grid(8), 7
    found = train_decoys(tones, xy, 8, 0.99, most, batch=16, seed=2, progress=False)
    chance = torch.Generator().manual_seed(2)
    seen = torch.randperm(64, generator=chance)[16:]
    batches = [seen[torch.randint(48, (16,), generator=chance)] for _ in range(most)]
    for i in range(4):
        net = DecoyNet(8)
        net.load_state_dict({k: w[i] for k, w in found.start.items()})
        adam = torch.optim.Adam(net.parameters(), lr=0.02)
        for pixel in batches:
            adam.zero_grad()
            binary_cross_entropy_with_logits(net(xy[pixel]), tones[i, pixel].float()).backward()
            adam.step()
        for k, w in net.state_dict().items():
            assert torch.allclose(found.weights[k][i], w, atol=1e-4), k


def test_networks_stop_at_the_target(trained):
    decoys, tones, _ = trained
    assert decoys.reached.all()
    assert (decoys.accuracy >= 0.9).all()
    assert decoys.steps.unique().numel() > 1  # each at its own time
    right = (outputs(decoys.weights, pixel_grid(PIXELS)) > 0) == tones
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
    images, shares = pca_images(decoys.weights, xy, chunk=4)
    assert images.shape == (6, 3, PIXELS, PIXELS)
    assert (shares.sum(1) <= 1.0001).all()
    whole, _ = pca_images(decoys.weights, xy)
    assert torch.allclose(images, whole, atol=1e-3)
    learned = output_images(decoys.weights, xy)
    assert ((learned > 0.5).flatten(1) == tones).float().mean() > 0.85
    assert 0 <= as_colours(images).min() <= as_colours(images).max() <= 1


def test_invariance_of_the_output_exceeds_that_of_an_untrained_layer(trained):
    decoys, _, templates = trained
    found = invariance_errors(decoys, torch.tensor([0, 1, 2]), templates[0])
    assert set(found) == {"output", "component 1", "component 2", "component 3", "untrained"}
    assert found["output"].mean() < found["untrained"].mean()
    assert set(PROBES) == set(CLASSES)


# --- the direct measure


def test_direct_measure_of_known_pictures():
    xy = pixel_grid(64)
    disc = xy.norm(dim=1) < 0.5
    stripes = (4 * (xy[:, 0] + 0.5 * xy[:, 1])).sin() > 0
    square = xy.abs().amax(1) < 0.4
    chance = torch.rand(64 * 64, generator=torch.Generator().manual_seed(0)) < 0.5
    pictures = torch.stack([disc, stripes, square, chance]).reshape(-1, 1, 64, 64).float()
    found = direct_symmetry(pictures)
    assert list(found.columns) == list(MEASURES)
    assert found.rotation[0] > 0.95
    assert found.translation[1] > 0.95
    assert found["quarter turn"][2] > 0.9
    assert found.rotation[2] < 0.95
    assert found.loc[3].max() < 0.5


def test_direct_measure_does_not_care_about_the_orientation():
    some, share = draw("mirror", "wells", 3, rng())
    pictures = two_tones(some.values(pixel_grid(32)), share).reshape(-1, 1, 32, 32).float()
    first, turned = direct_symmetry(pictures), direct_symmetry(quarter_turn(pictures))
    assert np.abs(first - turned).max().max() < 0.05
    assert first.mirror.min() > 0.85


def test_rotation_is_a_roll_and_mirror_a_reversal():
    """The Fourier transforms against a sum over explicitly transformed values."""
    some, share = draw("none", "ridges", 1, rng())
    picture = two_tones(some.values(pixel_grid(32)), share).reshape(1, 1, 32, 32).float()
    found = around(picture, torch.zeros(1, 2))
    assert found.turns[0, 0, 0] == pytest.approx(1, abs=1e-5)
    flipped = around(picture.flip(-1), torch.zeros(1, 2))
    # an axis at angle a in the picture is at 180 degrees - a in its mirror image
    assert torch.allclose(flipped.mirrors[0, 0], found.mirrors[0, 0].flip(0).roll(1), atol=1e-4)
    assert torch.allclose(flipped.turns[0, 0], found.turns[0, 0].flip(0).roll(1), atol=1e-4)


def test_one_tone_is_no_symmetry_and_shapes_are_checked():
    assert direct_symmetry(torch.ones(1, 1, 16, 16)).max().max() == 0
    assert along(torch.ones(1, 1, 16, 16)).max() == 0
    with pytest.raises(ValueError, match=r"\(N, 1, S, S\)"):
        direct_symmetry(torch.ones(1, 3, 16, 16))
