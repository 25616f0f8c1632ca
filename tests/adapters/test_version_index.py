"""The index of any commit says what the files of that commit say, whatever was indexed before it."""

import os
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.adapters.git import Repository
from modelbook.adapters.index_files import IndexFiles
from modelbook.adapters.index_tables import Index
from modelbook.adapters.registry_files import read_registry
from modelbook.adapters.version_index import VersionIndex
from modelbook.core import layout
from modelbook.core.findings import Finding
from modelbook.core.queries.fields import VERSION_FIELDS
from modelbook.core.queries.version_facts import ModelFacts, version_facts
from modelbook.errors import BadInput
from tests.made import Made

Told = tuple[list[dict[str, Any]], list[Finding]]
SUITES = (
    "format: modelbook/model/v1\nmodel: {}\nowners: [ann]\nsuites:\n  other: {{entry_point: e.py, dataset: digits@1}}\n"
)


class Repo:
    """A bare repository that grows by whole registries, each a commit."""

    def __init__(self, root: Path) -> None:
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(root)], check=True)
        self.repository = Repository.find(root)
        self.root = root
        self._mark = 0

    def commit(self, files: Mapping[str, bytes], branch: str = "main", *, links: Mapping[str, bytes] = {}) -> str:
        parts = [
            f"commit refs/heads/{branch}\ncommitter t <t@x.org> {self._mark} +0000\ndata 1\nx\ndeleteall\n".encode()
        ]
        self._mark += 1
        for mode, some in (("100644", files), ("120000", links)):
            for path, data in some.items():
                parts += [f"M {mode} inline registry/{path}\ndata {len(data)}\n".encode(), data, b"\n"]
        subprocess.run(["git", "fast-import", "--quiet", "--force"], cwd=self.root, input=b"".join(parts), check=True)
        return self.repository.commit(branch)

    def index(self, commit: str, **more: Any) -> VersionIndex:
        return VersionIndex(self.repository, "registry", commit, **more)

    def told(self, commit: str) -> Told:
        return self.index(commit).ask(everything)

    def plain(self, commit: str) -> Told:
        """The same without an index: each file is read."""
        registry, findings = read_registry(self.repository, "registry", commit)
        rows = []
        for model in sorted(
            {place.name for place in registry.places.values() if place.name and place.kind != "dataset"}
        ):
            shared = ModelFacts(registry, model)
            findings += shared.findings
            for version in registry.versions(model):
                facts, found = version_facts(registry, shared, version)
                rows += [facts] if facts else []
                findings += found
        return known(rows), sorted(findings, key=str)


def everything(index: Index) -> Told:
    ids = [row for (row,) in index.database.execute("SELECT id FROM versions ORDER BY model, version")]
    rows = index.facts(ids, [name for name in VERSION_FIELDS if name != "on"])
    return known(rows), sorted(index.findings(), key=str)


def known(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if value not in ([], {})} for row in rows]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Repo(tmp_path / "repo.git")


@pytest.fixture(scope="module")
def base() -> Made:
    made = Made().dataset()
    for model in ("a", "b"):
        for version in (1, 2):
            made.version(model, version, {"accuracy": 0.5 + version / 10})
    return made


CHANGES = st.sampled_from(
    ["register", "measure", "promote", "demote", "revoke", "spoil", "spoil model", "describe", "remove", "link"]
)


def changed(made: Made, change: str, model: str, version: int) -> Made:
    made, card = made.copy(), f"{layout.version_folder(model, version)}/card.yaml"
    here = card in made.files and b"\nmodel:" in made.files[card]
    match change:
        case "register":
            return made.version(model, version + 2, {"accuracy": 0.9, "f1": version})
        case "measure" if here:
            return made.evaluation(model, version, {"f1": 0.25}, suite="other")
        case "promote" if here and f"models/{model}/stages/staging.yaml" not in made.files:
            return made.pointer(model, "staging", version)
        case "demote":
            return made.drop(*[path for path in made.files if path.startswith(f"models/{model}/stages/")])
        case "revoke":
            return made.put(f"{layout.version_folder(model, version)}/revoked.yaml", "by: ann\n")
        case "spoil":
            return made.put(card, "format: modelbook/card/v1\nmodle: a\n")
        case "spoil model":
            return made.put(f"models/{model}/model.yaml", "format: [\n")
        case "describe":
            return made.put(f"models/{model}/model.yaml", SUITES.format(model))
        case "remove":
            return made.drop(*[path for path in made.files if path.startswith(f"models/{model}/versions/{version}/")])
    return made


@settings(max_examples=6, deadline=None)
@given(steps=st.lists(st.tuples(CHANGES, st.sampled_from("ab"), st.sampled_from([1, 2])), min_size=1, max_size=5))
def test_any_history_gives_the_answer_of_the_files(
    steps: list[tuple[str, str, int]], base: Made, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repo, made = Repo(tmp_path_factory.mktemp("history") / "repo.git"), base
    commits = [repo.commit(made.files)]
    for step in steps:
        made = changed(made, *step)
        commits.append(repo.commit(made.files))
    # Forwards, each from the one before; then the first again, as after a rebase, and one from the last.
    for commit in [*commits, commits[0], commits[len(commits) // 2]]:
        assert repo.told(commit) == repo.plain(commit)


def test_a_link_and_an_unreadable_card_are_named_and_the_rest_is_told(repo: Repo, base: Made) -> None:
    spoilt = changed(base, "spoil", "b", 2)
    card = spoilt.files.pop("models/a/versions/1/card.yaml")
    commit = repo.commit(spoilt.files, links={"models/a/versions/1/card.yaml": card})
    rows, findings = repo.told(commit)
    assert [row["ref"] for row in rows] == ["a@2", "b@1"]
    assert {(one.path, one.code) for one in findings} >= {
        ("registry/models/a/versions/1/card.yaml", "not-a-file"),
        ("registry/models/b/versions/2/card.yaml", "unknown-key"),
    }
    healed = repo.commit(base.files)
    assert repo.told(healed) == repo.plain(healed)
    assert repo.told(healed)[1] == []


def test_one_more_commit_reads_no_more_than_it_brings(repo: Repo, base: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.told(repo.commit(base.files))
    read: list[str] = []
    blobs = Repository.blobs

    def seen(self: Repository, oids: Any) -> dict[str, bytes]:
        found = blobs(self, list(oids))
        read.extend(found)
        return found

    monkeypatch.setattr(Repository, "blobs", seen)
    commit = repo.commit(changed(base, "register", "a", 1).files)
    assert len(repo.told(commit)[0]) == 5
    assert len(read) == 2  # the card and its evaluation
    read.clear()
    repo.told(commit)
    assert read == []


def test_what_other_branches_have_is_told_with_the_branch(repo: Repo, base: Made) -> None:
    main = repo.commit(base.files)
    repo.commit(changed(base, "register", "a", 1).files, "proposal")
    repo.commit(changed(base, "promote", "a", 1).files, "promotion")  # brings no version
    repo.commit(changed(base, "spoil", "b", 1).files, "bad")

    def told(index: Index) -> list[tuple[str, str | None]]:
        asked = 'SELECT ref, "on" FROM versions ORDER BY model, version'
        return list(index.database.execute(asked))

    found = repo.index(main, all_branches=True).ask(told)
    assert found == [("a@1", None), ("a@2", None), ("a@3", "proposal"), ("b@1", None), ("b@2", None)]
    _, findings = repo.index(main, all_branches=True).ask(everything)
    assert {one.path for one in findings} == {"registry/models/b/versions/1/card.yaml"}
    assert repo.told(main)[1] == []


@pytest.mark.parametrize("spoil", ["truncated", "flipped", "text", "other tables"])
def test_a_damaged_index_is_made_anew_and_that_is_said_once(spoil: str, repo: Repo, base: Made) -> None:
    commit = repo.commit(base.files)
    expected = repo.told(commit)
    files = IndexFiles(repo.repository.git_dir)
    [path] = (repo.repository.git_dir / "modelbook/index").iterdir()
    data = path.read_bytes()
    if spoil == "other tables":
        database = sqlite3.connect(":memory:")
        database.execute("CREATE TABLE t (x)")
        path.unlink()
        files.keep(files.by_use()[0] if files.by_use() else path.name.split("-")[1], database.serialize())
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        path.write_bytes({"truncated": data[:-100], "flipped": flipped, "text": b"no index"}[spoil])
    index = repo.index(commit)
    assert index.ask(everything) == expected
    [note] = index.notes
    assert "built anew" in note
    again = repo.index(commit)
    assert (again.ask(everything), again.notes) == (expected, [])


def test_where_nothing_can_be_written_the_answer_is_the_same(repo: Repo, base: Made, tmp_path: Path) -> None:
    commit = repo.commit(base.files)
    expected = repo.plain(commit)
    # A file in the place of each folder: that stops root as well, who may write where nobody may.
    (repo.repository.git_dir / "modelbook").write_text("")
    (tmp_path / "cache").write_text("")
    assert repo.told(commit) == expected
    (tmp_path / "cache").unlink()
    assert repo.told(commit) == expected
    assert len(list((tmp_path / "cache").rglob("*.index"))) == 1  # the user's own cache stands in


def test_indexes_that_nobody_used_for_long_are_deleted(repo: Repo, base: Made) -> None:
    files = IndexFiles(repo.repository.git_dir)
    for number in range(12):
        files.keep(f"{number:040x}", b"x")
        [path] = (repo.repository.git_dir / "modelbook/index").glob(f"*{number:040x}*")
        os.utime(path, (number, number))
    files.keep("f" * 40, b"x")
    assert len(files.by_use()) == 8
    assert files.by_use()[:2] == ["f" * 40, f"{11:040x}"]


def test_a_commit_without_a_registry_is_named(repo: Repo) -> None:
    commit = repo.commit({})
    with pytest.raises(BadInput, match="has no folder registry"):
        repo.told(commit)
