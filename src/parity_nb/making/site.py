"""The site: an assembled tree of pages and executed notebooks, built by Jupyter Book, published."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from parity_nb.making.chapters import NOTEBOOKS, Preset

MARK = ".published-by-parity-nb"
"""A file in a published folder that allows the next publication to replace it."""


def assemble(preset: Preset, build: Path, root: Path) -> Path:
    """Put together what Jupyter Book reads, in the layout of the repository.

    Args:
        preset: whose runs are shown.
        build: the preset's folder of products.
        root: the project's root folder.

    Returns:
        The folder `build/site-src`, made afresh.

    Raises:
        FileNotFoundError: if a page was not executed; the message names it.
    """
    target = build / "site-src"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root / "book", target / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, target)
    for run in preset.runs().values():
        if run.page:
            executed = build / "runs" / run.chapter.name / f"{run.id}.ipynb"
            if not executed.is_file():
                raise FileNotFoundError(f"{executed} is missing; run `make book` first")
            page = target / NOTEBOOKS / f"{run.chapter.name}.ipynb"
            page.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(executed, page)
    scenes = build / "scenes"
    if scenes.is_dir():
        shutil.copytree(scenes, target / "book/_static/scenes", dirs_exist_ok=True)
    return target


def build_site(source: Path, output: Path) -> Path:
    """Build the assembled tree; a Sphinx warning fails the build.

    Returns:
        The index.html of the site, in the folder `output`, which is replaced.

    Raises:
        RuntimeError: if Jupyter Book fails.
    """
    shutil.rmtree(source / "_build", ignore_errors=True)  # stale doctrees hide warnings
    book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    done = subprocess.run([*book, "build", str(source), "-q", "-W", "-n", "--keep-going"])
    if done.returncode:
        raise RuntimeError(f"jupyter-book failed on {source}; its messages stand above")
    shutil.rmtree(output, ignore_errors=True)
    shutil.move(source / "_build/html", output)
    return output / "index.html"


def keep_records(preset: Preset, root: Path) -> list[Path]:
    """Copy the records of all runs of a preset to `book/records/<preset>`, replacing that folder.

    Returns:
        The copies.

    Raises:
        FileNotFoundError: if a run has no record yet; nothing is copied then.
    """
    source = root / "build" / preset.name / "records"
    target = root / "book/records" / preset.name
    names = [f"{chapter}/{run}.json" for chapter, run in preset.runs()]
    if missing := [name for name in names if not (source / name).is_file()]:
        raise FileNotFoundError(f"{source} lacks {len(missing)} records, such as {missing[0]}")
    shutil.rmtree(target, ignore_errors=True)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, target / name)
    return [target / name for name in names]


def publish(site: Path, target: Path) -> None:
    """Copy a built site into a folder, replacing an earlier publication.

    Raises:
        FileNotFoundError: if the site has not been built.
        FileExistsError: if the folder holds anything that is not an earlier publication.
    """
    if not (site / "index.html").is_file():
        raise FileNotFoundError(f"{site / 'index.html'} is missing; run `make book` first")
    if target.exists() and any(target.iterdir()):
        if not (target / MARK).is_file():
            raise FileExistsError(
                f"{target} is not empty and not an earlier publication; choose another folder"
            )
        for entry in target.iterdir():
            if entry.name != ".git":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.copytree(site, target, dirs_exist_ok=True)
    (target / ".nojekyll").touch()  # GitHub Pages would drop folders that begin with _
    (target / MARK).touch()
