"""What a change of the registry may do: from the commit it starts at (`base`) to the commit it proposes (`head`).

The rules are those of `base`: a change cannot bring the policy or the trust by which it is judged.
"""

from collections.abc import Iterable, Set
from contextlib import suppress
from dataclasses import dataclass

from modelbook.core import layout
from modelbook.core.documents import DocumentError
from modelbook.core.experiments.online_evidence import verify_online
from modelbook.core.findings import Finding, blocks
from modelbook.core.judging.examples import Results
from modelbook.core.judging.numbers import NONE
from modelbook.core.layout import EXPERIMENT_FILES, IMMUTABLE, STAGE_SIGNATURES, Place, place_of
from modelbook.core.pointer import StagePointer
from modelbook.core.registry import Registry
from modelbook.core.stages.promotion import NO_HISTORY, Decision, decide
from modelbook.core.stages.rollback import again, keep, roll_back
from modelbook.core.stages.tenure import Tenures
from modelbook.core.stages.timing import Override
from modelbook.core.verifying.rules import JUDGING, check_rules
from modelbook.core.verifying.trust_change import check_trust_change
from modelbook.core.verifying.verification import verify_dataset, verify_stage, verify_version

_RULES = JUDGING | {"trust signature", "trusted root"}
_TOLD = JUDGING | {"trusted root"}
_OF_DATASETS = {"dataset", "dataset signature"}
_OF_VERSIONS = IMMUTABLE.keys() - _OF_DATASETS - EXPERIMENT_FILES


@dataclass(frozen=True)
class ChangeVerdict:
    """What a change does, in words and as promotions judged anew, and all that is wrong with it."""

    does: tuple[str, ...]
    promotions: tuple[Decision, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether the change may be merged: no error was found, and no gate refuses a promotion in it."""
        return not blocks(self.findings) and all(decision.passed for decision in self.promotions)


def check_change(
    base: Registry, head: Registry, *, now: str, tenures: Tenures = NO_HISTORY, results: Results = NONE
) -> ChangeVerdict:
    """Judge the change from `base` to `head`. Every changed file is looked at, and every finding reported.

    `tenures` are those of `base`: without them no soak is over, and nothing held a stage before. `results` are what
    suites found for each example.
    """
    changed = [
        path for path in sorted(base.files.keys() | head.files.keys()) if base.files.get(path) != head.files.get(path)
    ]
    places = {path: place_of(path) for path in changed}
    findings = [finding for path in changed for finding in _allowed(base, head, path, places[path])]
    if layout.TRUST in head.files:
        findings += check_trust_change(base if layout.TRUST in base.files else None, head, now=now).findings
    does = tuple(text for path in changed if (text := _words(head, path, places[path])))
    # Judged by the rules of base, on the files of head.
    rules = _rules_of(base) if base.places else _rules_of(head)  # the very first change brings its own
    kept = {path: data for path, data in head.files.items() if path not in _rules_of(head)}
    judged = Registry(kept | rules, head.prefix, arriving=frozenset(changed), now=now, keyless=head.keyless)
    if unjudged := _unreadable_rules(judged):
        return ChangeVerdict(does, (), tuple(dict.fromkeys([*findings, *unjudged])))
    versions = _touched(places.values(), _OF_VERSIONS)
    datasets = _touched(places.values(), _OF_DATASETS)
    for model, version in versions:
        findings += verify_version(judged, model, version).findings
    for dataset, version in datasets:
        findings += verify_dataset(judged, dataset, version)[1]
    for model, experiment in _parts(places.values(), EXPERIMENT_FILES):
        findings += verify_online(judged, model, experiment).findings
    stages = _parts(places.values(), STAGE_SIGNATURES | {"stage"})
    promotions = []
    for model, stage in stages:
        decision, found = _promotion(base, judged, model, stage, now, tenures, results)
        findings += found
        promotions += [decision] if decision else []
    if promotions and any(place and place.kind in _RULES for place in places.values()):
        findings.append(
            Finding(
                head.shown(layout.POLICY),
                None,
                "rules-and-promotion",
                "one change moves a stage and the rules for it",
                "Make two pull requests of it.",
            )
        )
    return ChangeVerdict(does, tuple(promotions), tuple(dict.fromkeys(findings)))


def _words(head: Registry, path: str, place: Place | None) -> str | None:
    """What a changed file means, for a person; None for the signatures that come with it."""
    if place is None or path not in head.files:
        return f"removes {path}" if place and place.kind in _TOLD else None
    texts = {
        "card": f"registers {place.name}@{place.version}",
        "evaluation": f"adds the evaluation {place.part} of {place.name}@{place.version}",
        "reproduction": f"adds the reproduction {place.part} of {place.name}@{place.version}",
        "revocation": f"revokes {place.name}@{place.version}",
        "online": f"adds what the experiment {place.part} found of {place.name}",
        "dataset": f"adds the dataset {place.name}@{place.version}",
        "prune plan": "deletes from the store what prune.json lists",
        "stage": _move(head, place),
    }
    return texts.get(place.kind) or (f"changes {path}" if place.kind in _TOLD else None)


def _move(head: Registry, place: Place) -> str:
    model, stage = place.name or "", place.part or ""
    with suppress(DocumentError):  # verification says what is wrong with it
        pointer = head.pointer(model, stage)
        if pointer and pointer.kind:
            to = {"rollback": f" back to {model}@{pointer.version}"}.get(pointer.kind, "")
            does = {"rollback": "rolls", "hold": "holds", "release": "releases"}[pointer.kind]
            return f"{does} {stage} of {model}{to}"
    return f"moves {stage} of {model}"


def _rules_of(registry: Registry) -> dict[str, bytes]:
    return {path: registry.files[path] for path, place in registry.places.items() if place.kind in _RULES}


def _unreadable_rules(judged: Registry) -> list[Finding]:
    """Why nothing can be judged: the policy or the trust file that a change starts from is missing or broken."""
    findings: list[Finding] = []
    for path in (layout.POLICY, layout.TRUST):
        if path not in judged.files:
            message = f"the commit that this change starts from has no {path}, so nothing can be judged"
            findings.append(Finding(judged.shown(path), None, "no-rules", message))
    try:
        _ = findings or (judged.policy, judged.trust)
    except DocumentError as error:
        findings += error.findings
    return findings


def _touched(places: Iterable[Place | None], kinds: Set[str]) -> list[tuple[str, int]]:
    return sorted({(place.name or "", place.version or 0) for place in places if place and place.kind in kinds})


def _parts(places: Iterable[Place | None], kinds: Set[str]) -> list[tuple[str, str]]:
    return sorted({(place.name or "", place.part or "") for place in places if place and place.kind in kinds})


def _allowed(base: Registry, head: Registry, path: str, place: Place | None) -> list[Finding]:
    shown = head.shown(path)
    if place is None:
        if path not in head.files:
            return []  # removing what does not belong there is always right
        return [
            Finding(
                shown,
                None,
                "unknown-file",
                "the registry has no place for this file",
                "Remove it, or check its name against the layout in the documentation.",
            )
        ]
    if place.kind in IMMUTABLE and path in base.files:
        did = "removed" if path not in head.files else "changed"
        remedy = (
            "Restore it: `git checkout origin/main -- " + shown + "`. What was learnt later is a new file beside it."
        )
        return [
            Finding(
                shown,
                None,
                "immutable",
                f"{IMMUTABLE[place.kind]} was {did}; it never changes after registration",
                remedy,
            )
        ]
    if place.kind in STAGE_SIGNATURES and path in base.files:
        pointer = layout.pointer_path(place.name or "", place.part or "")
        if base.files.get(pointer) == head.files.get(pointer):
            message = "a signature on a promotion was changed or removed, and the stage was not moved"
            return [Finding(shown, None, "immutable", message, "Restore it, or promote another version.")]
    if place.kind in {"policy", "trust"} and path not in head.files:
        return [Finding(shown, None, "rules-removed", f"without {path} nothing in the registry can be judged")]
    if place.kind == "stage" and path not in head.files:
        return [
            Finding(
                shown,
                None,
                "stage-emptied",
                "a stage pointer was removed",
                "Promote another version into the stage instead.",
            )
        ]
    if place.kind == "prune plan" and path in head.files:
        from modelbook.core.pruning.prune_plan import check_plan  # late: most changes bring none

        return check_plan(head.files[path], shown)
    if place.kind in JUDGING | {"trusted root"} and (path in head.files or place.kind == "trusted root"):
        return check_rules(head, path, place)
    return []


def _promotion(
    base: Registry, judged: Registry, model: str, stage: str, now: str, tenures: Tenures, results: Results
) -> tuple[Decision | None, list[Finding]]:
    """Judge a moved pointer anew, against what holds the stage in `base`, and compare it with what is proposed."""
    path = layout.pointer_path(model, stage)
    shown = judged.shown(path)
    held = verify_stage(judged, model, stage)
    findings = list(held.findings)
    proposed = held.pointer
    if proposed is None:
        return None, findings
    for signature, signer in held.signatures.items():
        name = judged.places[signature].signer
        if name != signer and base.files.get(signature) != judged.files[signature]:
            message = f"the file bears the name {name!r}, but {signer!r} signed it"
            findings.append(Finding(judged.shown(signature), None, "other-signer", message))
    if judged.policy.stage(stage) is None:
        findings.append(Finding(shown, None, "no-such-stage", f"policy.yaml has no stage {stage!r}"))
        return None, findings
    if base.files.get(path) == judged.files.get(path):
        return None, findings  # only a signature beside it changed
    # All stages of the model as they are in base: what enters one with this change has not been there.
    before = {name: data for name, data in judged.files.items() if not _of_stages(name, model)}
    before |= {name: data for name, data in base.files.items() if _of_stages(name, model)}
    standing = Registry(before, judged.prefix, keyless=judged.keyless)
    people = frozenset(judged.trust.signer(name).who for name in held.signatures.values())
    override = Override(proposed.overrides or (), people)
    decision = _decide(standing, model, stage, proposed, now, tenures, override, results)
    if decision is None:
        message = f"a {proposed.kind} is of what a stage holds, and {stage} is empty"
        return None, [*findings, Finding(shown, None, "stage-empty", message, "Promote a version into it.")]
    findings += decision.findings
    expected = decision.pointer
    if expected:
        stale = {
            "version": (proposed.holder(), expected.holder()),
            "serial": (proposed.serial, expected.serial),
            "baseline": (proposed.baseline, expected.baseline),
            "policy": (proposed.policy, expected.policy),
            "gates": (proposed.gates, expected.gates),
            "evidence": (proposed.evidence, expected.evidence),
        }
        for name, (was, is_now) in stale.items():
            if was != is_now:
                remedy = f"The verdict is stale. Propose it anew: `{again(proposed)}`."
                findings.append(
                    Finding(
                        shown,
                        None,
                        f"stale-{name}",
                        f"the {name} it was judged by is not the present one",
                        remedy,
                    )
                )
    return decision, findings


def _decide(
    standing: Registry,
    model: str,
    stage: str,
    proposed: StagePointer,
    now: str,
    tenures: Tenures,
    override: Override,
    results: Results,
) -> Decision | None:
    """What is to be said now of what is proposed; None where it takes a version that the stage does not hold."""
    by, reason = proposed.by, proposed.reason
    match proposed.kind:
        case "rollback":
            return roll_back(standing, model, proposed.version, stage, by=by, now=now, reason=reason, tenures=tenures)
        case "hold" | "release":
            return keep(standing, model, stage, proposed.kind, by=by, now=now, reason=reason)
    return decide(
        standing,
        model,
        proposed.version,
        stage,
        by=by,
        now=now,
        reason=reason,
        tenures=tenures,
        override=override,
        results=results,
    )


def _of_stages(path: str, model: str) -> bool:
    place = place_of(path)
    return bool(place and place.kind in STAGE_SIGNATURES | {"stage"} and place.name == model)
