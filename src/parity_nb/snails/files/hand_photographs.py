"""Pictures with and without hands, from the data sets that Gibbon (2023) trained a classifier on.

Each loader reads a folder as its authors publish it and returns RGB images whose metadata say
which hand is seen: "left", "right", "both", "none" or "unknown", its `path`, an `observation`
(video, person or picture) and its `source`.  None of the three is fetched by this book.

All take the `folder` of the data, the `size` of images in pixels (as in `parity_nb.images.resize`),
how many `images` to take at random (all by default), and the `seed` of that choice.  All raise
FileNotFoundError, naming it, for a missing file or folder, and ValueError for one that is not what
it should be.

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
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from parity_nb.images import ImageSet, read_picture

SIDES = {"0": "left", "1": "right"}
"""`handside` in 100 Days of Hands."""

Listed = tuple[Path, dict]
"""A picture and what its row says; `hand` may be the path of an annotation, read when needed."""


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
    `folder` may be the unpacked archive, or its VOCdevkit2007_handobj_100K or VOC2007; `split`
    is a list of ImageSets/Main, such as "trainval" or "test".
    """
    places = (
        "Annotations",
        "VOC2007/Annotations",
        "VOCdevkit2007_handobj_100K/VOC2007/Annotations",
    )
    root = _first(folder, places, "pascal_voc_format.zip of 100 Days of Hands")
    path = root / "ImageSets/Main" / f"{split}.txt"
    if not path.is_file():
        have = sorted(p.stem for p in path.parent.glob("*.txt"))
        raise FileNotFoundError(f"no list {path}; split may be one of {have}")
    names = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
    listed = [
        (
            root / "JPEGImages" / f"{name}.jpg",
            {
                "observation": re.sub(r"_\d+$", "", name),
                "hand": root / "Annotations" / f"{name}.xml",
            },
        )
        for name in names
    ]
    return _read(listed, root, "100 Days of Hands", size, images, seed)


def _hand_in_square(path: Path) -> str | None:
    """Which hand an annotation sees; None if all hands are outside of the square."""
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
        return None
    if len(sides) > 1:
        return "both" if sides >= {"left", "right"} else "unknown"
    return sides.pop() if sides else "none"


def eleven_thousand(
    folder: str | Path, size: int = 64, images: int | None = None, seed: int = 0
) -> ImageSet:
    """11k Hands: `HandInfo.csv` and `Hands/*.jpg`; `aspect` is "dorsal" or "palmar"."""
    root = _first(folder, ("HandInfo.csv",), "Hands.zip and HandInfo.csv of 11k Hands")
    table = pd.read_csv(root / "HandInfo.csv", dtype=str, keep_default_na=False)
    if missing := {"id", "aspectOfHand", "imageName"} - set(table):
        raise ValueError(
            f"{root / 'HandInfo.csv'} lacks {sorted(missing)}; it has {list(table.columns)}"
        )
    listed = []
    for row in table.itertuples():
        if not re.fullmatch(r"\s*\S+\s+(left|right)\s*", row.aspectOfHand):
            raise ValueError(
                f"{root / 'HandInfo.csv'}, {row.imageName}: aspectOfHand = {row.aspectOfHand!r} is "
                'not like "dorsal right"'
            )
        aspect, hand = row.aspectOfHand.split()
        about = {"observation": f"person {row.id}", "hand": hand, "aspect": aspect}
        listed.append((root / "Hands" / Path(row.imageName).name, about))
    return _read(listed, root, "11k Hands", size, images, seed)


def caltech256(
    folder: str | Path,
    size: int = 64,
    images: int | None = None,
    seed: int = 0,
    without: Collection[str] = (),
) -> ImageSet:
    """Caltech-256: 256_ObjectCategories/001.ak47/001_0001.jpg and so on; taken to show no hands.

    Nobody promises that: some of its people hold things; `without` leaves out categories, such as
    "159.people".  What else lies in the folders, such as 056.dog/greg and 198.spider/RENAME2 of
    the archive, is passed over.  The set has the column `category`.
    """
    places = ("001.*", "256_ObjectCategories/001.*", "caltech256/256_ObjectCategories/001.*")
    root = _first(folder, places, "256_ObjectCategories.tar of Caltech-256")
    categories = sorted(p.name for p in root.iterdir() if re.match(r"\d{3}\.", p.name))
    if unknown := set(without) - set(categories):
        raise ValueError(f"without = {sorted(unknown)}: {root} has no such categories")
    listed = [
        (path, {"observation": path.stem, "hand": "none", "category": category})
        for category in categories
        if category not in without
        for path in sorted((root / category).iterdir())
        if re.fullmatch(r"\d{3}_\d{4}\.jpg", path.name)
    ]
    return _read(listed, root, "Caltech-256", size, images, seed)


def _first(folder: str | Path, signs: Iterable[str], archive: str) -> Path:
    """The folder of the first of the signs that there is."""
    for sign in signs:
        for found in Path(folder).glob(sign):
            return found.parent
    raise FileNotFoundError(f"{folder} holds no {next(iter(signs))}: unpack {archive} there")


def _read(
    listed: list[Listed], root: Path, source: str, size: int, images: int | None, seed: int
) -> ImageSet:
    """Read all pictures, or `images` random ones, in their order."""
    if images is not None and not 0 < images <= len(listed):
        raise ValueError(f"images = {images}, but {source} in {root} has {len(listed)}")
    chosen = range(len(listed))
    if images is not None:
        chosen = sorted(np.random.default_rng(seed).permutation(len(listed))[:images].tolist())
    pictures, rows = [], []
    for path, about in (listed[k] for k in chosen):
        if isinstance(about["hand"], Path):
            about = about | {"hand": _hand_in_square(about["hand"])}
        if about["hand"] is None:
            continue
        if not path.is_file():
            raise FileNotFoundError(f"no picture {path}, which {source} lists")
        pictures.append(read_picture(path, size))
        rows.append({"path": str(path.relative_to(root)), **about, "source": source})
    if not pictures:
        raise ValueError(f"{root}: no picture of {source} is left")
    return ImageSet(torch.stack(pictures), pd.DataFrame(rows), source)
