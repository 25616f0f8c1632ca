from typing import Any

import pytest

from modelbook.core.digests import digest_of
from modelbook.core.run_record import Code, DatasetUse, Environment
from modelbook.core.runs.resuming import differences
from modelbook.core.runs.run_log import RunStarted

A, B = "a" * 40, "b" * 40


def use(version: int, role: str = "train", name: str = "digits") -> DatasetUse:
    return DatasetUse(dataset=name, version=version, role=role, digest=digest_of(b"%d" % version))


def code(commit: str | None = A, **more: Any) -> Code:
    return Code(commit=commit, **({"entry_point": "train.py"} | more))


def start(**more: Any) -> RunStarted:
    fields: dict[str, Any] = {
        "experiment": "digits",
        "params": {"lr": 0.1, "size": 1},
        "seed": 1,
        "code": code(),
        "datasets": (use(1),),
        "arguments": ("a",),
        "user": "ada",
        "host": "here",
        "pid": 7,
    }
    return RunStarted(
        time="2026-01-02T03:04:05.000000Z",
        run="r1",
        attempt=1,
        job="job",
        environment=Environment(python="3.11", platform="Linux"),
        **(fields | more),
    )


def test_the_same_training_on_another_machine_is_the_same() -> None:
    assert differences(start(), start(user="bob", host="there", pid=8, tags=("x",))) == ()
    bare = {"code": code(None), "datasets": (), "params": {}, "seed": None}
    assert differences(start(**bare), start(**bare)) == ()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"experiment": "other"}, ["experiment other, was digits"]),
        ({"code": code(B)}, ["code of commit bbbbbbbbbbbb, was aaaaaaaaaaaa"]),
        ({"code": code(None)}, ["code of commit none, was aaaaaaaaaaaa"]),
        ({"code": code(dirty=True)}, ["code that is not committed, so that nobody can compare it"]),
        ({"code": code(dirty=True, patch=digest_of(b"1"))}, ["other code that is not committed"]),
        ({"code": code(entry_point="fit.py")}, ["entry point fit.py, was train.py"]),
        ({"arguments": ()}, ["arguments [], were ['a']"]),
        ({"params": {"lr": 0.2, "size": 1}}, ["parameter lr 0.2, was 0.1"]),
        ({"params": {"lr": 0.1, "size": 1.0}}, ["parameter size 1.0, was 1"]),
        ({"params": {"lr": 0.1}}, ["parameter size not given, was 1"]),
        ({"params": {"lr": 0.1, "size": 1, "new": None}}, ["parameter new null, was not given"]),
        ({"seed": None}, ["seed none, was 1"]),
        ({"deterministic": True}, ["deterministic kernels on, and not so before"]),
        ({"seed": 2, "experiment": "e"}, ["experiment e, was digits", "seed 2, was 1"]),
    ],
)
def test_what_differs_is_named(more: dict[str, Any], words: list[str]) -> None:
    assert list(differences(start(), start(**more))) == words


@pytest.mark.parametrize("datasets", [(), (use(2),), (use(1, "test"),), (use(1), use(1, name="more"))])
def test_other_data_is_named(datasets: tuple[DatasetUse, ...]) -> None:
    found = differences(start(), start(datasets=datasets))
    assert found
    assert all(each.startswith("dataset ") for each in found)


def test_code_that_is_on_record_as_a_patch_can_be_compared() -> None:
    one, other = (code(dirty=True, patch=digest_of(text)) for text in (b"1", b"2"))
    assert differences(start(code=one), start(code=one)) == ()
    assert differences(start(code=one), start(code=other)) == ("other code that is not committed",)
