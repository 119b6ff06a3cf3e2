import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from little_book import make_little_book

from parity_nb.making.chapters import Chapter, chapters
from parity_nb.making.execution import check_record, checked, execute, find_chapter, parse
from parity_nb.records import read_record


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    return make_little_book(tmp_path_factory.mktemp("book"))


@pytest.fixture
def training(book) -> Chapter:
    return find_chapter("snails/training", book)


def test_unknown_chapter(book):
    with pytest.raises(KeyError, match=r"no chapter 'x'; there are snails/training, snails/res"):
        find_chapter("x", book)


def test_words_are_read_as_the_parameter_wants(training):
    values = parse(training, ["dataset=1e3", "images=5", "rate=2", "seed=7"])
    assert values == {"dataset": "1e3", "images": 5, "rate": 2.0, "seed": 7}
    assert isinstance(values["rate"], float)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("imges=5", "no parameter 'imges'"),
        ("images=many", "images must be int, not 'many'"),
        ("images=5.5", "images must be int, not 5.5"),
        ("images=true", "images must be int, not True"),
        ("rate=fast", "rate must be float, not 'fast'"),
    ],
)
def test_wrong_words_list_the_known_parameters(training, word, message):
    with pytest.raises(ValueError, match=message) as refused:
        parse(training, [word])
    assert "  images: int = 100  # number of images" in str(refused.value)


def test_a_word_needs_an_equals_sign(training):
    with pytest.raises(ValueError, match="-p images: write -p name=value"):
        parse(training, ["images"])


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        ("str | None", [None, "x"], [3]),
        ("list[int]", [[], [1, 2]], [[1.5], 1, ["x"]]),
        ("bool", [True], [1, "yes"]),
    ],
)
def test_other_annotations(tmp_path, annotation, good, bad):
    source = tmp_path / "notebooks/a/b.py"
    source.parent.mkdir(parents=True)
    source.write_text(f'# %% tags=["parameters"]\nx: {annotation} = None  # a thing\n')
    chapter = Chapter("a/b", tmp_path)
    for value in good:
        assert checked(chapter, {"x": value}) == {"x": value}
    for value in bad:
        with pytest.raises(ValueError, match="x must be"):
            checked(chapter, {"x": value})


def test_direct_use_is_as_strict(training, tmp_path):
    with pytest.raises(ValueError, match="no parameter 'imges'"):
        execute(training, {"imges": 5}, tmp_path / "out.ipynb")
    assert not list(tmp_path.iterdir())


def test_a_failing_cell_leaves_no_result(training, tmp_path):
    from papermill import PapermillExecutionError

    with pytest.raises(PapermillExecutionError, match="images must not be negative"):
        execute(training, {"images": -1}, tmp_path / "out.ipynb", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["out.part.ipynb"]


def test_a_killed_run_leaves_no_result(book, tmp_path):
    output = tmp_path / "out.ipynb"
    part = tmp_path / "out.part.ipynb"
    command = [sys.executable, "-c", "from parity_nb.making.command_line import app; app()", "run"]
    command += ["snails/training", "-p", "wait=600", "--output", str(output)]
    process = subprocess.Popen(
        command, cwd=book, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        for _ in range(1200):
            if part.exists() or process.poll() is not None:
                break
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        errors = process.communicate()[1].decode()
    assert part.exists(), errors
    assert not output.exists()


def test_a_run_and_its_record(book, training, tmp_path, monkeypatch):
    monkeypatch.setenv("PARITY_NB_BUILD", str(tmp_path))
    monkeypatch.chdir(book)
    output = execute(training, {"seed": 5, "images": 20}, progress=False)
    assert output == tmp_path / "runs/snails/training/dataset=M3,seed=5.ipynb"
    assert not list(output.parent.glob("*.part.ipynb"))
    record = read_record(tmp_path / "records/snails/training/dataset=M3,seed=5.json")
    assert record["parameters"]["images"] == 20
    assert record["numbers"][0]["value"] == pytest.approx(0.52)
    assert record["provenance"]["threads"] == 1
    check_record(record, chapters(book))


GOOD = {
    "chapter": "snails/training",
    "run": "dataset=M3,seed=0",
    "parameters": {"dataset": "M3", "images": 1, "rate": 0.5, "wait": 0.0, "seed": 0},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chapter": "snails/gone"}, "there is no chapter 'snails/gone' any more"),
        ({"run": "seed=0"}, "it is called seed=0, snails/training calls it dataset=M3,seed=0"),
        ({"parameters": {**GOOD["parameters"], "old": 1}}, "has no parameter 'old'"),
        ({"parameters": {**GOOD["parameters"], "images": "1"}}, "images must be int"),
        ({"parameters": {"dataset": "M3", "seed": 0}}, r"has new parameters \['images', 'rate'"),
    ],
)
def test_stale_records(book, change, message):
    check_record(GOOD, chapters(book))
    with pytest.raises(ValueError, match=f"stale record: .*{message}"):
        check_record({**GOOD, **change}, chapters(book))
