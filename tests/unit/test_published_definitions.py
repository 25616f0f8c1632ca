"""Every statement, and the bundle around it, against the published definitions, as other people's packages hold them.

`in-toto-attestation` carries the definitions of the Statement and of its predicates, `sigstore-models` and `sigstore`
those of the bundle and of the DSSE envelope.
"""

import inspect
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult as MeasuredResult
from in_toto_attestation.predicates.vsa.v1.vsa_pb2 import VerificationSummary
from in_toto_attestation.v1.statement import Statement as InTotoStatement
from in_toto_attestation.v1.statement_pb2 import Statement as InTotoMessage
from sigstore import dsse
from sigstore_models.bundle.v1 import Bundle

from modelbook.core.signing import envelope, statements
from modelbook.core.signing.envelope import read_bundle
from modelbook.core.signing.statements import provenance_statement, summary_statement, trust_statement
from tests.made import Made, trust_yaml
from tests.made_fields import card_fields, digest

VERSION, STAGE = "models/digits/versions/1", "models/digits/stages/staging"


def everything() -> Made:
    """One of each statement, with every field that it can have."""
    made = Made().dataset()
    fields = card_fields()
    fields["run"] |= {"params": {"lr": 0.1}, "arguments": ["--fast"], "deterministic": True}
    fields["lineage"]["code"]["folder"] = "examples"
    parents = [{"model": "teacher", "version": 3, "card": digest("teacher")}]
    lineage = fields["lineage"] | {"datasets": [made.use("digits", 1)], "parents": parents}
    metrics = {"accuracy": 0.95, "latency_ms": {"problem": "NaN"}}
    made.version(metrics=metrics, run=fields["run"], lineage=lineage)
    made.reproduction(repetitions=[{"files": {}}, {"error": "out of memory"}])
    made.version("digits", 2).online()
    made.put("trust.yaml", trust_yaml(version=4))
    made.sign("trust.deputy.sigstore.json", trust_statement(made.registry.trust, made.files["trust.yaml"]), "deputy")
    return made.pointer("digits", "staging", 1)


MADE = everything()
# Path, the function that says it, and the published definition of its predicate where there is one.
SIGNED: dict[str, tuple[str, Callable[..., Any], type[Message] | None]] = {
    "model": (f"{VERSION}/model.sig", statements.model_statement, None),
    "dataset": ("datasets/digits/versions/1/dataset.sig", statements.dataset_statement, None),
    "provenance": (f"{VERSION}/provenance.sigstore.json", statements.provenance_statement, Provenance),
    "evaluation": (
        f"{VERSION}/evaluations/default.sigstore.json",
        statements.evaluation_statement,
        MeasuredResult,
    ),
    "reproduction": (
        f"{VERSION}/reproductions/again.sigstore.json",
        statements.reproduction_statement,
        MeasuredResult,
    ),
    "online": ("models/digits/online/spring.sigstore.json", statements.online_statement, MeasuredResult),
    "trust": ("trust.deputy.sigstore.json", statements.trust_statement, None),
    "summary": (f"{STAGE}.promoter.sigstore.json", statements.summary_statement, VerificationSummary),
}


def said(kind: str) -> dict[str, Any]:
    return read_bundle(MADE.files[SIGNED[kind][0]]).statement


def test_every_kind_of_statement_is_here() -> None:
    says = {name for name, value in vars(statements).items() if name.endswith("_statement") and name[0] != "_"}
    assert says == {says.__name__ for _, says, _ in SIGNED.values()}


@pytest.mark.parametrize("kind", SIGNED)
def test_it_is_an_in_toto_statement_v1(kind: str) -> None:
    message = ParseDict(said(kind), InTotoMessage())  # refuses unknown fields and other types
    InTotoStatement.copy_from_pb(message).validate()
    assert MessageToDict(message) == said(kind)
    names = [subject["name"] for subject in said(kind)["subject"]]
    assert len(set(names)) == len(names), "the name of a subject is unique in its statement"


@pytest.mark.parametrize("kind", SIGNED)
def test_sigstore_reads_its_bundle_and_its_statement(kind: str) -> None:
    data = MADE.files[SIGNED[kind][0]]
    found = Bundle.from_json(data)
    assert found.dsse_envelope
    assert found.dsse_envelope.payload == read_bundle(data).payload
    assert dsse._pae("application/vnd.in-toto+json", read_bundle(data).payload) == read_bundle(data).signed_bytes
    dsse.Statement(read_bundle(data).payload)


@pytest.mark.parametrize("kind", [kind for kind, (_, _, published) in SIGNED.items() if published])
def test_its_predicate_is_the_published_one(kind: str) -> None:
    """No field that the definition does not have, none of another type; times are those of RFC 3339."""
    published = SIGNED[kind][2]
    assert published
    predicate = dict(said(kind)["predicate"])
    if kind == "summary":  # its protobuf definition has one text where SLSA, and the example in it, has a list
        assert predicate.pop("verifiedLevels") == []
    assert MessageToDict(ParseDict(predicate, published())) == predicate
    with pytest.raises(ParseError):
        ParseDict(predicate | {"unknown": 1}, published())


URI = re.compile(r"[a-z][a-z0-9+.-]*:[!#$&-;=?-\[\]_a-z~%]+", re.IGNORECASE)  # RFC 3986: a scheme, and what may follow


def test_a_provenance_has_what_slsa_requires() -> None:
    predicate = said("provenance")["predicate"]
    built, details = predicate["buildDefinition"], predicate["runDetails"]
    assert URI.fullmatch(built["buildType"])
    assert built["externalParameters"]
    assert URI.fullmatch(details["builder"]["id"])
    for dependency in built["resolvedDependencies"]:
        assert dependency["digest"]
        assert URI.fullmatch(dependency.get("uri", "x:y"))


@pytest.mark.parametrize(
    "job", ["github:acme/models/1001/train", "local:a-host.example/12/345", "local:höst/1", "a job", 'x"y', "a%b"]
)
def test_a_builder_is_a_uri_whatever_the_job_is_called(job: str) -> None:
    card = MADE.registry.card("digits", 1)
    run = card.run.model_copy(update={"job": job})
    builder = provenance_statement(card.model_copy(update={"run": run}), b"")["predicate"]["runDetails"]["builder"]
    assert URI.fullmatch(builder["id"])


def test_a_test_result_has_what_in_toto_requires() -> None:
    for kind in ("evaluation", "reproduction"):
        predicate = said(kind)["predicate"]
        assert predicate["result"] in {"PASSED", "WARNED", "FAILED"}
        assert predicate["configuration"]


def test_a_summary_has_what_slsa_requires() -> None:
    predicate = said("summary")["predicate"]
    assert set(predicate) >= {"verifier", "timeVerified", "resourceUri", "policy", "verificationResult"}
    assert URI.fullmatch(predicate["verifier"]["id"])
    assert URI.fullmatch(predicate["resourceUri"])
    assert predicate["policy"]["digest"]
    assert all(one["digest"] for one in predicate["inputAttestations"])
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("PASSED", [])


def test_a_refusal_verifies_no_level() -> None:
    """SLSA has a word for it: where the policy was not met, that is the one level."""
    pointer = MADE.registry.pointer("digits", "staging")
    assert pointer
    predicate = summary_statement(pointer, b"", {}, passed=False)["predicate"]
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("FAILED", ["FAILED"])


# What the documentation of each function shows is what it says.

BLANKS = {
    "<hex>": r"[0-9a-f]{64}",
    "<commit>": r"[0-9a-f]{40}",
    "<time>": r"[0-9-]{10}T[0-9:]{8}Z",
    "<base64>": r"[A-Za-z0-9+/]+={0,2}",
}


def example_in(documented: object) -> Any:
    """The first JSON in what a function or a module says of itself."""
    text = inspect.getdoc(documented) or ""
    return json.JSONDecoder().raw_decode(text, text.index("{"))[0]


def is_like(example: Any, real: Any) -> bool:
    """The same keys and values; a text with <blanks> is like one in which they are filled, a list like a longer one."""
    if isinstance(example, dict):
        return (
            isinstance(real, dict) and example.keys() == real.keys() and all(is_like(example[k], real[k]) for k in real)
        )
    if isinstance(example, list):
        found = [[is_like(one, item) for one in example] for item in real]
        return all(map(any, found)) and all(any(column) for column in zip(*found, strict=True))
    if isinstance(example, str) and "<" in example:
        pattern = "".join(BLANKS.get(part, ".+") if part[:1] == "<" else re.escape(part)
                          for part in re.split(r"(<[a-z0-9]+>)", example))  # fmt: skip
        return isinstance(real, str) and re.fullmatch(pattern, real) is not None
    return type(example) is type(real) and bool(example == real)


@pytest.mark.parametrize("kind", SIGNED)
def test_the_documentation_shows_the_very_json_that_is_signed(kind: str) -> None:
    example, real = example_in(SIGNED[kind][1]), said(kind)
    assert is_like(example, real), json.dumps(real, indent=1)
    assert not is_like(example, real | {"more": 1})
    assert not is_like(example | {"more": 1}, real)


def test_the_documentation_shows_the_very_bundle_that_is_written() -> None:
    for path, _, _ in SIGNED.values():
        assert is_like(example_in(envelope), json.loads(MADE.files[path]))
