"""What waits to be done in a registry. Read off its state, not off events, so that a lost event loses nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from modelbook.core.documents import noted
from modelbook.core.findings import Finding
from modelbook.core.judging.examples import Results
from modelbook.core.judging.numbers import NONE
from modelbook.core.layout import STAGE_SIGNATURES, place_of
from modelbook.core.measuring.beside import compared_with, evaluation_name
from modelbook.core.pointer import holds
from modelbook.core.registered_model import Suite
from modelbook.core.registry import Registry
from modelbook.core.stages.promotion import HELD, NO_HISTORY, Decision, decide
from modelbook.core.stages.tenure import Tenure, Tenures, rolled_back

_TRUST = frozenset({"trust", "trust signature", "trusted root"})
_RULES = _TRUST | {"policy"}
_POINTER = STAGE_SIGNATURES | {"stage"}
# What a verdict on a stage rests on, of its model: what is held where, its own gates, and the evidence.
_GROUNDS = _POINTER | {"model", "evaluation", "evaluation signature", "reproduction", "reproduction signature"}
_GROUNDS |= {"revocation", "online", "online signature"}


@dataclass(frozen=True)
class Todo:
    """One version, and the suite that has not measured it or the stage that may take it.

    `evaluation` is what the suite's evaluation will be called, where that is not the suite's own name.
    """

    model: str
    version: int
    name: str
    evaluation: str | None = None


@dataclass(frozen=True)
class Later:
    """A version that an automatic stage may take, but not before a time (UTC, with Z): a soak, or a frozen stage."""

    todo: Todo
    opens: str


@dataclass(frozen=True)
class Held:
    """A version that an automatic stage may take once somebody releases it, and not before `opens`, if that is set.

    `by`, `since` (UTC, with Z) and `reason` are those of the hold.
    """

    todo: Todo
    by: str
    since: str
    reason: str
    opens: str | None = None


@dataclass(frozen=True)
class TakenBack:
    """A version that an automatic stage held and that people rolled back from, with no evidence since that is new.

    Nothing but its own word speaks for it, and people know better: so it waits for one of them. `by`, `since` (UTC,
    with Z) and `reason` are those of the rollback.
    """

    todo: Todo
    by: str
    since: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """All that waits: to be done now, and, of promotions, `later`, for a release alone (`held`), or for people.

    `findings` are files that cannot be read: of their models nobody knows what waits.
    """

    evaluations: tuple[Todo, ...]
    promotions: tuple[Todo, ...]
    later: tuple[Later, ...] = ()
    held: tuple[Held, ...] = ()
    taken_back: tuple[TakenBack, ...] = ()
    findings: tuple[Finding, ...] = ()


def _unread(registry: Registry, model: str, version: int) -> list[Finding]:
    """What cannot be read of all that a decision on a version rests on."""
    findings = list[Finding]()
    with noted(findings):
        registry.model(model)
    for path in registry.evaluation_paths(model, version).values():
        with noted(findings):
            registry.evaluation(path)
    versions = {version}
    for stage in registry.policy.stages:
        with noted(findings):
            if pointer := registry.pointer(model, stage.name):
                versions.add(pointer.version)
    for each in sorted(versions & set(registry.versions(model))):
        with noted(findings):
            registry.card(model, each)
    return findings


def _waiting(registry: Registry, model: str, version: int, name: str, suite: Suite) -> str | None:
    """The evaluation by a suite that nobody has made."""
    holder = compared_with(registry, model, version, suite)
    evaluation = evaluation_name(registry, model, version, name, holder)
    return None if evaluation in registry.evaluation_paths(model, version) else evaluation


def plan(registry: Registry, *, now: str, tenures: Tenures = NO_HISTORY, results: Results = NONE) -> Plan:
    """Of the latest version of each model: suites that have not measured it, automatic stages whose gates it passes.

    `tenures` say what people rolled back from, as far as they go back.
    """
    evaluations, promotions, later, held = list[Todo](), list[Todo](), list[Later](), list[Held]()
    taken_back, findings = list[TakenBack](), list[Finding]()
    for model in registry.models():
        versions = registry.versions(model)
        if not versions:
            continue
        if unread := _unread(registry, model, versions[-1]):
            findings += unread
            continue
        record = registry.model(model)
        measured = registry.evaluation_paths(model, versions[-1])
        suites = record.suites if record else {}
        waits = ((name, _waiting(registry, model, versions[-1], name, suite)) for name, suite in suites.items())
        waiting = [Todo(model, versions[-1], name, own if own != name else None) for name, own in waits if own]
        evaluations += waiting
        if waiting or not measured:
            continue
        for stage in registry.policy.stages:
            if stage.auto:
                decision = decide(
                    registry, model, versions[-1], stage.name, by="plan", now=now, tenures=tenures, results=results
                )
                todo = Todo(model, versions[-1], stage.name)
                free = replace(decision, findings=tuple(one for one in decision.findings if one.code != HELD))
                if decision.already or not (free.passed or free.opens):
                    continue
                if (back := rolled_back(tenures.of(model, stage.name), versions[-1])) and not _anew(decision, back[0]):
                    why = back[1].pointer
                    taken_back.append(TakenBack(todo, why.by, back[1].time, why.reason or ""))
                elif decision.passed:
                    promotions.append(todo)
                elif decision.opens:
                    later.append(Later(todo, decision.opens))
                elif hold := holds(registry.stages_of(model)).get(stage.name):
                    held.append(Held(todo, **hold, opens=free.opens))
    return Plan(tuple(evaluations), tuple(promotions), tuple(later), tuple(held), tuple(taken_back), tuple(findings))


def _anew(decision: Decision, tenure: Tenure) -> bool:
    """Whether a verdict rests on evidence that no pointer of a tenure named."""
    known = {each for landing in tenure.landings for each in landing.pointer.evidence}
    return decision.pointer is not None and not known.issuperset(decision.pointer.evidence)


def is_outdated(proposed: Iterable[str], moved: Iterable[str]) -> bool:
    """Whether the verdict on what changes the paths `proposed` may be another one, since its base changed `moved`.

    Paths are relative to the registry folder. Only moves of stages and changes of trust have a verdict that rests on
    more than their own files: the rules, and for a stage what stands of its model.
    """
    places = [place for path in proposed if (place := place_of(path))]
    models = {place.name for place in places if place.kind in _POINTER}
    if not models and all(place.kind not in _TRUST for place in places):
        return False
    since = [place for path in moved if (place := place_of(path))]
    return any(place.kind in _RULES or (place.kind in _GROUNDS and place.name in models) for place in since)
