"""What waits to be done in a registry. Read off its state, not off events, so that a lost event loses nothing."""

from dataclasses import dataclass

from modelbook.core.beside import compared_with, evaluation_name
from modelbook.core.examples import Results
from modelbook.core.numbers import NONE
from modelbook.core.promotion import NO_HISTORY, decide
from modelbook.core.registered_model import Suite
from modelbook.core.registry import Registry
from modelbook.core.tenure import Tenures


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
class Plan:
    """All that waits: to be done now, and, of promotions, `later`."""

    evaluations: tuple[Todo, ...]
    promotions: tuple[Todo, ...]
    later: tuple[Later, ...] = ()


def _waiting(registry: Registry, model: str, version: int, name: str, suite: Suite) -> str | None:
    """The evaluation by a suite that nobody has made."""
    holder = compared_with(registry, model, version, suite)
    evaluation = evaluation_name(registry, model, version, name, holder)
    return None if evaluation in registry.evaluation_paths(model, version) else evaluation


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
                if decision.passed and not decision.already:
                    promotions.append(todo)
                elif decision.opens and not decision.already:
                    later.append(Later(todo, decision.opens))
    return Plan(tuple(evaluations), tuple(promotions), tuple(later))
