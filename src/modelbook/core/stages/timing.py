"""Whether it is time for a promotion: the soak in the stage before is over, and no window keeps the stage shut."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from modelbook.core import layout
from modelbook.core.findings import Finding
from modelbook.core.freeze import Freeze, frozen, thaws
from modelbook.core.moments import moment, span, spoken, written
from modelbook.core.pointer import Holder
from modelbook.core.policy import Stage
from modelbook.core.registry import Registry
from modelbook.core.signing.approvals import OVERRIDE_NOT_SIGNED
from modelbook.core.stages.history import UNSHALLOW
from modelbook.core.stages.tenure import Tenures


@dataclass(frozen=True)
class Timing:
    """What time says of a promotion: facts for the report, findings, and when it may be made as far as time decides.

    `opens` (UTC, with Z) is the time of the question where nothing is in the way, and None where nobody knows, or where
    it is a signature that is waited for and no time.
    """

    opens: str | None
    facts: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Override:
    """Windows of `freeze` to promote in all the same, and the people who signed for that.

    While it is only `proposed`, others may still sign.
    """

    windows: tuple[str, ...] = ()
    people: Set[str] = frozenset()
    proposed: bool = False


NOTHING = Override()
UNKNOWN = Timing(None)


def check_time(
    registry: Registry,
    holder: Holder,
    model: str,
    stage: Stage,
    *,
    now: str,
    tenures: Tenures,
    override: Override = NOTHING,
) -> Timing:
    """Judge at `now` (UTC, with Z) whether `holder`, a version of `model`, may enter `stage` as far as time decides."""
    soaked, facts, findings = _soak(registry, holder, model, stage, now, tenures)
    policy = registry.policy
    known = [one.name for one in policy.freeze]
    names = ", ".join(known) or "none"
    findings += [
        _finding(registry, (), "no-such-freeze", f"no window of `freeze` is named {name!r}", f"Its windows: {names}.")
        for name in override.windows
        if name not in known
    ]
    for one, until in frozen(policy.freeze, stage.name, now).items():
        facts[f"frozen by {one.name}"] = f"until {until}"
        if one.name in override.windows and (may := override.people & set(one.override or ())):
            facts[f"frozen by {one.name}"] += f", overridden by {', '.join(sorted(may))}"
        else:
            findings.append(_shut(registry, one, model, stage.name, until, override))
    open_to_all = tuple(one for one in policy.freeze if one.name not in override.windows)
    opens = thaws(open_to_all, stage.name, max(soaked, now)) if soaked else None
    return Timing(None if findings and opens == now else opens, facts, tuple(findings))


def _soak(
    registry: Registry, holder: Holder, model: str, stage: Stage, now: str, tenures: Tenures
) -> tuple[str | None, dict[str, str], list[Finding]]:
    """When the soak is over (None where nobody knows), and what is to be said of it."""
    before = registry.policy.before(stage.name)
    if not stage.soak or before is None:
        return now, {}, []
    at = ("stages", registry.policy.stages.index(stage), "soak")
    name, there = f"{model}@{holder.version}", f"{before.name}, where {stage.soak} are asked for before {stage.name}"
    tenure = tenures.present(model, before.name)
    if tenure is None or tenure.holder != holder:
        message = f"{name} has not come to {there}"
        return None, {}, [_finding(registry, at, "not-soaked", message, "Merge its promotion there, and wait.")]
    if tenure.since is None:
        message = f"nobody knows since when {name} has been in {there}: this clone has no more than the latest commits"
        return None, {}, [_finding(registry, at, "incomplete-history", message, UNSHALLOW)]
    over = written(moment(tenure.since) + span(stage.soak))
    length = spoken(moment(now) - moment(tenure.since))
    facts = {f"in {before.name}": f"since {tenure.since}, {length} of {stage.soak}"}
    if moment(now) >= moment(over):
        return now, facts, []
    message = f"{name} has been for {length} in {there}"
    return over, facts, [_finding(registry, at, "not-soaked", message, f"It may enter {stage.name} from {over} on.")]


def _shut(registry: Registry, one: Freeze, model: str, stage: str, until: str, override: Override) -> Finding:
    at = ("freeze", registry.policy.freeze.index(one))
    because = f" ({one.reason})" if one.reason else ""
    message = f"{one.name!r} keeps {stage} shut until {until}{because}"
    if not one.override:
        return _finding(registry, at, "frozen", message, "Wait until then: nobody may override it.")
    who = ", ".join(one.override)
    if one.name not in override.windows:
        remedy = f"Wait, or have it overridden by {who}: `--override-freeze {one.name} --reason TEXT`."
        return _finding(registry, at, "frozen", message, remedy)
    signed = ", ".join(sorted(override.people)) or "nobody"
    message = f"{one.name!r} is overridden, which only {who} may do, and {signed} signed"
    remedy = f"It waits for a signature of {who}: `modelbook approve {model} --to {stage}`."
    finding = _finding(registry, (*at, "override"), OVERRIDE_NOT_SIGNED, message, remedy)
    return replace(finding, level="warning") if override.proposed else finding


def _finding(
    registry: Registry, location: tuple[str | int, ...], code: str, message: str, remedy: str | None
) -> Finding:
    return Finding(registry.shown(layout.POLICY), registry.line_in_policy(location), code, message, remedy)
