"""The plan of the house: who may import whom, and where a thing is written by hand."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter

import pytest
import rooms

from parity_nb.data import project_root

ROOT = project_root()
MODULES, USERS = rooms.survey(ROOT)
PARTS = {path.name for path in (ROOT / "notebooks").iterdir() if path.is_dir()}
ROOMS = {"world", "files", "data", "networks", "methods"}
IMPORTS = {name: rooms.imported_modules(module, MODULES) for name, module in MODULES.items()}
LINES = {"package": 15_100, "core": 3_600}
"""What a newcomer can be asked to read; the aim for the package is 14,500."""


def places(name: str) -> tuple[str, str]:
    """Part or "core" or "making", and the room in it."""
    parts = name.split(".")
    return rooms.room(name), parts[2] if len(parts) > 2 else ""


def test_every_part_has_the_same_rooms():
    for name in MODULES:
        part, place = places(name)
        if part in PARTS:
            assert place in ROOMS, f"{name}: a part has {sorted(ROOMS)}"


def test_the_core_imports_no_part():
    for name, imported in IMPORTS.items():
        if rooms.room(name) == "core":
            assert {rooms.room(other) for other in imported} <= {"core"}, name


@pytest.mark.parametrize("room", ["core", "making"])
def test_core_and_making_name_no_part(room):
    """Not in code either: the parts are read from the folders."""
    for name, module in MODULES.items():
        if rooms.room(name) != room:
            continue
        documented = {
            id(node.value)
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = set(re.findall(r"\w+", node.value))
                assert id(node) in documented or not words & PARTS, (name, node.value)


def test_a_part_imports_the_core_and_itself():
    for name, imported in IMPORTS.items():
        if (part := rooms.room(name)) in PARTS:
            assert {rooms.room(other) for other in imported} <= {"core", part}, name


def test_the_world_does_not_know_who_studies_it():
    for name, imported in IMPORTS.items():
        if places(name)[1] == "world":
            assert not {places(other)[1] for other in imported} & {"methods", "networks", "data"}


def test_no_circle():
    order = TopologicalSorter(IMPORTS)
    order.prepare()


def test_no_chapter_imports_another_part():
    for path in (ROOT / "notebooks").glob("*/*.py"):
        imported = rooms.imported_modules(rooms.Module("chapter", path), MODULES)
        assert {rooms.room(other) for other in imported} <= {"core", "making", path.parent.name}


def test_module_names_are_unique_within_a_room_and_say_one_thing():
    """The rooms themselves may have one name in every part, nothing else may."""
    seen: dict[str, str] = {}
    for name in MODULES:
        last = name.rpartition(".")[2]
        if last in ROOMS | PARTS | {"making", "parity_nb"}:
            continue
        assert last not in seen, f"{name} and {seen[last]} have one name"
        seen[last] = name


def test_no_flip_turn_or_roll_outside_symmetry():
    moves = {"flip", "fliplr", "flipud", "rot90", "roll"}
    for name, module in MODULES.items():
        if name == "parity_nb.symmetry":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                own = isinstance(owner, ast.Name) and owner.id in ("symmetry", "sym")
                assert own or node.func.attr not in moves, f"{name}, line {node.lineno}"


def test_a_method_says_where_it_is_derived():
    """And two chapters use the room, or it would stand in one of them."""
    chapters = {f"{p.parent.name}/{p.stem}" for p in (ROOT / "notebooks").glob("*/*.py")}
    for name, module in MODULES.items():
        if places(name)[1] != "methods" or module.path.stem == "__init__":
            continue
        text = module.path.read_text(encoding="utf-8")
        named = set(re.findall(r"derived in\s+`?([\w/-]+)", text, re.IGNORECASE))
        assert named and named <= chapters, f"{name}: {named}"
        users = set().union(*(USERS.get((name, d), set()) for d in module.definitions))
        assert len(users) > 1, f"{name} is used by {users} alone"


def test_everything_is_used():
    """By a chapter, or somewhere in the package or its table of data: a part has no dead code."""
    package = ROOT / "src/parity_nb"
    paths = [*package.rglob("*.py"), package / "datasets.toml"]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    for name, module in MODULES.items():
        if rooms.room(name) in PARTS:
            for definition in module.definitions:
                if not USERS.get((name, definition)):
                    assert len(re.findall(rf"\b{definition}\b", text)) > 1, f"{name}.{definition}"


@pytest.mark.parametrize("room", LINES)
def test_the_package_is_thin(room):
    lines = {
        name: module.lines
        for name, module in MODULES.items()
        if room in ("package", rooms.room(name))
    }
    assert sum(lines.values()) <= LINES[room]


def test_reach(tmp_path):
    """A chapter reaches what it names and what that uses, through renamed imports too."""
    files = {
        "src/parity_nb/__init__.py": "",
        "src/parity_nb/a.py": "from parity_nb.b import g as h\nX = 1\ndef f(): return h()\n",
        "src/parity_nb/b.py": "import parity_nb.a\ndef g(): return Y\nY = 2\ndef unused(): pass\n",
        "notebooks/p/one.py": "from parity_nb import a\na.f()\n",
        "notebooks/p/two.py": "from parity_nb.b import g\ng()\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    _, users = rooms.survey(tmp_path)
    assert users == {
        ("parity_nb.a", "f"): {"p/one"},
        ("parity_nb.b", "g"): {"p/one", "p/two"},
        ("parity_nb.b", "Y"): {"p/one", "p/two"},
    }
