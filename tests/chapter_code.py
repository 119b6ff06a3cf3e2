"""What a chapter defines, without running the chapter."""

from __future__ import annotations

import ast
import sys
from functools import cache
from types import ModuleType

from parity_nb.data import project_root
from parity_nb.making.chapters import NOTEBOOKS


@cache
def chapter_code(name: str) -> ModuleType:
    """A module with a chapter's imports, parameters, constants, functions and classes.

    Nothing else of the chapter is executed: no data are made and nothing is trained.  Constants
    are names in capitals that are assigned at the top level.  What refers to other variables of
    the chapter gets them by `monkeypatch.setattr(code, "name", value, raising=False)`.

    Args:
        name: such as "snails/your-images".
    """
    path = project_root() / NOTEBOOKS / f"{name}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.AnnAssign)
    tree.body = [node for node in tree.body if isinstance(node, kept) or _is_constant(node)]
    module = ModuleType("chapter_" + name.replace("/", "_").replace("-", "_"))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(tree, str(path), "exec", dont_inherit=True), module.__dict__)
    return module


def _is_constant(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return bool(targets) and all(isinstance(t, ast.Name) and t.id.isupper() for t in targets)
