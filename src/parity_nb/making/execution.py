"""Papermill made strict: one run of one chapter, refused if a parameter is not what it says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from parity_nb.data import build_dir
from parity_nb.making.chapters import Chapter, Parameter, Run, chapters

ENVIRONMENT = {
    # How many threads share a sum changes its last digits: every run has the same count.
    "OMP_NUM_THREADS": "1",
    # Large tensors stay with the process instead of going back to the system page by page.
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "PYVISTA_OFF_SCREEN": "true",
}
"""What a kernel starts with, unless the caller's environment says otherwise."""


def find_chapter(name: str, root: Path) -> Chapter:
    """A chapter by name, such as "snails/training".

    Raises:
        KeyError: if there is none, naming those there are.
    """
    known = chapters(root)
    if name not in known:
        raise KeyError(f"no chapter {name!r}; there are {', '.join(known)}")
    return known[name]


def checked(chapter: Chapter, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, if they name parameters of the chapter and have the right types.

    Raises:
        ValueError: for an unknown name or a wrong type, listing the known parameters.
    """
    found = {}
    for name, value in values.items():
        parameter = chapter.parameters.get(name)
        if parameter is None:
            raise ValueError(f"{chapter.name} has no parameter {name!r}.\n{help_text(chapter)}")
        try:
            found[name] = _adapter(parameter).validate_python(value, strict=True)
        except ValidationError:
            raise ValueError(
                f"{chapter.name}: {name} must be {parameter.type}, not {value!r}.\n"
                f"{help_text(chapter)}"
            ) from None
    return found


def parse(chapter: Chapter, words: list[str]) -> dict[str, Any]:
    """Values from command-line words `name=value`, read as the parameter's type wants.

    Raises:
        ValueError: for a word of another form, an unknown name or a wrong type.
    """
    values = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"-p {word}: write -p name=value")
        parameter = chapter.parameters.get(name)
        is_text = parameter is not None and parameter.type == "str"
        values[name] = text if is_text else yaml.safe_load(text)
    return checked(chapter, values)


def help_text(chapter: Chapter) -> str:
    """The chapter's parameters with types, defaults and meaning, one a line."""
    lines = [f"  {parameter}" for parameter in chapter.parameters.values()]
    return "\n".join([f"Parameters of {chapter.name}:", *lines])


def execute(
    chapter: Chapter,
    values: Mapping[str, Any] | None = None,
    output: Path | None = None,
    progress: bool = True,
) -> Path:
    """Run a chapter with papermill, in the folder of its notebook.

    The notebook is made from the chapter's Python file.  The executed one appears under its
    own name only when every cell has run; until then, and after a failure, it is called
    `<name>.part.ipynb`.

    Args:
        chapter: the chapter.
        values: parameters that differ from the defaults.
        output: path of the executed notebook; by default under `build_dir()/runs`.
        progress: show a progress bar of cells.

    Returns:
        The path of the executed notebook.

    Raises:
        ValueError: for an unknown or badly typed parameter, before anything runs.
        papermill.PapermillExecutionError: if a cell raises.
    """
    import jupytext
    import nbformat
    import papermill

    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.pop("MPLBACKEND", None)  # the kernel's own shows figures in the page
    settings = checked(chapter, values or {})
    if output is None:
        run = Run(chapter, settings, page=False)
        output = build_dir() / "runs" / chapter.name / f"{run.id}.ipynb"
    output = output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(f"{output.stem}.part.ipynb")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / chapter.notebook.name
        nbformat.write(jupytext.read(chapter.source), source)
        papermill.execute_notebook(
            str(source),
            str(part),
            parameters=settings,
            kernel_name="python3",
            cwd=str(chapter.source.parent),
            progress_bar=progress,
        )
    part.replace(output)
    return output


def check_record(record: Mapping[str, Any], known: Mapping[str, Chapter]) -> None:
    """Check that a record could have been written by today's chapter.

    Raises:
        ValueError: if the chapter is gone, or its parameters have changed.
    """
    name = record["chapter"]
    if name not in known:
        raise ValueError(f"stale record: there is no chapter {name!r} any more")
    chapter, parameters = known[name], record["parameters"]
    if missing := set(chapter.parameters) - set(parameters):
        raise ValueError(f"stale record: {name} has new parameters {sorted(missing)}; run it again")
    try:
        checked(chapter, parameters)
    except ValueError as error:
        raise ValueError(f"stale record: {error}") from None
    run = Run(chapter, parameters, page=False)
    if record["run"] != run.id:
        raise ValueError(f"stale record: it is called {record['run']}, {name} calls it {run.id}")


def _adapter(parameter: Parameter) -> TypeAdapter:
    """The annotation, made of plain types, lists, tuples, dicts and unions of them."""
    names = {kind.__name__: kind for kind in (str, int, float, bool, list, tuple, dict)}
    return TypeAdapter(eval(parameter.type, {"__builtins__": {}}, names))
