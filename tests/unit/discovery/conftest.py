"""Tunes for the tests of the part on discovery."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from parity_nb.discovery.data.tunes import two_bars
from parity_nb.discovery.files.abc_tunes import COLLECTIONS, read_corpus


@pytest.fixture(scope="session")
def some_windows(tmp_path_factory):
    """Windows of a corpus folder with one real file for each collection."""
    folder = tmp_path_factory.mktemp("corpus")
    corpus = Path(find_spec("music21").submodule_search_locations[0]) / "corpus"
    for name in COLLECTIONS:
        (folder / name).mkdir()
        source = sorted((corpus / name).glob("*.abc"))[0 if name != "ryansMammoth" else 1]
        shutil.copy(source, folder / name)
    return two_bars(read_corpus(folder))
