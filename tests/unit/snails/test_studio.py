"""The photo studio: cameras, the mirror test, lights, and a machine without OpenGL."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from scipy import stats

from parity_nb.snails.world import offscreen
from parity_nb.snails.world.model_snail import snail_mesh
from parity_nb.snails.world.offscreen import check_opengl
from parity_nb.snails.world.studio import Cameras, Studio, isotropic_cameras

GREY = {"right": "lightgrey", "left": "lightgrey"}
N, SIZE = 12, 128


def photographs(lights: str) -> tuple[np.ndarray, np.ndarray]:
    """The right model, and the mirror image of the left one seen by the mirrored cameras."""
    cameras = isotropic_cameras(N, np.random.default_rng(3))
    with Studio(snail_mesh(), SIZE, lights) as studio:
        right = np.stack(list(studio.shoot(cameras, ["right"] * N, GREY)))
        left = np.stack(list(studio.shoot(cameras.mirrored(), ["left"] * N, GREY)))
    return right.astype(int), left[:, :, ::-1].astype(int)


@pytest.fixture(scope="module")
def headlight():
    return photographs("headlight")


def test_cameras_are_isotropic():
    cameras = isotropic_cameras(20_000, np.random.default_rng(0))
    d, up = cameras.directions, cameras.ups
    assert np.allclose(np.linalg.norm(d, axis=1), 1)
    assert np.allclose(np.linalg.norm(up, axis=1), 1)
    assert np.allclose(np.einsum("ij,ij->i", d, up), 0, atol=1e-12)
    east = np.cross([0, 0, 1], d)
    roll = np.arctan2((up * east).sum(1), (up * np.cross(d, east)).sum(1))
    azimuth = np.arctan2(d[:, 1], d[:, 0])
    for value in ((1 + d[:, 2]) / 2, azimuth / (2 * np.pi) % 1, roll / (2 * np.pi) % 1):
        assert stats.kstest(value, "uniform").pvalue > 0.001


def test_cameras_are_picked_and_mirrored():
    cameras = isotropic_cameras(5, np.random.default_rng(0))
    assert len(cameras[1:3]) == 2
    twice = cameras.mirrored().mirrored()
    assert np.array_equal(twice.directions, cameras.directions)
    assert np.array_equal(twice.ups, cameras.ups)
    assert np.array_equal(cameras.mirrored().directions[:, 1], -cameras.directions[:, 1])


def test_a_picture_holds_all_of_the_model(headlight):
    right, left = headlight
    for shots in (right, left):
        rim = np.concatenate([shots[:, [0, -1]].ravel(), shots[:, :, [0, -1]].ravel()])
        assert (rim == 255).all(), "the model touches the edge of a picture"
        covered = (shots < 250).any(-1).mean((1, 2))
        assert ((covered > 0.05) & (covered < 0.6)).all()


def test_the_studio_commutes_with_the_mirror(headlight):
    # Not to the last pixel: where an edge runs through the centre of a pixel, or two surfaces
    # cut at its depth, a fixed rule or the last bit decides, and neither is mirrored.
    right, left = headlight
    off = (np.abs(right - left).max(-1) > 2).mean()
    assert off < 1e-3
    assert np.sqrt(np.mean((right - left) ** 2)) < 2


def test_both_chiralities_are_lit_alike(headlight):
    right, left = headlight
    levels = [shots[shots < 250].mean() for shots in (right, left)]
    assert levels[0] == pytest.approx(levels[1], abs=0.5)
    assert levels[0] > 100, "a model lit from inside is black"


def test_the_chiralities_differ_under_one_camera():
    cameras = isotropic_cameras(1, np.random.default_rng(3))
    with Studio(snail_mesh(), SIZE) as studio:
        right, left = studio.shoot(
            Cameras(*(np.repeat(v, 2, axis=0) for v in (cameras.directions, cameras.ups))),
            ["right", "left"],
            {"right": "red", "left": "blue"},
        )
    assert right[..., 0].astype(int).sum() > right[..., 2].astype(int).sum()
    assert left[..., 2].astype(int).sum() > left[..., 0].astype(int).sum()
    assert ((right < 250).any(-1) != (left < 250).any(-1)).mean() > 0.01


def test_the_light_kit_does_not_commute():
    right, left = photographs("light kit")
    assert (np.abs(right - left).max(-1) > 2).mean() > 0.05


def test_unknown_lights_and_chiralities_are_refused():
    with pytest.raises(ValueError, match="lights = 'candle' is none of"):
        Studio(snail_mesh(), SIZE, lights="candle")
    cameras = isotropic_cameras(1, np.random.default_rng(0))
    with Studio(snail_mesh(), SIZE) as studio:
        with pytest.raises(ValueError, match="not \\['both'\\]"):
            next(studio.shoot(cameras, ["both"], GREY))
        with pytest.raises(ValueError, match="zip"):
            list(studio.shoot(cameras, ["left", "left"], GREY))


def test_a_machine_without_opengl_is_told_what_to_install(monkeypatch):
    crashed = subprocess.CompletedProcess([], -11, stdout="", stderr="")
    monkeypatch.delenv("PARITY_NB_OPENGL", raising=False)
    monkeypatch.setattr(offscreen.subprocess, "run", lambda *words, **options: crashed)
    with pytest.raises(RuntimeError, match="no OpenGL") as caught:
        check_opengl()
    for words in ("apt-get install libegl1 libgl1-mesa-dri", "conda install", "exit status -11"):
        assert words in str(caught.value)


def test_the_last_words_of_the_probe_are_shown(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr="noise\nno EGL device\n")
    monkeypatch.delenv("PARITY_NB_OPENGL", raising=False)
    monkeypatch.setattr(offscreen.subprocess, "run", lambda *words, **options: failed)
    with pytest.raises(RuntimeError, match="ended with: no EGL device"):
        Studio(snail_mesh(), SIZE)
