"""From any picture to a sketch in two tones, as if it were a potential cut at a level."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from parity_nb.discovery.drawings import DRAWINGS, drawing
from parity_nb.fetch import dataset
from parity_nb.images import SUFFIXES, read_images, square, to_grey


def sketch(image: Tensor, pixels: int, share: float = 0.3) -> Tensor:
    """The darkest parts of a picture, as with a broad brush: bool (pixels, pixels), True for dark.

    The middle square of the picture, in grey, is shrunk and blurred by one pixel.  A little of a
    much broader blur decides where there is nothing, so that the level can always be chosen such
    that about `share` of the sketch is dark.  All of it commutes with the symmetries of the square.

    Args:
        image: (C, H, W) with 1 or 3 channels, levels of any range.
        pixels: side of the sketch, 8 at least.
        share: how much of it is dark.

    Raises:
        ValueError: for a picture of one colour, one with fewer than 8 pixels, or a share that is
            not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share = {share} must lie between 0 and 1")
    if min(image.shape[-2:]) < 8:
        raise ValueError(f"{image.shape[-1]} x {image.shape[-2]} pixels are too few: 8 at least")
    grey = image[None].float()
    grey = to_grey(grey) if grey.shape[1] == 3 else grey
    small = square(grey, pixels)
    if small.max() - small.min() < 1e-3 * grey.abs().max().clamp_min(1e-6):
        raise ValueError("it has one colour only: there is nothing to sketch")
    broad = pixels / 8
    blurred = _blur(small, 1.0) + 0.2 * _blur(small, broad)
    # pixels that are equal, up to rounding, get the same tone: a mirror image may not break the tie
    tone = ((blurred - blurred.min()) / (blurred.max() - blurred.min()))[0, 0].round(decimals=4)
    dark = tone <= tone.ravel().kthvalue(max(1, round(share * tone.numel()))).values
    if dark.all():
        raise ValueError("almost all of it has one colour: there is nothing to sketch")
    return dark


def _blur(x: Tensor, sigma: float) -> Tensor:
    size = min(2 * round(3 * sigma) + 1, 2 * (x.shape[-1] // 2) - 1)
    return tv.gaussian_blur(x, [size, size], [sigma, sigma])


@dataclass
class Sketches:
    """Pictures in two tones, and those that could not be used.

    Attributes:
        names: of the pictures.
        tones: (N, pixels^2) bool.
        refused: name -> reason, of all others.
    """

    names: list[str]
    tones: Tensor
    refused: dict[str, str]


def sketches_of_drawings(pixels: int, share: float = 0.3) -> Sketches:
    """The package's own `DRAWINGS`."""
    tones = [sketch(drawing(name), pixels, share).ravel() for name in DRAWINGS]
    return Sketches(list(DRAWINGS), torch.stack(tones), {})


def sketches_in(folder: str | Path, pixels: int, share: float = 0.3) -> Sketches:
    """Every picture in a folder; those that cannot be used are named, with the reason.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no picture, or none that can be used.
    """
    names, tones, refused = [], [], {}
    for item in read_images(folder):
        try:
            if item.image is None:
                raise ValueError(item.note)
            tones.append(sketch(item.image, pixels, share).ravel())
            names.append(item.name)
        except ValueError as error:
            refused[item.name] = str(error)
    if not names:
        reasons = "".join(f"\n- {name}: {reason}" for name, reason in refused.items())
        raise ValueError(
            f"{folder} holds no picture that can be used ({', '.join(sorted(SUFFIXES))})"
            + (reasons or ": it is empty")
        )
    return Sketches(names, torch.stack(tones), refused)


def sketches_of(pictures: str, pixels: int, share: float = 0.3) -> Sketches:
    """Sketches of "drawings", of "paintings" (brought by `parity_nb.fetch`), or of a folder.

    Raises:
        FetchError: if the paintings cannot be brought.
        FileNotFoundError, ValueError: as `sketches_in`.
    """
    if pictures == "drawings":
        return sketches_of_drawings(pixels, share)
    if pictures == "paintings":
        found = sketches_in(dataset("paintings"), pixels, share)
        found.refused.pop("SOURCE.txt", None)  # what `dataset` wrote there
        return found
    return sketches_in(pictures, pixels, share)
