"""The book at smoke size: executed once by the pipeline, then looked at and replayed."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT, snakemake

from parity_nb.making.chapters import Preset, chapters
from parity_nb.making.execution import ENVIRONMENT

RUNS = Preset("smoke", ROOT).runs()
NAMES = [f"{chapter}-{run}" for chapter, run in RUNS]

SHORT = ("calorimeters/detector", "neutrinos/pixel-maps")
REPLAYED = [name for name in chapters(ROOT) if name.startswith("mirrors/") or name in SHORT]
"""Chapters that are run a second time: one part whole, of others what is short and trains nothing,
for what a training bar leaves on stderr depends on its speed."""

PROGRESS = re.compile(r"^\r|\d+%\|")
"""What a tqdm bar writes."""


@pytest.mark.parametrize(("chapter", "run"), RUNS, ids=NAMES)
def test_every_run_is_executed_to_its_end(chapter, run, smoke):
    notebook = nbformat.read(smoke / f"runs/{chapter}/{run}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code if cell.source.strip())
    assert (smoke / f"records/{chapter}/{run}.json").is_file()


@pytest.mark.parametrize(("chapter", "run"), RUNS, ids=NAMES)
def test_nothing_but_progress_on_stderr(chapter, run, smoke):
    """Pages leave stderr out, so a warning there would be lost."""
    notebook = nbformat.read(smoke / f"runs/{chapter}/{run}.ipynb", as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                assert not output.text.strip() or PROGRESS.search(output.text), output.text


@pytest.mark.parametrize("chapter", REPLAYED)
def test_printed_numbers_are_reproducible(chapter, smoke, tmp_path):
    """Nbval runs the executed chapter again and compares what each cell printed."""
    page = next(run for name, run in RUNS if name == chapter)
    shutil.copytree(smoke / "records", tmp_path / "records")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-p",
         "no:cacheprovider", str(smoke / f"runs/{chapter}/{page}.ipynb")],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
        | {**ENVIRONMENT, "PARITY_NB_BUILD": str(tmp_path)},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("preset", ["quick", "study", "full"])
def test_other_sizes_can_be_planned(preset):
    assert "rule chapter" in snakemake(ROOT, "--dry-run", "--forceall", preset=preset)
