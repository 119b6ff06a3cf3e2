"""Qt resource bundles, written here in their own format."""

from __future__ import annotations

import struct
import zlib

import pytest

from parity_nb.discovery.files.qt_bundle import pictures, read_rcc


def bundle(files: dict[str, bytes], version: int = 2, compress: bool = False) -> bytes:
    """A bundle with one folder `images` that holds the files."""
    names, data, nodes = b"", b"", []

    def name(text: str) -> int:
        nonlocal names
        at = len(names)
        names += struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")
        return at

    nodes.append(struct.pack(">IHII", 0, 2, 1, 1))
    nodes.append(struct.pack(">IHII", name("images"), 2, len(files), 2))
    for text, content in files.items():
        if compress:
            content = struct.pack(">I", len(content)) + zlib.compress(content)
        nodes.append(struct.pack(">IHHHI", name(text), int(compress), 0, 0, len(data)))
        data += struct.pack(">I", len(content)) + content
    tree = b"".join(node + bytes(8 if version > 1 else 0) for node in nodes)
    at = 20
    head = struct.pack(">4sIIII", b"qres", version, at, at + len(tree), at + len(tree) + len(data))
    return head + tree + data + names


FILES = {"Bridge_background.webp": b"a bridge" * 9, "Bridge_0.webp": b"a piece", "x.qml": b""}


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("version", [1, 2])
def test_bundle_gives_back_its_files(tmp_path, version, compress):
    path = tmp_path / "details.rcc"
    path.write_bytes(bundle(FILES, version, compress))
    assert dict(read_rcc(path)) == {f"images/{name}": content for name, content in FILES.items()}


def test_whole_pictures_are_taken_and_pieces_are_not(tmp_path):
    (tmp_path / "details.rcc").write_bytes(bundle(FILES))
    into = tmp_path / "into"
    into.mkdir()
    pictures(tmp_path, into)
    assert [p.name for p in into.iterdir()] == ["Bridge.webp"]
    assert (into / "Bridge.webp").read_bytes() == FILES["Bridge_background.webp"]


def test_other_files_and_broken_ones_are_refused(tmp_path):
    path = tmp_path / "details.rcc"
    path.write_bytes(b"PK\3\4 no bundle at all")
    with pytest.raises(ValueError, match=r"details\.rcc is not a Qt resource bundle"):
        list(read_rcc(path))
    path.write_bytes(bundle(FILES, compress=True)[:120])
    with pytest.raises(ValueError, match=r"details\.rcc is damaged"):
        list(read_rcc(path))
    content = bytearray(bundle(FILES))
    content[20 + 2 * 22 + 5] = 4  # the first file's flags
    path.write_bytes(content)
    with pytest.raises(ValueError, match="Zstandard"):
        list(read_rcc(path))
