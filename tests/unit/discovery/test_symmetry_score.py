"""Sets for the symmetry score, the second network, its score, drawings and sketches."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from chapter_code import chapter_code
from PIL import Image

from parity_nb.discovery.methods.decoys import train_decoys
from parity_nb.discovery.world.drawings import DRAWINGS, drawing
from parity_nb.discovery.world.templates import CLASSES, FAMILIES, draw, pixel_grid, two_tones
from parity_nb.fetch import FetchError
from parity_nb.symmetry import dihedral, mirror, quarter_turn

CODE = chapter_code("discovery/symmetry-score")


def rng(seed=0):
    return np.random.default_rng(seed)


def picture_of(name):
    return Image.fromarray(drawing(name)[0].numpy())


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# --- sets


def test_every_family_is_in_every_class():
    made = CODE.template_set(2, 16, 0.0, seed=1)
    cells = pd.crosstab(made.kind.numpy(), made.family.numpy())
    assert cells.shape == (len(CLASSES), len(FAMILIES))
    assert (cells == 2).all(axis=None)
    share = made.tones.float().mean(1)
    assert 0.29 < share.min() <= share.max() < 0.71
    assert torch.equal(made.tones, CODE.template_set(2, 16, 0.0, seed=1).tones)
    assert not torch.equal(made.tones, CODE.template_set(2, 16, 0.0, seed=2).tones)


def test_noise_swaps_its_share_of_the_pixels():
    clean, noisy = (CODE.template_set(4, 32, noise, seed=0) for noise in (0.0, 0.1))
    swapped = (clean.tones ^ noisy.tones).float().mean()
    assert swapped == pytest.approx(0.1, abs=0.005)
    with pytest.raises(ValueError, match=r"noise = 0.5"):
        CODE.template_set(1, 16, 0.5, seed=0)


def test_broken_symmetry_begins_symmetric_and_ends_without():
    made = CODE.broken_set("ridges", 12, [0.0, 0.5, 1.0], 32, 0.0, seed=0)
    assert made.kind.unique().tolist() == [1, 2, 3, 4, 5, 6]
    half_turn = CODE.direct_symmetry(made.pictures)["half turn"].to_numpy()
    kind = made.kind.numpy() == list(CLASSES).index("two mirrors")
    means = [half_turn[kind & (made.amount.numpy() == b)].mean() for b in (0.0, 0.5, 1.0)]
    assert means[0] > 0.8
    assert means[0] > means[1] > means[2]
    with pytest.raises(ValueError, match="between 0 and 1"):
        CODE.broken_set("ridges", 1, [1.5], 16, 0.0, seed=0)


def test_views_are_normalised_and_the_untrained_one_knows_no_picture():
    made = CODE.template_set(1, 16, 0.0, seed=0)
    decoys = train_decoys(made.tones, pixel_grid(16), 8, 0.9, 40, progress=False)
    seen = CODE.views(decoys, made.tones)
    assert tuple(seen) == CODE.VIEWS
    assert [seen[name].shape[1] for name in CODE.VIEWS] == [1, 1, 3, 4, 3]
    for x in seen.values():
        assert x.mean((2, 3)).abs().max() < 1e-4
        assert x.std((2, 3)).max() < 1.1
    other = train_decoys(~made.tones, pixel_grid(16), 8, 0.9, 40, progress=False)
    untrained = CODE.views(other, ~made.tones)["untrained PCA"]
    assert torch.equal(untrained, seen["untrained PCA"])
    assert CODE.difficulty(decoys, made.tones).shape == (len(made), 4)
    assert CODE.difficulty(decoys, made.tones).isfinite().all()


# --- the direct measure


def test_direct_measure_of_known_pictures():
    xy = pixel_grid(64)
    disc = xy.norm(dim=1) < 0.5
    stripes = (4 * (xy[:, 0] + 0.5 * xy[:, 1])).sin() > 0
    square = xy.abs().amax(1) < 0.4
    chance = torch.rand(64 * 64, generator=torch.Generator().manual_seed(0)) < 0.5
    pictures = torch.stack([disc, stripes, square, chance]).reshape(-1, 1, 64, 64).float()
    found = CODE.direct_symmetry(pictures)
    assert list(found.columns) == list(CODE.MEASURES)
    assert found.rotation[0] > 0.95
    assert found.translation[1] > 0.95
    assert found["quarter turn"][2] > 0.9
    assert found.rotation[2] < 0.95
    assert found.loc[3].max() < 0.5


def test_direct_measure_does_not_care_about_the_orientation():
    some, share = draw("mirror", "wells", 3, rng())
    pictures = two_tones(some.values(pixel_grid(32)), share).reshape(-1, 1, 32, 32).float()
    first, turned = CODE.direct_symmetry(pictures), CODE.direct_symmetry(quarter_turn(pictures))
    assert np.abs(first - turned).max().max() < 0.05
    assert first.mirror.min() > 0.85


def test_one_tone_is_no_symmetry_and_shapes_are_checked():
    assert CODE.direct_symmetry(torch.ones(1, 1, 16, 16)).max().max() == 0
    assert CODE.along(torch.ones(1, 1, 16, 16)).max() == 0
    with pytest.raises(ValueError, match=r"\(N, 1, S, S\)"):
        CODE.direct_symmetry(torch.ones(1, 3, 16, 16))


# --- the second network


def test_second_network_learns_and_its_probabilities_do_not_depend_on_the_mirror():
    """Discs against stripes, as two of the seven classes."""
    x = pixel_grid(16).reshape(16, 16, 2)
    angle = 2 * np.pi * torch.rand(60, 1, 1, generator=generator())
    stripes = (4 * (x[..., 0] * angle.cos() + x[..., 1] * angle.sin())).sin()
    discs = (8 * x.norm(dim=-1) + angle).sin()
    images = torch.cat([stripes, discs])[:, None]
    images = images - images.mean((2, 3), keepdim=True)
    kinds = torch.arange(7)[[6, 5]].repeat_interleave(60)
    train = torch.arange(120) % 4 > 0
    net = CODE.train_classifier(images[train], kinds[train], 12, batch=16)
    p = CODE.probabilities(net, images[~train])
    assert (p.argmax(-1) == kinds[~train]).float().mean() > 0.9
    assert p.sum(-1) == pytest.approx(1, abs=1e-5)
    for element in dihedral().elements:
        assert torch.allclose(CODE.probabilities(net, element.act(images[~train])), p, atol=1e-4)


def test_permuted_labels_are_a_null():
    made = torch.randn(140, 1, 8, 8, generator=generator())
    kinds = torch.arange(7).repeat(20)
    net = CODE.train_classifier(made[:105], kinds[:105], 3, seed=1)
    right = (CODE.probabilities(net, made[105:]).argmax(-1) == kinds[105:]).sum()
    assert right <= 14  # of 35, of which 5 by chance; more once in ten thousand times


def test_bad_sides_and_labels_are_refused():
    with pytest.raises(ValueError, match="power of two"):
        CODE.SymmetryNet(1, 24)
    with pytest.raises(ValueError, match="3 images, but 2 classes"):
        CODE.train_classifier(torch.zeros(3, 1, 8, 8), torch.zeros(2, dtype=torch.long), 1)


def test_score_of_ignorance_is_one_half():
    p = torch.full((1, 7), 1 / 7)
    assert CODE.symmetry_score(p).item() == pytest.approx(0.5)
    sure = torch.eye(7)
    assert CODE.symmetry_score(sure).tolist() == [0.0, 1, 1, 1, 1, 1, 1]


def test_calibration_of_a_calibrated_classifier():
    chance = generator()
    confidence = 0.4 + 0.6 * torch.rand(20_000, generator=chance)
    p = torch.full((20_000, 7), 0.0)
    p[:, 0] = confidence
    p[:, 1:] = (1 - confidence[:, None]) / 6
    kinds = (torch.rand(20_000, generator=chance) > confidence).long()
    table = CODE.calibration(p, kinds, 10)
    assert table.n.sum() == 20_000
    assert CODE.calibration_error(table) < 0.02
    assert CODE.calibration_error(CODE.calibration(p, torch.ones_like(kinds))) > 0.5
    assert len(CODE.calibration(p[:3], kinds[:3], 10)) == 3


# --- drawings and sketches


def test_sketch_commutes_with_the_square():
    picture = torch.randint(0, 256, (3, 48, 48), generator=generator()).to(torch.uint8)
    plain = CODE.sketch(picture, 16)
    assert plain.float().mean() == pytest.approx(0.3, abs=0.01)
    for element in dihedral().elements:
        turned = CODE.sketch(element.act(picture[None])[0], 16)
        assert (turned != element.act(plain[None, None])[0, 0]).float().mean() < 0.02


def test_sketch_of_a_wide_picture_is_that_of_its_middle():
    wide = torch.zeros(1, 32, 64)
    wide[:, :, 28:36] = 200.0
    assert torch.equal(CODE.sketch(wide, 16), mirror(CODE.sketch(wide, 16)))


def test_pictures_that_cannot_be_sketched():
    with pytest.raises(ValueError, match="one colour"):
        CODE.sketch(torch.full((3, 20, 20), 90.0), 16)
    with pytest.raises(ValueError, match="4 x 20 pixels"):
        CODE.sketch(torch.rand(1, 20, 4), 16)
    with pytest.raises(ValueError, match="share = 1"):
        CODE.sketch(torch.rand(1, 20, 20), 16, share=1)


def test_folder_goes_on_after_a_bad_file(tmp_path):
    picture_of("house").save(tmp_path / "house.png")
    (tmp_path / "noise.jpg").write_bytes(b"nothing")
    (tmp_path / "notes.txt").write_text("a text")
    Image.new("RGB", (30, 30), "blue").save(tmp_path / "blue.png")
    found = CODE.sketches_in(tmp_path, 16)
    assert found.names == ["house.png"]
    assert found.tones.shape == (1, 256)
    assert set(found.refused) == {"blue.png", "noise.jpg", "notes.txt"}
    assert "one colour" in found.refused["blue.png"]
    assert "cannot read" in found.refused["noise.jpg"]


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match="it is empty"):
        CODE.sketches_in(tmp_path, 16)
    (tmp_path / "notes.txt").write_text("a text")
    with pytest.raises(ValueError, match=r"notes\.txt: unknown kind of file"):
        CODE.sketches_in(tmp_path, 16)
    with pytest.raises(FileNotFoundError, match="no folder"):
        CODE.sketches_in(tmp_path / "nowhere", 16)


def test_sketches_of_the_drawings():
    found = CODE.sketches_in("drawings", 16)
    assert found.names == list(DRAWINGS)
    assert found.tones.float().mean(1) == pytest.approx(0.3, abs=0.1)


# --- pictures from elsewhere


@pytest.fixture(scope="module")
def untrained_edges():
    torch.manual_seed(3)
    return CODE.EdgeNet().eval()


def test_edges_turn_with_the_picture_although_the_network_does_not(untrained_edges):
    picture = torch.randint(0, 256, (3, 160, 160), generator=generator()).to(torch.uint8)
    found = CODE.edges(picture, untrained_edges)
    assert found.shape == (1, 160, 160)
    with torch.no_grad():
        alone = untrained_edges(torch.stack([picture, mirror(picture)]).float())
    assert (mirror(alone[0]) - alone[1]).abs().max() > 1e-3 * alone.std()
    for element in dihedral().elements:
        turned = CODE.edges(element.act(picture[None])[0], untrained_edges)
        assert torch.allclose(turned, element.act(found[None])[0], atol=1e-5)


def test_several_sets_of_pictures_at_once(untrained_edges, tmp_path, monkeypatch):
    monkeypatch.setattr(CODE, "published_edge_network", lambda: untrained_edges)
    for name in ("face", "house"):
        picture_of(name).save(tmp_path / f"{name}.png")
    Image.new("RGB", (30, 30), "blue").save(tmp_path / "blue.png")
    found = CODE.sketches_of(f"drawings, {tmp_path}, {tmp_path}@edges", 16)
    end = ["face.png", "house.png", "face.png@edges", "house.png@edges"]
    assert found.names == [*DRAWINGS, *end]
    assert found.tones.shape == (len(DRAWINGS) + 4, 256)
    assert set(found.refused) == {"blue.png", "blue.png@edges"}


# --- the edge network's published weights


def keras_file(net, path):
    """The network's weights as Keras writes them."""
    with h5py.File(path, "w") as file:
        for place, layer in CODE.keras_layers(net).items():
            file[f"{place}/vars/0"] = layer.weight.detach().permute(2, 3, 1, 0).numpy()
            file[f"{place}/vars/1"] = layer.bias.detach().numpy()
    return path


def test_edge_network_has_the_published_number_of_weights(untrained_edges):
    convolutions = 14_714_688  # those of VGG16, Simonyan & Zisserman (2014)
    sides = 64 + 128 + 256 + 512 + 512 + 5
    assert sum(p.numel() for p in untrained_edges.parameters()) == convolutions + sides + 5 + 1


def test_weights_of_a_keras_file(untrained_edges, tmp_path):
    read = CODE.read_edge_network(keras_file(untrained_edges, tmp_path / "w.h5"))
    x = torch.rand(1, 3, 21, 34, generator=generator()) * 255
    with torch.no_grad():
        assert torch.equal(read(x), untrained_edges(x))
    with h5py.File(tmp_path / "w.h5", "a") as file:
        del file["dsn3/vars/0"]
    with pytest.raises(FetchError, match=r"w\.h5 does not hold the weights of HED.*dsn3"):
        CODE.read_edge_network(tmp_path / "w.h5")
    with pytest.raises(FetchError, match=r"none\.h5"):
        CODE.read_edge_network(tmp_path / "none.h5")
