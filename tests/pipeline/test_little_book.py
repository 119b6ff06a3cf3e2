"""The real Snakefile on a book of two tiny chapters: what is run, and what is run again."""

import re
import shutil

import pytest
from bs4 import BeautifulSoup
from conftest import snakemake
from little_book import make_little_book

JOBS = {"dataset=M0,seed=0", "dataset=M3,seed=0"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The little book, executed and built."""
    folder = make_little_book(tmp_path_factory.mktemp("little"))
    snakemake(folder)
    return folder


@pytest.fixture
def book(made, tmp_path):
    """A copy of it that a test may change, time stamps and Snakemake's memory included."""
    return shutil.copytree(made, tmp_path / "book")


def planned(book):
    """Names of the runs that a dry run would do, and "site"."""
    text = snakemake(book, "--dry-run")
    jobs = set(re.findall(r"wildcards: chapter=\S+, run=(\S+)", text))
    return jobs | ({"site"} if re.search(r"^(?:local)?rule site", text, re.MULTILINE) else set())


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_every_run_is_kept(made):
    notebooks = {path.stem for path in (made / "build/smoke/runs").rglob("*.ipynb")}
    records = {path.stem for path in (made / "build/smoke/records").rglob("*.json")}
    assert notebooks == records == JOBS | {"page"}


def test_the_site_shows_pages_and_numbers_from_records(made):
    site = made / "build/smoke/site"
    text = BeautifulSoup((site / "book/index.html").read_text(), "html.parser").get_text()
    assert "51.0 ± 1.0 %" in text
    assert "not yet run" in text
    page = BeautifulSoup((site / "notebooks/snails/results.html").read_text(), "html.parser")
    assert re.search(r"dataset +seed +value\s+M0 +0 +0\.51", page.get_text())
    assert "not executed" not in page.get_text()
    assert (site / "_static/mathjax/tex-chtml.js").is_file()


def test_nothing_changed_nothing_done(book):
    assert planned(book) == set()


def test_a_changed_reader_runs_alone(book):
    change(book / "notebooks/snails/results.py", "digits: int = 3", "digits: int = 4")
    assert planned(book) == {"page", "site"}


def test_a_changed_chapter_runs_with_its_readers(book):
    change(book / "notebooks/snails/training.py", "0.001 * images", "0.002 * images")
    assert planned(book) == JOBS | {"page", "site"}


def test_a_changed_module_runs_what_imports_it(book):
    change(book / "src/parity_nb/making/command_line.py", "List the chapters", "Name the chapters")
    assert planned(book) == {"site"}
    change(book / "src/parity_nb/data.py", 'PAGE = "page"', 'PAGE = "pa" + "ge"')
    assert planned(book) == JOBS | {"page", "site"}


def test_a_changed_preset_runs_what_it_changes(book):
    change(book / "presets/smoke.yaml", "seed: [0]", "seed: [0, 2]")
    assert planned(book) == {"dataset=M0,seed=2", "dataset=M3,seed=2", "page", "site"}


def test_a_lost_record_is_made_again(book):
    (book / "build/smoke/records/snails/training/dataset=M0,seed=0.json").unlink()
    assert "dataset=M0,seed=0" in planned(book)


def test_pages_alone_build_the_site_alone(book):
    change(book / "book/index.md", "A little book", "A small book")
    assert planned(book) == {"site"}
