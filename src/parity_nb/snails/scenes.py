"""Scenes for a page: both hands side by side, as a picture and as a scene to turn by hand."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pyvista as pv
from IPython.display import IFrame
from trame_vtk.modules.vtk import serializers
from trame_vtk.tools.vtksz2html import write_html

from parity_nb.data import build_dir
from parity_nb.snails.mesh import in_hand

SITE_SCENES = "../../_static/scenes"
"""The folder of scenes in the site, seen from a page of a part."""


def face_to_face(right: pv.PolyData, gap: float = 0.25) -> pv.Plotter:
    """A model (left in the scene) and its mirror image (right), seen from the right-hand side.

    The mirror stands upright between the two and is not drawn.

    Args:
        right: the right-handed model, inside the unit sphere, its head towards x.
        gap: between the two, in units of the sphere's radius.
    """
    shift = right.bounds.x_max + gap / 2
    # Reflected in the x-z plane and turned by half a turn: reflected in the y-z plane.
    mirrored = in_hand(right, "left").rotate_z(180)
    with pv.vtk_verbosity("error"):  # as in the studio
        scene = pv.Plotter(
            off_screen=True, notebook=False, window_size=(1200, 480), lighting="none"
        )
    scene.add_light(pv.Light(light_type="headlight"))
    scene.set_background("white")
    for model, place in ((right, -shift), (mirrored, shift)):
        scene.add_mesh(model.translate((place, 0, 0)), color="lightgrey", smooth_shading=True)
    scene.camera.focal_point = (0, 0, 0)
    scene.camera.position = (0, -4.2, 0.7)
    scene.camera.up = (0, 0, 1)
    scene.show(auto_close=False)
    return scene


def picture(scene: pv.Plotter) -> np.ndarray:
    """The scene as the camera sees it, (H, W, 3) uint8."""
    return scene.screenshot(return_img=True)


def interactive(scene: pv.Plotter, name: str, height: int = 380) -> IFrame:
    """Write the scene as one self-contained page, which the site shows in a frame.

    The file is `build_dir()/scenes/<name>.html`; it needs no network and can also be opened
    by itself.

    Args:
        scene: what to show.
        name: of the file.
        height: of the frame, pixels.
    """
    folder = build_dir() / "scenes"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.html").open("w", encoding="utf-8") as page:
        write_html(_packed(scene), page)
    return IFrame(f"{SITE_SCENES}/{name}.html", width="100%", height=height)


def _packed(scene: pv.Plotter) -> bytes:
    """The scene in the format of the vtk.js viewer that trame-vtk ships.

    Plotter.trame.export_html does the same through a local server, and on the way tries to
    download another viewer; this needs neither.
    """
    serializers.initialize_serializers()
    context, window = serializers.SynchronizationContext(), scene.render_window
    reference = serializers.reference_id
    described = serializers.serialize(None, window, reference(window), context, 1)
    described["extra"] = {
        "vtkRefId": reference(window),
        "centerOfRotation": scene.camera.focal_point,
        "camera": reference(scene.camera),
    }
    arrays = {
        entry["hash"]: {**entry, "content": context.get_cached_data_array(entry["hash"], False)}
        for entry in serializers.extract_array_hash(described)
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.json", json.dumps({"hashes": arrays, "scene": described}))
    return packed.getvalue()
