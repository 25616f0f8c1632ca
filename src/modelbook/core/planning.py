"""What waits to be done in a registry. Read off its state, not off events, so that a lost event loses nothing."""

from dataclasses import dataclass

from modelbook.core.beside import compared_with, measured_beside
from modelbook.core.examples import Results
from modelbook.core.numbers import NONE
from modelbook.core.promotion import NO_HISTORY, decide
from modelbook.core.registered_model import Suite
from modelbook.core.registry import Registry
from modelbook.core.tenure import Tenures


@dataclass(frozen=True)
class Todo:
    """One version, and the suite that has not measured it or the stage that may take it."""

    model: str
    version: int
    name: str


@dataclass(frozen=True)
class Later:
    """A version that an automatic stage may take, but not before a time (UTC, with Z): a soak, or a frozen stage."""

    todo: Todo
    opens: str


@dataclass(frozen=True)
class Plan:
    """All that waits: to be done now, and, of promotions, `later`."""

    evaluations: tuple[Todo, ...]
    promotions: tuple[Todo, ...]
    later: tuple[Later, ...] = ()


def _waits(registry: Registry, model: str, version: int, name: str, suite: Suite) -> bool:
    if name not in registry.evaluation_paths(model, version):
        return True
    holder = compared_with(registry, model, version, suite)
    return holder is not None and not measured_beside(registry, model, version, name, holder)


def plan(registry: Registry, *, now: str, tenures: Tenures = NO_HISTORY, results: Results = NONE) -> Plan:
    """Of the latest version of each model: suites that have not measured it, automatic stages whose gates it passes."""
    evaluations, promotions, later = [], [], []
    for model in registry.models():
        versions = registry.versions(model)
        if not versions:
            continue
        record = registry.model(model)
        measured = registry.evaluation_paths(model, versions[-1])
        suites = record.suites if record else {}
        waiting = [name for name, suite in suites.items() if _waits(registry, model, versions[-1], name, suite)]
        evaluations += [Todo(model, versions[-1], suite) for suite in waiting]
        if waiting or not measured:
            continue
        for stage in registry.policy.stages:
            if stage.auto:
                decision = decide(
                    registry, model, versions[-1], stage.name, by="plan", now=now, tenures=tenures, results=results
                )
                todo = Todo(model, versions[-1], stage.name)
                if decision.passed and not decision.already:
                    promotions.append(todo)
                elif decision.opens and not decision.already:
                    later.append(Later(todo, decision.opens))
    return Plan(tuple(evaluations), tuple(promotions), tuple(later))
