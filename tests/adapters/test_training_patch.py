"""The patch on record leads from a commit that others have to the very code that ran."""

import subprocess
from pathlib import Path

import pytest

from modelbook.core.digests import digest_of
from modelbook.errors import Refused
from modelbook.training.code_patch import LIMIT
from modelbook.training.provenance import PATCH, Provenance, provenance, provenance_by_hand
from tests.adapters.code_repository import commit, git, give_remote, make_repository, tree_of

RUDE = """\
[diff]
    noprefix = true
    mnemonicPrefix = true
    external = false
    renames = copies
    submodule = log
    context = 0
[color]
    ui = always
    diff = always
[core]
    attributesFile = {folder}/attributes
[diff "shout"]
    textconv = tr a-z A-Z <
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = make_repository(tmp_path / "repository")
    (root / "src/blob.bin").write_bytes(bytes(range(256)) * 20)
    (root / "src/gone.bin").write_bytes(bytes(range(255, -1, -1)) * 20)
    (root / "src/old name.py").write_text("".join(f"line {n}\n" for n in range(50)))
    (root / "src/link.py").symlink_to("train.py")
    commit(root, "files")
    return root


def rewrite(root: Path) -> None:
    """Every kind of change there is."""
    (root / "src/train.py").write_bytes(b"print('no newline, and \xff')")
    (root / "src/train.py").chmod(0o755)
    (root / "src/blob.bin").write_bytes(bytes(range(256)) * 10 + b"\0changed" * 30)
    (root / "src/gone.bin").unlink()
    git(root, "mv", "src/old name.py", "src/new näme.py")
    with (root / "src/new näme.py").open("a") as file:
        file.write("one more\n")
    (root / "src/link.py").unlink()
    (root / "src/link.py").symlink_to("new näme.py")
    (root / "src/a b").mkdir()
    (root / "src/a b/c\td.py").write_text("untracked = 1\n")
    (root / "src/empty.py").write_text("")
    (root / "ignored").mkdir()
    (root / "ignored/train.py").write_text("import sys\n")
    (root / "notes.md").write_text("staged\n")
    git(root, "add", "notes.md")
    (root / "notes.md").write_text("staged, and changed again\n")


def apply(origin: Provenance, root: Path, target: Path) -> str:
    """The tree that a clone of the remote becomes by the record alone."""
    git(root.parent, "clone", "-q", str(root), str(target))
    git(target, "checkout", "-q", "--detach", origin.code.base or origin.code.commit or "")
    (target.parent / "the.patch").write_bytes(origin.files[PATCH])
    git(target, "apply", "--binary", str(target.parent / "the.patch"))
    return tree_of(target)


@pytest.mark.parametrize("rude", [False, True])
@pytest.mark.parametrize("unpushed", [False, True])
def test_base_and_patch_make_the_very_tree(
    repository: Path, tmp_path: Path, unpushed: bool, rude: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if rude:
        (tmp_path / "attributes").write_text("*.py diff=shout\n")
        (tmp_path / "config").write_text(RUDE.format(folder=tmp_path))
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    remote = give_remote(repository)
    if unpushed:
        (repository / "src/blob.bin").write_bytes(b"\0first")
        (repository / "notes.md").write_text("unpushed\n")
        commit(repository, "unpushed")
    rewrite(repository)
    before = git(repository, "status", "--porcelain")
    origin = provenance(repository, "ignored/train.py", allow_dirty=True)
    besides = provenance(repository, "src/train.py", allow_dirty=True)
    assert git(repository, "status", "--porcelain") == before  # the real index is as it was
    assert origin.code.patch == digest_of(origin.files[PATCH])
    assert b"ignored/train.py" in origin.files[PATCH]
    assert b"a b/c" not in origin.files[PATCH]  # untracked Python files count beside the entry point
    assert bool(origin.code.base) == unpushed
    made = apply(besides, remote, tmp_path / "clone")
    (repository / "ignored/train.py").unlink()
    assert made == tree_of(repository)


def test_the_same_state_has_the_same_patch(repository: Path) -> None:
    rewrite(repository)
    first, second = (provenance(repository, "src/train.py", allow_dirty=True) for _ in range(2))
    assert first.files == second.files
    assert first.code == second.code


def test_a_patch_that_is_too_large_names_what_is(repository: Path) -> None:
    give_remote(repository)
    state = b"".join(digest_of(bytes([n % 256, n // 256 % 256, n // 65536])).encode()[7:] for n in range(LIMIT // 30))
    (repository / "src/blob.bin").write_bytes(b"\0" + state)
    (repository / "notes.md").write_text("small\n")
    with pytest.raises(Refused, match=rf"larger than .*\n +{len(state) + 1:,}  src/blob.bin") as caught:
        provenance(repository, "src/train.py", allow_dirty=True)
    assert "data add" in (caught.value.remedy or "")
    by_hand = provenance_by_hand(repository, "src/train.py")
    assert PATCH not in by_hand.files
    assert by_hand.code.dirty
    assert "not on record" in by_hand.notes[0]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".env", "TOKEN=x\n"),
        ("deploy/.env.production", "TOKEN=x\n"),
        ("keys/id_ed25519", "x\n"),
        ("credentials.json", "{}\n"),
        ("notes.md", "here it is:\n-----BEGIN EC PRIVATE KEY-----\nabc\n"),
    ],
)
def test_what_looks_like_a_secret_is_in_no_patch(repository: Path, path: str, text: str) -> None:
    (repository / path).parent.mkdir(exist_ok=True)
    (repository / path).write_text("before\n")
    (repository / ".env.example").write_text("TOKEN=\n")
    commit(repository, "tracked")
    give_remote(repository)
    (repository / ".env.example").write_text("TOKEN=put yours here\n")
    assert provenance(repository, "src/train.py", allow_dirty=True).code.patch
    (repository / path).write_text(text)
    with pytest.raises(Refused, match="looks like a secret"):
        provenance(repository, "src/train.py", allow_dirty=True)
    (repository / path).unlink()
    assert provenance(repository, "src/train.py", allow_dirty=True).code.patch


def test_what_git_cannot_say_as_a_patch_is_refused(repository: Path, tmp_path: Path) -> None:
    """Whatever else a submodule holds, the commit of it that is checked out is all that a patch can say."""
    inner = make_repository(tmp_path / "inner")
    git(repository, "submodule", "add", "-q", str(inner), "sub")
    commit(repository, "submodule")
    (repository / "sub/notes.md").write_text("changed inside\n")
    with pytest.raises(Refused, match="submodule has uncommitted changes"):
        provenance(repository, "src/train.py", allow_dirty=True)
    commit(repository / "sub", "inside")
    assert b"+Subproject commit" in provenance(repository, "src/train.py", allow_dirty=True).files[PATCH]


def test_the_middle_of_a_merge_is_recorded_as_it_lies_on_disk(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-q", "-b", "other")
    (repository / "notes.md").write_text("one\n")
    commit(repository, "one")
    git(repository, "checkout", "-q", "main")
    (repository / "notes.md").write_text("two\n")
    commit(repository, "two")
    remote = give_remote(repository)
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "-q", "other")
    origin = provenance(repository, "src/train.py", allow_dirty=True)
    assert b"+<<<<<<<" in origin.files[PATCH]
    assert apply(origin, remote, tmp_path / "clone") == tree_of(repository)
