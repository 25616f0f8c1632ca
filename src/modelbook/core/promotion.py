"""Whether a version may move into a stage, and the pointer that says so."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelbook.core import layout
from modelbook.core.evaluation import Evaluation
from modelbook.core.findings import Finding, blocks
from modelbook.core.gates import Facts, GateResult, judge
from modelbook.core.numbers import Numbers, numbers_of
from modelbook.core.pointer import Evidence, Holder, StagePointer
from modelbook.core.policy import Stage
from modelbook.core.registry import Registry
from modelbook.core.reproduction import standing
from modelbook.core.revocation import in_use
from modelbook.core.verification import StageVerdict, VersionVerdict, verify_stage, verify_version


@dataclass(frozen=True)
class Decision:
    """The verdict on one promotion. `pointer` is what the stage would hold; None where none could be made.

    `already` means that the version holds the stage now, so that there is nothing to do.
    """

    model: str
    version: int
    stage: str
    baseline: Holder | None
    gates: tuple[GateResult, ...]
    findings: tuple[Finding, ...]
    pointer: StagePointer | None
    already: bool = False

    @property
    def passed(self) -> bool:
        """Whether every check was made and every gate lets the version through."""
        return bool(self.gates) and all(gate.passed for gate in self.gates) and not blocks(self.findings)


def decide(
    registry: Registry,
    model: str,
    version: int,
    stage_name: str,
    *,
    by: str,
    now: str,
    reason: str | None = None,
) -> Decision:
    """Judge `model@version` for a stage against the version that holds it now.

    `by` and `now` (UTC, ISO 8601 with Z) are recorded. Raises BadInput where the stage does not exist.
    """
    stage = registry.stage(stage_name)
    stands = verify_stage(registry, model, stage_name)
    current = stands.pointer
    verdict = verify_version(registry, model, version)
    evaluations, found = _as_pinned(registry, verdict)
    findings = [*verdict.findings, *found]
    baseline, found = _baseline(registry, stands, evaluations)
    findings += found
    findings += [*in_use(registry, model, version), *_order(registry, model, version, stage)]
    gates: tuple[GateResult, ...] = ()
    if verdict.card:
        card, rule = verdict.card, registry.policy.reproduce
        met = standing(card, verdict.evaluations, verdict.reproductions.values(), rule)
        facts = Facts(numbers_of(evaluations), baseline, card.tags, card.run.params, met)
        gates = judge(registry.gates(model, stage), facts, first=stage.first)
    already = current is not None and current.version == version
    pointer = None
    if verdict.card and verdict.evaluations:
        pointer = _pointer(registry, verdict, stage_name, current, by=by, now=now, reason=reason)
    if not verdict.evaluations:
        findings.append(
            Finding(
                registry.shown(layout.version_folder(model, version)),
                None,
                "not-evaluated",
                f"{model}@{version} has no evaluation that verifies, so nothing speaks for it",
                f"Measure it: `modelbook evaluate {model}@{version}`.",
            )
        )
    held = current.holder() if current else None
    return Decision(model, version, stage_name, held, gates, tuple(findings), pointer, already)


def _baseline(
    registry: Registry, stands: StageVerdict, candidate: Mapping[str, Evaluation]
) -> tuple[Numbers | None, list[Finding]]:
    """The numbers of the version that holds the stage. One that does not verify proves nothing, so it blocks."""
    if stands.pointer is None:
        return None, list(stands.findings)
    verdict = verify_version(registry, stands.model, stands.pointer.version)
    # Only like with like: what a suite measured on another dataset is missing here, and a gate that reads it says so.
    alike = {
        suite: evaluation
        for suite, evaluation in verdict.evaluations.items()
        if suite not in candidate or candidate[suite].dataset.digest == evaluation.dataset.digest
    }
    return numbers_of(alike), [*stands.findings, *verdict.findings]


def _as_pinned(registry: Registry, verdict: VersionVerdict) -> tuple[dict[str, Evaluation], list[Finding]]:
    """The evaluations that count, and a finding for each on another dataset version than model.yaml pins now.

    Numbers from an easier test set would pass any gate.
    """
    model = registry.model(verdict.model)
    suites = model.suites if model else {}
    kept, findings = {}, []
    for suite, evaluation in verdict.evaluations.items():
        pinned = suites[suite].dataset if suite in suites else None
        used = f"{evaluation.dataset.dataset}@{evaluation.dataset.version}"
        if pinned in {None, used}:
            kept[suite] = evaluation
            continue
        path = f"{layout.version_folder(verdict.model, verdict.version)}/evaluations/{suite}.yaml"
        message = f"suite {suite} measured it on {used}, but model.yaml pins {pinned} for it"
        remedy = "Evaluations never change: give the suite on the other dataset a name of its own."
        findings.append(Finding(registry.shown(path), None, "not-pinned", message, remedy))
    return kept, findings


def _order(registry: Registry, model: str, version: int, stage: Stage) -> list[Finding]:
    before = registry.policy.before(stage.name)
    if before is None:
        return []
    earlier = verify_stage(registry, model, before.name)
    held = earlier.pointer
    if held and held.version == version:
        return list(earlier.findings)
    has = f"{model}@{held.version} is" if held else "no version is"
    return [
        Finding(
            registry.shown(layout.pointer_path(model, before.name)),
            None,
            "skips-a-stage",
            f"{model}@{version} is not in {before.name}, the stage before {stage.name} ({has})",
            f"Promote it there first: `modelbook promote {model}@{version} --to {before.name}`.",
        )
    ]


def _pointer(
    registry: Registry,
    verdict: VersionVerdict,
    stage: str,
    current: StagePointer | None,
    *,
    by: str,
    now: str,
    reason: str | None,
) -> StagePointer:
    folder = layout.version_folder(verdict.model, verdict.version)
    paths = ["model.sig", "provenance.sigstore.json"]
    learnt = [f"evaluations/{suite}" for suite in sorted(verdict.evaluations)]
    learnt += [f"reproductions/{number}" for number in sorted(verdict.reproductions)]
    paths += [f"{place}{end}" for place in learnt for end in (".yaml", ".sigstore.json")]
    own = f"{layout.model_folder(verdict.model)}/model.yaml"
    return StagePointer(
        model=verdict.model,
        stage=stage,
        version=verdict.version,
        card=registry.digest(f"{folder}/card.yaml"),
        serial=current.serial + 1 if current else 1,
        decided=now,
        by=by,
        reason=reason,
        policy=registry.digest(layout.POLICY),
        gates=registry.digest(own) if own in registry.files else None,
        baseline=current.holder() if current else None,
        evidence=tuple(
            Evidence(path=path, digest=registry.digest(f"{folder}/{path}"))
            for path in paths
            if f"{folder}/{path}" in registry.files
        ),
    )
