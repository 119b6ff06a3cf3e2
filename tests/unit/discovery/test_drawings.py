"""Drawings with a known symmetry, and the list of clip art."""

from __future__ import annotations

import pytest
import torch
from chapter_code import chapter_code

from parity_nb import fetch
from parity_nb.discovery.world.drawings import CLIPART, DRAWINGS, drawing

direct_symmetry = chapter_code("discovery/symmetry-score").direct_symmetry


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_has_two_tones(name):
    image = drawing(name)
    assert image.dtype == torch.uint8 and image.ndim == 3
    dark = (image < 128).float().mean()
    assert 0.02 < dark < 0.8


def test_drawings_have_the_symmetry_that_they_are_said_to_have():
    pictures = torch.stack([(drawing(name) < 128).float() for name in DRAWINGS])
    pictures = torch.nn.functional.adaptive_avg_pool2d(pictures, 64)
    found = direct_symmetry(pictures, reach=0.1, centres=5).set_axis(list(DRAWINGS))
    group = {name: symbol for name, (_, symbol) in DRAWINGS.items()}
    for name, symbol in group.items():
        if symbol in ("C2", "C4", "D4", "D6"):
            assert found.loc[name, "half turn"] > 0.8, name
        if symbol in ("C4", "D4"):
            assert found.loc[name, "quarter turn"] > 0.8, name
        if symbol[0] == "D":
            assert found.loc[name, "mirror"] > 0.8, name
        if symbol == "R":
            assert found.loc[name, "translation"] > 0.9, name
        if symbol == "none":
            assert found.loc[name, ["mirror", "half turn", "quarter turn"]].max() < 0.8, name


def test_unknown_drawing_is_refused():
    with pytest.raises(ValueError, match=r"drawing = 'cat' is none of: carpet"):
        drawing("cat")


def test_clip_art_is_listed_with_a_symmetry():
    assert {name.removesuffix(".svg") for name in fetch.DATA_SETS["clipart"].files} == set(CLIPART)


def test_clip_art_comes_under_its_names(tmp_path):
    entry = fetch.DATA_SETS["clipart"]
    for place in entry.sources[0].paths.values():
        (tmp_path / "svg" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "svg" / place).write_text(place)
    (tmp_path / "into").mkdir()
    entry.sources[0]._collect(tmp_path / "svg", entry.files, tmp_path / "into")
    assert (tmp_path / "into/snail.svg").read_text().startswith("animals/bugs/lumaca")
    assert len(list((tmp_path / "into").iterdir())) == len(CLIPART)
