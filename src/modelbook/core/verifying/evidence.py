"""What was learnt of a version later: evaluations and reproductions, and whether each may be believed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from modelbook.core import layout
from modelbook.core.card import ModelCard
from modelbook.core.documents import DocumentError
from modelbook.core.evaluation import Evaluation
from modelbook.core.findings import Finding
from modelbook.core.registry import Registry
from modelbook.core.reproduction import Reproduction
from modelbook.core.run_record import DatasetUse
from modelbook.core.signing.keyless import Origin
from modelbook.core.signing.statements import evaluation_statement, reproduction_statement
from modelbook.core.verifying.signed_files import problem, registrars, signed

Record = TypeVar("Record", Evaluation, Reproduction)


Checked = tuple[str | None, list[Finding]]
Learnt = tuple[dict[str, Record], dict[str, str], list[Finding]]


def verify_evaluations(registry: Registry, model: str, version: int, card: ModelCard) -> Learnt[Evaluation]:
    """The evaluations of `model@version` that verify, who signed each, both by suite, and what is wrong with others.

    `model` and `version` are those of the folder, whatever the card in it says.
    """

    def check(evaluation: Evaluation, suite: str, path: str) -> Checked:
        name = f"{model}@{version}"
        findings = []
        if (evaluation.model, evaluation.version, evaluation.suite) != (model, version, suite):
            is_of = f"{evaluation.suite} of {evaluation.model}@{evaluation.version}"
            message = f"the evaluation is {is_of}, but its path says {suite} of {name}"
            findings.append(problem(registry, path, "other-name", message))
        if evaluation.card != registry.digest(registry.card_path(model, version)):
            message = f"the evaluation measured another card than that of {name}"
            findings.append(problem(registry, path, "other-card", message))
        if evaluation.job == card.run.job:
            message = f"the job that measured {name} is the one that trained it ({evaluation.job})"
            remedy = "Evaluate it in a job of its own: `modelbook evaluate`."
            findings.append(problem(registry, path, "graded-by-trainer", message, remedy))
        findings += dataset_is_known(registry, path, evaluation.dataset)
        findings += _other_is_known(registry, path, evaluation)
        measured_too = [evaluation.beside.version] if evaluation.beside else []
        signer, found = signed(
            registry,
            path.removesuffix(".yaml") + ".sigstore.json",
            evaluation_statement(evaluation, registry.files[path]),
            model,
            "evaluation",
            what=f"evaluation {suite} of {name}",
            made=evaluation.ended,
            origin=_origin(registry, evaluation.job, model, [version, *measured_too]),
        )
        return signer, findings + found

    paths = registry.evaluation_paths(model, version)
    good, signers, findings = _verify_all(paths, registry.evaluation, check)
    return good, signers, findings + _orphans(registry, "evaluation", model, version, paths)


def verify_reproductions(registry: Registry, model: str, version: int, card: ModelCard) -> Learnt[Reproduction]:
    """As `verify_evaluations`, for the reproductions, by id."""

    def check(reproduction: Reproduction, number: str, path: str) -> Checked:
        name = f"{model}@{version}"
        findings = []
        if (reproduction.model, reproduction.version, reproduction.id) != (model, version, number):
            is_of = f"{reproduction.id} of {reproduction.model}@{reproduction.version}"
            message = f"the reproduction is {is_of}, but its path says {number} of {name}"
            findings.append(problem(registry, path, "other-name", message))
        if reproduction.card != registry.digest(registry.card_path(model, version)):
            message = f"the reproduction speaks of another card than that of {name}"
            findings.append(problem(registry, path, "other-card", message))
        if reproduction.job == card.run.job:
            message = f"the job that trained {name} again is the one that trained it ({reproduction.job})"
            remedy = "Train it again in a job of its own: `modelbook reproduce`."
            findings.append(problem(registry, path, "reproduced-by-trainer", message, remedy))
        signer, found = signed(
            registry,
            path.removesuffix(".yaml") + ".sigstore.json",
            reproduction_statement(reproduction, registry.files[path]),
            model,
            "reproduction",
            what=f"reproduction {number} of {name}",
            made=reproduction.ended,
            origin=_origin(registry, reproduction.job, model, [version]),
        )
        return signer, findings + found

    paths = registry.reproduction_paths(model, version)
    good, signers, findings = _verify_all(paths, registry.reproduction, check)
    return good, signers, findings + _orphans(registry, "reproduction", model, version, paths)


def _origin(registry: Registry, job: str, model: str, versions: Sequence[int]) -> Origin:
    """That `job` measured these versions: no run that trained one of them, or signed it, may vouch for that."""
    trainers, signed_in = set[str](), set[str]()
    for version in versions:
        signed_in |= registrars(registry, model, version)
        if version in registry.versions(model):
            with suppress(DocumentError):  # the verdict on that version says what is wrong with it
                trainers.add(registry.card(model, version).run.job)
    return Origin(job, trainers=trainers, registrars=signed_in)


def _verify_all(
    paths: Mapping[str, str], read: Callable[[str], Record], check: Callable[[Record, str, str], Checked]
) -> Learnt[Record]:
    good: dict[str, Record] = {}
    signers: dict[str, str] = {}
    findings: list[Finding] = []
    for part, path in sorted(paths.items()):
        try:
            record = read(path)
        except DocumentError as error:
            findings += error.findings
            continue
        signer, found = check(record, part, path)
        findings += found
        if signer and not found:
            good[part], signers[part] = record, signer
    return good, signers, findings


def _orphans(registry: Registry, kind: str, model: str, version: int, paths: Mapping[str, str]) -> list[Finding]:
    return [
        problem(registry, orphan, f"no-{kind}", f"the {kind} that this signs is not here", "Remove it.")
        for orphan, place in registry.beside(f"{kind} signature", model, version)
        if place.part not in paths
    ]


def _other_is_known(registry: Registry, path: str, evaluation: Evaluation) -> list[Finding]:
    """What is wrong with the version that it was measured beside: not here, not the same, or of this very job."""
    other, model = evaluation.beside, evaluation.model
    if other is None:
        return []
    card, name = registry.card_path(model, other.version), f"{model}@{other.version}"
    if other.version == evaluation.version:
        return [problem(registry, path, "beside-itself", f"{name} was measured beside itself")]
    if card not in registry.files:
        return [problem(registry, path, "unknown-version", f"{name}, measured beside it, is not in the registry")]
    if registry.digest(card) != other.card:
        message = f"{name} in the registry is not the one that was measured beside it: its digest differs"
        return [problem(registry, path, "other-card", message)]
    try:
        trainer = registry.card(model, other.version).run.job
    except DocumentError:
        return []  # the verdict on that version says what is wrong with it
    if evaluation.job == trainer:
        message = f"the job that measured {name} beside it is the one that trained {name} ({trainer})"
        return [problem(registry, path, "graded-by-trainer", message)]
    return []


def dataset_is_known(registry: Registry, path: str, use: DatasetUse) -> list[Finding]:
    """What is wrong with the dataset version that the file at `path` names: not here, or not the same."""
    place = f"{layout.dataset_folder(use.dataset, use.version)}/card.yaml"
    name = f"{use.dataset}@{use.version}"
    if place not in registry.files:
        return [problem(registry, path, "unknown-dataset", f"the dataset version {name} is not in the registry")]
    if registry.digest(place) != use.digest:
        message = f"{name} in the registry is not the one that was used: its digest differs"
        return [problem(registry, path, "other-dataset", message)]
    return []
