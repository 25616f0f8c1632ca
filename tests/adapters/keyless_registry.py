"""A registry whose model and provenance a workflow signed keyless, with anything of it varied."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from modelbook.core.digests import digest_of
from modelbook.core.evaluation import Evaluation
from modelbook.core.experiments.online_evidence import verify_online
from modelbook.core.findings import Finding
from modelbook.core.reproduction import Reproduction
from modelbook.core.signing.envelope import Statement
from modelbook.core.signing.statements import (
    evaluation_statement,
    model_statement,
    online_statement,
    provenance_statement,
    reproduction_statement,
)
from modelbook.core.verifying.verification import verify_version
from tests.made import Made, key
from tests.made_fields import NOW, card_fields
from tests.parts.sigstore.server import SigstoreServer
from tests.parts.sigstore.signing import WORKFLOW, job, sign

FOLDER = "models/digits/versions/1"
SIGNATURE, PROVENANCE = f"{FOLDER}/model.sig", f"{FOLDER}/provenance.sigstore.json"
GRADING = "acme/models/.github/workflows/evaluate.yml@refs/heads/main"
TRAINED, MEASURED = "github:acme/models/1001/train", "github:acme/models/1002/measure"
HOST = "https://github.com/"


@cache
def sigstore() -> SigstoreServer:
    return SigstoreServer()


def trust(instance: SigstoreServer | None = None, **fields: Any) -> bytes:
    """A trust file with two workflows and a key; `fields` change the workflow that registers, `top` the file."""
    top = fields.pop("top", {})
    workflow = {"identity": HOST + WORKFLOW, "repository_id": "4711", "ref": "refs/heads/main"}
    signer = {"name": "registrar", "workflow": workflow}
    signers = [
        signer | fields,
        {"name": "grader", "workflow": workflow | {"identity": HOST + GRADING}},
        {"name": "curator", "key": key("registrar").public_pem},
    ]
    rules = [
        {"models": "*", "statements": ["dataset"], "signers": ["curator"]},
        {"models": "*", "statements": ["model", "provenance"], "signers": ["registrar"]},
        {"models": "*", "statements": ["evaluation", "reproduction", "online"], "signers": ["grader"]},
    ]
    root = digest_of((instance or sigstore()).trusted_root())
    return json.dumps({"version": 1, "signers": signers, "rules": rules, "sigstore": root} | top).encode()


def registry(
    claims: Mapping[str, Any] | None = None,
    *,
    instance: SigstoreServer | None = None,
    job_: str = TRAINED,
    code: Mapping[str, Any] | None = None,
    at: str = NOW,
    trusted: bytes | None = None,
    **signing: Any,
) -> Made:
    """A registry with digits@1, whose model and provenance the job with these `claims` signed keyless."""
    instance = instance or sigstore()
    made = Made(trust=trusted or trust()).put("trusted_root.json", sigstore().trusted_root()).dataset()
    fields = card_fields()
    fields["run"]["job"] = job_
    fields["lineage"]["code"] |= code or {}
    fields["lineage"]["datasets"] = [made.use("digits", 1)]
    made.version("digits", 1, None, run=fields["run"], lineage=fields["lineage"])
    card, data = made.registry.card("digits", 1), made.files[f"{FOLDER}/card.yaml"]
    for path, content in (
        (SIGNATURE, model_statement(card, data)),
        (PROVENANCE, provenance_statement(card, data)),
    ):
        made.put(path, sign(instance, content, job(**claims or {}), at=at, **signing))
    return made


def found(made: Made) -> tuple[Finding, ...]:
    return verify_version(made.registry, "digits", 1).findings


def codes(made: Made) -> set[str]:
    return {finding.code for finding in found(made)}


def refused(made: Made) -> str:
    """What the two signatures are refused for: the same, in one sentence."""
    first, second = found(made)
    assert (first.path, second.path) == (f"registry/{SIGNATURE}", f"registry/{PROVENANCE}")
    assert first.code == second.code
    return f"{first.code}: {first.message}"


def changed(made: Made, change: Callable[[dict[str, Any]], object]) -> Made:
    """The same with something of both bundles changed."""
    for path in (SIGNATURE, PROVENANCE):
        bundle = json.loads(made.files[path])
        change(bundle)
        made.put(path, json.dumps(bundle))
    return made


def evaluated(claims: Mapping[str, Any], job_: str = MEASURED, *, trained: str = TRAINED) -> Made:
    """With an evaluation that `job_` says it made and the job with these `claims` signed; the card names `trained`."""
    made = registry(job_=trained).evaluation(job=job_)
    path = f"{FOLDER}/evaluations/default"
    evaluation: Evaluation = made.registry.evaluation(f"{path}.yaml")
    return _graded(made, path, evaluation_statement(evaluation, made.files[f"{path}.yaml"]), claims)


def measured_beside(claims: Mapping[str, Any], other: Mapping[str, Any], *, trained: str) -> Made:
    """As `evaluated`, by turns with digits@2, which was trained by `trained` and signed by the job with `other`."""
    made = registry()
    made.version("digits", 2, None, run=card_fields("digits", 2)["run"] | {"job": trained})
    card, data = made.registry.card("digits", 2), made.files["models/digits/versions/2/card.yaml"]
    made.put("models/digits/versions/2/model.sig", sign(sigstore(), model_statement(card, data), job(**other), at=NOW))
    latency = {"p99": {"value": 9.0, "n": 4, "stderr": 0.1, "hardware": True}}
    beside = {"version": 2, "card": digest_of(data), "suite": "default", "rounds": 4, "metrics": latency}
    made.evaluation(job=MEASURED, metrics=latency, beside=beside)
    path = f"{FOLDER}/evaluations/default"
    evaluation: Evaluation = made.registry.evaluation(f"{path}.yaml")
    return _graded(made, path, evaluation_statement(evaluation, made.files[f"{path}.yaml"]), claims)


def reproduced(claims: Mapping[str, Any], job_: str = MEASURED, *, trained: str = TRAINED) -> Made:
    """As `evaluated`, with a reproduction."""
    made = registry(job_=trained).reproduction(job=job_)
    path = f"{FOLDER}/reproductions/again"
    reproduction: Reproduction = made.registry.reproduction(f"{path}.yaml")
    return _graded(made, path, reproduction_statement(reproduction, made.files[f"{path}.yaml"]), claims)


def tried(claims: Mapping[str, Any], job_: str, *, trained: str) -> set[str]:
    """The codes of what is wrong with an experiment that `job_` recorded and the job with these `claims` signed."""
    made = registry(job_=trained).version("digits", 2, None).online(job=job_)
    path = "models/digits/online/spring"
    results = made.registry.online("digits", "spring")
    made = _graded(made, path, online_statement(results, made.files[f"{path}.yaml"]), claims)
    return {finding.code for finding in verify_online(made.registry, "digits", "spring").findings}


def _graded(made: Made, path: str, content: Statement, claims: Mapping[str, Any]) -> Made:
    grading: dict[str, Any] = {"job_workflow_ref": GRADING, "run_id": "1002"}
    return made.put(f"{path}.sigstore.json", sign(sigstore(), content, job(**grading | dict(claims)), at=NOW))
