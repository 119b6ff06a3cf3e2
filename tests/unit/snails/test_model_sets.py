"""Data sets of model snails: shapes, chiralities, the control, the cache, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed

from parity_nb import images as pipeline
from parity_nb.snails.data import model_sets as sets_module
from parity_nb.snails.data import rendering
from parity_nb.snails.data.model_sets import MODEL_SETS, PIXELS, develop, model_set, model_sets
from parity_nb.snails.world.model_snail import snail_mesh
from parity_nb.snails.world.studio import isotropic_cameras
from parity_nb.symmetry import mirror, mirror_where

N = 20
pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture(scope="module")
def main(data):
    """M1, its control, M2a at 250 pixels with its control, M3 and M3-grey."""
    wanted = [("M1", "S"), ("M1", "SLR"), ("M2a-250", "S"), ("M3", "S"), ("M3-grey", "S")]
    made = model_sets(wanted, N)
    return {f"{name} {variant}": s for (name, variant), s in zip(wanted, made, strict=True)}


def test_shapes_and_chiralities(main):
    for name, made in main.items():
        channels = 3 if name == "M3 S" else 1
        assert made.images.shape == (N, channels, PIXELS, PIXELS)
        assert made.images.dtype == torch.uint8
        assert (made.meta["chirality"] == "left").sum() == N // 2
        assert made.images.float().std() > 10
        assert made.name == name.removesuffix(" S")


def test_an_odd_number_has_one_right_handed_image_more():
    chiralities = model_set("M1", images=3).meta["chirality"]
    assert sorted(chiralities) == ["left", "right", "right"]


def test_m0_is_right_handed():
    assert set(model_set("M0", images=3).meta["chirality"]) == {"right"}


def test_the_control_mirrors_the_screenshots_of_s(main):
    plain, control = main["M1 S"], main["M1 SLR"]
    coin = control.meta["mirrored"].tolist()
    assert 0 < sum(coin) < N
    assert not plain.meta["mirrored"].any()
    assert control.meta["chirality"].equals(plain.meta["chirality"])
    # Without JPEG the pipeline commutes up to rounding, so the flip can be undone afterwards.
    gap = mirror_where(control.images, coin).int() - plain.images.int()
    assert gap.abs().max() <= 1


def test_the_control_mirrors_before_the_compression(monkeypatch):
    seen = []

    def spy(images, quality):
        seen.append(images)
        return images

    monkeypatch.setattr(pipeline, "reencode_jpeg", spy)
    monkeypatch.setattr(sets_module, "_key", lambda *parts: "spied")
    made = model_sets([("M2a-250", "S"), ("M2a-250", "SLR")], 6)
    plain, control = seen
    assert plain.shape == (6, 1, 250, 250), "the JPEG acts on the screenshot"
    coin = made[1].meta["mirrored"].tolist()
    assert any(coin)
    assert torch.equal(control, mirror_where(plain, coin))


def test_left_handed_images_have_cameras_of_their_own(main):
    made = main["M1 S"]
    left = torch.from_numpy((made.meta["chirality"] == "left").to_numpy().copy())
    images = made.images.float()
    apart = torch.cdist(mirror(images[left]).flatten(1), images[~left].flatten(1)) / PIXELS
    assert apart.min() > 1


def test_colour_survives_as_brightness(main):
    grey, colour = main["M3-grey S"], main["M3 S"]
    right = torch.from_numpy((grey.meta["chirality"] == "right").to_numpy().copy())
    snail = grey.images < 250
    levels = [grey.images[m][snail[m]].float().mean() for m in (right, ~right)]
    assert levels[0] > levels[1] + 10
    red, blue = colour.images[right].float(), colour.images[~right].float()
    assert red[:, 0].mean() > red[:, 2].mean()
    assert blue[:, 2].mean() > blue[:, 0].mean()


def test_the_second_time_nothing_is_rendered(main, monkeypatch):
    def refuse(*options, **more):
        raise AssertionError("rendered again")

    monkeypatch.setattr(rendering, "Parallel", refuse)
    again = model_sets([("M1", "SLR"), ("M3", "S")], N)
    assert torch.equal(again[0].images, main["M1 SLR"].images)
    assert torch.equal(again[1].images, main["M3 S"].images)


def test_sets_do_not_depend_on_what_is_made_with_them(main, monkeypatch, tmp_path):
    monkeypatch.setenv("PARITY_NB_DATA", str(tmp_path))
    alone = model_set("M1", "SLR", N)
    assert torch.equal(alone.images, main["M1 SLR"].images)


def test_seeds_differ_and_mesh_and_definitions_are_in_the_key(main, monkeypatch):
    other = model_set("M1", images=3, seed=1)
    assert not torch.equal(other.images, model_set("M1", images=3).images)
    snail = snail_mesh()
    key = sets_module._key(snail, N, 0)
    assert sets_module._key(snail.scale(0.5), N, 0) != key
    monkeypatch.setattr(sets_module, "MODEL_SETS", {})
    assert sets_module._key(snail, N, 0) != key


def test_neither_parts_nor_processes_change_the_pixels():
    film, chiralities = MODEL_SETS["M1"], np.array(["left", "right"] * 3)
    cameras, coin = isotropic_cameras(6, np.random.default_rng(0)), np.arange(6) < 3

    def job(chosen):
        return (
            film,
            snail_mesh(),
            cameras[chosen],
            chiralities[chosen],
            {("M1", "SLR"): coin[chosen]},
        )

    whole = sets_module._develop(*job(slice(None)))
    parts = [slice(0, 2), slice(2, 6)]
    workers = Parallel(n_jobs=2)(delayed(sets_module._develop)(*job(part)) for part in parts)
    for name, images in whole.items():
        assert np.array_equal(images, np.concatenate([part[name] for part in workers]))


def test_an_interrupted_render_leaves_nothing_that_is_taken_for_done(monkeypatch, tmp_path):
    monkeypatch.setenv("PARITY_NB_DATA", str(tmp_path))

    def interrupted(*parts):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model_set("M1", images=3)
    assert not list(tmp_path.rglob("set.json"))
    assert len(model_set("M1", images=3)) == 3


@pytest.mark.parametrize(
    ("wanted", "images", "message"),
    [
        (("M9", "S"), 3, "dataset = 'M9' is none of: M0, M1"),
        (("M1", "LR"), 3, "variant = 'LR' is neither"),
        (("M1", "S"), 0, "at least one image"),
    ],
)
def test_bad_input_is_named(wanted, images, message):
    with pytest.raises(ValueError, match=message):
        model_sets([wanted], images)


def test_grey_pictures_are_the_same_jpeg_in_one_channel_or_three():
    noise = torch.randint(0, 256, (2, 1, 40, 50), generator=torch.Generator().manual_seed(0))
    grey = noise.to(torch.uint8)
    for quality in (1, 20, 90):
        one = pipeline.reencode_jpeg(grey, quality).expand(-1, 3, -1, -1)
        assert torch.equal(one, pipeline.reencode_jpeg(grey.expand(-1, 3, -1, -1), quality))


def test_development_at_256_commutes_and_at_250_not():
    generator = torch.Generator().manual_seed(0)
    for size, recipe in ((256, "M1"), (250, "M2a-250")):
        coarse = torch.rand(2, 3, 12, 12, generator=generator) * 255
        shots = torch.nn.functional.interpolate(coarse, size, mode="bilinear").to(torch.uint8)
        plain = develop(shots, MODEL_SETS[recipe]).int()
        gap = develop(mirror(shots), MODEL_SETS[recipe]).int() - mirror(plain)
        assert (gap.abs().max() <= 1) == (recipe == "M1")
