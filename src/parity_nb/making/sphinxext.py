"""A small Sphinx extension: the book's numbers come from records, and its pages need no network.

- role `record` and directive `records` print numbers and tables, see `parity_nb.tables`;
- directive `modules` documents the package;
- MathJax is copied from the package django-static-mathjax into the site;
- docstrings may use bars;
- a book built from chapters that were never executed says so on every page.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective, SphinxRole

from parity_nb.tables import number_text, table_from_options

BARE = (
    "These chapters were not executed: figures and numbers of this build are missing. "
    "<code>make book</code> runs them and builds the complete book."
)


class RecordRole(SphinxRole):
    """{record}`snails/training dataset=M3: positive fraction %`: a number in a sentence."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """See `parity_nb.tables.number_text`."""
        try:
            return [nodes.Text(number_text(self.text))], []
        except (KeyError, ValueError) as error:
            message = self.inliner.reporter.error(error.args[0], line=self.lineno)
            return [nodes.problematic(self.rawtext, self.rawtext)], [message]


class RecordsDirective(SphinxDirective):
    """A table of one number of a chapter; options as in `parity_nb.tables.table_from_options`."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {
        "name": directives.unchanged_required,
        "by": directives.unchanged,
        "select": directives.unchanged,
        "where": directives.unchanged,
        "published": directives.unchanged,
        "percent": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Write the table as Markdown and let the page's own parser read it."""
        try:
            text = table_from_options(self.arguments[0], self.options)
        except (KeyError, ValueError) as error:
            raise self.error(error.args[0]) from None
        box = nodes.container(classes=["records"])
        self.state.nested_parse(StringList(text.split("\n")), self.content_offset, box)
        return box.children


class ModulesDirective(SphinxDirective):
    """The docstrings of modules: of the flat core, or of the part that the argument names."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Find the modules and let autodoc document each."""
        package = importlib.util.find_spec("parity_nb").submodule_search_locations[0]
        folder = Path(package, *self.arguments)
        paths = folder.rglob("*.py") if self.arguments else folder.glob("*.py")
        lines = []
        for path in sorted(path for path in paths if path.stem != "__init__"):
            name = ".".join(path.relative_to(Path(package).parent).with_suffix("").parts)
            self.env.note_dependency(str(path))
            lines += [f"```{{rubric}} `{name}`", "```", "```{eval-rst}"]
            lines += [f".. automodule:: {name}", "   :members:", "```", ""]
        if not lines:
            raise self.error(f"no modules in {folder.name}")
        box = nodes.container(classes=["modules"])
        self.state.nested_parse(StringList(lines), self.content_offset, box)
        return box.children


def _announce_bare(app: Sphinx, config: Config) -> None:
    notebooks = [p for p in Path(app.srcdir, "notebooks").rglob("*.ipynb") if "." not in p.stem]
    if not any(_executed(path) for path in notebooks):
        config.html_theme_options["announcement"] = BARE


def _executed(notebook: Path) -> bool:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return any(cell.get("outputs") for cell in cells)


def _keep_bars(*arguments: Any) -> None:
    """Docstrings are Markdown in spirit: |G| is the order of a group, not a substitution."""
    lines = arguments[-1]
    lines[:] = [line.replace("|", r"\|") for line in lines]


def _copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    spec = importlib.util.find_spec("mathjax")
    if spec is None:
        raise FileNotFoundError("MathJax is missing: pip install django-static-mathjax")
    source = Path(spec.origin).parent / "static/mathjax/es5"
    target = Path(app.outdir, "_static/mathjax")
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=_unused_mathjax)


def _unused_mathjax(folder: str, names: list[str]) -> set[str]:
    """What a page with TeX in and HTML out can never load."""
    if Path(folder).name == "es5":
        return set(names) - {"tex-chtml.js", "input", "output", "ui"}
    return {"svg", "svg.js", "mml", "mml.js", "asciimath.js"} & set(names)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_role("record", RecordRole())
    app.add_directive("records", RecordsDirective)
    app.add_directive("modules", ModulesDirective)
    app.connect("config-inited", _announce_bare)
    app.connect("autodoc-process-docstring", _keep_bars)
    app.connect("build-finished", _copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
