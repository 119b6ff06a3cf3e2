"""The house rules of CONTRIBUTING.md, read off the files; nothing is executed here."""

import ast
import json
import re
import statistics

import jupytext
import pytest
import yaml
from jupytext.compare import compare_notebooks

from parity_nb.data import project_root
from parity_nb.making.chapters import NOTEBOOKS, Preset, chapters, toc_files
from parity_nb.making.execution import check_record
from parity_nb.records import read_record

ROOT = project_root()
CHAPTERS = chapters(ROOT)
PRESETS = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))
RECORDS = sorted((ROOT / "book/records").glob("*/*/*/*.json"))

MEDIAN_LINES, MOST_LINES = 6, 30


@pytest.fixture(params=CHAPTERS.values(), ids=CHAPTERS)
def chapter(request):
    return request.param


@pytest.fixture
def notebook(chapter):
    return jupytext.read(chapter.source)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def lines(source):
    return [line for line in source.splitlines() if line.strip()]


def test_every_chapter_is_in_the_book_and_the_reverse():
    on_disk = {
        p.relative_to(ROOT).with_suffix("").as_posix() for p in ROOT.glob("notebooks/*/*.py")
    }
    in_toc = {page for page in toc_files(ROOT) if page.startswith(NOTEBOOKS)}
    assert on_disk == in_toc


def test_every_page_is_in_the_book_and_the_reverse():
    on_disk = {p.relative_to(ROOT).with_suffix("").as_posix() for p in ROOT.glob("book/*.md")}
    assert on_disk == {page for page in toc_files(ROOT) if page.startswith("book/")}


def test_pairs_are_equal(chapter, notebook):
    """The .ipynb is what `make sync` derives from the .py."""
    derived = jupytext.read(chapter.notebook)
    compare_notebooks(derived, notebook, fmt="py:percent", compare_outputs=False)


def test_no_outputs_and_one_kernel(chapter):
    notebook = json.loads(chapter.notebook.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_first_cell(chapter, notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith(f"({chapter.name})=")
    assert "**You will learn**" in first.source
    assert "**Cost**" in first.source


def test_one_title(notebook):
    titles = [line for text in prose(notebook) for line in text.splitlines() if line[:2] == "# "]
    assert len(titles) == 1


def test_parameters_cell_comes_after_imports(chapter, notebook):
    assert chapter.parameters
    tagged = [
        i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])
    ]
    assert len(tagged) == 1
    before = [cell for cell in notebook.cells[: tagged[0]] if cell.cell_type == "code"]
    assert len(before) == 1
    kinds = {type(node) for node in ast.parse(before[0].source).body}
    assert kinds <= {ast.Import, ast.ImportFrom}


def test_every_parameter_is_recorded(chapter):
    """`Records.of` keeps what is annotated: the parameters, and nothing else in the notebook."""
    tree = ast.parse(chapter.source.read_text(encoding="utf-8"))
    annotated = {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    assert annotated == set(chapter.parameters)
    assert set(chapter.run) <= annotated
    assert list(chapter._calls("save"))


def test_chapters_read_existing_chapters(chapter):
    assert set(chapter.reads) <= set(CHAPTERS) - {chapter.name}


def test_cells_are_short(notebook):
    """A cell that holds the chapter's subject is as long as it needs; plumbing is hidden."""
    tags = [set(cell.metadata.get("tags", [])) for cell in code(notebook)]
    sizes = [len(lines(cell.source)) for cell in code(notebook)]
    other = [n for n, tag in zip(sizes, tags, strict=True) if "subject" not in tag]
    assert max(other) <= MOST_LINES
    assert statistics.median(other) <= MEDIAN_LINES


def test_no_magics_no_machines_no_own_urls(chapter):
    text = chapter.source.read_text(encoding="utf-8")
    assert not re.search(r"^# *[%!](?!%)|get_ipython|pip install", text, re.MULTILINE)
    assert not re.search(r"""["'(]/(home|root|work|tmp|Users|mnt|data)/""", text)
    assert not re.search(r"\]\([^)]*\.(html|ipynb)", text)


def test_figures_have_captions_names_and_alt_text(notebook):
    for cell in code(notebook):
        mystnb = cell.metadata.get("mystnb", {})
        shows = re.search(r"plt\.show\(\)|image_grid\(|signed_histogram\(", cell.source)
        if shows and "figure" not in mystnb:
            assert not re.search(r"^\s*(plt\.show\(\)|image_grid\(.*)$", lines(cell.source)[-1])
        if "figure" in mystnb:
            assert mystnb["figure"]["caption"].strip()
            assert mystnb["figure"]["name"].startswith("fig-")
            assert len(mystnb["image"]["alt"]) > 20
            assert "set_title" not in cell.source


def test_figure_names_are_unique():
    text = "".join(chapter.source.read_text(encoding="utf-8") for chapter in CHAPTERS.values())
    names = re.findall(r'"name": "(fig-[^"]*)"', text)
    assert len(names) == len(set(names))


def test_ending(notebook):
    headings = [line for text in prose(notebook) for line in text.splitlines() if line[:3] == "## "]
    assert headings[-2:] == ["## What we found", "## References"]
    last = notebook.cells[-1]
    assert "provenance()" in last.source
    assert set(last.metadata["tags"]) == {"nbval-ignore-output", "hide-output"}
    found = next(i for i, c in enumerate(notebook.cells) if "## What we found" in c.source)
    assert any("assert" in cell.source for cell in code(notebook))
    assert found < len(notebook.cells) - 2


@pytest.mark.parametrize("name", PRESETS)
def test_presets_fit_their_chapters(name):
    assert set(CHAPTERS) <= {chapter for chapter, _ in Preset(name, ROOT).runs()}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: "/".join(path.parts[-4:]))
def test_committed_records_fit_their_chapters(path):
    """A record whose parameters its chapter no longer accepts is stale: run the study again."""
    record = read_record(path)
    check_record(record, CHAPTERS)
    assert path.name == f"{record['run']}.json"
    assert path.parts[-3:-1] == tuple(record["chapter"].split("/"))


@pytest.mark.parametrize("name", sorted({path.parts[-4] for path in RECORDS}))
def test_committed_records_are_those_of_the_preset(name):
    have = {("/".join(p.parts[-3:-1]), p.stem) for p in RECORDS if p.parts[-4] == name}
    assert have <= set(Preset(name, ROOT).runs())


def test_configuration_names_no_machine():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["execute"]["execute_notebooks"] == "off"
