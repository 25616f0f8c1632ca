"""Whether what the registry holds was made by those who may, and says what its place says. Bytes in, findings out.

A signature proves who; these checks prove what: the names inside a file are those of its path, the digests are those
of the files beside it, and the signed statement is the one that follows from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelbook.core import layout
from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard
from modelbook.core.documents import DocumentError
from modelbook.core.evaluation import Evaluation
from modelbook.core.findings import Finding
from modelbook.core.pointer import StagePointer
from modelbook.core.registry import Registry
from modelbook.core.reproduction import Reproduction
from modelbook.core.revocation import check_revocation
from modelbook.core.signing.approvals import TOO_FEW, signing
from modelbook.core.signing.keyless import Origin
from modelbook.core.signing.signatures import check_approval, check_signature
from modelbook.core.signing.statements import (
    dataset_statement,
    model_statement,
    provenance_statement,
    stage_namespace,
    summary_statement,
)
from modelbook.core.storage import key_in
from modelbook.core.verifying.evidence import dataset_is_known, verify_evaluations, verify_reproductions
from modelbook.core.verifying.signed_files import authority, no_such, problem, signed
from modelbook.errors import BadInput


@dataclass(frozen=True)
class VersionVerdict:
    """What holds of one model version: its card, who signed it, what was learnt of it and verified, and all findings.

    `evaluations` are by suite, and so is who signed them (`graded_by`); `reproductions` are by id, and so is who signed
    them (`reproduced_by`). `proven_by` signed the provenance.
    """

    model: str
    version: int
    card: ModelCard | None
    signed_by: str | None = None
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    reproductions: Mapping[str, Reproduction] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    graded_by: Mapping[str, str] = field(default_factory=dict)
    reproduced_by: Mapping[str, str] = field(default_factory=dict)
    proven_by: str | None = None


@dataclass(frozen=True)
class StageVerdict:
    """What holds of one stage pointer; `signatures` names the signer of each that is good, by path."""

    model: str
    stage: str
    pointer: StagePointer | None
    signatures: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def signed_by(self) -> str | None:
        """The signers of the promotion, for a person; None where nobody's signature is good."""
        return ", ".join(sorted(set(self.signatures.values()))) or None


def verify_version(registry: Registry, model: str, version: int) -> VersionVerdict:
    """Check one version: card, signature, provenance, evaluations, reproductions. All findings, not the first."""
    folder = layout.version_folder(model, version)
    path = f"{folder}/card.yaml"
    name = f"{model}@{version}"
    if path not in registry.files:
        return VersionVerdict(model, version, None, findings=(no_such(registry, path, name),))
    try:
        card = registry.card(model, version)
    except DocumentError as error:
        return VersionVerdict(model, version, None, findings=error.findings)
    findings = _card_meaning(registry, path, card, model, version)
    data = registry.files[path]
    origin = Origin(card.run.job, card.lineage.code)
    signer, found = signed(
        registry,
        f"{folder}/model.sig",
        model_statement(card, data),
        model,
        "model",
        what=f"card of {name}",
        made=card.created,
        origin=origin,
    )
    findings += found
    prover, found = signed(
        registry,
        f"{folder}/provenance.sigstore.json",
        provenance_statement(card, data),
        model,
        "provenance",
        what=f"provenance of {name}",
        made=card.created,
        origin=origin,
    )
    findings += found
    evaluations, graded_by, found = verify_evaluations(registry, model, version, card)
    findings += found
    reproductions, reproduced_by, found = verify_reproductions(registry, model, version, card)
    findings += found
    findings += check_revocation(registry, model, version)
    return VersionVerdict(
        model,
        version,
        card,
        signer,
        evaluations,
        reproductions,
        tuple(findings),
        graded_by,
        reproduced_by,
        prover,
    )


def _card_meaning(registry: Registry, path: str, card: ModelCard, model: str, version: int) -> list[Finding]:
    findings = []
    if (card.model, card.version) != (model, version):
        findings.append(
            problem(
                registry,
                path,
                "other-name",
                f"the card is of {card.model}@{card.version}, but its path says {model}@{version}",
            )
        )
    for artifact in card.artifacts:
        findings += _points_inside(registry, path, artifact.uri)
    for use in card.lineage.datasets:
        findings += dataset_is_known(registry, path, use)
    return findings


def _points_inside(registry: Registry, path: str, uri: str) -> list[Finding]:
    store = registry.policy.store
    try:
        key_in(store, uri)
    except BadInput as error:
        return [problem(registry, path, "foreign-uri", error.message, error.remedy)]
    return []


def verify_dataset(registry: Registry, dataset: str, version: int) -> tuple[DatasetCard | None, tuple[Finding, ...]]:
    """Check one dataset version: its card and its signature."""
    folder = layout.dataset_folder(dataset, version)
    path = f"{folder}/card.yaml"
    name = f"{dataset}@{version}"
    if path not in registry.files:
        return None, (no_such(registry, path, name),)
    try:
        card = registry.dataset_card(dataset, version)
    except DocumentError as error:
        return None, error.findings
    findings = []
    if (card.dataset, card.version) != (dataset, version):
        findings.append(
            problem(
                registry, path, "other-name", f"the card is of {card.dataset}@{card.version}, but its path says {name}"
            )
        )
    findings += _points_inside(registry, path, card.manifest.uri)
    expected = dataset_statement(card, registry.files[path])
    _, found = signed(
        registry, f"{folder}/dataset.sig", expected, dataset, "dataset", what=f"dataset {name}", made=card.created
    )
    return card, tuple(findings + found)


def verify_stage(registry: Registry, model: str, stage: str) -> StageVerdict:
    """Check a stage pointer: what it names exists, the evidence is as it was, and as many signed it as must."""
    path = layout.pointer_path(model, stage)
    try:
        pointer = registry.pointer(model, stage)
    except DocumentError as error:
        return StageVerdict(model, stage, None, findings=error.findings)
    beside = [found for kind in sorted(layout.STAGE_SIGNATURES) for found in registry.beside(kind, model)]
    signatures = {place: found for place, found in beside if found.part == stage}
    if pointer is None:
        message, remedy = "the pointer that this speaks of is not here", "Remove it."
        orphans = (problem(registry, orphan, "no-pointer", message, remedy) for orphan in signatures)
        return StageVerdict(model, stage, None, findings=tuple(orphans))
    findings = _pointer_meaning(registry, path, pointer, model, stage)
    data = registry.files[path]
    expected = summary_statement(pointer, data, {one.path: one.digest for one in pointer.evidence}, passed=True)
    who_may = authority(registry, model, stage=stage)
    what = f"promotion of {model}@{pointer.version} into {stage}"
    good = {}
    for place, kind in signatures.items():
        bundle, shown = registry.files[place], registry.shown(place)
        made = registry.signed_at(place, pointer.decided)
        if kind.kind == "approval":
            namespace = stage_namespace(stage)
            signer, found = check_approval(bundle, data, namespace, who_may, path=shown, what=what, made=made)
        else:
            signer, found = check_signature(bundle, expected, who_may, path=shown, what=what, made=made)
        findings += found
        if signer:
            good[place] = signer.name
    if not signatures:
        findings.append(problem(registry, path, "unsigned", f"nobody signed the {what}"))
    elif good:
        findings += _enough(registry, path, model, stage, set(good.values()), what)
    return StageVerdict(model, stage, pointer, good, tuple(findings))


def _enough(registry: Registry, path: str, model: str, stage: str, names: set[str], what: str) -> list[Finding]:
    """That fewer people signed than the rule asks for."""
    standing = signing(registry.trust, model, stage, names)
    if not standing.lacking:
        return []
    remedy = f"Who is awaited signs it: `modelbook approve {model} --to {stage}`."
    return [problem(registry, path, TOO_FEW, f"the {what} needs more signatures: {standing.words}", remedy)]


def _pointer_meaning(registry: Registry, path: str, pointer: StagePointer, model: str, stage: str) -> list[Finding]:
    findings = []
    if (pointer.model, pointer.stage) != (model, stage):
        says = f"{pointer.model} in {pointer.stage}"
        findings.append(
            problem(registry, path, "other-name", f"the pointer is of {says}, but its path says {model} in {stage}")
        )
    for holder in (pointer.holder(), pointer.baseline):
        if holder is None:
            continue
        card = registry.card_path(model, holder.version)
        if card not in registry.files:
            findings.append(no_such(registry, path, f"{model}@{holder.version}"))
        elif registry.digest(card) != holder.card:
            what = f"the card of {model}@{holder.version} is not the one that was promoted"
            findings.append(problem(registry, path, "other-card", what))
    folder = layout.version_folder(model, pointer.version)
    for evidence in pointer.evidence:
        place = f"{folder}/{evidence.path}"
        if place not in registry.files:
            findings.append(problem(registry, path, "no-evidence", f"the evidence {evidence.path} is gone"))
        elif registry.digest(place) != evidence.digest:
            findings.append(
                problem(registry, path, "other-evidence", f"the evidence {evidence.path} is not what it was")
            )
    return findings
