"""What each signature says. A statement is a pure function of the files that it is about, so to check one is to build
it anew from the files at hand and to compare: nothing in it is trusted because it is written there.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard
from modelbook.core.digests import digest_of, hex_of
from modelbook.core.evaluation import Evaluation
from modelbook.core.pointer import StagePointer
from modelbook.core.reproduction import Reproduction
from modelbook.core.signing.envelope import Statement, statement
from modelbook.core.trust import Trust

if TYPE_CHECKING:  # brings statistics, which few commands have a use for
    from modelbook.core.online import OnlineResults

MODEL_SIGNATURE = "https://model_signing/signature/v1.0"
PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
VERIFICATION_SUMMARY = "https://slsa.dev/verification_summary/v1"
BUILD_TYPE = "urn:modelbook:training/v1"
IMPORT_TYPE = "urn:modelbook:import/v1"
VERIFIER = "urn:modelbook:gates/v1"
TRUST = "urn:modelbook:trust/v1"
_IN_URN = "/:@!$&'()*+,;="  # what a name in a URN may hold as it is, beside what `quote` leaves
TRUST_NAMESPACE = "modelbook/trust"


def stage_namespace(stage: str) -> str:
    """What an SSH signature on a promotion is made for: a signature for one stage is none for another."""
    return f"modelbook/stages/{stage}"


def model_statement(card: ModelCard, card_bytes: bytes) -> Statement:
    """OpenSSF Model Signing v1.0: this card and exactly these files are one model.

    The digest of the subject is the sha256 of the resources' raw digests, in order.

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "digits@1", "digest": {"sha256": "<hex>"}}],
     "predicateType": "https://model_signing/signature/v1.0",
     "predicate": {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": false},
                   "resources": [{"name": "card.yaml", "algorithm": "sha256", "digest": "<hex>"},
                                 {"name": "<path>", "algorithm": "sha256", "digest": "<hex>"}]}}
    """
    files = {artifact.path: artifact.digest for artifact in card.artifacts}
    return _folder_statement(f"{card.model}@{card.version}", files | {"card.yaml": digest_of(card_bytes)})


def dataset_statement(card: DatasetCard, card_bytes: bytes) -> Statement:
    """As `model_statement`, for a dataset version: its card and its manifest, which lists every file's digest.

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "digits@1", "digest": {"sha256": "<hex>"}}],
     "predicateType": "https://model_signing/signature/v1.0",
     "predicate": {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": false},
                   "resources": [{"name": "card.yaml", "algorithm": "sha256", "digest": "<hex>"},
                                 {"name": "manifest.jsonl", "algorithm": "sha256", "digest": "<hex>"}]}}
    """
    files = {"card.yaml": digest_of(card_bytes), "manifest.jsonl": card.manifest.digest}
    return _folder_statement(f"{card.dataset}@{card.version}", files)


def _folder_statement(name: str, digests: Mapping[str, str]) -> Statement:
    ordered = [(path, hex_of(digests[path])) for path in sorted(digests)]
    root = hashlib.sha256(b"".join(bytes.fromhex(digits) for _, digits in ordered)).hexdigest()
    return statement(
        MODEL_SIGNATURE,
        [{"name": name, "digest": {"sha256": root}}],
        {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
            "resources": [{"name": path, "algorithm": "sha256", "digest": digits} for path, digits in ordered],
        },
    )


def provenance_statement(card: ModelCard, card_bytes: bytes) -> Statement:
    """SLSA provenance v1: which commit, datasets, parents, parameters and run made the artifacts.

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "card.yaml", "digest": {"sha256": "<hex>"}},
                 {"name": "<path>", "digest": {"sha256": "<hex>"}}],
     "predicateType": "https://slsa.dev/provenance/v1",
     "predicate": {
        "buildDefinition": {"buildType": "urn:modelbook:training/v1",
                            "externalParameters": {"entryPoint": "<path>", "params": {"lr": 0.1}, "seed": 7,
                                                   "folder": "<path>", "arguments": ["<text>"], "deterministic": true},
                            "resolvedDependencies": [
                                {"uri": "git+https://<address>", "digest": {"gitCommit": "<commit>"}},
                                {"name": "digits@1", "digest": {"sha256": "<hex>"}},
                                {"name": "teacher@3", "digest": {"sha256": "<hex>"}}]},
        "runDetails": {"builder": {"id": "urn:modelbook:job:<job>"},
                       "metadata": {"invocationId": "<run>", "startedOn": "<time>", "finishedOn": "<time>"}}}}

    The last three parameters, the code's address and a commit are there where the card has them. Of a version that was
    imported, the buildType is "urn:modelbook:import/v1": who signs it saw the import, and not the training.
    """
    run, lineage = card.run, card.lineage
    subjects = [_resource(artifact.path, artifact.digest) for artifact in card.artifacts]
    inputs: list[dict[str, Any]] = []
    if lineage.code.commit:
        source: dict[str, Any] = {"digest": {"gitCommit": lineage.code.commit}}
        inputs.append(source | ({"uri": f"git+{lineage.code.repository}"} if lineage.code.repository else {}))
    inputs += [_resource(f"{use.dataset}@{use.version}", use.digest) for use in lineage.datasets]
    inputs += [_resource(f"{parent.model}@{parent.version}", parent.card) for parent in lineage.parents]
    return statement(
        PROVENANCE,
        [
            _resource("card.yaml", digest_of(card_bytes)),
            *sorted(subjects, key=lambda item: str(item["name"])),
        ],
        {
            "buildDefinition": {
                "buildType": IMPORT_TYPE if run.imported else BUILD_TYPE,
                "externalParameters": _parameters(card),
                "resolvedDependencies": inputs,
            },
            "runDetails": {
                "builder": {"id": f"urn:modelbook:job:{quote(run.job, safe=_IN_URN)}"},
                "metadata": {"invocationId": run.id, "startedOn": run.started, "finishedOn": run.ended},
            },
        },
    )


def _parameters(card: ModelCard) -> dict[str, Any]:
    """What the training was told. Cards of before these were recorded have no arguments, folder or kernels' choice."""
    run, code = card.run, card.lineage.code
    told: dict[str, Any] = {"entryPoint": code.entry_point, "params": dict(run.params), "seed": run.seed}
    told |= {"folder": code.folder} if code.folder else {}
    told |= {"arguments": list(run.arguments)} if run.arguments else {}
    return told | ({"deterministic": True} if run.deterministic else {})


def evaluation_statement(evaluation: Evaluation, evaluation_bytes: bytes) -> Statement:
    """in-toto test-result v0.1: what the suite measured stands in the file that is the subject.

    The result is `WARNED` where a metric has no value.

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "evaluations/default.yaml", "digest": {"sha256": "<hex>"}}],
     "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
     "predicate": {"result": "WARNED",
                   "configuration": [{"name": "digits@1", "digest": {"sha256": "<hex>"}},
                                     {"name": "digits@1 (dataset)", "digest": {"sha256": "<hex>"}}],
                   "passedTests": ["accuracy"], "warnedTests": ["latency_ms"]}}
    """
    measured = sorted(name for name, metric in evaluation.metrics.items() if metric.value is not None)
    missing = sorted(set(evaluation.metrics) - set(measured))
    use = evaluation.dataset
    return statement(
        TEST_RESULT,
        [_resource(f"evaluations/{evaluation.suite}.yaml", digest_of(evaluation_bytes))],
        {
            "result": "WARNED" if missing else "PASSED",
            "configuration": [
                _resource(f"{evaluation.model}@{evaluation.version}", evaluation.card),
                _resource(f"{use.dataset}@{use.version} (dataset)", use.digest),
            ],
            "passedTests": measured,
            "warnedTests": missing,
        },
    )


def reproduction_statement(reproduction: Reproduction, reproduction_bytes: bytes) -> Statement:
    """in-toto test-result v0.1: the version was trained again. How well it was met is judged by whoever reads the file.

    The result is `WARNED` where a training left no model.

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "reproductions/again.yaml", "digest": {"sha256": "<hex>"}}],
     "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
     "predicate": {"result": "WARNED",
                   "configuration": [{"name": "digits@1", "digest": {"sha256": "<hex>"}}],
                   "passedTests": ["repetition 1"], "warnedTests": ["repetition 2"]}}
    """
    names = {f"repetition {number}": one.error for number, one in enumerate(reproduction.repetitions, start=1)}
    failed = [name for name, error in names.items() if error]
    return statement(
        TEST_RESULT,
        [_resource(f"reproductions/{reproduction.id}.yaml", digest_of(reproduction_bytes))],
        {
            "result": "WARNED" if failed else "PASSED",
            "configuration": [_resource(f"{reproduction.model}@{reproduction.version}", reproduction.card)],
            "passedTests": [name for name in names if name not in failed],
            "warnedTests": failed,
        },
    )


def online_statement(results: "OnlineResults", results_bytes: bytes) -> Statement:
    """in-toto test-result v0.1: what users gave each version stands in the file that is the subject.

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "online/spring.yaml", "digest": {"sha256": "<hex>"}}],
     "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
     "predicate": {"result": "PASSED",
                   "configuration": [{"name": "digits@1", "digest": {"sha256": "<hex>"}},
                                     {"name": "digits@2", "digest": {"sha256": "<hex>"}}],
                   "passedTests": ["satisfaction"]}}
    """
    return statement(
        TEST_RESULT,
        [_resource(f"online/{results.experiment}.yaml", digest_of(results_bytes))],
        {
            "result": "PASSED",
            "configuration": [_resource(f"{results.model}@{arm.version}", arm.card) for arm in results.arms],
            "passedTests": sorted({name for arm in results.arms for name in arm.metrics}),
        },
    )


def summary_statement(
    pointer: StagePointer, pointer_bytes: bytes, inputs: Mapping[str, str], *, passed: bool
) -> Statement:
    """SLSA verification summary v1: which policy was applied to which evidence, with what verdict.

    `inputs` are the attestations the verdict rests on: digest by path below the version's folder.

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "models/digits/stages/staging.yaml", "digest": {"sha256": "<hex>"}}],
     "predicateType": "https://slsa.dev/verification_summary/v1",
     "predicate": {"verifier": {"id": "urn:modelbook:gates/v1"}, "timeVerified": "<time>",
                   "resourceUri": "modelbook:models/digits/stages/staging",
                   "policy": {"uri": "policy.yaml", "digest": {"sha256": "<hex>"}},
                   "inputAttestations": [{"uri": "<path>", "digest": {"sha256": "<hex>"}}],
                   "verificationResult": "PASSED", "verifiedLevels": []}}
    """
    place = f"models/{pointer.model}/stages/{pointer.stage}"
    return statement(
        VERIFICATION_SUMMARY,
        [_resource(f"{place}.yaml", digest_of(pointer_bytes))],
        {
            "verifier": {"id": VERIFIER},
            "timeVerified": pointer.decided,
            "resourceUri": f"modelbook:{place}",
            "policy": {"uri": "policy.yaml", "digest": {"sha256": hex_of(pointer.policy)}},
            "inputAttestations": [{"uri": path, "digest": {"sha256": hex_of(inputs[path])}} for path in sorted(inputs)],
            "verificationResult": "PASSED" if passed else "FAILED",
            "verifiedLevels": [] if passed else ["FAILED"],
        },
    )


def trust_statement(trust: Trust, trust_bytes: bytes) -> Statement:
    """This trust.yaml is to be in force. A person with an SSH key signs the very bytes instead, in TRUST_NAMESPACE.

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "trust.yaml", "digest": {"sha256": "<hex>"}}],
     "predicateType": "urn:modelbook:trust/v1",
     "predicate": {"version": 4}}
    """
    return statement(TRUST, [_resource("trust.yaml", digest_of(trust_bytes))], {"version": trust.version})


def _resource(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": hex_of(digest)}}


def difference(expected: Any, found: Any, at: str = "") -> str | None:
    """Where two statements differ first, such as `predicate.resources[2].digest`; None if they are the same."""
    here = at or "the statement"
    if type(expected) is not type(found):
        return here
    if isinstance(expected, dict):
        for key in sorted(expected.keys() | found.keys()):
            name = ascii(key)[1:-1][:80]  # it may be a stranger's, and goes to a terminal
            inner = f"{at}.{name}" if at else name or '""'
            if key not in expected or key not in found:
                return inner
            if place := difference(expected[key], found[key], inner):
                return place
        return None
    if isinstance(expected, list):
        if len(expected) != len(found):
            return here
        places = (difference(a, b, f"{at}[{i}]") for i, (a, b) in enumerate(zip(expected, found, strict=True)))
        return next((place for place in places if place), None)
    return None if expected == found else here
