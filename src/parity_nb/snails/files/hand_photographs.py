"""Pictures with and without hands, from the data sets that Gibbon (2023) trained a classifier on.

Each loader reads a folder as its authors publish it and returns RGB images whose metadata say
which hand is seen: "left", "right", "both", "none" or "unknown".  None of the three is fetched by
this book.

- `hundred_days`: 100 Days of Hands (Shan et al. 2020), frames of videos with boxes around hands.
  Format: the Pascal VOC folders that the README of ddshan/hand_object_detector describes, and the
  fields that its lib/datasets/pascal_voc.py reads.  The frames are those of YouTube videos; the
  terms are those of the project's page.
- `eleven_thousand`: 11k Hands (Afifi 2019), 190 people against white.  Format: the folder of
  pictures and HandInfo.csv of https://sites.google.com/view/11khands, "free for reasonable
  academic fair use".
- `caltech256`: Caltech-256 (Griffin, Holub and Perona 2022), things.  Format: the folders of
  https://doi.org/10.22002/D1.20087, as torchvision unpacks them.  Its terms are in that record.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from parity_nb.images import ImageSet, read_picture

SIDES = {"0": "left", "1": "right"}
"""`handside` in 100 Days of Hands."""

HAND_INFO = ("id", "aspectOfHand", "imageName")
"""Columns of HandInfo.csv that are needed here."""

OUTSIDE = "outside"


def hundred_days(
    folder: str | Path,
    split: str = "trainval",
    size: int = 64,
    images: int | None = None,
    seed: int = 0,
) -> ImageSet:
    """100 Days of Hands: `VOC2007/{Annotations/*.xml, ImageSets/Main/*.txt, JPEGImages/*.jpg}`.

    Pictures are cropped to a square, which may lose a hand at the side.  A hand counts if the
    centre of its box is in the square; a picture of which all hands are outside is left out.

    Args:
        folder: the unpacked archive, or its VOCdevkit2007_handobj_100K or VOC2007.
        split: which list of ImageSets/Main, such as "trainval" or "test".
        size: pixels, as in `parity_nb.images.resize`.
        images: how many to take, at random; all by default.
        seed: of that choice.

    Returns:
        A set with the columns `path`, `observation` (the video), `hand` and `source`.

    Raises:
        FileNotFoundError: if a folder, list, annotation or picture is missing, naming it.
        ValueError: for a file that is not what it should be, naming it.
    """
    inside = ("", "VOC2007", "VOCdevkit2007_handobj_100K/VOC2007")
    root = _first(folder, inside, "Annotations", "pascal_voc_format.zip of 100 Days of Hands")
    listed = root / "ImageSets/Main" / f"{split}.txt"
    if not listed.is_file():
        have = sorted(p.stem for p in listed.parent.glob("*.txt"))
        raise FileNotFoundError(f"no list {listed}; split may be one of {have}")
    names = [line.split()[0] for line in listed.read_text().splitlines() if line.strip()]

    def row(name: str) -> tuple[Path, dict]:
        video = re.sub(r"_\d+$", "", name)
        hand = _hand_in_square(root / "Annotations" / f"{name}.xml")
        return root / "JPEGImages" / f"{name}.jpg", {"observation": video, "hand": hand}

    return _read(names, row, root, "100 Days of Hands", size, images, seed)


def _hand_in_square(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"no annotation {path}")
    try:
        tree = ET.parse(path)
        width, height = (float(tree.findtext(f"size/{side}")) for side in ("width", "height"))
        hands = [o for o in tree.findall("object") if o.findtext("name", "").strip() == "hand"]
        sides = set()
        for hand in hands:
            x0, x1, y0, y1 = (
                float(hand.findtext(f"bndbox/{edge}")) for edge in ("xmin", "xmax", "ymin", "ymax")
            )
            half = min(width, height) / 2
            if max(abs(x0 + x1 - width), abs(y0 + y1 - height)) <= 2 * half:
                sides.add(SIDES.get(hand.findtext("handside", "").strip(), "unknown"))
    except (ET.ParseError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no annotation of 100 Days of Hands: {error}") from error
    if hands and not sides:
        return OUTSIDE
    if len(sides) > 1:
        return "both" if sides >= {"left", "right"} else "unknown"
    return sides.pop() if sides else "none"


def eleven_thousand(
    folder: str | Path, size: int = 64, images: int | None = None, seed: int = 0
) -> ImageSet:
    """11k Hands: `HandInfo.csv` and `Hands/*.jpg`.

    Args:
        folder: where these two lie.
        size: pixels, as in `parity_nb.images.resize`.
        images: how many to take, at random; all by default.
        seed: of that choice.

    Returns:
        A set with the columns `path`, `observation` (the person), `hand`, `aspect` ("dorsal" or
        "palmar") and `source`.

    Raises:
        FileNotFoundError: if the table or a picture that it names is missing, naming it.
        ValueError: if the table lacks a column, or says something else than left or right.
    """
    root = _first(folder, ("",), "HandInfo.csv", "Hands.zip and HandInfo.csv of 11k Hands")
    table = pd.read_csv(root / "HandInfo.csv", dtype=str, keep_default_na=False)
    if missing := [column for column in HAND_INFO if column not in table]:
        raise ValueError(f"{root / 'HandInfo.csv'} lacks {missing}; it has {list(table.columns)}")

    def row(k: int) -> tuple[Path, dict]:
        name, words = table.imageName[k], table.aspectOfHand[k].split()
        if len(words) != 2 or words[1] not in ("left", "right"):
            raise ValueError(
                f"{root / 'HandInfo.csv'}, {name}: aspectOfHand = {table.aspectOfHand[k]!r} is "
                'not like "dorsal right"'
            )
        person = {"observation": f"person {table.id[k]}", "hand": words[1], "aspect": words[0]}
        return root / "Hands" / Path(name).name, person

    return _read(range(len(table)), row, root, "11k Hands", size, images, seed)


def caltech256(
    folder: str | Path,
    size: int = 64,
    images: int | None = None,
    seed: int = 0,
    without: Collection[str] = (),
) -> ImageSet:
    """Caltech-256: 256_ObjectCategories/001.ak47/001_0001.jpg and so on; taken to show no hands.

    Nobody promises that: some of its people hold things.  What else lies in the folders, such as
    056.dog/greg and 198.spider/RENAME2 of the archive, is passed over.

    Args:
        folder: 256_ObjectCategories, or the folder in which it lies.
        size: pixels, as in `parity_nb.images.resize`.
        images: how many to take, at random; all by default.
        seed: of that choice.
        without: categories to leave out, such as "159.people".

    Returns:
        A set with the columns `path`, `observation` (the picture), `hand`, `category` and
        `source`.

    Raises:
        FileNotFoundError: if there are no such folders.
        ValueError: for a category in `without` that there is not, or a broken picture.
    """
    inside = ("", "256_ObjectCategories", "caltech256/256_ObjectCategories")
    root = _first(folder, inside, "001.*", "256_ObjectCategories.tar of Caltech-256")
    categories = sorted(p.name for p in root.iterdir() if re.match(r"\d{3}\.", p.name))
    if unknown := set(without) - set(categories):
        raise ValueError(f"without = {sorted(unknown)}: {root} has no such categories")
    paths = [
        path
        for category in categories
        if category not in without
        for path in sorted((root / category).iterdir())
        if re.fullmatch(r"\d{3}_\d{4}\.jpg", path.name)
    ]

    def row(path: Path) -> tuple[Path, dict]:
        return path, {"observation": path.stem, "hand": "none", "category": path.parent.name}

    return _read(paths, row, root, "Caltech-256", size, images, seed)


def _first(folder: str | Path, inside: Sequence[str], sign: str, archive: str) -> Path:
    """The first of the places in which `sign` lies."""
    for place in inside:
        root = Path(folder) / place
        if root.is_dir() and any(root.glob(sign)):
            return root
    raise FileNotFoundError(f"{folder} holds no {sign}: unpack {archive} there")


def _read(
    items: Sequence,
    row: Callable[..., tuple[Path, dict]],
    root: Path,
    source: str,
    size: int,
    images: int | None,
    seed: int,
) -> ImageSet:
    """Read the pictures of all items, or of `images` random ones, in their order."""
    if images is not None and not 0 < images <= len(items):
        raise ValueError(f"images = {images}, but {source} in {root} has {len(items)}")
    chosen = range(len(items))
    if images is not None:
        chosen = sorted(np.random.default_rng(seed).permutation(len(items))[:images].tolist())
    pictures, rows = [], []
    for k in chosen:
        path, about = row(items[k])
        if about["hand"] == OUTSIDE:
            continue
        if not path.is_file():
            raise FileNotFoundError(f"no picture {path}, which {source} lists")
        pictures.append(read_picture(path, size))
        rows.append({"path": str(path.relative_to(root)), **about, "source": source})
    if not pictures:
        raise ValueError(f"{root}: no picture of {source} is left")
    return ImageSet(torch.stack(pictures), pd.DataFrame(rows), source)
