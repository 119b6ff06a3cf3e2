"""Folders with a known answer: pictures of drawn shells, with the accidents that folders suffer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

DEMONSTRATIONS = {
    "symmetric": {},
    "handed": {"handed": 0.8},
    "rare": {"handed": 0.02},
    "clock": {"clock": True},
}
"""What `draw_shells` is told for each."""
SHAPES = ((96, 80), (80, 96), (90, 90), (120, 81))
"""Widths and heights of the pictures, pixels."""
CLOCK = (0.6, 0.84, 1.0, 1.0)
"""Where the clock is burnt in: left, top, right, bottom of the middle square."""


def draw_shells(
    folder: str | Path, images: int, handed: float = 0.0, clock: bool = False, seed: int = 0
) -> Path:
    """Write pictures of drawn shells, seen from above, on a coloured ground.

    A shell is a logarithmic spiral of any size, colour and direction.  Its chirality, clockwise or
    anticlockwise from the tip, is decided by a coin, except in the share `handed` of the pictures.

    Args:
        folder: where; it is made.
        images: number of pictures, half of them PNG and half JPEG of quality 90.
        handed: share of the pictures whose shell is clockwise without a coin.
        clock: burn the time of day into the lower right corner, as some cameras do.
        seed: of all chance.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i in range(images):
        chirality = 1 if rng.random() < handed else rng.choice([-1, 1])
        picture = _shell(rng, SHAPES[rng.integers(len(SHAPES))], int(chirality))
        if clock:
            _burn_in(picture, f"{rng.integers(24):02d}:{rng.integers(60):02d}")
        if i % 2:
            picture.save(folder / f"{i:05d}.jpg", quality=90)
        else:
            picture.save(folder / f"{i:05d}.png")
    return folder


def add_accidents(folder: Path) -> Path:
    """Add what folders collect: a broken file, notes, and copies of a picture.

    One copy was saved again, and one of those is mirrored by its EXIF tag.
    """
    first = min(folder.glob("*.png"))
    with Image.open(first) as picture:
        exif = Image.Exif()
        exif[0x0112] = 2
        picture.save(folder / "again.jpg", quality=70)
        picture.save(folder / "selfie.jpg", quality=70, exif=exif)
    (folder / "broken.png").write_bytes(first.read_bytes()[:300])
    (folder / "notes.txt").write_text("Found under the hedge.\n", encoding="utf-8")
    return folder


def _shell(rng: np.random.Generator, shape: tuple[int, int], chirality: int) -> Image.Image:
    ground = rng.integers(40, 200, 3) + rng.integers(-25, 26, (5, 5, 1))
    picture = Image.fromarray(ground.astype(np.uint8)).resize(shape, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    radius = min(shape) * rng.uniform(0.28, 0.38)
    centre = np.array(shape) * rng.uniform(0.44, 0.56, 2)
    colour, start = rng.integers(90, 230, 3), rng.uniform(0, 2 * np.pi)
    # the tube doubles in a turn; its older part, towards the tip, lies on top
    for turn in np.arange(0, 3.6, 0.04):
        angle = start - chirality * 2 * np.pi * turn
        away = 0.74 * radius * 2.0**-turn
        place = centre + away * np.array([np.cos(angle), np.sin(angle)])
        shade = tuple(int(c) for c in colour * (0.55 + 0.45 * (turn * 4 % 1)))
        draw.ellipse([*(place - 0.36 * away), *(place + 0.36 * away)], fill=shade)
    return picture


def _burn_in(picture: Image.Image, text: str) -> None:
    side = min(picture.size)
    corner = ((picture.width + side) // 2 - 2, (picture.height + side) // 2 - 2)
    font = ImageFont.load_default(size=(CLOCK[3] - CLOCK[1]) * side)
    ImageDraw.Draw(picture).text(corner, text, (255, 150, 30), font, anchor="rs")
