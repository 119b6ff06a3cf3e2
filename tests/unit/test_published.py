"""book/published.toml, references.bib and the pages agree with each other and with the package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from parity_nb import images
from parity_nb.data import project_root
from parity_nb.networks import PublishedNet
from parity_nb.records import published
from parity_nb.snails.data import model_sets
from parity_nb.tables import refill
from parity_nb.training import Recipe

ROOT = project_root()
SOURCES = tomllib.loads((ROOT / "book/published.toml").read_text(encoding="utf-8"))
BIB_ENTRY = re.compile(r"^@\w+\{([^,\s]+),", re.MULTILINE)
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
FIELDS = {"name", "ours", "value", "error", "n", "unit", "place"}


def bib_keys() -> list[str]:
    return BIB_ENTRY.findall((ROOT / "book/references.bib").read_text(encoding="utf-8"))


def texts() -> list[Path]:
    return [*sorted(ROOT.glob("book/**/*.md")), *sorted(ROOT.glob("notebooks/*/*.py"))]


@pytest.mark.parametrize("source", SOURCES)
def test_source_is_well_formed(source):
    assert source in bib_keys()
    assert set(SOURCES[source]) == {"title", "numbers"}
    names = [number["name"] for number in SOURCES[source]["numbers"]]
    assert len(names) == len(set(names)), "a name stands twice"
    for number in SOURCES[source]["numbers"]:
        assert {"name", "value", "place"} <= set(number) <= FIELDS, number
        assert isinstance(number["value"], int | float), number
        assert isinstance(number["place"], str) and number["place"], number


def test_reader_gives_every_number():
    for source, entry in SOURCES.items():
        table = published(source)
        assert list(table.name) == [number["name"] for number in entry["numbers"]]
        assert table.value.notna().all()


def test_unknown_source_names_the_known_ones():
    with pytest.raises(KeyError, match="gibbon2023snails"):
        published("gibbon2032snails")


def test_tables_4_and_6_are_complete():
    table = published("gibbon2023snails").set_index("place")
    sets = {"Table 4": "L1 L2 L3 L4 L5 L6", "Table 6": "M1 M2a M2b M2c M3"}
    for place, names in sets.items():
        expected = {f"{name} {variant}" for name in names.split() for variant in ("S", "SLR")}
        assert set(table.loc[place, "name"]) == expected
        assert table.loc[place, ["error", "n"]].notna().all(axis=None)


def test_network_is_the_published_one():
    value = published("gibbon2023snails").set_index("name").value
    net = PublishedNet()
    assert net.conv1.in_channels == value["channels"]
    assert net.conv1.out_channels == value["first convolution"]
    assert net.conv2.out_channels == value["second convolution"]
    assert net.conv1.kernel_size == net.conv2.kernel_size == (value["kernel size"],) * 2
    assert net.fc1.in_features == value["flattened features"]
    assert net.fc1.out_features == value["first hidden layer"]
    assert net.fc2.out_features == value["second hidden layer"]
    assert net.fc3.out_features == 1


def test_recipe_is_the_published_one():
    value = published("gibbon2023snails").set_index("name").value
    recipe = Recipe.published()
    assert (recipe.optimiser, recipe.schedule, recipe.objective) == (
        "sgd",
        "constant",
        "mean over std",
    )
    assert recipe.rate == value["learning rate"]
    assert recipe.momentum == value["momentum"]
    assert recipe.batch == value["training batch"]
    assert recipe.epochs == value["epochs"]
    assert recipe.decay == 0


def test_image_preparation_is_the_published_one():
    value = published("gibbon2023snails").set_index("name").value
    colours = ("red", "green", "blue")
    assert tuple(value[f"{colour} mean"] for colour in colours) == images.IMAGENET_MEAN
    assert tuple(value[f"{colour} standard deviation"] for colour in colours) == images.IMAGENET_STD
    assert tuple(value[f"grey from {colour}"] for colour in colours) == images.BT601
    standard = published("bt601").set_index("name").value
    assert max(abs(value[name] - standard[name]) for name in standard.index) < 0.00015
    assert value["image size"] == model_sets.PIXELS
    for letter in "abc":
        for size in (256, 250):
            made = model_sets.MODEL_SETS[f"M2{letter}-{size}"]
            assert made.quality == value[f"M2{letter} quality"]


def test_bib_keys_are_unique():
    keys = bib_keys()
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.stem)
def test_every_citation_has_an_entry(path):
    cited = CITATION.findall(path.read_text(encoding="utf-8"))
    keys = {key.strip() for group in cited for key in group.split(",")}
    assert keys <= set(bib_keys())


def test_tables_of_the_readme_are_current():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- records " in text
    assert refill(text) == text, "run `parity-nb readme`"
