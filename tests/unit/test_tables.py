import numpy as np
import pandas as pd
import pytest

from parity_nb import tables
from parity_nb.records import Records
from parity_nb.tables import (
    NOT_RUN,
    all_positive_bound,
    beside_published,
    number_text,
    parse_pairs,
    percent,
    refill,
    results_table,
    summarise,
    table_from_options,
)

THEIRS = pd.DataFrame(
    {"name": ["M3 S"], "value": [99.0], "error": [1.0], "n": [100], "unit": ["%"], "place": ["T6"]}
)


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Three random seeds of M3 S, one of M3 SLR, as the study's records."""
    monkeypatch.setenv("PARITY_NB_BUILD", str(tmp_path / "study"))
    for variant, values in (("S", (0.90, 0.92, 0.94)), ("SLR", (0.5,))):
        for seed, value in enumerate(values):
            parameters = {"dataset": "M3", "variant": variant, "seed": seed}
            run = Records("snails/training", parameters, run=("variant", "seed"))
            run.record("positive fraction", value, error=0.03, n=100)
            run.record("device", "cpu")
            run.save()


def test_summary_keeps_binomial_error_and_spread_apart(runs):
    frame = summarise(
        tables.load_records("snails/training"),
        "positive fraction",
        ["dataset", "variant"],
        THEIRS,
    ).set_index("variant")
    signal = frame.loc["S"]
    assert signal["value"] == pytest.approx(0.92)
    assert signal["error"] == pytest.approx(0.03)
    assert signal["spread"] == pytest.approx(0.02)
    assert signal["runs"] == 3
    assert signal["difference"] == pytest.approx(0.92 - 0.99)
    assert signal["difference_error"] == pytest.approx(np.sqrt(0.03**2 + 0.02**2 + 0.01**2))
    assert np.isnan(frame.loc["SLR", "spread"])
    assert np.isnan(frame.loc["SLR", "difference"])


def test_table_as_markdown(runs, monkeypatch):
    monkeypatch.setattr(tables, "published", lambda source: THEIRS)
    text = results_table(
        "snails/training", "positive fraction", ["dataset", "variant"], source="x", percent=True
    )
    assert text.splitlines() == [
        "| dataset | variant | ours | spread over runs | runs | items a run "
        "| published | difference |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| M3 | S | 92.0 ± 3.0 % | 2 % | 3 | 100 | 99.0 ± 1.0 % | -7.0 ± 3.7 % |",
        "| M3 | SLR | 50.0 ± 3.0 % |  | 1 | 100 |  |  |",
    ]


def test_a_star_in_the_name_makes_a_row_of_each_number(monkeypatch, tmp_path):
    monkeypatch.setenv("PARITY_NB_BUILD", str(tmp_path / "study"))
    for seed in (0, 1):
        run = Records("discovery/symmetry-score", {"each": 20, "seed": seed}, run=("seed",))
        run.record("accuracy, PCA", 0.6 + 0.02 * seed, error=0.04, n=140)
        run.record("accuracy, output", 0.7, error=0.03, n=140)
        run.record("steps", 900)
        run.save()
    text = table_from_options("discovery/symmetry-score", {"name": "accuracy, *"})
    assert text.splitlines()[0].startswith("| number | ours |")
    assert text.splitlines()[2:] == [
        "| PCA | 0.610 ± 0.040 | 0.014 | 2 | 140 |",
        "| output | 0.700 ± 0.030 | 0 | 2 | 140 |",
    ]
    with pytest.raises(ValueError, match="name and by are needed"):
        table_from_options("discovery/symmetry-score", {"name": "accuracy"})


def test_rows_are_in_the_order_of_the_numbers_that_make_them(monkeypatch, tmp_path):
    monkeypatch.setenv("PARITY_NB_BUILD", str(tmp_path / "study"))
    for events in (100, 1600, 400):  # the order of their file names
        run = Records("part/name", {"events": events}, run=("events",))
        run.record("gain", events / 1e4, error=0.01, n=10)
        run.save()
    lines = results_table("part/name", "gain", ["events"]).splitlines()[2:]
    gains, runs = zip(*(line.split(" | ")[1:4:2] for line in lines), strict=True)
    assert gains == ("0.010 ± 0.010", "0.040 ± 0.010", "0.160 ± 0.010")
    assert runs == ("1", "1", "1")


def test_nothing_run_yet(monkeypatch, tmp_path):
    monkeypatch.setenv("PARITY_NB_BUILD", str(tmp_path))
    assert results_table("snails/training", "x", ["dataset"], where="run") == NOT_RUN
    assert number_text("run: snails/training: positive fraction") == NOT_RUN


def test_a_star_selects_what_begins_alike():
    records = pd.DataFrame({"dataset": ["M1", "M3-grey", "L2"], "seed": [0, 1, 2]})
    assert tables.select(records, {"dataset": "M*"}).seed.tolist() == [0, 1]
    assert tables.select(records, {"dataset": "M"}).empty
    assert tables.select(records, {"dataset": "L2", "seed": "2"}).seed.tolist() == [2]
    with pytest.raises(KeyError, match="no parameter 'sed'"):
        tables.select(records, {"sed": "1"})


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("snails/training variant=S seed=1: positive fraction", "0.920 ± 0.030"),
        ("snails/training variant=S: positive fraction %", "92.0 ± 3.0 %"),
        ("study: snails/training variant=SLR: positive fraction", "0.500 ± 0.030"),
        ("snails/training: device", "cpu"),
        ("snails/training variant=X: positive fraction", NOT_RUN),
    ],
)
def test_numbers_in_sentences(runs, reference, text):
    assert number_text(reference) == text


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        ("snails/training", ValueError, "name of the number"),
        ("snails/training variant: x", ValueError, r"\['variant'\].*write name=value"),
        ("snails/training varint=S: x", KeyError, "no parameter 'varint'"),
    ],
)
def test_wrong_references(runs, reference, error, message):
    with pytest.raises(error, match=message):
        number_text(reference)


def test_unknown_row_parameter(runs):
    with pytest.raises(KeyError, match=r"no parameter \['datset'\]"):
        results_table("snails/training", "positive fraction", ["datset"])


def test_pairs():
    assert parse_pairs("a=1 b=x") == {"a": "1", "b": "x"}


def test_readme_blocks_are_refilled_and_stay(runs):
    text = (
        "before\n<!-- records snails/training\n:name: positive fraction\n:by: variant\n-->\n"
        "old\n<!-- /records -->\nafter\n"
    )
    new = refill(text)
    assert "old" not in new
    assert "| S | 0.920 ± 0.030 | 0.02 | 3 |" in new
    assert new.startswith("before\n")
    assert new.endswith("<!-- /records -->\nafter\n")
    assert refill(new) == new


@pytest.mark.parametrize(
    ("options", "message"),
    [("", "options name and by are needed"), (":nme: x\n", "unknown option {'nme'}")],
)
def test_readme_options(runs, options, message):
    with pytest.raises(ValueError, match=message):
        refill(f"<!-- records snails/training\n{options}-->\n\n<!-- /records -->")


def test_per_cent():
    assert percent(0.4944, 0.0071) == "49.44 ± 0.71"
    assert percent(0.4944, 0.0071, digits=1) == "49.4 ± 0.7"
    assert percent(np.nan, 0.1) == percent(0.1, np.nan) == ""
    assert percent(1.0, 0.0, 4894) == f"100.00 (> {100 * all_positive_bound(4894):.2f})"
    assert percent(1.0, 0.0) == "100.00 ± 0.00"


def test_beside_published():
    """What is not published is left empty, and rows keep their order."""
    rows = pd.DataFrame(
        {
            "set": ["b", "a"],
            "value": [0.5, 1.0],
            "error": [0.05, 0.0],
            "spread": [np.nan, 0.01],
            "runs": [1, 5],
            "n": [100.0, 100.0],
            "theirs": [0.6, np.nan],
            "theirs_error": [0.05, np.nan],
            "difference": [-0.1, np.nan],
            "difference_error": [0.07, np.nan],
        }
    )
    table = beside_published(rows, ["set"])
    assert list(table.index) == ["b", "a"]
    assert list(table.loc["b"]) == ["60.00 ± 5.00", "50.00 ± 5.00", "", 1, 100, "-10.00 ± 7.00"]
    assert list(table.loc["a"]) == ["", percent(1.0, 0.0, 100), "1.00", 5, 100, ""]
