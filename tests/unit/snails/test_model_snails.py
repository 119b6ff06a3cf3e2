"""What `snails/model-snails` defines: chirality of a coil, the pair of snails and its page."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from chapter_code import chapter_code

from parity_nb.snails.world.model_snail import snail_mesh
from parity_nb.snails.world.shell import Shell

CODE = chapter_code("snails/model-snails")
FLIP = np.array([1.0, -1.0, 1.0])


def centre_line(shell: Shell) -> np.ndarray:
    return shell.surface()[:, :-1].mean(axis=1)


def test_a_right_handed_corkscrew_is_right_handed():
    turn = np.linspace(0, 12, 300)
    screw = np.stack([np.cos(turn), np.sin(turn), 0.2 * turn], axis=1)
    assert CODE.chirality(screw) == "right"
    assert CODE.chirality(screw[::-1]) == "right", "either end first"
    assert CODE.chirality(screw * FLIP) == "left"
    assert CODE.chirality(-screw) == "left"


@pytest.mark.parametrize(
    "shell", [Shell(), Shell(translation=0.2), Shell(expansion=3, distance=0.2, whorls=3)]
)
def test_shells_are_right_handed_and_their_reflections_left(shell):
    assert CODE.chirality(centre_line(shell)) == "right"
    assert CODE.chirality(centre_line(shell) * FLIP) == "left"


def test_a_flat_coil_is_refused():
    with pytest.raises(ValueError, match="flat coil"):
        CODE.chirality(centre_line(Shell(translation=0)))


def test_picture_and_page(tmp_path, monkeypatch):
    monkeypatch.setenv("PARITY_NB_BUILD", str(tmp_path))
    scene = CODE.face_to_face(snail_mesh())
    shot = scene.screenshot(return_img=True).astype(int)
    # Multisampling, left on here, has a pattern that is not its own mirror image: outlines differ.
    assert (np.abs(shot - shot[:, ::-1]).max(-1) > 2).mean() < 0.01
    rim = np.concatenate([shot[[0, -1]].ravel(), shot[:, [0, -1]].ravel()])
    assert (rim == 255).all(), "a snail touches the edge"

    async def in_a_notebook():
        # A kernel runs an event loop; whatever starts a task there would go to the network.
        frame = CODE.interactive(scene, "pair")
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return frame

    frame = asyncio.run(in_a_notebook())
    scene.close()
    assert frame.src == "../../_static/scenes/pair.html"
    page = (tmp_path / "scenes/pair.html").read_text(encoding="utf-8")
    assert "base64Str" in page
    assert 'src="http' not in page
