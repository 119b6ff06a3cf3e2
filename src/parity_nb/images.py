"""Sets of images with one row of metadata each, made once and memory-mapped afterwards."""

from __future__ import annotations

import io
import json
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import resvg_py
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from parity_nb.data import written

BT601 = (0.2989, 0.5870, 0.1140)
"""Weights of red, green and blue in a grey image, as Gibbon (2023) rounds BT.601."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
SVG = ".svg"
SVG_WIDTH = 512
"""Pixels across a drawing that has no pixels of its own."""
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", SVG}
"""Pictures that Pillow reads, and drawings in SVG."""
HDF5 = {".h5", ".hdf5", ".hdf"}
STACKS = {".npy", *HDF5}
"""Files that may hold many images."""


@dataclass
class ImageSet:
    """Images of one size, with metadata.

    Attributes:
        images: uint8 (levels 0 to 255) or float32 tensor (N, C, H, W).
        meta: N rows, one an image; any columns.
        name: what the set is called in tables.
    """

    images: Tensor
    meta: pd.DataFrame = field(default=None)
    name: str = ""

    def __post_init__(self) -> None:
        if self.images.ndim != 4:
            raise ValueError(f"images must be (N, C, H, W), not {tuple(self.images.shape)}")
        if self.images.dtype not in (torch.uint8, torch.float32):
            raise ValueError(f"images must be uint8 or float32, not {self.images.dtype}")
        if self.meta is None:
            self.meta = pd.DataFrame(index=range(len(self.images)))
        if len(self.meta) != len(self.images):
            raise ValueError(f"{len(self.images)} images, but {len(self.meta)} rows of metadata")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index) -> ImageSet:
        """The chosen images (slice, indices or mask) with their metadata."""
        rows = np.atleast_1d(np.arange(len(self))[index])
        # A slice of a memory-mapped set stays on disk.
        picked = self.images[index if isinstance(index, slice) else torch.as_tensor(rows)]
        return ImageSet(picked, self.meta.iloc[rows].reset_index(drop=True), self.name)

    # --- splitting and transforming

    def split(
        self, fold: int = 0, folds: int = 5, seed: int = 0, by: str | None = None
    ) -> tuple[ImageSet, ImageSet]:
        """Training and test images: the test images are one of `folds` equal parts.

        Five folds give the sources' 80/20 split, and the test sets of different folds are
        disjoint.

        Args:
            fold: which part is the test set.
            folds: number of parts.
            seed: of the shuffle; the same for all folds.
            by: a metadata column; rows that share its value stay on one side.

        Raises:
            ValueError: if a part would be empty.
            KeyError: if there is no column `by`, naming those there are.
        """
        if by and by not in self.meta:
            raise KeyError(f"no metadata column {by!r}; there are {list(self.meta.columns)}")
        groups = self.meta[by].to_numpy() if by else np.arange(len(self))
        unique, member = np.unique(groups, return_inverse=True)
        if not 0 <= fold < folds or len(unique) < folds:
            raise ValueError(
                f"cannot take fold {fold} of {folds} from {len(unique)} independent items of "
                f"{self.name or 'the set'}: fold must lie in 0..{folds - 1}, and every part needs "
                "an item"
            )
        order = np.random.default_rng(seed).permutation(len(unique))
        part = np.empty(len(unique), dtype=int)
        part[order] = np.arange(len(unique)) * folds // len(unique)
        test = part[member] == fold
        return self[np.flatnonzero(~test)], self[np.flatnonzero(test)]

    def grey(self) -> ImageSet:
        """The set in one channel, weighted by `BT601`; itself if it has one already."""
        if self.images.shape[1] == 1:
            return self
        return ImageSet(to_grey(self.images), self.meta, f"{self.name}-grey")

    # --- on disk

    def save(self, folder: str | Path) -> Path:
        """Write the set to `folder`; it appears there complete or not at all."""
        folder = Path(folder)
        with written(folder) as part:
            part.mkdir()
            np.save(part / "images.npy", self.images.numpy())
            if len(self.meta.columns):
                self.meta.to_csv(part / "meta.csv", index=False)
            about = {
                "name": self.name,
                "images": len(self),
                "numbers": list(self.meta.select_dtypes(["number", "bool"])),
                "text": list(self.meta.select_dtypes(exclude=["number", "bool"])),
            }
            (part / "set.json").write_text(json.dumps(about))
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> ImageSet:
        """Memory-map a saved set.

        Raises:
            FileNotFoundError: if `folder` holds no set.
        """
        folder = Path(folder)
        if not (folder / "set.json").is_file():
            raise FileNotFoundError(f"{folder} holds no image set: make it with ImageSet.save")
        about = json.loads((folder / "set.json").read_text())
        # Copy on write: torch wants writable memory, the file stays as it is.
        images = torch.from_numpy(np.load(folder / "images.npy", mmap_mode="c"))
        table = folder / "meta.csv"
        return cls(images, _read_meta(table, about) if table.is_file() else None, about["name"])

    # --- from the reader's own files

    @classmethod
    def from_array(cls, images: np.ndarray | Tensor, name: str = "", **meta) -> ImageSet:
        """From (N, H, W), (N, H, W, C) or (N, C, H, W), whose channels are fewer than its pixels.

        Levels are uint8 or float.

        Raises:
            ValueError: for any other shape or type, or values that are not finite.
        """
        images = torch.as_tensor(images)
        if images.dtype != torch.uint8 and not images.is_floating_point():
            raise ValueError(
                f"{name or 'array'}: images are {images.dtype}; give levels 0 to 255 as uint8, or "
                "normalised values as float32"
            )
        if images.ndim == 3:
            images = images[:, None]
        elif images.ndim == 4 and images.shape[-1] < images.shape[1]:
            images = images.permute(0, 3, 1, 2)
        if images.dtype != torch.uint8:
            images = images.float()
            if not images.isfinite().all():
                raise ValueError(f"{name or 'array'}: images hold NaN or infinite values")
        return cls(images.contiguous(), pd.DataFrame(meta) if meta else None, name)

    @classmethod
    def from_hdf5(cls, path: str | Path, key: str = "images", name: str = "") -> ImageSet:
        """From one data set of an HDF5 file; shapes as in `from_array`.

        Raises:
            FileNotFoundError: if there is no such file.
            KeyError: if the file has no such data set, naming those it has.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"no HDF5 file {path}")
        with h5py.File(path) as file:
            if key not in file:
                raise KeyError(f"{path} has no data set {key!r}; it has {sorted(file)}")
            return cls.from_array(file[key][()], name or path.stem)

    @classmethod
    def from_folder(cls, folder: str | Path, size: int | None = None, name: str = "") -> ImageSet:
        """From a folder of pictures, or of one subfolder a class (ImageFolder layout).

        Args:
            folder: every picture below it is read, in the order of its path.
            size: shortest side after an antialiased resize, followed by a square crop at
                the centre; None takes the pictures as they are.
            name: of the set; the folder's name by default.

        Returns:
            RGB uint8 images with the columns `path` and `label` (the subfolder).  They are read
            as `read_images` reads them; 16 bits become 8.

        Raises:
            FileNotFoundError: if the folder does not exist.
            ValueError: if it holds fewer than two pictures, one that cannot be read, or
                pictures of different sizes while `size` is None.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}")
        paths = [p for p in _files(folder) if p.suffix.lower() in SUFFIXES]
        if len(paths) < 2:
            raise ValueError(
                f"{folder} holds {len(paths)} picture(s) ({', '.join(sorted(SUFFIXES))}); "
                "a population needs at least two, a significant result hundreds"
            )
        images = [read_picture(p, size) for p in paths]
        shapes = {tuple(i.shape[-2:]): p for i, p in zip(images, paths, strict=True)}
        if len(shapes) > 1:
            some = ", ".join(f"{p.name} {h}x{w}" for (h, w), p in list(shapes.items())[:3])
            raise ValueError(f"{folder} mixes picture sizes ({some}): give `size` to resize them")
        meta = pd.DataFrame(
            {
                "path": [str(p.relative_to(folder)) for p in paths],
                "label": [
                    p.relative_to(folder).parts[0] if p.parent != folder else "" for p in paths
                ],
            }
        )
        return cls(torch.stack(images), meta, name or folder.name)


def _read_meta(table: Path, about: dict) -> pd.DataFrame:
    # Text stays as it was written: the label "007" is no number, and "" is not missing.
    return pd.read_csv(
        table,
        dtype=dict.fromkeys(about.get("text", ()), str),
        keep_default_na=False,
        na_values={column: [""] for column in about.get("numbers", ())},
    )


def read_picture(path: Path, size: int | None) -> Tensor:
    """One picture file as RGB: (3, H, W) uint8, with H = W = `size` unless that is None.

    Raises:
        ValueError: if it cannot be read, naming it.
    """
    image = _decode(path)[0].round().clamp(0, 255).to(torch.uint8).expand(3, -1, -1)
    return image if size is None else resize(image[None], size)[0]


# --- whatever lies in a folder


@dataclass(frozen=True)
class Item:
    """An image that was found, or the reason why there is none.

    Attributes:
        name: path below the folder; in a stack with its number, `stack.npy[17]`.
        image: uint8 or float32 (C, H, W), or None.
        note: why it could not be read, or what was done to it in reading; empty: nothing.
    """

    name: str
    image: Tensor | None
    note: str = ""


def read_images(path: str | Path, key: str = "") -> Iterator[Item]:
    """All that lies in a folder, or in one file, file after file and image after image.

    Pictures (`SUFFIXES`) come upright, turned or mirrored as their EXIF tag says; with one
    channel if they are grey and three if not; transparent pixels are laid on white.  Of several
    pages or frames the first is taken; an SVG drawing is `SVG_WIDTH` pixels wide.  8 bits stay
    levels 0 to 255; 16 bits become float levels on the same scale (Pillow gives colour with 8 bits
    in any case); 32 bits are left as they are.

    Stacks (`STACKS`) are arrays (H, W) or (H, W, 3), one image; (N, H, W); (N, H, W, C) or
    (N, C, H, W), whose channels are fewer than its pixels.  16 bits as above; other numbers become
    float32 as they are.

    Args:
        path: a folder, read with all folders below it in the order of names; or one file.
        key: the data set in HDF5 files; empty: the only one that may hold images.

    Yields:
        An item for each image, and for each file or image that cannot be read, with the reason.
        Hidden files are passed over.

    Raises:
        FileNotFoundError: if there is no such folder or file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no folder or file {path}")
    for file in _files(path) if path.is_dir() else [path]:
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        try:
            if file.suffix.lower() in SUFFIXES:
                yield _finite(name, *_decode(file))
            elif file.suffix.lower() in STACKS:
                yield from _unstack(file, name, key)
            else:
                yield Item(name, None, f"unknown kind of file ({file.suffix or 'no suffix'})")
        except ValueError as error:
            yield Item(name, None, str(error))


def _files(folder: Path) -> list[Path]:
    """All files below a folder but hidden ones, in the order of their paths."""
    below = (p for p in folder.rglob("*") if p.is_file())
    return sorted(p for p in below if not any(n[0] == "." for n in p.relative_to(folder).parts))


def _finite(name: str, image: Tensor, note: str = "") -> Item:
    if 0 in image.shape:
        return Item(name, None, f"has no pixels: {tuple(image.shape)}")
    if not image.isfinite().all():
        return Item(name, None, "holds NaN or infinite values")
    return Item(name, image, note)


TURNED = dict.fromkeys((3, 6, 8), "turned as its EXIF tag says")
TURNED |= dict.fromkeys((2, 4, 5, 7), "mirrored as its EXIF tag says")
"""What a viewer does to a picture with this EXIF orientation."""


def _decode(path: Path) -> tuple[Tensor, str]:
    """A picture as a viewer shows it: (1 or 3, H, W), and a note."""
    try:
        source = io.BytesIO(_drawn(path)) if path.suffix.lower() == SVG else path
        with warnings.catch_warnings(action="ignore"), Image.open(source) as picture:
            notes = [TURNED.get(picture.getexif().get(0x0112, 1), "")]
            notes += ["first of several pages"] if getattr(picture, "n_frames", 1) > 1 else []
            picture.load()
            image = _channels(ImageOps.exif_transpose(picture), picture.format)
    # Pillow reports a broken PNG chunk as a SyntaxError, a broken TIFF as one of several.
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        EOFError,
        IndexError,
        KeyError,
        OSError,
        SyntaxError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:
        raise ValueError(f"cannot read {path} as a picture: {error}") from error
    return image, ", ".join(filter(None, notes))


def _drawn(path: Path) -> bytes:
    """An SVG drawing as PNG; no fonts are looked for, so that it is the same everywhere."""
    return bytes(
        resvg_py.svg_to_bytes(
            svg_path=str(path), width=SVG_WIDTH, background="white", skip_system_fonts=True
        )
    )


def _channels(picture: Image.Image, kind: str | None) -> Tensor:
    # 16 bits; of a PNG, Pillow 9 says "I"
    if picture.mode.startswith("I;16") or (picture.mode == "I" and kind == "PNG"):
        return torch.from_numpy(np.array(picture).astype(np.float32) / 257)[None]
    if picture.mode in ("I", "F"):
        return torch.from_numpy(np.array(picture, np.float32))[None]
    grey = picture.mode in ("1", "L", "LA", "La")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return tv.pil_to_tensor(picture.convert("L" if grey else "RGB"))


def _unstack(path: Path, name: str, key: str) -> Iterator[Item]:
    try:
        if path.suffix.lower() == ".npy":
            yield from _slices(np.load(path, mmap_mode="r", allow_pickle=False), name)
            return
        with h5py.File(path) as file:
            yield from _slices(_data_set(file, path, key), name)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"cannot read {path} as a stack of images: {error}") from error


def _data_set(file: h5py.File, path: Path, key: str) -> h5py.Dataset:
    found: list[str] = []
    file.visititems(lambda n, x: found.append(n) if isinstance(x, h5py.Dataset) else None)
    wanted = [key] if key else [n for n in found if 2 <= file[n].ndim <= 4]
    if len(wanted) != 1 or wanted[0] not in found:
        raise ValueError(f"it has the data sets {found}; name the one with images by `key`")
    return file[wanted[0]]


def _slices(stack: np.ndarray | h5py.Dataset, name: str) -> Iterator[Item]:
    """The images of an array that stays on disk, one after the other."""
    shape, kind = stack.shape, stack.dtype.kind
    if kind not in "buif" or not 2 <= len(shape) <= 4:
        raise ValueError(f"an array {shape} of {stack.dtype} holds no images")
    if len(shape) == 2 or (len(shape) == 3 and shape[-1] == 3):
        yield _finite(name, _levels(stack[()]))
        return
    for i in range(shape[0]):
        yield _finite(f"{name}[{i}]", _levels(stack[i]))


def _levels(image: np.ndarray) -> Tensor:
    """(H, W), (H, W, C) or (C, H, W) of any number to uint8 or float32 (C, H, W)."""
    image = np.asarray(image)
    if image.dtype == bool:
        image = 255 * image.astype(np.uint8)
    elif image.dtype == np.uint16:
        image = image.astype(np.float32) / 257
    elif image.dtype != np.uint8:
        with np.errstate(over="ignore"):
            image = image.astype(np.float32)
    if image.ndim == 2:
        image = image[None]
    elif image.shape[-1] < image.shape[0]:
        image = np.moveaxis(image, -1, 0)
    return torch.from_numpy(np.array(image, order="C"))


# --- steps of the pipeline, each (N, C, H, W) -> (N, C, H', W')


def resize(images: Tensor, size: int) -> Tensor:
    """Antialiased resize of the shortest side to `size`, then a square crop at the centre.

    Works in float32; uint8 images are rounded back to levels.
    """
    small = tv.resize(images.float(), [size], antialias=True)
    small = tv.center_crop(small, [size, size])
    return small.round().clamp(0, 255).to(torch.uint8) if images.dtype == torch.uint8 else small


def square(images: Tensor, size: int) -> Tensor:
    """The middle of images of any shape, (N, C, H, W) -> (N, C, size, size).

    As many pixels are cut off on one side as on the other, so that the cut commutes with the
    mirror (that of `resize` does not where an odd number is to go): what is left is square, or
    one pixel longer than it is wide or the reverse.  It is resized, antialiased, in float32; uint8
    is rounded back to levels.
    """
    height, width = images.shape[-2:]
    top, left = max(height - width, 0) // 2, max(width - height, 0) // 2
    middle = images[..., top : height - top, left : width - left]
    small = tv.resize(middle.float(), [size, size], antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8) if images.dtype == torch.uint8 else small


def reencode_jpeg(images: Tensor, quality: int) -> Tensor:
    """Each uint8 image, (N, 1 or 3, H, W), as it comes back from a JPEG file.

    Args:
        images: uint8; three channels are stored as YCbCr with halved chroma resolution.
        quality: 1 (worst) to 95, the scale of libjpeg.

    Raises:
        ValueError: for a quality outside 1 to 95, or images that are not uint8.
    """
    if not 1 <= quality <= 95:
        raise ValueError(f"JPEG quality must lie in 1..95, not {quality}")
    if images.dtype != torch.uint8:
        raise ValueError(f"JPEG stores uint8 levels, not {images.dtype}")
    return torch.stack([_jpeg(image, quality) for image in images])


def _jpeg(image: Tensor, quality: int) -> Tensor:
    file = io.BytesIO()
    tv.to_pil_image(image).save(file, "JPEG", quality=quality)
    return tv.pil_to_tensor(Image.open(file))


def to_grey(images: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W) with the weights `BT601`; uint8 is rounded."""
    # Channels last is how screenshots lie in memory; as a matrix product this is quick.
    grey = (images.permute(0, 2, 3, 1).float() @ torch.tensor(BT601))[:, None]
    return grey.round().clamp(0, 255).to(torch.uint8) if images.dtype == torch.uint8 else grey


def normalise(images: Tensor) -> Tensor:
    """Levels 0 to 255, (N, 1 or 3, H, W), to the ImageNet normalisation, (N, 3, H, W) float32.

    One channel becomes three equal ones first, as in a grey PNG opened as RGB.  float32
    images are only widened: they are taken to be normalised.
    """
    if images.dtype == torch.uint8:
        mean, std = (
            torch.tensor(v, device=images.device).reshape(1, 3, 1, 1)
            for v in (IMAGENET_MEAN, IMAGENET_STD)
        )
        return (images.float() / 255 - mean) / std
    return images.expand(-1, 3, -1, -1)


def in_chunks(step: Callable[[Tensor], Tensor], images: Tensor, size: int = 256) -> Tensor:
    """Apply a pipeline step to `size` images at a time, to bound the memory."""
    return torch.cat([step(chunk) for chunk in images.split(size)])


def stack(sets: Sequence[ImageSet], name: str = "") -> ImageSet:
    """Several sets, of images of one shape, as one."""
    meta = pd.concat([s.meta for s in sets], ignore_index=True)
    return ImageSet(torch.cat([s.images for s in sets]), meta, name)
