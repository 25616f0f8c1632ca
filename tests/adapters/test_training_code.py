"""Which code a run executes: its commit, what no commit holds, and what no remote has."""

from pathlib import Path

import pytest

from modelbook.core.addresses import without_credentials
from modelbook.errors import ModelbookError, Refused
from modelbook.training.code_version import committed_code, uncommitted, working_tree
from modelbook.training.provenance import provenance, provenance_by_hand
from tests.adapters.code_repository import commit, git, give_remote, make_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository")


def test_the_code_is_the_commit(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://bot:secret@example.org/acme/r.git")
    code = committed_code(repository, "src/train.py")
    assert code.commit == git(repository, "rev-parse", "HEAD")
    assert (code.branch, code.dirty, code.entry_point) == ("main", False, "src/train.py")
    assert code.repository == "https://example.org/acme/r.git"
    git(repository, "checkout", "-q", "--detach")
    assert committed_code(repository / "src", "train.py").branch is None


def test_what_no_commit_holds_is_refused_by_name_or_recorded(repository: Path) -> None:
    (repository / "notes.md").write_text("changed\n")
    git(repository, "mv", "src/train.py", "src/fit.py")
    (repository / "src/helper.py").write_text("")
    (repository / "src/data.csv").write_text("")
    (repository / "elsewhere.py").write_text("")
    for look in (committed_code, provenance):
        with pytest.raises(Refused) as caught:
            look(repository, "src/fit.py")
        for path in ("notes.md", "src/fit.py", "src/helper.py"):
            assert path in caught.value.message
        for path in ("data.csv", "elsewhere.py", "train.py"):
            assert path not in caught.value.message
    assert "--allow-dirty" in (caught.value.remedy or "")
    assert "no secret" in (caught.value.remedy or "")
    code = provenance(repository, "src/fit.py", allow_dirty=True).code
    assert code.dirty
    assert code.patch
    assert code.base is None


def test_an_entry_point_that_git_ignores_is_no_commit_s(repository: Path) -> None:
    (repository / "ignored").mkdir()
    (repository / "ignored/train.py").write_text("")
    assert uncommitted(repository, repository / "ignored/train.py") == ["ignored/train.py"]
    assert uncommitted(repository, repository / "src/train.py") == []
    (repository / "src/odd [name]*.py").write_text("")
    commit(repository, "second")
    assert uncommitted(repository, repository / "src/odd [name]*.py") == []


def test_without_a_commit_or_a_repository_there_is_no_code_version(tmp_path: Path) -> None:
    with pytest.raises(ModelbookError, match="not a git repository"):
        committed_code(tmp_path, "train.py")
    assert provenance_by_hand(tmp_path, "train.py").code.dirty
    git(tmp_path, "init", "-q")
    with pytest.raises(ModelbookError, match="no commit yet"):
        committed_code(tmp_path, "train.py")


def test_a_commit_that_no_remote_has_is_refused_or_recorded_with_its_base(repository: Path) -> None:
    assert provenance(repository, "src/train.py").code.base is None  # there is no remote that could have it
    give_remote(repository)
    pushed = git(repository, "rev-parse", "HEAD")
    assert provenance(repository, "src/train.py").code.patch is None
    (repository / "src/train.py").write_text("print(2)\n")
    commit(repository, "second")
    (repository / "src/train.py").write_text("print(3)\n")
    third = commit(repository, "third")
    with pytest.raises(Refused, match=r"on this machine only:\n.*third\n.*second") as caught:
        provenance(repository, "src/train.py")
    assert "Push them" in (caught.value.remedy or "")
    assert "--allow-dirty" in (caught.value.remedy or "")
    code = provenance(repository, "src/train.py", allow_dirty=True).code
    assert (code.commit, code.base, code.dirty) == (third, pushed, False)
    assert code.patch
    git(repository, "fetch", "-q", ".", "main")
    assert len(working_tree(repository, "src/train.py").unpushed) == 2, "what a clone fetched from itself is not pushed"
    assert committed_code(repository, "src/train.py").commit == third
    git(repository, "push", "-q", "origin", "main")
    assert provenance(repository, "src/train.py").code.base is None


def test_of_a_merge_the_base_is_what_the_branch_was_pushed_from(repository: Path) -> None:
    give_remote(repository)
    pushed = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "-b", "side")
    commit(repository, "aside")
    git(repository, "push", "-q", "origin", "side")
    git(repository, "checkout", "-q", "main")
    git(repository, "merge", "-q", "--no-ff", "-m", "merged", "side")
    tree = working_tree(repository, "src/train.py")
    assert (len(tree.unpushed), tree.base) == (1, pushed)
    origin = provenance(repository, "src/train.py", allow_dirty=True)
    assert (origin.code.base, origin.code.patch) == (pushed, None)  # the merge changed no file


def test_what_was_never_pushed_is_refused_or_recorded_without_a_base(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://example.org/acme/new.git")
    with pytest.raises(Refused, match="on this machine only"):
        provenance(repository, "src/train.py")
    origin = provenance(repository, "src/train.py", allow_dirty=True)
    assert (origin.code.base, origin.code.patch) == (None, None)
    assert "nothing of this repository was pushed" in origin.notes[0]


@pytest.mark.parametrize("refspec", ["+HEAD:refs/remotes/origin/main", "HEAD", "+HEAD:refs/tags/v1"])
def test_a_workflow_s_checkout_passes(repository: Path, tmp_path: Path, refspec: str) -> None:
    remote = give_remote(repository)
    commit(repository, "second")
    git(repository, "push", "-q", "origin", "main")
    head = git(repository, "rev-parse", "HEAD")
    clone = tmp_path / "clone"
    clone.mkdir()
    git(clone, "init", "-q")
    git(clone, "remote", "add", "origin", f"file://{remote}")
    git(clone, "fetch", "-q", "--no-tags", "--depth=1", "origin", refspec.replace("HEAD", head))
    git(clone, "checkout", "-q", "--detach", head)
    assert provenance(clone, "src/train.py").code.commit == head
    (clone / ".git/FETCH_HEAD").unlink()
    git(clone, "remote", "remove", "origin")
    git(clone, "remote", "add", "origin", f"file://{remote}")
    tree = working_tree(clone, "src/train.py", environ={"GITHUB_SHA": head})
    assert tree.unpushed == ()
    assert len(working_tree(clone, "src/train.py", environ={"GITHUB_SHA": "no commit"}).unpushed) == 1


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://user:token@host.org:8443/a/b.git", "https://host.org:8443/a/b.git"),
        ("https://token@host.org/a.git?private_token=x#y", "https://host.org/a.git"),
        ("ssh://git:secret@host.org/a.git", "ssh://git@host.org/a.git"),
        ("git@host.org:a/b.git", "git@host.org:a/b.git"),
        ("git:secret@host.org:a/b.git", "git@host.org:a/b.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
    ],
)
def test_no_credential_of_a_remote_is_recorded(url: str, clean: str) -> None:
    assert without_credentials(url) == clean
