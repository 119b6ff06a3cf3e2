"""Pictures with and without hands, on small files written in the formats of the real data sets."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from parity_nb.snails.files.hand_photographs import caltech256, eleven_thousand, hundred_days

RNG = np.random.default_rng(0)


def picture(path, width=80, height=60):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, quality=95)


# --- 100 Days of Hands


def box(name, x0, x1, side=None, y0=10, y1=50):
    edges = f"<xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
    more = "<contactstate>3</contactstate>" if name == "hand" else "<contactleft>0</contactleft>"
    return (
        f"<object><name>{name}</name><difficult>0</difficult><bndbox>{edges}</bndbox>{more}"
        f"<handside>{side}</handside></object>"
    )


FRAMES = {
    "diy_v1_abcdefghijk_000001": box("hand", 30, 50, 0) + box("targetobject", 35, 60),
    "diy_v1_abcdefghijk_000090": box("hand", 30, 50, 1),
    "food_v2_xyz_x_yz_00_000007": box("hand", 20, 30, 0) + box("hand", 50, 60, 1),
    "food_v2_xyz_x_yz_00_000008": box("targetobject", 30, 50),
    "food_v2_xyz_x_yz_00_000009": box("hand", 0, 8, 1),  # outside of the central square
    "food_v2_xyz_x_yz_00_000010": box("hand", 30, 50, "None"),
}


@pytest.fixture
def doh(tmp_path):
    root = tmp_path / "VOCdevkit2007_handobj_100K/VOC2007"
    for folder in ("Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for name, objects in FRAMES.items():
        picture(root / "JPEGImages" / f"{name}.jpg")
        (root / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><folder>VOC2007</folder><filename>{name}.jpg</filename><size>"
            "<width>80</width><height>60</height><depth>3</depth></size>"
            f"{objects}</annotation>"
        )
    (root / "ImageSets/Main/trainval.txt").write_text("\n".join(FRAMES) + "\n")
    return root


def test_hundred_days_reads_sides_and_videos(doh, tmp_path):
    for folder in (tmp_path, doh.parent, doh):
        found = hundred_days(folder, size=16)
        assert found.images.shape == (5, 3, 16, 16)
        assert found.meta.hand.tolist() == ["left", "right", "both", "none", "unknown"]
        assert found.meta.observation.nunique() == 2
        assert found.meta.path[0] == "JPEGImages/diy_v1_abcdefghijk_000001.jpg"


def test_hundred_days_names_what_is_wrong(doh):
    name = "diy_v1_abcdefghijk_000090"
    with pytest.raises(FileNotFoundError, match=r"train\.txt.*trainval"):
        hundred_days(doh, split="train")
    annotation = doh / f"Annotations/{name}.xml"
    whole = annotation.read_text()
    for broken in (whole[:-20], whole.replace("<width>80</width>", ""), "<annotation/>"):
        annotation.write_text(broken)
        if broken == "<annotation/>":
            broken = "size"
        with pytest.raises(ValueError, match=f"{name}.xml is no annotation"):
            hundred_days(doh)
    annotation.unlink()
    with pytest.raises(FileNotFoundError, match=f"{name}.xml"):
        hundred_days(doh)
    annotation.write_text(whole)
    (doh / f"JPEGImages/{name}.jpg").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=f"{name}.jpg"):
        hundred_days(doh)


# --- 11k Hands


@pytest.fixture
def eleven(tmp_path):
    rows = [
        (0, 27, "male", "fair", 0, 0, "dorsal right", "Hand_0000002.jpg", 0),
        (0, 27, "male", "fair", 0, 0, "palmar left", "Hand_0000003.jpg", 0),
        (1001001, 22, "female", "dark", 1, 1, "dorsal left", "Hand_0011740.jpg", 1),
    ]
    columns = ["id", "age", "gender", "skinColor", "accessories", "nailPolish", "aspectOfHand"]
    table = pd.DataFrame(rows, columns=[*columns, "imageName", "irregularities"])
    table.to_csv(tmp_path / "HandInfo.csv", index=False)
    for name in table.imageName:
        picture(tmp_path / "Hands" / name)
    return tmp_path


def test_eleven_thousand_reads_sides_and_people(eleven):
    found = eleven_thousand(eleven, size=16)
    assert found.images.shape == (3, 3, 16, 16)
    assert found.meta.hand.tolist() == ["right", "left", "left"]
    assert found.meta.aspect.tolist() == ["dorsal", "palmar", "dorsal"]
    assert found.meta.observation.tolist() == ["person 0", "person 0", "person 1001001"]


def test_eleven_thousand_names_what_is_wrong(eleven, tmp_path_factory):
    with pytest.raises(FileNotFoundError, match=r"HandInfo\.csv"):
        eleven_thousand(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ValueError, match="images = 4"):
        eleven_thousand(eleven, images=4)
    (eleven / "Hands/Hand_0000003.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"Hand_0000003\.jpg"):
        eleven_thousand(eleven)
    table = (eleven / "HandInfo.csv").read_text()
    (eleven / "HandInfo.csv").write_text(table.replace("palmar left", "palmar"))
    with pytest.raises(ValueError, match=r"Hand_0000003.*aspectOfHand"):
        eleven_thousand(eleven)
    (eleven / "HandInfo.csv").write_text(table.replace("aspectOfHand", "aspect"))
    with pytest.raises(ValueError, match=r"lacks.*aspectOfHand"):
        eleven_thousand(eleven)


# --- Caltech-256


@pytest.fixture
def caltech(tmp_path):
    for category, n in (("001.ak47", 2), ("056.dog", 1), ("159.people", 1), ("257.clutter", 2)):
        for k in range(n):
            root = tmp_path / "256_ObjectCategories"
            picture(root / category / f"{category[:3]}_{k + 1:04d}.jpg")
    (root / "056.dog/greg").mkdir()
    picture(root / "056.dog/greg/vision309-0043.jpg")
    (root / "056.dog/RENAME2").write_text("stray")
    return tmp_path


def test_caltech_reads_categories_and_passes_over_strays(caltech):
    found = caltech256(caltech, size=16)
    assert (
        found.meta.category.tolist()
        == ["001.ak47"] * 2 + ["056.dog", "159.people"] + ["257.clutter"] * 2
    )
    assert set(found.meta.hand) == {"none"}
    fewer = caltech256(caltech / "256_ObjectCategories", size=16, without=["159.people"])
    assert len(fewer) == 5
    assert len(caltech256(caltech, size=16, images=3)) == 3


def test_caltech_names_what_is_wrong(caltech, tmp_path_factory):
    with pytest.raises(FileNotFoundError, match=r"256_ObjectCategories\.tar"):
        caltech256(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ValueError, match="people"):
        caltech256(caltech, without=["people"])
    (caltech / "256_ObjectCategories/001.ak47/001_0002.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"001_0002\.jpg"):
        caltech256(caltech)
