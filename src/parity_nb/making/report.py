"""One folder of images, one answer: a chapter run on it, and its page as one file.

The chapter is named in pyproject.toml: `test` under [tool.parity_nb].  It takes the parameter
`folder`, raises a `Refusal` where no answer can be given, and records the numbers "outcome" and
"sentence".
"""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from parity_nb.data import project_root
from parity_nb.making.chapters import Chapter
from parity_nb.making.execution import execute, find_chapter
from parity_nb.records import read_record

NOT_SEEN, FAILED, MISUSED, NO_ANSWER, DETECTED = range(5)
"""Exit codes of `parity-nb test`."""


class Answer(NamedTuple):
    """What is said about a folder: exit code, one sentence, and the page, if there is one."""

    code: int
    sentence: str
    page: Path | None


def testing_chapter(root: Path) -> Chapter:
    """The chapter that answers, as pyproject.toml names it.

    Raises:
        KeyError: if there is no such chapter, or none is named.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return find_chapter(project["tool"]["parity_nb"]["test"], root)


def examine(
    folder: str | Path, values: Mapping[str, Any], target: str | Path, progress: bool = True
) -> Answer:
    """Run the chapter on a folder and leave a report.

    Args:
        folder: of images, or one file.
        values: other parameters of the chapter.
        target: folder of the report; `report.html`, `report.ipynb` and `report.json` in it are
            replaced when all three are complete, and not touched otherwise.
        progress: show a bar of executed cells.

    Raises:
        FileNotFoundError: if there is no such folder or file.
        ValueError: for a parameter that the chapter refuses.
        papermill.PapermillExecutionError: if the chapter fails in another way.
    """
    from papermill import PapermillExecutionError

    folder, target = Path(folder).resolve(), Path(target).resolve()
    if not folder.exists():
        raise FileNotFoundError(f"no folder or file {folder}")
    chapter, values = testing_chapter(project_root()), {**values, "folder": str(folder)}
    if values.get("table"):
        values["table"] = str(Path(values["table"]).resolve())
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".testing-") as making:
        notebook = Path(making) / "report.ipynb"
        try:
            with _environment(PARITY_NB_BUILD=making):
                execute(chapter, values, notebook, progress)
        except PapermillExecutionError as error:
            if error.ename == "Refusal":
                return Answer(NO_ANSWER, f"No answer: {error.evalue}.", None)
            if error.ename in ("ValueError", "KeyError", "FileNotFoundError"):
                raise ValueError(error.evalue) from error
            raise
        record = Path(making) / "records" / chapter.name / "page.json"
        numbers = {n["name"]: n["value"] for n in read_record(record)["numbers"]}
        page = notebook.with_suffix(".html")
        page.write_text(as_html(notebook, numbers["sentence"], values), encoding="utf-8")
        target.mkdir(exist_ok=True)
        for made in (notebook, page, record.replace(notebook.with_suffix(".json"))):
            made.replace(target / made.name)
    code = {"detected": DETECTED, "not seen": NOT_SEEN}.get(numbers["outcome"], NO_ANSWER)
    return Answer(code, numbers["sentence"], target / page.name)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
pre { font-size: 13px; overflow-x: auto; } img { max-width: 100%; }
.answer { font-size: 1.2rem; border-left: 4px solid #b2182b; padding-left: 1rem; }
.caption { font-size: 0.9rem; color: #444; } .jp-InputPrompt, .jp-OutputPrompt,
.anchor-link { display: none; }
"""


def as_html(notebook: Path, sentence: str, values: Mapping[str, Any]) -> str:
    """An executed notebook as one page without code, which needs no other file and no network.

    Args:
        notebook: its path; cells tagged "book-only" are left out.
        sentence: the answer, which stands first.
        values: the parameters that were given, which are named below it.
    """
    import nbformat
    from nbconvert import HTMLExporter

    content = nbformat.read(notebook, as_version=4)
    cells = []
    for cell in content.cells:
        if "book-only" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "markdown":
            cells.append(nbformat.v4.new_markdown_cell(_plain(cell.source)))
            continue
        cell.outputs = [o for o in cell.get("outputs", []) if o.get("name") != "stderr"]
        cells.append(cell)
        mystnb = cell.metadata.get("mystnb", {})
        if "figure" in mystnb:
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output.metadata["image/png"] = {"alt": mystnb["image"]["alt"]}
            caption = escape(mystnb["figure"]["caption"])
            cells.append(nbformat.v4.new_markdown_cell(f'<p class="caption">{caption}</p>'))
    content.cells = cells
    body, _ = HTMLExporter(template_name="basic", exclude_input=True).from_notebook_node(content)
    given = "<br>".join(f"{name} = {escape(str(value))}" for name, value in values.items())
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Broken mirror?</title><style>{STYLE}</style></head>\n"
        f"<body><h1>Does this folder break mirror symmetry?</h1>\n<p>{given}</p>\n"
        f'<p class="answer">{escape(sentence)}</p>\n{body}</body></html>\n'
    )


def _plain(text: str) -> str:
    """MyST as ordinary Markdown: without labels, directives and roles."""
    text = re.sub(r"^\([\w/-]+\)=\n", "", text)
    text = re.sub(r"## References\n", "", text)
    text = re.sub(r"```\{.*?```", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*\{cite\}`[^`]*`", "", text)
    text = re.sub(r"\{\w+\}`([^`<]*?) *<[^`]*`", r"\1", text)
    return re.sub(r"\{\w+\}`([^`]*)`", r"\1", text)
