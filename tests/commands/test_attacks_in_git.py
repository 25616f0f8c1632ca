"""What git itself can do to a signed registry: line ends, links, submodules, large files, names that differ by case."""

import shutil
import subprocess
from pathlib import Path

import pytest

from modelbook.core.signing.envelope import MAX_BUNDLE
from tests.commands.workbench import Workbench, clean_environment

VERSION = "registry/models/toy/versions/1"


@pytest.fixture(scope="module")
def _with_version(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version") / "copy"
    shutil.copytree(_template, folder, symlinks=True)
    bench = Workbench(folder / "registry-repo", clean_environment(folder / "home"))
    bench.ok("register", "toy", "--run", bench.train(0.8))
    return folder


@pytest.fixture
def signed(_with_version: Path, tmp_path: Path) -> Workbench:
    """A registry with a version and a dataset in it, for one test alone."""
    shutil.copytree(_with_version, tmp_path / "copy", symlinks=True)
    return Workbench(tmp_path / "copy/registry-repo", clean_environment(tmp_path / "copy/home"))


def found(bench: Workbench, *arguments: str) -> str:
    """What `verify` says where it says no."""
    done = bench.run("verify", *arguments)
    assert done.code == 1, done.text
    return done.text


def test_a_clone_that_changes_line_ends_changes_no_signed_byte(signed: Workbench, tmp_path: Path) -> None:
    """`core.autocrlf` rewrites text files as they are checked out and committed; under registry/ it must not."""
    clone = tmp_path / "clone"
    crlf = ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    subprocess.run(["git", "clone", "-q", *crlf, str(signed.root), str(clone)], check=True, env=signed.env)
    there = Workbench(clone, signed.env)
    assert b"\r\n" in (clone / "train.py").read_bytes(), "this git changes line ends"
    for path in (clone / "registry").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (signed.root / path.relative_to(clone)).read_bytes(), path
    there.ok("verify")
    base = there.git("rev-parse", "HEAD").strip()
    there.commit({"registry/models/toy/model.yaml": (clone / "registry/models/toy/model.yaml").read_bytes() + b"\n"})
    there.ok("verify", "--change", base)
    assert b"\r" not in there.git("show", "HEAD:registry/models/toy/model.yaml").encode()


def test_line_ends_that_are_changed_all_the_same_are_refused(signed: Workbench) -> None:
    base = signed.git("rev-parse", "HEAD").strip()
    card = signed.root / VERSION / "card.yaml"
    signed.commit({f"{VERSION}/card.yaml": card.read_bytes().replace(b"\n", b"\r\n")})
    assert "a carriage return is not allowed" in found(signed, "toy@1")
    assert "never changes after registration" in found(signed, "--change", base)


@pytest.mark.parametrize("place", [f"{VERSION}/card.yaml", f"{VERSION}/evaluations", "registry/policy.yaml"])
def test_a_symbolic_link_in_the_registry_is_refused(signed: Workbench, place: str) -> None:
    """Also one that leads to the very bytes that were there: what it leads to may change without a commit here."""
    base = signed.git("rev-parse", "HEAD").strip()
    link, elsewhere = signed.root / place, signed.root / "elsewhere"
    if link.exists():
        link.rename(elsewhere)
    else:
        elsewhere.mkdir()
        (elsewhere / "default.yaml").write_text("x")
    link.symlink_to(elsewhere)
    signed.git("add", "-A")
    signed.git("commit", "-q", "-m", "A link")
    assert "a symbolic link is not allowed" in found(signed, "--change", base)
    assert signed.run("verify").code != 0


def test_a_registry_that_is_itself_a_link_is_no_registry(signed: Workbench) -> None:
    (signed.root / "registry").rename(signed.root / "elsewhere")
    (signed.root / "registry").symlink_to("elsewhere")
    signed.git("add", "-A")
    signed.git("commit", "-q", "-m", "A link")
    assert signed.run("verify").code != 0


def test_a_submodule_in_the_registry_is_refused(signed: Workbench) -> None:
    commit = signed.git("rev-parse", "HEAD").strip()
    signed.git("update-index", "--add", "--cacheinfo", f"160000,{commit},registry/models/other")
    signed.git("commit", "-q", "-m", "A submodule")
    assert "a submodule is not allowed" in found(signed, "--change", commit)
    assert "a submodule is not allowed" in found(signed)


def test_a_file_that_is_too_large_is_refused_unread(signed: Workbench) -> None:
    signed.commit({f"{VERSION}/evaluations/big.sigstore.json": b" " * (MAX_BUNDLE + 1)})
    assert "is too large for a registry file" in found(signed)


def test_a_name_that_differs_by_case_is_no_second_card(signed: Workbench) -> None:
    """On some machines the two are one file, and whoever looks at the disk sees the other."""
    card = (signed.root / VERSION / "card.yaml").read_bytes()
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=signed.root, input=card, check=True, capture_output=True
    )
    for name in (f"{VERSION}/Card.yaml", "registry/models/Toy/versions/1/card.yaml"):
        signed.git("update-index", "--add", "--cacheinfo", f"100644,{blob.stdout.decode().strip()},{name}")
    signed.git("commit", "-q", "-m", "A twin")
    said = found(signed)
    assert said.count("the registry has no place for this file") == 2
