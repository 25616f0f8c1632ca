"""A registry that lies elsewhere is found in, verified and pulled from without a clone of one's own."""

import json
from pathlib import Path

import pytest

from modelbook.adapters.git_process import run_git
from modelbook.adapters.remote_registry import Remote, remote_of
from modelbook.errors import BadInput
from tests.commands.workbench import MODEL, TRAIN, Workbench, clean_environment


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """A registry with toy@1 and a store that any machine reaches, served as GitHub serves one: files when asked for."""
    folder = tmp_path_factory.mktemp("elsewhere")
    home, root = folder / "home", folder / "acme/registry.git"
    home.mkdir()
    root.mkdir(parents=True)
    bench = Workbench(root, clean_environment(home))
    bench.ok("init", ".", "--key", str(home / "key.pem"), "--store", f"file:{folder}/store")
    bench.commit({"registry/models/toy/model.yaml": MODEL, "train.py": TRAIN}, "A toy")
    (folder / "numbers.csv").write_text("x,y\n1,2\n")
    bench.ok("data", "add", "numbers", str(folder / "numbers.csv"))
    bench.ok("register", "toy", "--run", bench.train(0.9))
    bench.git("config", "uploadpack.allowFilter", "true")
    bench.git("config", "uploadpack.allowAnySHA1InWant", "true")
    return bench


@pytest.fixture
def away(origin: Workbench, tmp_path: Path) -> Workbench:
    """A folder that is in no repository, on another machine."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    server = {"GITHUB_SERVER_URL": f"file://{origin.root.parents[1]}"}
    return Workbench(here, clean_environment(home) | server | {"XDG_CACHE_HOME": str(tmp_path / "cache")})


NAMED = ("--registry", "github:acme/registry")


def cache_of(away: Workbench) -> Path:
    """The clone in the cache."""
    [clone] = (away.root.parent / "cache/modelbook/registries").glob("*.git")
    return clone


def kept(away: Workbench) -> list[str]:
    """The objects in it."""
    listed = ["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]
    return run_git(listed, cache_of(away)).stdout.decode().split()


def test_it_is_found_in_verified_and_pulled(origin: Workbench, away: Workbench) -> None:
    [row] = json.loads(away.ok("find", "params.skill > 0.8", "--json", *NAMED))
    assert row["ref"] == "toy@1"
    signature = origin.git("rev-parse", "HEAD:registry/models/toy/versions/1/model.sig").strip()
    assert signature not in kept(away), "find reads no signature"
    assert "everything verifies" in away.ok("verify", "toy@1", *NAMED)
    away.ok("pull", "toy@1", "model", *NAMED)
    assert json.loads((away.root / "model/config.json").read_text()) == {"skill": 0.9}
    script = origin.git("rev-parse", "HEAD:train.py").strip()
    assert script not in kept(away), "what nobody asked for was fetched"


def test_it_is_read_as_it_is_now_and_as_it_was(origin: Workbench, away: Workbench) -> None:
    before = origin.git("rev-parse", "HEAD").strip()
    assert len(json.loads(away.ok("find", "--json", *NAMED))) == 1
    origin.ok("revoke", "toy@1", "--reason", "it was wrong")
    assert [row["ref"] for row in json.loads(away.ok("find", "revoked", "--json", *NAMED))] == ["toy@1"]
    assert json.loads(away.ok("find", "revoked", "--json", "--registry", f"github:acme/registry@{before}")) == []


def test_the_default_branch_is_the_one_that_it_is_now(origin: Workbench, away: Workbench) -> None:
    first = origin.git("rev-list", "--max-parents=0", "HEAD").strip()
    assert len(json.loads(away.ok("find", "--json", *NAMED))) == 1
    default = origin.git("symbolic-ref", "HEAD").strip()
    origin.git("update-ref", "refs/heads/trunk", first)
    try:
        origin.git("symbolic-ref", "HEAD", "refs/heads/trunk")
        assert json.loads(away.ok("find", "--json", *NAMED)) == []
        at_a_time = f"github:acme/registry@{default.rpartition('/')[2]}@{{2100-01-01}}"
        assert len(json.loads(away.ok("find", "--json", "--registry", at_a_time))) == 1
        origin.git("symbolic-ref", "HEAD", "refs/heads/nothing")
        assert "couldn't find remote ref HEAD" in away.run("find", *NAMED).err
    finally:
        origin.git("symbolic-ref", "HEAD", default)
        origin.git("update-ref", "-d", "refs/heads/trunk")
    assert len(json.loads(away.ok("find", "--json", *NAMED))) == 1


def test_a_damaged_cache_is_made_anew_and_no_repository_around_it_is_touched(
    origin: Workbench, away: Workbench
) -> None:
    away.ok("find", *NAMED)
    around = away.root.parent / "cache"  # as where a home folder is in git
    run_git(["init", "--quiet"], around)
    run_git(["remote", "add", "origin", f"file://{origin.root}"], around)
    (cache_of(away) / "HEAD").unlink()
    assert len(json.loads(away.ok("find", "--json", *NAMED))) == 1
    assert run_git(["for-each-ref"], around).stdout == b""


def test_nothing_is_written_to_it_and_a_wrong_name_is_said(away: Workbench) -> None:
    for arguments in (["promote", "toy@1", "--to", "staging"], ["revoke", "toy@1", "--reason", "x"], ["tag"]):
        done = away.run(*arguments, *NAMED)
        assert done.code == 2, done.text
        assert "only read" in done.err
    wrong = away.run("find", "--registry", "github:acme/nothing")
    assert wrong.code == 3
    assert "cannot be fetched" in wrong.err
    assert list((away.root.parent / "cache/modelbook/registries").glob(".*")) == []


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("github:acme/registry", Remote("https://github.com/acme/registry.git", "HEAD")),
        ("github:acme/my.models@v1.2", Remote("https://github.com/acme/my.models.git", "v1.2")),
        ("https://git.acme.org/ml/registry.git@main", Remote("https://git.acme.org/ml/registry.git", "main")),
        ("ssh://git@github.com/acme/registry", Remote("ssh://git@github.com/acme/registry", "HEAD")),
        ("github:acme/registry.git", Remote("https://github.com/acme/registry.git", "HEAD")),
        ("file:///a/b.git@main@{2026-10-01}", Remote("file:///a/b.git", "main@{2026-10-01}")),
        ("registry", None),
        ("../other/registry", None),
    ],
)
def test_where_it_lies_is_read_from_its_name(text: str, remote: Remote | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    assert remote_of(text) == remote


@pytest.mark.parametrize(
    "text",
    [
        "github:acme",
        "github:../x",
        "github:-u/x",
        "ext::sh -c date://x",
        "ssh://-oProxyCommand=date@host/x",
        "https://u:secret@host/x",
        "file://a b",
        "git://host/x",
    ],
)
def test_what_names_no_registry_runs_nothing(text: str) -> None:
    with pytest.raises(BadInput, match="names no registry"):
        remote_of(text)
