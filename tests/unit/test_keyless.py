"""What a certificate proves: exactly the workflow, and of a run and its commit only what they say themselves."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.digests import digest_of
from modelbook.core.run_record import Code
from modelbook.core.signing.keyless import (
    KeylessError,
    Logged,
    Origin,
    Proof,
    TrustedRoot,
    contradictions,
    differences,
    read_proof,
)
from modelbook.core.trust import GITHUB, Workflow

FILE = "https://github.com/acme/models/.github/workflows/register.yml@refs/heads/main"
VALUES = {
    8: GITHUB,
    12: "https://github.com/acme/models",
    13: "c" * 40,
    14: "refs/heads/main",
    15: "4711",
    21: "https://github.com/acme/models/actions/runs/1001/attempts/1",
}
WORKFLOW = Workflow(identity=FILE, repository_id="4711", ref="refs/heads/main")


def logged(values: dict[int, str] = VALUES, identities: tuple[str, ...] = (FILE,)) -> Logged:
    return Logged(b"payload", b"certificate", "2026-03-02T12:00:00Z", identities, values)


def proof(**values: str) -> Proof:
    names = {"issuer": 8, "repository": 12, "commit": 13, "ref": 14, "repository_id": 15, "run": 21}
    return read_proof(logged(VALUES | {names[name]: value for name, value in values.items()}))


def code(**fields: Any) -> Code:
    usual = {"repository": "https://github.com/acme/models", "commit": "c" * 40, "entry_point": "train.py"}
    return Code.model_validate(usual | fields)


def codes(origin: Origin, **values: str) -> list[str]:
    return [code for code, _, _ in contradictions(proof(**values), origin)]


def test_the_workflow_that_signed_differs_in_nothing() -> None:
    assert differences(WORKFLOW, proof()) == []
    assert proof().identities == {FILE, "https://github.com/acme/models", "4711"}


@given(st.sampled_from(["issuer", "ref", "repository_id"]), st.text(min_size=1, max_size=40))
def test_whatever_else_a_certificate_says_is_another_workflow(name: str, value: str) -> None:
    same = getattr(proof(), name) == value
    assert bool(differences(WORKFLOW, proof(**{name: value}))) is not same


@pytest.mark.parametrize("missing", VALUES)
def test_a_certificate_that_leaves_anything_out_proves_nothing(missing: int) -> None:
    for values in (VALUES | {missing: ""}, {number: text for number, text in VALUES.items() if number != missing}):
        with pytest.raises(KeylessError, match="does not name its"):
            read_proof(logged(values))


@pytest.mark.parametrize("identities", [(), (FILE, FILE)])
def test_a_certificate_names_one_workflow(identities: tuple[str, ...]) -> None:
    with pytest.raises(KeylessError, match=f"names {len(identities)} identities"):
        read_proof(logged(identities=identities))


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ("github:acme/models/1001/train", []),
        ("github:Acme/Models/1001/train", []),
        ("github:acme/models/1002/train", ["other-run"]),
        ("github:acme/models/01001/train", ["other-run"]),
        ("github:acme/models/1001", ["other-run"]),
        ("github:", ["other-run"]),
        ("github:acme/research/1002/train", []),
        ("local:laptop/1/2", []),
    ],
)
def test_the_run_that_made_it_is_the_run_that_signed(job: str, says: list[str]) -> None:
    assert codes(Origin(job)) == says


def test_a_run_whose_address_says_nothing_contradicts_every_run_of_the_repository() -> None:
    assert codes(Origin("github:acme/models/1001/train"), run="https://gitlab.com/acme/models/-/jobs/1001") == [
        "other-run"
    ]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, []),
        ({"commit": "d" * 40}, ["other-commit"]),
        ({"commit": "d" * 40, "repository": "git@github.com:acme/models.git"}, ["other-commit"]),
        ({"commit": "d" * 40, "repository": None}, ["other-commit"]),
        ({"commit": "d" * 40, "repository": "https://github.com/acme/other"}, []),
        ({"commit": "d" * 40, "base": "c" * 40}, []),
        ({"base": "d" * 40}, ["other-commit"]),
        ({"commit": None}, []),
    ],
)
def test_the_commit_is_that_of_the_run(fields: dict[str, Any], says: list[str]) -> None:
    assert codes(Origin("github:acme/models/1001/train", code(**fields))) == says
    assert codes(Origin("local:laptop/1/2", code(**fields))) == []


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        ("github:acme/models/1001/train", ["signed-by-trainer"]),
        ("github:ACME/models/1001/other", ["signed-by-trainer"]),
        ("github:acme/models/1000/train", []),
        ("github:acme/other/1001/train", []),
        ("local:laptop/1/2", []),
    ],
)
def test_the_run_that_trained_grades_nothing(trainer: str, says: list[str]) -> None:
    assert codes(Origin("local:laptop/3/4", trainers={trainer})) == says


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ("https://github.com/acme/models/actions/runs/1001/attempts/2", ["signed-by-trainer"]),
        ("https://github.com/Acme/Models/actions/runs/1001", ["signed-by-trainer"]),
        ("https://github.com/acme/models/actions/runs/1000/attempts/1", []),
        ("https://github.com/acme/other/actions/runs/1001/attempts/1", []),
    ],
)
def test_a_run_that_signed_the_model_grades_nothing(run: str, says: list[str]) -> None:
    assert codes(Origin("local:laptop/3/4", trainers={"local:laptop/1/2"}, registrars={run})) == says


def test_a_root_is_used_only_if_it_is_the_one_that_is_named() -> None:
    def check(bundle: bytes, root: bytes) -> Logged:
        raise AssertionError("asked, though the root is not trusted")

    for root in (
        TrustedRoot(check, b"root", None),
        TrustedRoot(check, None, digest_of(b"root")),
        TrustedRoot(check, b"roof", digest_of(b"root")),
        TrustedRoot(None, b"root", digest_of(b"root")),
    ):
        with pytest.raises(KeylessError):
            root.prove(b"bundle")
    assert TrustedRoot(check, b"root", digest_of(b"root")).problem() is None
