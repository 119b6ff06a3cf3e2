"""What has to be run for a preset, read from the chapters themselves.

A chapter's Python file says everything the pipeline needs: its parameters (the tagged cell),
what tells its runs apart (`Records.of(..., run=...)`), whose records it reads (`load_records`)
and which modules of the package it imports.  `_toc.yml` says which chapters there are, and
`presets/<name>.yaml` what differs from their defaults.

Only the standard library and PyYAML are used here, so that a workflow engine can read the
Snakefile where the book's own dependencies are not installed.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from parity_nb.data import run_id

NOTEBOOKS = "notebooks"
PARAMETERS_MARK = 'tags=["parameters"]'


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell, `name: type = default  # help`."""

    name: str
    type: str
    default: Any
    help: str

    def __str__(self) -> str:
        return f"{self.name}: {self.type} = {self.default!r}  # {self.help}"


@dataclass(frozen=True)
class Chapter:
    """A chapter, known by its Python file.

    Attributes:
        name: part and file, such as "snails/training".
        root: the project's root folder.
    """

    name: str
    root: Path

    @property
    def source(self) -> Path:
        """The py:percent file, from which everything else is derived."""
        return self.root / NOTEBOOKS / f"{self.name}.py"

    @property
    def notebook(self) -> Path:
        """The paired .ipynb without outputs."""
        return self.source.with_suffix(".ipynb")

    @cached_property
    def _text(self) -> str:
        if not self.source.is_file():
            raise FileNotFoundError(f"{self.source} is missing, but _toc.yml names {self.name}")
        return self.source.read_text(encoding="utf-8")

    @cached_property
    def _tree(self) -> ast.Module:
        return ast.parse(self._text, str(self.source))

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters cell.

        Raises:
            ValueError: if a line is not `name: type = literal  # help`.
        """
        lines = self._text.splitlines()
        starts = [i for i, line in enumerate(lines) if line.startswith("# %%")]
        cells = zip(starts, [*starts[1:], len(lines)], strict=True)
        tagged = [(a + 1, b) for a, b in cells if PARAMETERS_MARK in lines[a]]
        if len(tagged) != 1:
            raise ValueError(f"{self.source}: needs one parameters cell, has {len(tagged)}")
        first, last = tagged[0]
        nodes = ast.parse("\n".join(lines[first:last]), str(self.source)).body
        return {p.name: p for p in (self._parameter(node, lines[first:last]) for node in nodes)}

    def _parameter(self, node: ast.stmt, lines: list[str]) -> Parameter:
        line = lines[node.end_lineno - 1]
        _, mark, comment = line[node.end_col_offset :].partition("#")
        try:
            if not (isinstance(node, ast.AnnAssign) and mark and comment.strip()):
                raise ValueError
            value = ast.literal_eval(node.value)
            return Parameter(node.target.id, ast.unparse(node.annotation), value, comment.strip())
        except (ValueError, AttributeError, TypeError):
            raise ValueError(
                f"{self.source}: in the parameters cell, write `name: type = literal  # meaning`, "
                f"not `{line}`"
            ) from None

    @property
    def defaults(self) -> dict[str, Any]:
        """Default values of the parameters."""
        return {p.name: p.default for p in self.parameters.values()}

    def _calls(self, function: str) -> Iterator[ast.Call]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", None))
                if name == function:
                    yield node

    @cached_property
    def run(self) -> tuple[str, ...]:
        """Names of the parameters that tell runs apart: `run=` of the call to `Records.of`.

        Raises:
            ValueError: if the chapter does not record under its own name.
        """
        calls = [c for c in self._calls("of") if ast.unparse(c.func) == "Records.of"]
        if len(calls) != 1 or ast.literal_eval(calls[0].args[0]) != self.name:
            raise ValueError(f'{self.source}: needs one call Records.of("{self.name}", globals())')
        for keyword in calls[0].keywords:
            if keyword.arg == "run":
                return tuple(ast.literal_eval(keyword.value))
        return ()

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Chapters whose records it loads."""
        calls = (*self._calls("load_records"), *self._calls("load_evidence"))
        names = {ast.literal_eval(call.args[0]) for call in calls}
        return tuple(sorted(names))

    @cached_property
    def modules(self) -> tuple[Path, ...]:
        """Files of the package that it imports, directly or through others."""
        return self.modules_without(())

    def modules_without(self, names: Collection[str]) -> tuple[Path, ...]:
        """The same without some modules and what is imported by them alone."""
        return module_files(_imports(self._tree), self.root / "src", names)


def module_files(
    names: Iterable[str], source: Path, without: Collection[str] = ()
) -> tuple[Path, ...]:
    """Files under the folder `source` of modules, their parents and all that they import.

    Modules named in `without` are left out, and so is what only they import.
    """
    found: set[Path] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        for name in (".".join(parts[: i + 1]) for i in range(len(parts))):
            if name in without:
                break
            path = source / name.replace(".", "/")
            for file in (path.with_suffix(".py"), path / "__init__.py"):
                if file.is_file() and file not in found:
                    found.add(file)
                    inside = name if file.name == "__init__.py" else name.rpartition(".")[0]
                    waiting += _imports(ast.parse(file.read_text(encoding="utf-8")), inside)
    return tuple(sorted(found))


def _imports(tree: ast.Module, package: str = "") -> Iterator[str]:
    """Dotted names of what a syntax tree imports; some may be no modules but things in one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def toc_files(root: Path) -> list[str]:
    """Pages of the book in order, as `_toc.yml` names them."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    pages = [toc["root"]]
    for part in toc.get("parts", []):
        pages += [entry["file"] for entry in part["chapters"]]
    return pages


def chapters(root: Path) -> dict[str, Chapter]:
    """All chapters in the order of `_toc.yml`, by name."""
    prefix = NOTEBOOKS + "/"
    names = [page.removeprefix(prefix) for page in toc_files(root) if page.startswith(prefix)]
    return {name: Chapter(name, root) for name in names}


class Batch(NamedTuple):
    """Data sets that are made in one go: their part, what makes them, and what they share."""

    part: str
    maker: str
    together: str


@dataclass(frozen=True)
class Run:
    """One execution of a chapter.

    Attributes:
        chapter: the chapter.
        settings: parameters that differ from the chapter's defaults.
        page: whether the site shows it.
    """

    chapter: Chapter
    settings: Mapping[str, Any]
    page: bool

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters with their values."""
        return {**self.chapter.defaults, **self.settings}

    @property
    def id(self) -> str:
        """Name of the run: what tells it apart, or "page"."""
        return run_id({name: self.parameters[name] for name in self.chapter.run})

    @property
    def key(self) -> tuple[str, str]:
        """Chapter name and run id."""
        return self.chapter.name, self.id

    @property
    def prepared(self) -> Prepared | None:
        """What its part says of data sets, if the run needs one that its parameters name."""
        known = prepared(self.chapter.root).get(self.chapter.name.partition("/")[0])
        needed = known and known.path in self.chapter.modules
        return known if needed and set(known.parameters) <= set(self.parameters) else None

    @property
    def batch(self) -> Batch | None:
        """The data sets that are made in one go with the one it needs; None if it needs none.

        Raises:
            ValueError: if nothing makes the set that the parameters name.
        """
        known = self.prepared
        if known is None:
            return None
        name = str(self.parameters[known.parameters[0]])
        for pattern, maker in known.makers.items():
            if fnmatch(name, pattern):
                together = run_id({key: self.parameters[key] for key in known.together})
                return Batch(known.part, maker.rpartition(".")[2], together)
        raise ValueError(
            f"{self.chapter.name}: nothing makes {known.parameters[0]} = {name!r}; "
            f"{known.path} knows {', '.join(known.makers)}"
        )

    @property
    def modules(self) -> tuple[Path, ...]:
        """Files of the package that it is made from: not those that make other data sets."""
        if self.batch is None:
            return self.chapter.modules
        return self.chapter.modules_without(self.prepared.other_makers(self.batch.maker))


class Preset:
    """A size of the book: `presets/<name>.yaml`.

    The file maps chapters to `parameters` (for each run of the chapter) and `runs` (further
    runs than the page's own: a list of grids, each the cross product of its lists).

    Raises:
        FileNotFoundError: if there is no such preset, naming those there are.
        ValueError: if it names a chapter or a parameter that does not exist.
    """

    def __init__(self, name: str, root: Path):
        self.name = name
        self.chapters = chapters(root)
        self.path = root / "presets" / f"{name}.yaml"
        if not self.path.is_file():
            known = sorted(path.stem for path in self.path.parent.glob("*.yaml"))
            raise FileNotFoundError(f"no preset {name!r} in presets/; there are {known}")
        self.content = yaml.safe_load(self.path.read_text(encoding="utf-8")) or {}
        if unknown := set(self.content) - set(self.chapters):
            raise ValueError(
                f"{self.path}: unknown chapters {sorted(unknown)}; known: {list(self.chapters)}"
            )
        for chapter, entry in self.content.items():
            if wrong := set(entry) - {"parameters", "runs"}:
                raise ValueError(f"{self.path}, {chapter}: unknown key {sorted(wrong)}")

    def settings(self, chapter: str) -> dict[str, Any]:
        """Parameters that the preset sets for every run of a chapter."""
        return dict(self.content.get(chapter, {}).get("parameters") or {})

    def runs(self) -> dict[tuple[str, str], Run]:
        """Every run of the preset by (chapter, run id), pages first within a chapter."""
        found: dict[tuple[str, str], Run] = {}
        for name, chapter in self.chapters.items():
            common = self.settings(name)
            self._add(found, Run(chapter, common, page=True))
            for grid in self.content.get(name, {}).get("runs") or []:
                for point in _points(grid):
                    self._add(found, Run(chapter, {**common, **point}, page=False))
        return found

    def _add(self, found: dict[tuple[str, str], Run], run: Run) -> None:
        if unknown := set(run.settings) - set(run.chapter.parameters):
            raise ValueError(
                f"{self.path}: {run.chapter.name} has no parameter {sorted(unknown)}; "
                f"it has {list(run.chapter.parameters)}"
            )
        other = found.setdefault(run.key, run)
        if other.parameters != run.parameters:
            raise ValueError(
                f"{self.path}: two runs of {run.chapter.name} are both called {run.id}, but "
                "differ in other parameters"
            )


def _points(grid: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The cross product of a grid's lists; a single value counts as a list of one."""
    axes = [value if isinstance(value, list) else [value] for value in grid.values()]
    for values in itertools.product(*axes):
        yield dict(zip(grid, values, strict=True))


# --- data sets that are made before the runs


@dataclass(frozen=True)
class Prepared:
    """What a part says of its data sets: the literal `PREPARED` of a module of its data room.

    It is a dictionary with the keys "set", names of a chapter's parameters that say which data
    set a run needs; "together", those of them in which sets agree that are made in one go; and
    "made by", module names by patterns of the first parameter's value.

    Attributes:
        part: name of the part.
        module: dotted name of the module, which also has a function `prepare`.
        path: its file.
        parameters: the parameters that name a set.
        together: those that sets made in one go have in common.
        makers: pattern to dotted name of the module that makes such sets.
    """

    part: str
    module: str
    path: Path
    parameters: tuple[str, ...]
    together: tuple[str, ...]
    makers: Mapping[str, str]

    def made_from(self, maker: str) -> tuple[Path, ...]:
        """Files that the sets of one maker, given by the last part of its name, are made from."""
        source = next(p for p in self.path.parents if p.name == "src")
        names = [name for name in self.makers.values() if name.endswith(f".{maker}")]
        return module_files([*names, self.module], source, self.other_makers(maker))

    def other_makers(self, maker: str) -> set[str]:
        """Dotted names of the modules that make the part's other sets."""
        return {name for name in self.makers.values() if not name.endswith(f".{maker}")}


@cache
def prepared(root: Path) -> dict[str, Prepared]:
    """Parts whose data sets the pipeline makes before their chapters run, by name.

    Raises:
        ValueError: if a `PREPARED` is no literal or lacks a key.
    """
    found = {}
    source = root / "src"
    for path in sorted([*source.glob("*/*/data.py"), *source.glob("*/*/data/*.py")]):
        for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PREPARED":
                words = path.relative_to(source).with_suffix("").parts
                try:
                    says = ast.literal_eval(node.value)
                    keys = says["set"], says["together"], says["made by"]
                except (ValueError, TypeError, KeyError) as error:
                    raise ValueError(f"{path}: PREPARED cannot be read: {error}") from None
                found[words[1]] = Prepared(words[1], ".".join(words), path, *keys)
    return found


def batches(runs: Iterable[Run]) -> dict[Batch, list[str]]:
    """Data sets that runs need, each named as a run is, by what makes them together."""
    wanted: dict[Batch, list[str]] = {}
    for run in runs:
        if run.batch:
            values = {name: run.parameters[name] for name in run.prepared.parameters}
            sets = wanted.setdefault(run.batch, [])
            if (name := run_id(values)) not in sets:
                sets.append(name)
    return wanted
