"""The gappy ring of the chapter: the published numbers of its maps, and points that follow one."""

from __future__ import annotations

import numpy as np
import pytest
from chapter_code import chapter_code
from scipy import stats

ring = chapter_code("mirrors/known-acceptance")


def rng():
    return np.random.default_rng(0)


def test_the_symmetric_world_is_symmetric_and_the_wave_is_not():
    level = ring.density(wave=False)
    assert (level == level[:, :1]).all()
    assert sorted(set(level[:, 0])) == [ring.NOISE, 1 + ring.NOISE]
    assert (level[:, 0] > 1).sum() == len(ring.BANDS) * ring.PIXELS // ring.CELLS
    wave = ring.density(wave=True)
    assert not (wave == wave[:, :1]).all()
    np.testing.assert_allclose(wave.sum(axis=0), level.sum(axis=0))  # no band leaves the map


def test_the_wave_has_the_published_height_and_phase():
    lowest = (ring.density(wave=True) > 1).argmax(axis=0)
    amplitude, phase = ring.WAVE
    assert lowest.max() - lowest.min() == 2 * int(amplitude * ring.PIXELS)
    top = np.flatnonzero(lowest == lowest.max()).mean() * 2 * np.pi / ring.PIXELS
    assert top == pytest.approx((phase + np.pi / 2) % (2 * np.pi), abs=0.02)


def test_the_hole_is_dark_and_nothing_else_differs():
    whole, gap = ring.acceptance(hole=False), ring.acceptance(hole=True)
    y0, y1, phi0, phi1 = (16 * cell for cell in ring.HOLE)
    assert (whole[y0:y1, phi0:phi1] == 1).all()
    assert (gap[y0:y1, phi0:phi1] == 0).all()
    assert (whole != gap).sum() == (y1 - y0) * (phi1 - phi0)
    assert set(np.unique(whole)) == {0, 0.1, 1}


def test_points_follow_the_map():
    density = ring.acceptance(hole=True)
    x = ring.sample(density, 20_000, rng())
    assert (ring.look_up(density, x) > 0).all()
    assert (x >= 0).all() and (x < (1, 2 * np.pi)).all()
    dim = (ring.look_up(density, x) == 0.1).sum()
    expected = 0.1 * (density == 0.1).sum() / density.sum()
    assert stats.binomtest(dim, len(x), expected).pvalue > 1e-4
