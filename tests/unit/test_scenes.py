"""Scenes for a page: the picture is its own mirror image, the page stands alone."""

from __future__ import annotations

import asyncio

import numpy as np

from parity_nb.snails.mesh import snail_mesh
from parity_nb.snails.scenes import face_to_face, interactive, picture


def test_picture_and_page(tmp_path, monkeypatch):
    monkeypatch.setenv("PARITY_NB_BUILD", str(tmp_path))
    scene = face_to_face(snail_mesh())
    shot = picture(scene).astype(int)
    # Multisampling, left on here, has a pattern that is not its own mirror image: outlines differ.
    assert (np.abs(shot - shot[:, ::-1]).max(-1) > 2).mean() < 0.01
    rim = np.concatenate([shot[[0, -1]].ravel(), shot[:, [0, -1]].ravel()])
    assert (rim == 255).all(), "a snail touches the edge"

    async def in_a_notebook():
        # A kernel runs an event loop; whatever starts a task there would go to the network.
        frame = interactive(scene, "pair")
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return frame

    frame = asyncio.run(in_a_notebook())
    scene.close()
    assert frame.src == "../../_static/scenes/pair.html"
    page = (tmp_path / "scenes/pair.html").read_text(encoding="utf-8")
    assert "base64Str" in page
    assert 'src="http' not in page
