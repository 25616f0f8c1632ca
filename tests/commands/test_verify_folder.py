"""A pulled folder proves itself without its registry, and each thing done to it is named."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from modelbook.core.documents import load
from modelbook.core.trust import Trust
from tests.commands.workbench import Workbench, clean_environment

Act = Callable[[Path], object]


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory, _template: Path) -> tuple[Workbench, Path, Path]:
    """A workbench, a folder pulled from it, and the owner's public key; the folder is not to be changed."""
    folder = tmp_path_factory.mktemp("folder")
    shutil.copytree(_template, folder / "copy", symlinks=True)
    bench = Workbench(folder / "copy/registry-repo", clean_environment(folder / "copy/home"))
    bench.ok("register", "toy", "--run", bench.train(0.8))
    bench.ok("pull", "toy@1", str(folder / "model"))
    key = folder / "owner.pem"
    key.write_text(load(Trust, (bench.root / "registry/trust.yaml").read_bytes(), "trust.yaml").signers[0].key or "")
    return bench, folder / "model", key


@pytest.fixture
def copied(pulled: tuple[Workbench, Path, Path], tmp_path: Path) -> Path:
    """A copy of the folder, in a place without a repository."""
    shutil.copytree(pulled[1], tmp_path / "model")
    return tmp_path / "model"


def verify(bench: Workbench, folder: Path, *args: str) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
    done = bench.run("verify", "./model", *args, "--json", cwd=folder.parent)
    report = json.loads(done.out)
    found = [(str(Path(one["path"]).relative_to("model")), one["code"]) for one in report.get("findings", [])]
    return done.code, report.get("facts", report), found


def test_a_pulled_folder_verifies_by_a_key_or_a_trust_file(pulled: tuple[Workbench, Path, Path], copied: Path) -> None:
    bench, _, key = pulled
    code, facts, found = verify(bench, copied, "--key", str(key))
    assert (code, found) == (0, [])
    assert str(facts["the card says"]).startswith("toy@1, made ")
    assert facts["signed by"] == "key"
    assert facts["folder"] == str(copied)
    code, facts, found = verify(bench, copied, "--trust", str(bench.root / "registry/trust.yaml"))
    assert (code, found, facts["signed by"]) == (0, [], "owner")


def test_whose_signature_counts_must_be_said_and_be_right(pulled: tuple[Workbench, Path, Path], copied: Path) -> None:
    bench, _, key = pulled
    for args in ([], ["--key", str(key), "--trust", str(key)]):
        refused = bench.run("verify", "./model", *args, cwd=copied.parent)
        assert refused.code == 2
        assert "whose signature counts" in refused.err
    other = copied.parent / "home"
    other.mkdir()
    repo = copied.parent / "other"
    repo.mkdir()
    bench.run("init", ".", "--key", str(other / "key.pem"), cwd=repo)
    code, facts, found = verify(bench, copied, "--trust", str(repo / "registry/trust.yaml"))
    assert (code, found) == (1, [("model.sig", "bad-signature")])
    assert facts["signed by"] == "nobody whom you trust"
    wrong = bench.run("verify", "./model", "--key", str(copied / "config.json"), cwd=copied.parent)
    assert wrong.code == 2
    assert "no P-256 public key" in wrong.err


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def edit(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"version: 1\n", b"version: 2\n", 1))


def link(path: Path) -> None:
    """The same bytes, at the end of a link."""
    away = path.parent.parent / "away"
    path.rename(away)
    path.symlink_to(away)


def fifo(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda at: flip(at / "model.safetensors"), [("model.safetensors", "other-bytes")]),
        (lambda at: (at / "config.json").write_text("{}"), [("config.json", "other-bytes")]),
        (lambda at: (at / "config.json").unlink(), [("config.json", "missing")]),
        (lambda at: (at / "config.json").rename(at / "config2.json"), [("config.json", "renamed")]),
        (lambda at: (at / "run.py").write_text("evil"), [("run.py", "extra")]),
        (lambda at: (at / ".hidden").write_text("evil"), [(".hidden", "extra")]),
        (lambda at: shutil.copy(at / "config.json", os.fsencode(at) + b"/a\xff"), [("a\\xff", "extra")]),
        (lambda at: link(at / "model.safetensors"), [("model.safetensors", "not-a-file")]),
        (lambda at: (at / "sub").symlink_to("/"), [("sub", "not-a-file")]),
        (fifo, [("config.json", "not-a-file")]),
        (lambda at: edit(at / "card.yaml"), [("model.sig", "other-statement")]),
        (lambda at: (at / "card.yaml").write_text("format: x"), [("card.yaml", "format")]),
        (lambda at: (at / "card.yaml").unlink(), [("card.yaml", "missing")]),
        (lambda at: (at / "model.sig").unlink(), [("model.sig", "unsigned")]),
        (lambda at: (at / "model.sig").write_text("{}"), [("model.sig", "bad-bundle")]),
        (lambda at: link(at / "model.sig"), [("model.sig", "not-a-file"), ("model.sig", "unsigned")]),
        (lambda at: link(at / "card.yaml"), [("card.yaml", "missing")]),
    ],
)
def test_each_thing_done_to_it_is_named(
    pulled: tuple[Workbench, Path, Path], copied: Path, act: Act, expected: list[tuple[str, str]]
) -> None:
    bench, _, key = pulled
    act(copied)
    code, _, found = verify(bench, copied, "--key", str(key))
    assert code == 1
    assert set(expected) <= set(found)
    assert {path for path, _ in found} == {path for path, _ in expected}


def test_all_that_is_wrong_is_told_at_once(pulled: tuple[Workbench, Path, Path], copied: Path) -> None:
    bench, _, key = pulled
    flip(copied / "model.safetensors")
    (copied / "config.json").rename(copied / "other.json")
    (copied / "run.py").write_text("evil")
    code, _, found = verify(bench, copied, "--key", str(key))
    assert code == 1
    assert set(found) == {("model.safetensors", "other-bytes"), ("config.json", "renamed"), ("run.py", "extra")}


def test_a_folder_and_a_reference_are_not_taken_for_each_other(
    pulled: tuple[Workbench, Path, Path], copied: Path
) -> None:
    bench, _, key = pulled
    named = bench.run("verify", "model", "--key", str(key), cwd=copied.parent)  # a card.yaml is in it
    assert named.code == 0
    assert named.out.startswith("Verify the folder model\n")
    missing = bench.run("verify", "./toy", "--key", str(key), cwd=copied.parent)
    assert missing.code == 2
    assert "no such folder" in missing.err
    reference = bench.run("verify", "toy@1", "--key", str(key))
    assert reference.code == 2
    assert "go with a folder" in reference.err
    assert bench.ok("verify", "toy@1").startswith("Verify toy@1\n")
