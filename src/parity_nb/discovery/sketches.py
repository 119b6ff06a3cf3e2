"""From any picture to a sketch in two tones, as if it were a potential cut at a level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from parity_nb.discovery.drawings import CLIPART, DRAWINGS, drawing
from parity_nb.discovery.edges import edges, published_edges
from parity_nb.fetch import dataset
from parity_nb.images import SUFFIXES, read_images, square, to_grey

BROUGHT = ("clipart", "paintings")
"""Sets of pictures that `parity_nb.fetch` brings."""
EDGES = "@edges"
Sketcher = Callable[[Tensor, int, float], Tensor]


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


def line_sketch(image: Tensor, pixels: int, share: float = 0.3) -> Tensor:
    """The edges of a picture, as with a pencil: bool (pixels, pixels), True for dark.

    `sketch` of what `parity_nb.discovery.edges` finds, so it commutes with the square as well.

    Raises:
        FetchError: if the weights of the network cannot be brought.
        ValueError: as `sketch`.
    """
    sketch(image, 8)  # a picture of one colour is refused before edges are seen in its rounding
    return sketch(1 - edges(image, published_edges()), pixels, share)


@dataclass
class Sketches:
    """Pictures in two tones, and those that could not be used.

    Attributes:
        names: of the pictures.
        tones: (N, pixels^2) bool.
        refused: name -> reason, of all others.
        symmetry: name -> symbol of its group, of those where it is known.
    """

    names: list[str]
    tones: Tensor
    refused: dict[str, str] = field(default_factory=dict)
    symmetry: dict[str, str] = field(default_factory=dict)


def sketches_of_drawings(pixels: int, share: float = 0.3, make: Sketcher = sketch) -> Sketches:
    """The package's own `DRAWINGS`."""
    tones = [make(drawing(name), pixels, share).ravel() for name in DRAWINGS]
    known = {name: symbol for name, (_, symbol) in DRAWINGS.items()}
    return Sketches(list(DRAWINGS), torch.stack(tones), symmetry=known)


def sketches_in(
    folder: str | Path, pixels: int, share: float = 0.3, make: Sketcher = sketch
) -> Sketches:
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
            tones.append(make(item.image, pixels, share).ravel())
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
    """Sketches of one or several sets of pictures.

    Args:
        pictures: with commas between them: "drawings"; "clipart" or "paintings" (brought by
            `parity_nb.fetch`); a folder.  With `EDGES` at its end, edges are drawn instead of
            dark parts, and the names of its pictures get the same end.
        pixels: as for `sketch`.
        share: as for `sketch`.

    Raises:
        FetchError: if a set or the weights of the edge network cannot be brought.
        FileNotFoundError, ValueError: as `sketches_in`.
    """
    whole = Sketches([], torch.empty(0, pixels**2, dtype=torch.bool))
    for word in pictures.split(","):
        word, end, _ = word.strip().partition(EDGES)
        found = _one_set(word, pixels, share, line_sketch if end else sketch)
        whole.names += [name + end for name in found.names]
        whole.tones = torch.cat([whole.tones, found.tones])
        whole.refused |= {name + end: reason for name, reason in found.refused.items()}
        whole.symmetry |= {name + end: symbol for name, symbol in found.symmetry.items()}
    return whole


def _one_set(word: str, pixels: int, share: float, make: Sketcher) -> Sketches:
    if word == "drawings":
        return sketches_of_drawings(pixels, share, make)
    if word not in BROUGHT:
        return sketches_in(word, pixels, share, make)
    found = sketches_in(dataset(word), pixels, share, make)
    found.refused.pop("SOURCE.txt", None)  # what `dataset` wrote there
    found.names = [Path(name).stem for name in found.names]
    found.symmetry = CLIPART if word == "clipart" else {}
    return found
