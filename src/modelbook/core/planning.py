"""What waits to be done in a registry. Read off its state, not off events, so that a lost event loses nothing."""

from dataclasses import dataclass

from modelbook.core.promotion import decide
from modelbook.core.registry import Registry


@dataclass(frozen=True)
class Todo:
    """One version, and the suite that has not measured it or the stage that may take it."""

    model: str
    version: int
    name: str


@dataclass(frozen=True)
class Plan:
    """All that waits."""

    evaluations: tuple[Todo, ...]
    promotions: tuple[Todo, ...]


def plan(registry: Registry, *, now: str) -> Plan:
    """Of the latest version of each model: suites that have not measured it, automatic stages whose gates it passes."""
    evaluations, promotions = [], []
    for model in registry.models():
        versions = registry.versions(model)
        if not versions:
            continue
        record = registry.model(model)
        measured = registry.evaluation_paths(model, versions[-1])
        waiting = [suite for suite in (record.suites if record else {}) if suite not in measured]
        evaluations += [Todo(model, versions[-1], suite) for suite in waiting]
        if waiting or not measured:
            continue
        for stage in registry.policy.stages:
            if stage.auto:
                decision = decide(registry, model, versions[-1], stage.name, by="plan", now=now)
                if decision.passed and not decision.already:
                    promotions.append(Todo(model, versions[-1], stage.name))
    return Plan(tuple(evaluations), tuple(promotions))
