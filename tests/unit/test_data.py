import pytest

from parity_nb import data


def test_root_is_found_from_a_folder_below(root, monkeypatch):
    monkeypatch.chdir(root / "src/parity_nb")
    assert data.project_root() == root


def test_editable_package_knows_its_root(root, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert data.project_root() == root


def test_nearest_project_wins(monkeypatch, tmp_path):
    for mark in data.MARKS:
        (tmp_path / mark).touch()
    (tmp_path / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep/er")
    assert data.project_root() == tmp_path


def test_no_project_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "__file__", str(tmp_path / "lib/site-packages/parity_nb/data.py"))
    with pytest.raises(FileNotFoundError, match=r"_toc\.yml and pyproject\.toml.*checkout"):
        data.project_root()


@pytest.mark.parametrize(
    ("function", "variable", "default"),
    [
        (data.build_dir, "PARITY_NB_BUILD", "build/lab"),
        (data.data_dir, "PARITY_NB_DATA", "build/data"),
    ],
)
def test_folders_and_their_variables(function, variable, default, root, monkeypatch, tmp_path):
    monkeypatch.chdir(root / "src")
    assert function() == root / default
    monkeypatch.setenv(variable, "build/other")
    assert function() == root / "build/other"
    monkeypatch.setenv(variable, str(tmp_path))
    assert function() == tmp_path


def test_written_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder/x.txt"
    with data.written(path) as part:
        part.write_text("old")
    with pytest.raises(RuntimeError, match="stopped"), data.written(path) as part:
        part.write_text("half")
        raise RuntimeError("stopped")
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["x.txt"]


def test_a_folder_is_replaced_whole(tmp_path):
    for name in ("a", "b"):
        with data.written(tmp_path / "set") as part:
            part.mkdir()
            (part / name).touch()
    assert [p.name for p in (tmp_path / "set").iterdir()] == ["b"]


def test_made_once(tmp_path):
    calls = []

    def make(part):
        calls.append(part)
        part.write_text("made")

    for _ in range(2):
        assert data.made_once(tmp_path / "d/x.txt", make).read_text() == "made"
    assert len(calls) == 1


def test_what_failed_is_made_again(tmp_path):
    def fail(part):
        part.write_text("half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        data.made_once(tmp_path / "x.txt", fail)
    assert not (tmp_path / "x.txt").exists()


def test_the_key_follows_source_content_and_values(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"1")
    first = data.source_key(data, data.run_id, file, {"a": 1})
    assert first == data.source_key(data, data.run_id, file, {"a": 1})
    assert len(first) == 12
    assert data.source_key(data, data.run_id, file, {"a": 2}) != first
    file.write_bytes(b"2")
    assert data.source_key(data, data.run_id, file, {"a": 1}) != first
