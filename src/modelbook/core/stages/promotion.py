"""Whether a version may move into a stage, and the pointer that says so."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from modelbook.core import layout
from modelbook.core.documents import DocumentError
from modelbook.core.evaluation import Evaluation, Examples
from modelbook.core.experiments.proxy_evidence import proxies_asked
from modelbook.core.findings import Finding, blocks
from modelbook.core.judging.examples import Results
from modelbook.core.judging.expressions import claims
from modelbook.core.judging.gates import Facts, GateResult, judge
from modelbook.core.judging.numbers import NONE, Numbers, numbers_of
from modelbook.core.measuring.alike import counts, like_with_like, that_count
from modelbook.core.pointer import Evidence, Holder, Kind, StagePointer
from modelbook.core.policy import Stage
from modelbook.core.registry import Registry
from modelbook.core.reproduction import standing
from modelbook.core.revocation import in_use
from modelbook.core.stages.tenure import Tenures
from modelbook.core.stages.timing import NOTHING, UNKNOWN, Override, Timing, check_time
from modelbook.core.verifying.verification import VersionVerdict, verify_stage, verify_version

NO_HISTORY = Tenures()
HELD = "held"
"""The code of the finding that a release takes away, and nothing else."""


@dataclass(frozen=True)
class Decision:
    """The verdict on one promotion. `pointer` is what the stage would hold; None where none could be made.

    `already` means that the stage is as is asked now, so that there is nothing to do. `timing` is what the clock says;
    its findings are among the others. With a `kind` it is a rollback, hold or release, which no gate judges; `facts`
    are what the report says of it. `candidate` is what gates judged, with the evaluations that count, and `against`
    the version that holds the stage.
    """

    model: str
    version: int
    stage: str
    baseline: Holder | None
    gates: tuple[GateResult, ...]
    findings: tuple[Finding, ...]
    pointer: StagePointer | None
    already: bool = False
    timing: Timing = UNKNOWN
    kind: Kind | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    candidate: VersionVerdict | None = None
    against: VersionVerdict | None = None

    @property
    def passed(self) -> bool:
        """Whether every check was made and every gate lets the version through."""
        judged = bool(self.gates) and all(gate.passed for gate in self.gates)
        return (judged or self.kind is not None) and not blocks(self.findings)

    @property
    def reference(self) -> str:
        """The version, as in `fraud@5`."""
        return f"{self.model}@{self.version}"

    @property
    def title(self) -> str:
        """What it would do, as in "Promote fraud@5 to production"."""
        match self.kind:
            case "rollback":
                return f"Roll back {self.model} {self.stage} to {self.reference}"
            case "hold":
                return f"Hold {self.model} {self.stage} at {self.reference}"
            case "release":
                return f"Release {self.model} {self.stage}"
        return f"Promote {self.reference} to {self.stage}"

    @property
    def opens(self) -> str | None:
        """When it will pass (UTC, with Z), if it waits for nothing but that time; None otherwise."""
        others = [finding for finding in self.findings if finding not in self.timing.findings]
        waits = bool(self.timing.findings) and bool(self.gates) and all(gate.passed for gate in self.gates)
        return self.timing.opens if waits and not blocks(others) else None


def decide(
    registry: Registry,
    model: str,
    version: int,
    stage_name: str,
    *,
    by: str,
    now: str,
    reason: str | None = None,
    tenures: Tenures = NO_HISTORY,
    override: Override = NOTHING,
    results: Results = NONE,
) -> Decision:
    """Judge `model@version` for a stage against the version that holds it now.

    `by` and `now` (UTC, ISO 8601 with Z) are recorded. `tenures` are those of the branch that the stage is on: without
    them no soak is over. `results` are what suites found for each example, by digest. Raises BadInput where the
    stage does not exist.
    """
    stage = registry.stage(stage_name)
    stands = verify_stage(registry, model, stage_name)
    current = stands.pointer
    verdict = verify_version(registry, model, version)
    held = current.holder() if current else None
    pinned, found = _as_named(registry, verdict)
    findings = [*verdict.findings, *found]
    evaluations = that_count(pinned, held)
    numbers = numbers_of(evaluations, results)
    # One that does not verify proves nothing, so it blocks.
    against = verify_version(registry, model, current.version) if current else None
    baseline = _baseline(registry, against, evaluations, results) if against else None
    findings += [*stands.findings, *(against.findings if against else ())]
    if baseline and held:
        again = f"modelbook evaluate {model}@{version} --suite {{suite}} --beside {stage_name}"
        baseline = like_with_like(numbers, baseline, held, again)
    findings += [*in_use(registry, model, version), *_order(registry, model, version, stage)]
    findings += _held(registry, current) if current else []
    gates: tuple[GateResult, ...] = ()
    if verdict.card:
        card, rule = verdict.card, registry.policy.reproduce
        met = standing(card, verdict.evaluations, verdict.reproductions.values(), rule)
        asked = registry.gates(model, stage)
        proxies, about_proxies = proxies_asked(registry, model, asked)
        findings += about_proxies
        facts = Facts(numbers, baseline, card.tags, card.run.params, met, proxies)
        gates = judge(asked, facts, first=stage.first)
    already = current is not None and current.version == version
    pointer, timing = None, UNKNOWN
    if verdict.card:
        holder = Holder(version=version, card=registry.digest(registry.card_path(model, version)))
        timing = check_time(registry, holder, model, stage, now=now, tenures=tenures, override=override)
        findings += timing.findings
    if verdict.card and verdict.evaluations:
        pointer = next_pointer(
            registry, verdict, stage_name, current, by=by, now=now, reason=reason, overrides=override.windows
        )
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
    judged = replace(verdict, evaluations=evaluations)
    told = tuple(findings)
    return Decision(
        model, version, stage_name, held, gates, told, pointer, already, timing, candidate=judged, against=against
    )


def results_needed(rules: Registry, files: Registry, model: str, versions: Iterable[int]) -> tuple[Examples, ...]:
    """What gates may want to read of the examples of these versions in `files`: nothing where `rules` claim nothing."""
    if not any(claims(placed.gate.require) for placed in rules.every_gate(model)):
        return ()
    paths = [path for one in sorted(set(versions)) for path in files.evaluation_paths(model, one).values()]
    found = []
    for path in paths:
        with suppress(DocumentError):  # the verdict says what is wrong with it
            found += [one] if (one := files.evaluation(path).examples) else []
    return tuple(dict.fromkeys(found))


def _baseline(
    registry: Registry, against: VersionVerdict, candidate: Mapping[str, Evaluation], results: Results
) -> Numbers:
    """The numbers of the version that holds the stage."""
    # Only like with like: what a suite measured on another dataset is missing here, and a gate that reads it says so.
    alike = {
        suite: evaluation
        for suite, evaluation in that_count(_as_named(registry, against)[0], None).items()
        if suite not in candidate or candidate[suite].dataset.digest == evaluation.dataset.digest
    }
    return numbers_of(alike, results)


def _as_named(registry: Registry, verdict: VersionVerdict) -> tuple[dict[str, Evaluation], list[Finding]]:
    """The evaluations that count: by a suite that model.yaml names now, on the dataset version that it pins now.

    A finding for each of the others. Numbers from an easier test set would pass any gate. Where model.yaml names no
    suite at all, each counts.
    """
    model = registry.model(verdict.model)
    suites = model.suites if model else {}
    kept, findings = {}, []
    for name, evaluation in verdict.evaluations.items():
        path = f"{layout.version_folder(verdict.model, verdict.version)}/evaluations/{name}.yaml"
        suite = suites.get(evaluation.ran)
        if counts(suites, evaluation):
            kept[name] = evaluation
        elif suite is None:
            message = f"model.yaml names no suite {evaluation.ran!r}, so what it measured counts for nothing"
            findings.append(Finding(registry.shown(path), None, "no-such-suite", message, level="warning"))
        else:
            used = f"{evaluation.dataset.dataset}@{evaluation.dataset.version}"
            message = f"suite {name} measured it on {used}, but model.yaml pins {suite.dataset} for it"
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


def _held(registry: Registry, current: StagePointer) -> list[Finding]:
    """That somebody holds the stage: no promotion enters it, nor one of what it holds, which would lift the hold."""
    if not current.held:
        return []
    model, stage = current.model, current.stage
    message = f"{current.by} holds {stage} at {model}@{current.version} since {current.decided}: {current.reason}"
    remedy = f"Release it first: `modelbook release {model} --stage {stage}`."
    return [Finding(registry.shown(layout.pointer_path(model, stage)), None, HELD, message, remedy)]


def next_pointer(
    registry: Registry,
    verdict: VersionVerdict,
    stage: str,
    current: StagePointer | None,
    *,
    by: str,
    now: str,
    reason: str | None,
    kind: Kind | None = None,
    overrides: tuple[str, ...] = (),
) -> StagePointer:
    """The pointer that moves `stage` from `current` to the version of `verdict`, on the evidence that is there now."""
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
        kind=kind,
        decided=now,
        by=by,
        reason=reason,
        overrides=overrides or None,
        policy=registry.digest(layout.POLICY),
        gates=registry.digest(own) if own in registry.files else None,
        baseline=current.holder() if current else None,
        evidence=tuple(
            Evidence(path=path, digest=registry.digest(f"{folder}/{path}"))
            for path in paths
            if f"{folder}/{path}" in registry.files
        ),
    )
