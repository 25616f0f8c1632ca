"""What no gate judges: a stage that goes back to what held it before, one that is held, and one that is released.

A rollback leads only to a version that this very stage held, by a promotion that somebody signed whom trust.yaml still
lets promote into it: it was judged then. Gates, soak, windows and the order of the stages are not asked again, since
what fails tonight is the version that passed them. The hold that comes with it is lifted by a release, never by a
promotion.
"""

from modelbook.core import layout
from modelbook.core.findings import Finding
from modelbook.core.layout import STAGE_SIGNATURES, place_of
from modelbook.core.pointer import Holder, Kind, StagePointer
from modelbook.core.registry import Registry
from modelbook.core.revocation import in_use, is_revoked
from modelbook.core.signing.approvals import AWAITED
from modelbook.core.stages.history import UNSHALLOW
from modelbook.core.stages.promotion import Decision, next_pointer
from modelbook.core.stages.tenure import Landing, Tenure, Tenures
from modelbook.core.verifying.verification import StageVerdict, verify_stage, verify_version


def roll_back(
    registry: Registry,
    model: str,
    version: int,
    stage: str,
    *,
    by: str,
    now: str,
    reason: str | None,
    tenures: Tenures,
) -> Decision:
    """Judge whether `stage` may go back to `model@version`; `tenures` are those of the branch that the stage is on.

    Raises BadInput where the stage does not exist.
    """
    registry.stage(stage)
    current = verify_stage(registry, model, stage).pointer
    verdict = verify_version(registry, model, version)
    findings = [*verdict.findings, *in_use(registry, model, version)]
    before = _held_before(registry, model, version, stage, tenures)
    pointer, facts = None, {}
    if before:
        facts["held before"] = f"from {before.since or 'a time that this clone does not have'} to {before.until or now}"
    else:
        findings.append(_never_held(registry, model, version, stage, tenures))
    already = current is not None and current.version == version
    if already:
        findings.append(_finding(registry, model, stage, "already", f"{model}@{version} is in {stage} already"))
    if current and verdict.card:
        pointer = next_pointer(registry, verdict, stage, current, by=by, now=now, reason=reason, kind="rollback")
        # Above all that there were, also where an older pointer came back: a rollback is the way out of that as well.
        serials = [each.pointer.serial for one in tenures.of(model, stage) for each in one.landings]
        pointer = pointer.model_copy(update={"serial": max([current.serial, *serials]) + 1})
    held = current.holder() if current else None
    against = verify_version(registry, model, current.version) if current else None
    told = tuple(findings)
    return Decision(
        model, version, stage, held, (), told, pointer, already,
        kind="rollback", facts=facts, candidate=verdict, against=against,
    )  # fmt: skip


def previous(registry: Registry, model: str, stage: str, tenures: Tenures) -> int | None:
    """The version that a rollback leads to when nobody names one: the last one before that was not revoked since.

    What was rolled back from is not among them, so that a rollback of a rollback goes on backwards.
    """
    line: list[Tenure] = []
    for one in tenures.of(model, stage):
        versions = [each.holder.version for each in line]
        if one.kind == "rollback" and one.holder.version in versions:
            del line[len(versions) - 1 - versions[::-1].index(one.holder.version) :]
        line.append(one)
    if not line:
        return None
    present = line[-1].holder.version
    for one in reversed(line[:-1]):
        version = one.holder.version
        if version != present and not is_revoked(registry, model, version):
            return version
    return None


def keep(
    registry: Registry, model: str, stage: str, kind: Kind, *, by: str, now: str, reason: str | None
) -> Decision | None:
    """Judge a `hold` or a `release` of what stands in `stage`: None where nothing does.

    The verdict by which it came there goes on: version, evidence, baseline and policy stay. So it must verify, or a
    pointer that nobody may believe would get a good signature. Raises BadInput where the stage does not exist.
    """
    registry.stage(stage)
    stands = verify_stage(registry, model, stage)
    current = stands.pointer
    if current is None:
        return None
    findings = [finding for finding in stands.findings if finding.code not in AWAITED]
    already = current.held == (kind == "hold")
    if already:
        state = f"is held already, by {current.by}: {current.reason}" if current.held else "is not held"
        findings.append(_finding(registry, model, stage, "already", f"{stage} of {model} {state}"))
    changes = {"serial": current.serial + 1, "kind": kind, "decided": now, "by": by, "reason": reason}
    pointer = current.model_copy(update=changes | {"overrides": None})
    facts = {}
    if kind == "release" and current.held:
        facts["held"] = f"since {current.decided} by {current.by}: {current.reason}"
    return Decision(
        model,
        current.version,
        stage,
        current.holder(),
        (),
        tuple(findings),
        pointer,
        already,
        kind=kind,
        facts=facts,
    )


def as_it_stood(registry: Registry, landing: Landing) -> StageVerdict:
    """What holds of a pointer of former days by the trust of `registry`: who of its signers is still believed."""
    model, stage = landing.pointer.model, landing.pointer.stage
    others = {path: data for path, data in registry.files.items() if not _is_of(path, model, stage)}
    past = Registry({**others, **landing.files}, registry.prefix, keyless=registry.keyless)
    return verify_stage(past, model, stage)


def _is_of(path: str, model: str, stage: str) -> bool:
    place = place_of(path)
    return bool(place and place.kind in STAGE_SIGNATURES | {"stage"} and (place.name, place.part) == (model, stage))


def _held_before(registry: Registry, model: str, version: int, stage: str, tenures: Tenures) -> Tenure | None:
    """The last tenure of the version, as the card at hand has it, that came by a promotion with a good signature."""
    card = registry.card_path(model, version)
    if card not in registry.files:
        return None
    holder = Holder(version=version, card=registry.digest(card))
    for tenure in reversed(tenures.of(model, stage)):
        if tenure.holder == holder and any(as_it_stood(registry, one).signatures for one in tenure.landings):
            return tenure
    return None


def _never_held(registry: Registry, model: str, version: int, stage: str, tenures: Tenures) -> Finding:
    name = f"{model}@{version}"
    if not tenures.complete:
        message = f"nobody knows whether {name} held {stage} before: this clone has no more than the latest commits"
        return _finding(registry, model, stage, "incomplete-history", message, UNSHALLOW)
    message = f"{name} never held {stage} by a promotion that is signed by somebody whom trust.yaml lets promote there"
    remedy = f"A rollback goes only to what the stage held before: see `modelbook history {model} --stage {stage}`."
    return _finding(registry, model, stage, "not-held-before", message, remedy)


def _finding(registry: Registry, model: str, stage: str, code: str, message: str, remedy: str | None = None) -> Finding:
    return Finding(registry.shown(layout.pointer_path(model, stage)), None, code, message, remedy)


def again(pointer: StagePointer) -> str:
    """The command that proposes anew what `pointer` does."""
    model, stage = pointer.model, pointer.stage
    match pointer.kind:
        case "rollback":
            return f"modelbook rollback {model} --stage {stage} --to {pointer.version} --reason TEXT"
        case "hold":
            return f"modelbook hold {model} --stage {stage} --reason TEXT"
        case "release":
            return f"modelbook release {model} --stage {stage}"
    return f"modelbook promote {model}@{pointer.version} --to {stage}"
