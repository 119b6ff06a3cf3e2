import subprocess
import sys

import pytest
from little_book import make_little_book

from parity_nb.making.chapters import (
    Batch,
    Chapter,
    Preset,
    Run,
    batches,
    chapters,
    module_files,
    prepared,
)


@pytest.fixture
def book(tmp_path):
    return make_little_book(tmp_path)


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_chapter_says_what_the_pipeline_needs(book):
    training, results = chapters(book).values()
    assert (training.name, results.name) == ("snails/training", "snails/results")
    assert training.defaults == {
        "dataset": "M3",
        "images": 100,
        "rate": 0.5,
        "wait": 0.0,
        "seed": 0,
    }
    assert str(training.parameters["rate"]) == "rate: float = 0.5  # learning rate"
    assert training.run == ("dataset", "seed")
    assert results.run == ()
    assert results.reads == ("snails/training",)
    modules = {path.name for path in training.modules}
    assert {"records.py", "data.py"} <= modules
    assert not {"command_line.py", "symmetry.py", "execution.py"} & modules


def test_imports_are_followed(tmp_path):
    files = {
        "p/__init__.py": "",
        "p/a.py": "from . import b\nfrom .part import d",
        "p/b.py": "import p.c",
        "p/c.py": "",
        "p/e.py": "",
        "p/part/__init__.py": "",
        "p/part/d.py": "from ..c import x",
        "p/part/f.py": "from .d import x",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)

    def found(name):
        return {str(path.relative_to(tmp_path)) for path in module_files([name], tmp_path)}

    assert found("p.c") == {"p/__init__.py", "p/c.py"}

    def without(name, *names):
        return {str(path.relative_to(tmp_path)) for path in module_files([name], tmp_path, names)}

    assert without("p.a", "p.b") == set(files) - {"p/b.py", "p/e.py", "p/part/f.py"}
    assert without("p.a", "p.b", "p.part") == {"p/__init__.py", "p/a.py"}
    assert found("p.a") == set(files) - {"p/e.py", "p/part/f.py"}
    assert found("p.part.f") == {
        "p/__init__.py", "p/c.py", "p/part/__init__.py", "p/part/d.py", "p/part/f.py"
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "images = 100  # number of images",
        "images: int = 10 * 10  # number of images",
        "images: int = 100",
        "images: int  # number of images",
        "import os  # nothing",
    ],
)
def test_parameters_are_typed_literals_with_help(book, line):
    change(book / "notebooks/snails/training.py", "images: int = 100  # number of images", line)
    with pytest.raises(ValueError, match=r"training\.py.*write `name: type = literal  # meaning`"):
        _ = Chapter("snails/training", book).parameters


def test_one_parameters_cell(book):
    change(book / "notebooks/snails/training.py", ' tags=["parameters"]', "")
    with pytest.raises(ValueError, match="needs one parameters cell, has 0"):
        _ = Chapter("snails/training", book).parameters


def test_chapters_record_under_their_own_name(book):
    change(
        book / "notebooks/snails/training.py", 'Records.of("snails/training"', 'Records.of("x/y"'
    )
    with pytest.raises(ValueError, match=r'needs one call Records.of\("snails/training"'):
        _ = Chapter("snails/training", book).run


def test_missing_chapter(book):
    (book / "notebooks/snails/training.py").unlink()
    with pytest.raises(FileNotFoundError, match=r"training\.py is missing, but _toc\.yml names"):
        _ = Chapter("snails/training", book).parameters


def preset(book, text):
    (book / "presets/smoke.yaml").write_text(text)
    return Preset("smoke", book)


def test_grids_are_cross_products_without_the_page(book):
    text = "snails/training:\n  parameters: {images: 7}\n  runs:\n"
    runs = preset(book, text + "    - {dataset: [M0, M3], seed: [0, 1]}\n").runs()
    assert [run_id for _, run_id in runs] == [
        "dataset=M3,seed=0", "dataset=M0,seed=0", "dataset=M0,seed=1", "dataset=M3,seed=1", "page"
    ]  # fmt: skip
    assert [run.page for run in runs.values()] == [True, False, False, False, True]
    assert all(run.parameters["images"] == 7 for (c, _), run in runs.items() if "training" in c)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("snails/traning: {}", r"unknown chapters \['snails/traning'\]; known: \['snails/training"),
        ("snails/training: {sizes: 3}", r"unknown key \['sizes'\]"),
        ("snails/training: {parameters: {imges: 3}}", r"no parameter \['imges'\]; it has"),
        ("snails/training: {runs: [{sed: [1]}]}", r"no parameter \['sed'\]"),
        ("snails/training: {runs: [{images: [1, 2]}]}", "both called dataset=M3,seed=0"),
    ],
)
def test_presets_are_checked(book, text, message):
    with pytest.raises(ValueError, match=rf"smoke\.yaml.*{message}"):
        preset(book, text).runs()


def test_unknown_preset_names_the_known(book):
    with pytest.raises(FileNotFoundError, match=r"no preset 'huge'.*\['quick', 'smoke'\]"):
        Preset("huge", book)


# --- data sets that are made before the runs


TRAINING = "snails/training"


def test_a_living_species_is_nothing_to_a_run_on_model_snails(root):
    """Neither the run nor the data set that it reads is made from the animals, or the reverse."""
    runs = {
        run.parameters["dataset"]: run
        for (chapter, _), run in Preset("smoke", root).runs().items()
        if chapter == TRAINING
    }
    snails = prepared(root)["snails"]
    world = root / "src/parity_nb/snails/world"
    for dataset, own, other in (
        ("M3", "model_snail.py", "animals.py"),
        ("L2", "animals.py", "model_snail.py"),
        ("L6-shared", "field.py", "studio.py"),
    ):
        run = runs[dataset]
        for files in (run.modules, snails.made_from(run.batch.maker)):
            assert world / own in files
            assert world / other not in files
            assert world / "shell.py" in files
        assert root / "src/parity_nb/training.py" in run.modules
    assert world / "animals.py" in runs["M3"].chapter.modules, "found by following all imports"


def test_sets_of_one_size_are_made_together(root):
    found = batches(Preset("smoke", root).runs().values())
    assert found[Batch("snails", "model_sets", "images=400")] == [
        "dataset=M3,variant=S,images=400",
        "dataset=M1,variant=S,images=400",
        "dataset=M3,variant=SLR,images=400",
    ]
    assert {batch.maker for batch in found} == {"model_sets", "living_sets"}
    assert {batch.together for batch in found if batch.maker == "living_sets"} == {"images=160"}


def test_only_chapters_that_name_a_set_need_one(root):
    runs = Preset("smoke", root).runs()
    assert {chapter for (chapter, _), run in runs.items() if run.batch} == {TRAINING}
    living = runs["snails/living-snails", "page"]
    assert living.modules == living.chapter.modules


def test_a_set_that_nothing_makes_is_named(root):
    with pytest.raises(ValueError, match=r"training: nothing makes dataset = 'X1'; .*splits\.py"):
        _ = Run(chapters(root)[TRAINING], {"dataset": "X1"}, page=False).batch


@pytest.mark.parametrize("text", ["PREPARED = dict(x=1)\n", 'PREPARED = {"set": ()}\n'])
def test_what_a_part_says_is_a_literal_with_three_keys(book, text):
    (book / "src/parity_nb/snails/data/splits.py").write_text(text)
    with pytest.raises(ValueError, match=r"splits\.py: PREPARED cannot be read"):
        prepared(book)


def test_needs_nothing_but_pyyaml(root):
    """A workflow server reads the Snakefile where torch and pandas are not installed."""
    code = "import sys, parity_nb.making.chapters as _; "
    code += "print(*{'torch', 'pandas', 'numpy'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""
