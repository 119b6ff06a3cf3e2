"""Data sets that the pipeline makes beforehand: together, once, and again only if they must be."""

import os
import re
import shutil

import jupytext
import pytest
from conftest import snakemake
from little_book import HEADER, make_little_book

SPLITS = """
from parity_nb.toys.data.blue import blue
from parity_nb.toys.data.red import red

PREPARED = {
    "set": ("colour", "items"),
    "together": ("items",),
    "made by": {"red*": "parity_nb.toys.data.red", "blue": "parity_nb.toys.data.blue"},
}


class Made(list):
    name = "toys"


def prepare(wanted):
    with open("asked.txt", "a") as file:
        print(*(f"{w['colour']} {w['items'] + 0}" for w in wanted), sep=", ", file=file)
    return [Made((red if w["colour"].startswith("red") else blue)(w["items"])) for w in wanted]
"""

PLAYING = (
    HEADER
    + """
# %% [markdown]
# (toys/playing)=
# # Playing

# %%
from parity_nb.records import Records
from parity_nb.toys.data.splits import prepare

# %% tags=["parameters"]
colour: str = "red"  # colour of the toys
items: int = 3  # number of toys
seed: int = 0  # random seed

# %%
run = Records.of("toys/playing", globals(), run=("colour", "items"))
run.save()
"""
)

FILES = {
    "_toc.yml": "format: jb-book\nroot: book/index\nparts:\n  - caption: Toys\n    chapters:\n"
    "      - file: notebooks/toys/playing\n",
    "presets/smoke.yaml": "toys/playing:\n  runs: [{colour: [red-dark, blue]}]\n",
    "notebooks/toys/playing.py": PLAYING,
    "src/parity_nb/toys/__init__.py": "",
    "src/parity_nb/toys/data/__init__.py": "",
    "src/parity_nb/toys/data/splits.py": SPLITS,
    "src/parity_nb/toys/data/red.py": "def red(n):\n    return ['red'] * n\n",
    "src/parity_nb/toys/data/blue.py": "from parity_nb.toys import sea\n\n\n"
    "def blue(n):\n    return [sea.COLOUR] * n\n",
    "src/parity_nb/toys/sea.py": "COLOUR = 'blue'\n",
}
RUNS = ["colour=red,items=3", "colour=red-dark,items=3", "colour=blue,items=3"]
TARGETS = [f"build/smoke/runs/toys/playing/{run}.ipynb" for run in RUNS]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A little book with a part that no module outside it knows; its runs, executed."""
    folder = make_little_book(tmp_path_factory.mktemp("toys"))
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    source = folder / "notebooks/toys/playing.py"
    jupytext.write(jupytext.read(source), source.with_suffix(".ipynb"))
    pipeline(folder)
    return folder


@pytest.fixture
def book(made, tmp_path):
    """A copy of it that a test may change."""
    return shutil.copytree(made, tmp_path / "book")


def pipeline(folder, *words):
    with pytest.MonkeyPatch.context() as patch:  # the part is in the little book's package only
        patch.setenv("PYTHONPATH", str(folder / "src"))
        return snakemake(folder, *TARGETS, *words)


def planned(book):
    """Runs and makers of data sets that a dry run would start."""
    return set(re.findall(r"wildcards: (?:chapter=\S+, run|part=\w+, maker)=(\S+?)(?:, t|\n)",
                          pipeline(book, "--dry-run")))  # fmt: skip


def append(path, line):
    with path.open("a") as file:
        file.write(line + "\n")
    later = path.stat().st_mtime + 2
    os.utime(path, (later, later))


def test_sets_that_go_together_are_asked_for_at_once(made):
    asked = sorted((made / "asked.txt").read_text().splitlines())
    assert asked == ["blue 3", "red 3, red-dark 3"]
    stamps = {path.relative_to(made / "build/smoke/prepared").as_posix(): path.read_text()
              for path in (made / "build/smoke/prepared").rglob("*.txt")}  # fmt: skip
    assert stamps == {
        "toys/red/items=3.txt": "toys: 3\ntoys: 3\n",
        "toys/blue/items=3.txt": "toys: 3\n",
    }


def test_nothing_changed_nothing_prepared(book):
    assert planned(book) == set()


def test_what_makes_one_kind_leaves_the_runs_of_the_other_alone(book):
    append(book / "src/parity_nb/toys/sea.py", "DEPTH = 3")
    assert planned(book) == {"blue", RUNS[2]}


def test_what_both_are_made_from_concerns_both(book):
    append(book / "src/parity_nb/toys/data/splits.py", "SIZE = 3")
    assert planned(book) == {"red", "blue", *RUNS}


def test_another_parameter_needs_no_other_set(book):
    append(book / "notebooks/toys/playing.py", "# nothing")
    assert planned(book) == set(RUNS)
