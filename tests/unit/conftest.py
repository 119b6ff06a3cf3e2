"""What several unit tests share."""

import pytest


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of data sets for a whole module."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("data")
        patch.setenv("PARITY_NB_DATA", str(folder))
        yield folder
