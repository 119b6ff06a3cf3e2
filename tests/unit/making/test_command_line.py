import json

import pytest
from little_book import make_little_book
from typer.testing import CliRunner

from parity_nb.making import command_line as cli
from parity_nb.making.site import MARK


@pytest.fixture
def book(tmp_path, monkeypatch):
    folder = tmp_path / "book"
    folder.mkdir()
    make_little_book(folder)
    monkeypatch.chdir(folder)
    return folder


def call(*words):
    result = CliRunner().invoke(cli.app, words)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_list_of_chapters(book):
    assert call("chapters").output.split() == ["snails/training", "snails/results"]


def test_parameters_of_a_chapter(book):
    output = call("chapters", "snails/training").output
    assert "  seed: int = 0  # random seed" in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "snails/x"], "no chapter 'snails/x'; there are snails/training"),
        (["run", "snails/training", "-p", "sed=1"], "no parameter 'sed'"),
        (["run", "snails/training", "-p", "seed=one"], "seed must be int, not 'one'"),
        (["run", "snails/training", "-f", "huge"], "no preset 'huge'"),
        (["chapters", "snails/x"], "no chapter 'snails/x'"),
        (["site", "huge"], "no preset 'huge'"),
        (["site", "smoke"], "run `make book` first"),
        (["publish", "somewhere"], "run `make book` first"),
        (["keep", "smoke"], "lacks 3 records, such as snails/training/dataset=M3,seed=0.json"),
        (["prepare", "snails", "dataset=M3"], "write dataset=...,variant=...,images=..."),
        (["prepare", "snails", "dataset=M9,variant=S,images=2"], "'M9' is none of"),
        (["prepare", "slugs", "dataset=M3"], "no data sets of 'slugs' are prepared, only of"),
        (["data", "nothing"], "unknown data set 'nothing'"),
    ],
)
def test_refusals(book, words, message):
    result = call(*words)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_run_takes_the_presets_parameters_and_the_readers(book, monkeypatch):
    seen = {}
    monkeypatch.setattr(cli, "execute", lambda *arguments: seen.update(arguments=arguments))
    assert call("run", "snails/training", "-f", "smoke", "-p", "seed=4").exit_code == 0
    chapter, values, output, progress = seen["arguments"]
    assert (chapter.name, output, progress) == ("snails/training", None, True)
    assert values == {"images": 10, "seed": 4}


def write_records(book, value):
    for run in ("dataset=M3,seed=0", "dataset=M0,seed=0"):
        number = {"name": "positive fraction", "value": value, "error": 0.01, "n": 9, "unit": ""}
        parameters = {"dataset": run[8:10], "seed": int(run[-1])}
        record = {"chapter": "snails/training", "run": run, "parameters": parameters}
        path = book / f"build/smoke/records/snails/training/{run}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**record, "numbers": [number]}))
    page = book / "build/smoke/records/snails/results/page.json"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("{}")


def test_keep_replaces_the_committed_records(book):
    old = book / "book/records/smoke/snails/training/dataset=M9,seed=0.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    write_records(book, 0.5)
    assert len(call("keep", "smoke").output.split()) == 3
    assert not old.exists()
    assert (old.parent / "dataset=M0,seed=0.json").is_file()


def test_readme_is_refilled_and_checked(book):
    block = (
        "<!-- records snails/training\n:name: positive fraction\n:by: dataset\n:where: smoke\n-->"
    )
    (book / "README.md").write_text(f"{block}\n\n<!-- /records -->\n")
    write_records(book, 0.5)
    call("keep", "smoke")
    assert call("readme", "--check").exit_code == 1
    assert call("readme").exit_code == 0
    assert call("readme", "--check").exit_code == 0
    assert "| M3 | 0.500 ± 0.010 |  | 1 |" in (book / "README.md").read_text()


def test_publish_replaces_only_its_own(book):
    site = book / "build/quick/site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("one")
    (site / "old.html").write_text("old")
    target = book / "public"
    assert call("publish", "public").exit_code == 0
    assert (target / ".nojekyll").exists()
    (site / "index.html").write_text("two")
    (site / "old.html").unlink()
    (target / ".git").mkdir()
    assert call("publish", "public").exit_code == 0
    assert (target / "index.html").read_text() == "two"
    assert sorted(path.name for path in target.iterdir()) == [
        ".git", ".nojekyll", MARK, "index.html"
    ]  # fmt: skip


def test_publish_refuses_a_folder_of_others(book):
    site = book / "build/quick/site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("one")
    (book / "mine").mkdir()
    (book / "mine/thesis.tex").write_text("years of work")
    result = call("publish", "mine")
    assert result.exit_code == 2
    assert "is not empty and not an earlier publication" in result.output
    assert (book / "mine/thesis.tex").exists()
