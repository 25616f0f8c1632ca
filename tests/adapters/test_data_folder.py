"""Walking a folder of data in the order of a manifest."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelbook.adapters.data_folder import found_files
from modelbook.errors import StoreError

names = st.text(alphabet="ab-.0é", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.sets(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=12))
def test_the_order_is_that_of_the_paths(tmp_path_factory: pytest.TempPathFactory, paths: set[str]) -> None:
    root = tmp_path_factory.mktemp("walk")
    made = set()
    for path in sorted(paths):
        target = root / path
        if target.exists() or any(above.is_file() for above in target.parents):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path)
        made.add(path)
    found = list(found_files(root))
    assert [file.path for file in found] == sorted(made)
    assert all(file.file.read_text() == file.path and file.size == len(file.path.encode()) for file in found)


def test_git_s_own_folder_and_empty_folders_are_left_out(tmp_path: Path) -> None:
    for path in (".git/config", "sub/.git/config", "sub/a", ".gitignore", "module/.git", "module/b"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    (tmp_path / "empty").mkdir()
    assert [file.path for file in found_files(tmp_path)] == [".gitignore", "module/b", "sub/a"]


def test_one_file_is_a_dataset_of_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("12")
    assert [(file.path, file.size) for file in found_files(tmp_path / "a.csv")] == [("a.csv", 2)]


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data/locked").mkdir(parents=True)
    (tmp_path / "data/locked/a").write_text("x")
    (tmp_path / "data/locked").chmod(0)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(StoreError, match="Permission denied") as caught:
            list(found_files(Path("data")))
    finally:
        if root:
            os.seteuid(0)
        (tmp_path / "data/locked").chmod(0o755)
    assert caught.value.where == "data/locked"
