"""Blobs that are read when they are asked for: the same bytes as git has, in every process, and an error for none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelbook.adapters.git import Repository
from modelbook.adapters.lazy_blobs import LazyBlobs, LazyFiles
from modelbook.adapters.workers import spread
from modelbook.errors import ForgeError


def stored(root: Path, *contents: bytes) -> list[str]:
    """The object ids of blobs with these bytes."""
    for number, data in enumerate(contents):
        (root / str(number)).write_bytes(data)
    names = "".join(f"{number}\n" for number in range(len(contents)))
    done = subprocess.run(
        ["git", "hash-object", "-w", "--no-filters", "--stdin-paths"],
        cwd=root,
        input=names.encode(),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().split()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    root = tmp_path_factory.mktemp("blobs")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return Repository.find(root)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=st.lists(st.binary(max_size=200), min_size=1, max_size=8), data=st.data())
def test_bytes_are_those_of_git_in_whatever_order_they_are_read(
    repository: Repository, contents: list[bytes], data: st.DataObject
) -> None:
    oids = stored(repository.root, *contents)
    order = data.draw(st.lists(st.sampled_from(range(len(oids)))))
    at_once = data.draw(st.sets(st.sampled_from(oids)))
    with LazyBlobs(repository) as blobs:
        blobs.add(oids)
        assert [blobs[oids[at]] for at in order] == [contents[at] for at in order]
        blobs.read(at_once)
        assert dict(blobs) == dict(zip(oids, contents, strict=True))
        assert len(blobs) == len(set(oids))


def test_nothing_is_read_until_it_is_asked_for(repository: Repository) -> None:
    absent = "0" * 39 + "1"
    with LazyBlobs(repository) as blobs:
        oids = stored(repository.root, b"one", b"large" * 100_000)
        blobs.add([*oids, absent])
        files = LazyFiles({"a": oids[0], "b": oids[1], "c": absent}, blobs)
        assert list(files) == ["a", "b", "c"]
        assert len(files) == 3
        assert "c" in files
        assert "d" not in files
        assert files.get("d") is None
        assert files["b"] == b"large" * 100_000
        with pytest.raises(ForgeError, match=f"object {absent} is missing"):
            files["c"]
        assert files["a"] == b"one"  # and git goes on to answer


def test_what_nobody_said_would_be_asked_for_is_none_of_them(repository: Repository) -> None:
    known, other = stored(repository.root, b"known", b"other")
    with LazyBlobs(repository) as blobs:
        blobs.add([known])
        blobs.read([known, other])
        assert other not in blobs
        with pytest.raises(KeyError):
            blobs[other]


@pytest.mark.parametrize(("kept", "message"), [(9, "is missing"), (50_000, "git ended before it had read")])
def test_a_blob_that_is_damaged_is_an_error_and_no_other_bytes(repository: Repository, kept: int, message: str) -> None:
    oid, other = stored(repository.root, os.urandom(100_000), b"sound")
    path = repository.git_dir / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:kept])
    with LazyBlobs(repository) as blobs:
        blobs.add([oid, other])
        for _ in range(2):
            with pytest.raises(ForgeError, match=message):
                blobs[oid]


@pytest.mark.skipif(sys.platform != "linux", reason="platform: only Linux forks safely")
def test_processes_that_fork_off_each_get_their_own_answers(repository: Repository) -> None:
    contents = [f"{number} ".encode() * (number + 1) for number in range(400)]
    oids = stored(repository.root, *contents)
    with LazyBlobs(repository) as blobs:
        blobs.add(oids)
        assert blobs[oids[7]] == contents[7]  # a git process answers here already
        answers = spread(lambda at: (os.getpid(), blobs[oids[at]]), range(len(oids)), jobs=3, worth=1)
        assert [data for _, data in answers] == contents
        assert len({process for process, _ in answers}) == 3
        assert blobs[oids[399]] == contents[399]
