"""Where the project, its products and its data lie, and how a thing is made once and kept."""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

MARKS = ("_toc.yml", "pyproject.toml")
"""Files that tell the project's root folder."""

PAGE = "page"
"""Run id of a chapter that has one run only."""


def project_root() -> Path:
    """The nearest folder at or above the working directory that holds this book.

    Notebooks run in their own folder, tests and `make` in the root: both end here.  Called
    from elsewhere, an editable installation still knows its folder.

    Raises:
        FileNotFoundError: if neither leads to a folder with `_toc.yml` and `pyproject.toml`.
    """
    here = Path.cwd()
    installed = Path(__file__).resolve().parents[2]
    for folder in (here, *here.parents, installed):
        if all((folder / mark).is_file() for mark in MARKS):
            return folder
    raise FileNotFoundError(
        f"no folder at or above {here} holds {' and '.join(MARKS)}; "
        "work inside a checkout of the book"
    )


def build_dir() -> Path:
    """The products of one preset: $PARITY_NB_BUILD, or build/lab for work by hand.

    A relative path counts from the project's root, wherever the notebook runs.
    """
    return _folder("PARITY_NB_BUILD", "build/lab")


def data_dir() -> Path:
    """Data sets, shared by all presets: $PARITY_NB_DATA, or build/data."""
    return _folder("PARITY_NB_DATA", "build/data")


def _folder(variable: str, default: str) -> Path:
    return project_root() / (os.environ.get(variable) or default)  # an absolute path stays


def run_id(values: Mapping[str, Any]) -> str:
    """The name of a run: `{"dataset": "M3", "seed": 0}` -> "dataset=M3,seed=0"; {} -> "page".

    Raises:
        ValueError: if a value cannot stand in a file name.
    """
    for name, value in values.items():
        if set("/\\,=") & set(str(value)):
            raise ValueError(f"{name}={value!r} tells runs apart, so it may not contain / \\ , =")
    return ",".join(f"{name}={value}" for name, value in values.items()) or PAGE


def choose(parameter: str, value: str, table: Mapping[str, Any]) -> Any:
    """The entry of `table` that a chapter's parameter names.

    Raises:
        ValueError: for a name that is not in the table, listing those that are.
    """
    if value not in table:
        raise ValueError(f"{parameter} = {value!r} is none of: {', '.join(table)}")
    return table[value]


@contextmanager
def written(path: str | Path) -> Iterator[Path]:
    """A path to write a file or a folder to; it becomes `path` when the block ends without error.

    The path given has the same name and lies in a folder of its own beside `path`, so that a
    reader never finds half of it, and several processes may write at once.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        part = Path(folder) / path.name
        yield part
        if path.is_dir():
            shutil.rmtree(path)
        part.replace(path)


def source_key(*made_from: Any) -> str:
    """A short hash of all that a data set is made from, 12 hexadecimal digits.

    Args:
        made_from: modules, functions and classes, by their source; paths, by their content;
            bytes; everything else, by its `repr`.
    """
    digest = hashlib.sha256()
    for thing in made_from:
        if isinstance(thing, (ModuleType, FunctionType, type)):
            content = inspect.getsource(thing).encode()
        elif isinstance(thing, Path):
            content = thing.read_bytes()
        else:
            content = thing if isinstance(thing, bytes) else repr(thing).encode()
        digest.update(content + b"\0")
    return digest.hexdigest()[:12]


def made_once(path: str | Path, make: Callable[[Path], Any]) -> Path:
    """`path`, which `make(part)` writes if it does not exist; other processes wait for it.

    Args:
        path: a file or a folder; what it is made from belongs into its name (`source_key`).
        make: writes to the path that it is given, as `written` gives it.
    """
    from filelock import FileLock  # not needed where only the graph is read

    path = Path(path)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                with written(path) as part:
                    make(part)
    return path
