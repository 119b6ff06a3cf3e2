"""Files inside a Qt resource bundle (.rcc), in which a Debian package keeps its pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

DIRECTORY, COMPRESSED, ZSTD = 2, 1, 4
"""Flags of a node."""


def read_rcc(path: str | Path) -> Iterator[tuple[str, bytes]]:
    """Names with folders, and contents, of all files in a bundle.

    The format is that of Qt's `rcc --binary`: the four bytes `qres`, then big-endian numbers: the
    version and where the tree, the data and the names begin.  A node of the tree has the place of
    its name, flags, and either its children or the place of its data.

    Raises:
        ValueError: if it is no such bundle, it ends too early, or a file in it is compressed by
            Zstandard, which is not read.
    """
    path = Path(path)
    content = path.read_bytes()
    if content[:4] != b"qres" or len(content) < 20:
        raise ValueError(f"{path} is not a Qt resource bundle: it begins with {content[:4]!r}")
    try:
        version, tree, data, names = struct.unpack_from(">4I", content, 4)
        size = 14 if version == 1 else 22  # from version 2 on with the time of the last change
        yield from _walk(content, (tree, data, names, size), 0, "")
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _walk(
    content: bytes, places: tuple[int, int, int, int], node: int, above: str
) -> Iterator[tuple[str, bytes]]:
    tree, data, names, size = places
    start = tree + node * size
    name_at, flags = struct.unpack_from(">IH", content, start)
    name = above
    if node:
        (length,) = struct.unpack_from(">H", content, names + name_at)
        letters = content[names + name_at + 6 : names + name_at + 6 + 2 * length]
        name = f"{above}/{letters.decode('utf-16-be')}".lstrip("/")
    if flags & DIRECTORY:
        count, first = struct.unpack_from(">II", content, start + 6)
        for child in range(first, first + count):
            yield from _walk(content, places, child, name)
        return
    (where,) = struct.unpack_from(">I", content, start + 10)
    (length,) = struct.unpack_from(">I", content, data + where)
    found = content[data + where + 4 : data + where + 4 + length]
    if flags & ZSTD:
        raise ValueError(f"{name} is compressed by Zstandard, which is not read here")
    yield name, zlib.decompress(found[4:]) if flags & COMPRESSED else found


def pictures(folder: Path, into: Path) -> None:
    """The whole pictures of GCompris's activity `details`, without their cut-out pieces."""
    end = "_background.webp"
    for name, content in read_rcc(folder / "details.rcc"):
        if name.endswith(end):
            picture = name.rpartition("/")[2].removesuffix(end) + ".webp"
            (into / picture).write_bytes(content)
