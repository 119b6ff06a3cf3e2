"""Where the project, its products and its data sets lie."""

from __future__ import annotations

import os
from pathlib import Path

MARKS = ("_toc.yml", "pyproject.toml")
"""Files that tell the project's root folder."""


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
