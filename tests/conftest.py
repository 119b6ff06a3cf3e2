"""What all tests share: a quiet environment, and the book at smoke size, executed once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parity_nb.making.execution import ENVIRONMENT

os.environ.update(ENVIRONMENT)
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ.pop("PARITY_NB_BUILD", None)
os.environ.pop("PARITY_NB_DATA", None)

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


def snakemake(folder: Path, *words: str, preset: str = "smoke") -> str:
    """Run the pipeline in a folder and return what it said; a failure fails the test."""
    command = ["snakemake", "--cores", "all", "--nolock", "--rerun-incomplete"]
    done = subprocess.run(
        [*command, *words, "--config", f"preset={preset}"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"snakemake failed:\n{done.stdout[-6000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def smoke() -> Path:
    """The folder of the book's smoke build, made by the real pipeline where it is not current."""
    snakemake(ROOT)
    return ROOT / "build/smoke"
