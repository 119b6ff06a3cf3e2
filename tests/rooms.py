"""How large each room of the package is, and how many chapters reach each definition.

`python tests/rooms.py` prints it from the project's root; `python tests/rooms.py snails` also
lists the definitions of one room that a single chapter reaches, which is where the subject of a
chapter may have left home.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGE = "parity_nb"

Key = tuple[str, str]
"""A definition: dotted name of its module, and its own name."""


@dataclass
class Module:
    """One file of Python: what it defines, and what each definition refers to.

    Attributes:
        name: dotted name, such as "parity_nb.snails.world".
        path: the file.
    """

    name: str
    path: Path
    definitions: dict[str, ast.stmt] = field(default_factory=dict)

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @cached_property
    def lines(self) -> int:
        """Lines of the file."""
        return len(self.path.read_text(encoding="utf-8").splitlines())

    def __post_init__(self) -> None:
        for node in self.tree.body:
            for name in _defined(node):
                self.definitions.setdefault(name, node)

    @cached_property
    def imports(self) -> dict[str, tuple[str, str | None]]:
        """Local name -> (module, name in it), wherever in the file it is imported."""
        found: dict[str, tuple[str, str | None]] = {}
        package = self.name if self.path.stem == "__init__" else self.name.rpartition(".")[0]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name] = (alias.name, None)
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                start = ".".join([*(above if node.level else []), *filter(None, [node.module])])
                for alias in node.names:
                    found[alias.asname or alias.name] = (start, alias.name)
        return found

    def references(self, node: ast.AST) -> Iterator[tuple[str, str | None]]:
        """Names that a node uses, as (module, name); name None for a whole module."""
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                module, name = self.imports.get(part.value.id, (None, None))
                if module and name:
                    yield f"{module}.{name}", part.attr
                elif module:
                    yield module, part.attr
            if isinstance(part, ast.Name):
                if part.id in self.definitions:
                    yield self.name, part.id
                elif part.id in self.imports:
                    yield self.imports[part.id]


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [t.id for t in targets if isinstance(t, ast.Name)]


def package_modules(source: Path) -> dict[str, Module]:
    """Every module of the package under the folder `source`, by dotted name."""
    found = {}
    for path in sorted((source / PACKAGE).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path)
    return found


def imported_modules(module: Module, modules: dict[str, Module]) -> set[str]:
    """Modules of the package that a module imports, anywhere in its file."""
    found = set()
    for start, name in module.imports.values():
        for candidate in (f"{start}.{name}", start):
            if candidate in modules:
                found.add(candidate)
                break
    return found - {module.name}


def reached(chapter: Module, modules: dict[str, Module]) -> set[Key]:
    """Definitions of the package that a chapter uses, directly or through others."""
    found: set[Key] = set()
    waiting = list(chapter.references(chapter.tree))
    while waiting:
        module, name = waiting.pop()
        if name is None or module not in modules or (module, name) in found:
            continue
        home = modules[module]
        if name in home.definitions:
            found.add((module, name))
            waiting += home.references(home.definitions[name])
        elif name in home.imports:
            waiting.append(home.imports[name])
    return found


def room(name: str) -> str:
    """The room of a module: a part, "making", or "core" for the flat modules."""
    parts = name.split(".")
    return parts[1] if len(parts) > 2 else "core"


def survey(root: Path) -> tuple[dict[str, Module], dict[Key, set[str]]]:
    """The package's modules, and for each definition the chapters that reach it."""
    modules = package_modules(root / "src")
    for name in [m for m, home in modules.items() if home.path.stem == "__init__"]:
        if name != PACKAGE and not modules[name].definitions:
            del modules[name]
    users: dict[Key, set[str]] = defaultdict(set)
    for path in sorted((root / "notebooks").glob("*/*.py")):
        chapter = Module("/".join((path.parent.name, path.stem)), path)
        for key in reached(chapter, modules):
            users[key].add(chapter.name)
    return modules, users


def length(node: ast.stmt) -> int:
    """Lines of a definition, decorators included."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return node.end_lineno - first + 1


def main(root: Path, chosen: list[str]) -> None:
    """Print lines by room, and by the number of chapters that reach them."""
    modules, users = survey(root)
    lines: Counter[str] = Counter()
    shared: dict[str, Counter[str]] = defaultdict(Counter)
    single: dict[str, list[tuple[str, int, Key]]] = defaultdict(list)
    for name, module in modules.items():
        lines[room(name)] += module.lines
        for definition, node in module.definitions.items():
            chapters = users.get((name, definition), set())
            kind = {0: "none", 1: "one"}.get(len(chapters), "more")
            shared[room(name)][kind] += length(node)
            if kind == "one":
                single[room(name)].append((*chapters, length(node), (name, definition)))
    print(f"{'room':14}{'lines':>8}{'by one':>8}{'by more':>8}{'by none':>8}")
    for place in sorted(lines, key=lambda p: (p != "core", p)):
        counts = shared[place]
        row = lines[place], counts["one"], counts["more"], counts["none"]
        print(f"{place:14}" + "".join(f"{n:8,}" for n in row))
    totals = [sum(lines.values())] + [
        sum(c[k] for c in shared.values()) for k in ("one", "more", "none")
    ]
    print(f"{'package':14}" + "".join(f"{n:8,}" for n in totals))
    for place in chosen:
        print(f"\n{place}: reached by one chapter")
        for chapter, size, (module, name) in sorted(single[place]):
            print(f"  {chapter:45}{size:5}  {module.removeprefix(PACKAGE + '.')}.{name}")


if __name__ == "__main__":
    main(Path.cwd(), sys.argv[1:])
