"""The pages are true of the project: commands, modules, files and words that they name exist."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command

from parity_nb.data import project_root
from parity_nb.making.chapters import chapters
from parity_nb.making.command_line import app
from parity_nb.making.execution import checked, find_chapter, parse

ROOT = project_root()
TERMS = (
    "parity-odd", "parity-even", "chirality", "oddness", "character", "positive fraction",
    "control set", "blind spot", "e-value", "exact p-value", "mid p-value", "half turn",
)  # fmt: skip
"""Words that every chapter may link to."""


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


GUIDES = ("README.md", "CONTRIBUTING.md", "book/running.md", "book/index.md")


@pytest.mark.parametrize("name", GUIDES)
def test_make_verbs_exist(name):
    verbs = set(re.findall(r"^([a-z]+):.*## ", page("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", page(name), re.MULTILINE))
    assert named <= verbs | {"help"}


@pytest.mark.parametrize("name", GUIDES)
def test_commands_exist(name):
    commands = set(get_command(app).commands)
    named = set(re.findall(r"parity-nb ([a-z]+)", page(name)))
    assert named <= commands


@pytest.mark.parametrize("name", GUIDES)
def test_chapters_take_the_parameters_that_pages_give_them(name):
    for chapter, options in re.findall(r"parity-nb run (\S+/\S+)((?: -p \S+)*)", page(name)):
        found = find_chapter(chapter, ROOT)
        checked(found, parse(found, options.split()[1::2]))


def test_running_names_every_verb():
    verbs = set(re.findall(r"^([a-z]+):.*## ", page("Makefile"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", page("book/running.md")))
    assert verbs - {"install", "help"} <= named


def test_running_names_every_preset():
    for preset in (ROOT / "presets").glob("*.yaml"):
        assert f"| `{preset.stem}` |" in page("book/running.md")


def test_api_lists_every_part():
    listed = re.findall(r"^```\{modules\} ?(\S*)$", page("book/api.md"), re.MULTILINE)
    parts = dict.fromkeys(name.partition("/")[0] for name in chapters(ROOT))
    assert listed == ["", *parts]


@pytest.mark.parametrize("term", TERMS)
def test_glossary_has(term):
    assert re.search(rf"^{re.escape(term)}$", page("book/glossary.md"), re.MULTILINE)


@pytest.mark.parametrize("name", GUIDES)
def test_linked_files_exist(name):
    for target in re.findall(r"\]\(([^)#:]+)\)|\{figure\} (\S+)", page(name)):
        assert ((ROOT / name).parent / "".join(target)).exists(), target


def test_the_landing_page_presents_every_chapter_in_order():
    presented = re.findall(r"^\{ref\}`([^`]+)`\n: ", page("book/index.md"), re.MULTILINE)
    assert presented == list(chapters(ROOT))
