import pytest

from parity_nb import paths


def test_root_is_found_from_a_folder_below(root, monkeypatch):
    monkeypatch.chdir(root / "src/parity_nb")
    assert paths.project_root() == root


def test_editable_package_knows_its_root(root, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert paths.project_root() == root


def test_nearest_project_wins(monkeypatch, tmp_path):
    for mark in paths.MARKS:
        (tmp_path / mark).touch()
    (tmp_path / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep/er")
    assert paths.project_root() == tmp_path


def test_no_project_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "lib/site-packages/parity_nb/paths.py"))
    with pytest.raises(FileNotFoundError, match=r"_toc\.yml and pyproject\.toml.*checkout"):
        paths.project_root()


@pytest.mark.parametrize(
    ("function", "variable", "default"),
    [
        (paths.build_dir, "PARITY_NB_BUILD", "build/lab"),
        (paths.data_dir, "PARITY_NB_DATA", "build/data"),
    ],
)
def test_folders_and_their_variables(function, variable, default, root, monkeypatch, tmp_path):
    monkeypatch.chdir(root / "src")
    assert function() == root / default
    monkeypatch.setenv(variable, "build/other")
    assert function() == root / "build/other"
    monkeypatch.setenv(variable, str(tmp_path))
    assert function() == tmp_path
