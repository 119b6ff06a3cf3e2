import json

import numpy as np
import pytest
import torch

from parity_nb import records
from parity_nb.records import (
    Records,
    format_number,
    load_evidence,
    load_records,
    published,
    run_id,
)


@pytest.fixture(autouse=True)
def build(monkeypatch, tmp_path):
    monkeypatch.setenv("PARITY_NB_BUILD", str(tmp_path / "here"))
    return tmp_path / "here"


PARAMETERS = {"dataset": "M3", "variant": "S", "images": 100, "seed": 0}


def make(**changes) -> Records:
    return Records("snails/training", {**PARAMETERS, **changes}, run=("dataset", "seed"))


def test_numbers_survive_the_file(build, capsys):
    run = make()
    run.record("positive fraction", np.float32(0.25), error=torch.tensor(0.125), n=np.int64(16))
    run.record("device", "cpu")
    assert capsys.readouterr().out.splitlines() == [
        "positive fraction = 0.25 ± 0.12 (n = 16)",
        "device = cpu",
    ]
    path = run.save()
    assert path == build / "records/snails/training/dataset=M3,seed=0.json"
    assert set(json.loads(path.read_text())) == {
        "chapter", "run", "parameters", "numbers", "provenance"
    }  # fmt: skip
    frame = load_records("snails/training")
    assert list(frame["name"]) == ["positive fraction", "device"]
    first = frame.iloc[0]
    assert (first["dataset"], first["images"], first["value"]) == ("M3", 100, 0.25)
    assert (first["error"], first["n"], first["file"]) == (0.125, 16, str(path))


def test_recording_again_replaces():
    run = make()
    run.record("x", 1)
    run.record("x", 2)
    run.save()
    assert list(load_records("snails/training")["value"]) == [2]


def test_runs_have_files_of_their_own():
    for seed in (0, 1):
        run = make(seed=seed)
        run.record("x", seed)
        run.save()
    assert list(load_records("snails/training")["value"]) == [0, 1]


def test_nothing_recorded_is_an_empty_frame():
    frame = load_records("snails/training")
    assert frame.empty
    assert list(frame["name"]) == []


def test_a_preset_reads_its_own_records_as_the_committed_ones(monkeypatch, tmp_path):
    monkeypatch.setenv("PARITY_NB_BUILD", str(tmp_path / "study"))
    run = make()
    run.record("x", 1)
    run.save()
    assert list(load_records("snails/training", where="study")["value"]) == [1]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), np.nan, torch.tensor(torch.nan)])
def test_only_finite_numbers(number):
    with pytest.raises(ValueError, match=r"snails/training: the value of 'q' is (nan|inf)"):
        make().record("q", number)
    with pytest.raises(ValueError, match=r"the error of 'q' is (nan|inf)"):
        make().record("q", 1.0, error=number)


def test_run_names_must_be_parameters():
    with pytest.raises(ValueError, match=r"run=\['sed'\] are not among its parameters"):
        Records("snails/training", PARAMETERS, run=("sed",))


def test_run_ids():
    assert run_id({}) == "page"
    assert run_id({"dataset": "M2a-256", "seed": 3}) == "dataset=M2a-256,seed=3"
    with pytest.raises(ValueError, match="mesh='a/b' tells runs apart"):
        run_id({"mesh": "a/b"})


def test_interrupted_save_leaves_the_old_file(monkeypatch):
    run = make()
    run.record("x", 1)
    path = run.save()
    run.record("x", 2)

    def power_cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", power_cut)
    with pytest.raises(KeyboardInterrupt):
        run.save()
    assert json.loads(path.read_text())["numbers"][0]["value"] == 1


@pytest.mark.parametrize(("text", "fault"), [("{", "delete it"), ("{}", r"lacks \['chapter'")])
def test_a_broken_file_is_named(build, text, fault):
    path = build / "records/snails/training/page.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"page\.json is not a record: .*{fault}"):
        load_records("snails/training")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ((0.99633, 0.000912), "0.99633 ± 0.00091"),
        ((49.3, 0.7, "%"), "49.30 ± 0.70 %"),
        ((1234.5, 67.0), "1234 ± 67"),
        ((7, None, "s"), "7 s"),
        ((0.123456,), "0.1235"),
        ((True,), "True"),
        (("cpu",), "cpu"),
        ((0.5, 0.0), "0.5"),
    ],
)
def test_numbers_as_text(number, text):
    assert format_number(*number) == text


def test_provenance_is_printed(capsys):
    facts = records.provenance()
    out = capsys.readouterr().out
    assert facts["threads"] == torch.get_num_threads()
    assert facts["memory (MB)"] > 10
    assert all(name in out for name in facts)


def test_package_hash_follows_the_source(monkeypatch, tmp_path):
    monkeypatch.setattr(records, "__file__", str(tmp_path / "records.py"))
    (tmp_path / "records.py").write_text("x = 1\n")
    before = records._package_hash()
    (tmp_path / "records.py").write_text("x = 2\n")
    assert records._package_hash() != before


def test_unknown_source_names_the_known(monkeypatch, tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book/published.toml").write_text(
        '[a2000]\n[[a2000.numbers]]\nname = "x"\nvalue = 1.0\nplace = "Table 1"\n'
    )
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    table = published("a2000")
    assert list(table.columns) == ["name", "value", "error", "n", "unit", "place", "ours"]
    assert list(table["ours"]) == ["x"]
    with pytest.raises(KeyError, match=r"no source 'b2001'; it has \['a2000'\]"):
        published("b2001")


def test_evidence_is_the_study_or_says_that_it_is_not(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("parity_nb.records.project_root", lambda: tmp_path)
    monkeypatch.setattr("parity_nb.records.build_dir", lambda: tmp_path / "build/quick")
    for folder, value in (("build/quick/records", 1), ("book/records/study", 2)):
        found = load_evidence("part/name", "study")
        assert found.attrs["evidence"] == "run"
        assert found.empty == (value == 1)
        assert "no study of part/name" in capsys.readouterr().out
        record = {"chapter": "part/name", "run": "page", "parameters": {}}
        record["numbers"] = [{"name": "x", "value": value, "error": None, "n": 1, "unit": ""}]
        path = tmp_path / folder / "part/name/page.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(record))
    for evidence, value in (("study", 2), ("run", 1)):
        found = load_evidence("part/name", evidence)
        assert found.attrs["evidence"] == evidence and list(found.value) == [value]
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="neither"):
        load_evidence("part/name", "quick")
