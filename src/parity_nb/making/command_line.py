"""The command `parity-nb`: run a chapter, test a folder, get data, make the site's parts."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from parity_nb.data import build_dir, project_root
from parity_nb.making.chapters import Preset, chapters, prepared
from parity_nb.making.execution import execute, find_chapter, help_text, parse
from parity_nb.making.site import assemble, build_site, keep_records, publish
from parity_nb.tables import refill

app = typer.Typer(
    help="Run the chapters of the book, test images of your own, get data, make the site.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _fail(error: Exception) -> typer.Exit:
    text = error.args[0] if isinstance(error, KeyError) else error  # str(KeyError) adds quotes
    typer.echo(text, err=True)
    return typer.Exit(2)


@app.command()
def run(
    chapter: Annotated[str, typer.Argument(help="part/name; `parity-nb chapters` lists them")],
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", help="name=value, repeatable")
    ] = None,
    preset: Annotated[str | None, typer.Option("-f", "--preset", help="smoke, study, full")] = None,
    output: Annotated[Path | None, typer.Option(help="path of the executed notebook")] = None,
    progress: Annotated[bool, typer.Option(help="show a bar of executed cells")] = True,
) -> None:
    """Execute one chapter; unknown or badly typed parameters are refused."""
    root = project_root()
    try:
        found = find_chapter(chapter, root)
        settings = Preset(preset, root).settings(chapter) if preset else {}
        values = {**settings, **parse(found, parameter or [])}
        path = execute(found, values, output, progress)
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise _fail(error) from None
    typer.echo(path)


@app.command("test")
def test_folder(
    folder: Annotated[Path, typer.Argument(help="folder of images, or one file")],
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", help="name=value, repeatable")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="folder for the report")] = None,
    progress: Annotated[bool, typer.Option(help="show a bar of executed cells")] = True,
) -> None:
    """Say in one sentence whether a folder of images breaks mirror symmetry; leave a report.

    Exit code 0: no asymmetry seen; 4: detected; 3: these images cannot tell; 2: wrong use, such
    as an unknown parameter; 1: the program failed.
    """
    from parity_nb.making.report import examine, testing_chapter

    try:
        values = parse(testing_chapter(project_root()), parameter or [])
        target = output or build_dir() / "tests" / folder.resolve().name
        answer = examine(folder, values, target, progress)
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise _fail(error) from None
    typer.echo(answer.sentence)
    if answer.page:
        typer.echo(f"report: {answer.page}", err=True)
    raise typer.Exit(answer.code)


@app.command("chapters")
def list_chapters(
    name: Annotated[str | None, typer.Argument(help="show one chapter's parameters")] = None,
) -> None:
    """List the chapters, or the parameters of one."""
    root = project_root()
    if name is None:
        typer.echo("\n".join(chapters(root)))
        return
    try:
        typer.echo(help_text(find_chapter(name, root)))
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise _fail(error) from None


@app.command()
def data(
    names: Annotated[list[str] | None, typer.Argument(help="all of them if none is named")] = None,
) -> None:
    """Get optional data sets that are not made here, with checksum, licence and source."""
    from parity_nb.fetch import FetchError, available, dataset

    try:
        for name in names or available().index:
            typer.echo(dataset(name))
    except FetchError as error:
        raise _fail(error) from None


@app.command()
def prepare(
    part: Annotated[str, typer.Argument(help="part of the book")],
    sets: Annotated[list[str], typer.Argument(help="such as dataset=M3,variant=S,images=6000")],
) -> None:
    """Make data sets that chapters share beforehand, named by the chapters' parameters."""
    known = prepared(project_root())
    try:
        if part not in known:
            raise ValueError(f"no data sets of {part!r} are prepared, only of {', '.join(known)}")
        wanted = [_values(word, known[part].parameters) for word in sets]
        for made in import_module(known[part].module).prepare(wanted):
            typer.echo(f"{made.name}: {len(made)}")
    except (ValueError, RuntimeError) as error:
        raise _fail(error) from None


def _values(word: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The parameters in a word such as "dataset=M3,variant=S,images=6000"."""
    pairs = dict(pair.partition("=")[::2] for pair in word.split(","))
    if set(pairs) != set(names):
        raise ValueError(f"{word}: write {'=...,'.join(names)}=...")
    return {name: yaml.safe_load(text) for name, text in pairs.items()}


@app.command("site")
def make_site(
    preset: Annotated[str, typer.Argument(help="smoke, quick, study, full")] = "quick",
) -> None:
    """Assemble the executed chapters of a preset and build the site."""
    root = project_root()
    try:
        source = assemble(Preset(preset, root), build_dir(), root)
        index = build_site(source, build_dir() / "site")
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        raise _fail(error) from None
    typer.echo(f"The book is ready: {index}")


@app.command()
def keep(
    preset: Annotated[str, typer.Argument(help="whose records")] = "study",
) -> None:
    """Copy the records of a preset to book/records, to be committed; others there are dropped."""
    root = project_root()
    try:
        for path in keep_records(Preset(preset, root), root):
            typer.echo(path.relative_to(root))
    except (ValueError, FileNotFoundError) as error:
        raise _fail(error) from None


@app.command("publish")
def publish_site(
    target: Annotated[Path, typer.Argument(help="folder to copy the site into")],
    preset: Annotated[str, typer.Option(help="whose site")] = "quick",
) -> None:
    """Copy the built site into a folder that is empty or an earlier publication."""
    try:
        publish(project_root() / "build" / preset / "site", target)
    except (FileNotFoundError, FileExistsError) as error:
        raise _fail(error) from None
    typer.echo(f"Published to {target}")


@app.command()
def readme(
    check: Annotated[bool, typer.Option(help="only say whether the tables are current")] = False,
) -> None:
    """Refill the tables of README.md from the committed records."""
    path = project_root() / "README.md"
    text = path.read_text(encoding="utf-8")
    new = refill(text)
    if check and new != text:
        typer.echo("README.md differs from the records; run `parity-nb readme`", err=True)
        raise typer.Exit(1)
    if new != text:
        path.write_text(new, encoding="utf-8")
