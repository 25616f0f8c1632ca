"""What the gatherer reads of git's history: real commits, merges, removals, odd names, a shallow clone."""

import subprocess
from pathlib import Path

import pytest

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import environment

WHO = {f"GIT_{role}_{part}": "Ada" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
AT = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-11-25T01:02:03+02:00"}


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, env=environment(WHO | AT), check=True, capture_output=True)
    return done.stdout.decode().strip()


def commit(folder: Path, files: dict[str, str | None], message: str) -> str:
    for path, text in files.items():
        target = folder / path
        if text is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two commits, a merged branch, and a removal; settings that change what `git log` prints."""
    root = tmp_path / "work"
    root.mkdir()
    git(root, "init", "--quiet", "-b", "main")
    for name, value in {"log.showSignature": "true", "color.ui": "always", "diff.renames": "copies"}.items():
        git(root, "config", name, value)
    commit(root, {"registry/a": "1", "other": "x"}, ": first\n\nbody")
    git(root, "switch", "--quiet", "-c", "branch")
    commit(root, {"registry/a": "2"}, "on the branch")
    commit(root, {"registry/a": "3", "registry/ü b": "3"}, "again")
    git(root, "switch", "--quiet", "main")
    commit(root, {"other": "y"}, "elsewhere")
    git(root, "merge", "--quiet", "--no-ff", "-m", "the merge", "branch")
    commit(root, {"registry/a": None}, "gone")
    return root


def test_each_change_along_first_parents_is_told_oldest_first(folder: Path) -> None:
    repository = Repository.find(folder)
    history = repository.history("HEAD", ["registry"])
    assert history.complete
    told = [(one.commit.subject, one.path, one.mode) for one in history.revisions]
    assert told == [
        (": first", "registry/a", "100644"),
        ("the merge", "registry/a", "100644"),
        ("the merge", "registry/ü b", "100644"),
        ("gone", "registry/a", None),
    ]
    first, merge, _, gone = history.revisions
    assert (first.commit.parents, len(merge.commit.parents), gone.oid) == ((), 2, None)
    assert (first.commit.time, first.commit.author) == ("2026-11-24T23:02:03Z", "Ada")
    assert gone.commit.id == repository.commit("HEAD")
    assert repository.blobs([merge.oid or ""]) == {merge.oid: b"3"}


def test_a_prefix_names_one_folder_whatever_stands_in_its_name(folder: Path) -> None:
    commit(folder, {"r*/a": "1"}, "a folder with a star")
    repository = Repository.find(folder)
    assert {one.path for one in repository.history("HEAD", ["r*"]).revisions} == {"r*/a"}
    assert repository.history("HEAD", ["nothing"]).revisions == ()


def test_a_shallow_clone_says_that_it_is_cut(folder: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{folder}", "shallow")
    shallow = Repository.find(tmp_path / "shallow")
    assert not shallow.history("HEAD", ["registry"]).complete
    git(shallow.root, "fetch", "--quiet", "--unshallow")
    assert shallow.history("HEAD", ["registry"]) == Repository.find(folder).history("HEAD", ["registry"])


def test_an_object_that_was_put_in_the_place_of_another_is_not_seen(folder: Path) -> None:
    first = git(folder, "rev-list", "--max-parents=0", "HEAD")
    git(folder, "replace", f"{first}:registry/a", f"{git(folder, 'rev-parse', 'branch')}:registry/a")
    repository = Repository.find(folder)
    oid = repository.entries(first, ["registry"])["registry/a"].oid
    assert repository.blobs([oid]) == {oid: b"1"}
