"""What `find` knows of a model version: each field of VERSION_FIELDS, from the files of the registry.

Nothing is verified here, and no signature is asked for: whoever uses a version that was found pulls it, and that does.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from modelbook.core.card import ModelCard
from modelbook.core.documents import DocumentError
from modelbook.core.evaluation import Evaluation, inside_another
from modelbook.core.findings import Finding
from modelbook.core.judging.numbers import not_a_number, numbers_of
from modelbook.core.measuring.alike import counts, that_count
from modelbook.core.pointer import StagePointer
from modelbook.core.registered_model import RegisteredModel
from modelbook.core.registry import Registry
from modelbook.core.revocation import is_revoked
from modelbook.core.run_record import Code, DatasetUse

Facts = dict[str, Any]
"""Values by field; what is not known is absent. Numbers by name are a dict of finite floats, values one of JSON."""


class Told(NamedTuple):
    """What is known of a version, and what is wrong with the files that tell it; no facts where the card is."""

    facts: Facts | None
    findings: tuple[Finding, ...]


class ModelFacts:
    """What all versions of a model share: model.yaml and the stages. `findings` say what of it cannot be read."""

    def __init__(self, registry: Registry, model: str) -> None:
        self.model = model
        self.findings: list[Finding] = []
        self.described: RegisteredModel | None = None
        self.held: dict[int, list[str]] = {}
        try:
            self.described = registry.model(model)
        except DocumentError as error:
            self.findings += error.findings
        for path, place in sorted(registry.places.items()):
            if (place.kind, place.name) == ("stage", model):
                try:
                    pointer = registry.load(StagePointer, path)
                except DocumentError as error:
                    self.findings += error.findings
                    continue
                self.held.setdefault(pointer.version, []).append(place.part or "")


def version_facts(registry: Registry, shared: ModelFacts, version: int) -> Told:
    """Everything that can be asked of a version."""
    model, path = shared.model, registry.card_path(shared.model, version)
    try:
        card = registry.card(model, version)
    except DocumentError as error:
        return Told(None, error.findings)
    if (card.model, card.version) != (model, version):
        message = f"the card is that of {card.model}@{card.version}, but its path says {model}@{version}"
        return Told(None, (Finding(registry.shown(path), None, "other-name", message),))
    digest = registry.digest(path)
    evaluations, findings = _evaluations(registry, model, version, digest)
    suites = shared.described.suites if shared.described else {}
    counted = that_count({name: one for name, one in evaluations.items() if counts(suites, one)}, None)
    numbers = numbers_of(counted)
    facts: Facts = {
        "ref": f"{model}@{version}",
        "model": model,
        "version": version,
        "stages": shared.held.get(version, []),
        "metrics": dict(numbers.values),
        "measured": sorted(numbers.values),
        "suites": sorted({one.ran for one in evaluations.values()}),
        "tested": _datasets(one.dataset for one in evaluations.values()),
        "digest": digest,
        "revoked": is_revoked(registry, model, version),
    }
    if shared.described:
        facts |= {"owners": list(shared.described.owners), "task": shared.described.task}
    return Told(_known(facts | _of_card(card)), tuple(findings))


def _evaluations(
    registry: Registry, model: str, version: int, digest: str
) -> tuple[dict[str, Evaluation], list[Finding]]:
    found, findings = {}, list[Finding]()
    for suite, path in sorted(registry.evaluation_paths(model, version).items()):
        try:
            one = registry.evaluation(path)
        except DocumentError as error:
            findings += error.findings
            continue
        if (one.model, one.version, one.suite, one.card) == (model, version, suite, digest):
            found[suite] = one
        else:
            message = f"the evaluation is of another version, suite or card than that of {model}@{version}"
            findings.append(Finding(registry.shown(path), None, "other-card", message))
    return found, findings


def _of_card(card: ModelCard) -> Facts:
    run, environment = card.run, card.lineage.environment
    return {
        "reported": finite(run.metrics),
        "params": dict(run.params),
        "tags": list(card.tags),
        "description": card.description,
        "created": card.created,
        "by": run.user,
        "experiment": run.experiment,
        "run": run.id,
        "started": run.started,
        "ended": run.ended,
        "seconds": seconds_between(run.started, run.ended),
        "seed": run.seed,
        "deterministic": run.deterministic,
        "datasets": _datasets(card.lineage.datasets),
        "parents": [f"{one.model}@{one.version}" for one in card.lineage.parents],
        "python": environment.python,
        "torch": environment.torch.version if environment.torch else None,
        "cpu": environment.cpu,
        "gpus": list(environment.gpus),
        "files": len(card.artifacts),
        "size_bytes": sum(one.size for one in card.artifacts),
        "imported": run.imported.source if run.imported else None,
    } | of_code(card.lineage.code)


def of_code(code: Code) -> Facts:
    """The fields that tell of code."""
    return {"commit": code.commit, "branch": code.branch, "dirty": code.dirty, "entry_point": code.entry_point}


def _datasets(uses: Any) -> list[str]:
    return sorted({dataset_name(one) for one in uses})


def dataset_name(use: DatasetUse) -> str:
    """The dataset version, as in `transactions@3`."""
    return f"{use.dataset}@{use.version}"


def finite(metrics: Mapping[str, object]) -> dict[str, float]:
    """The metrics that are numbers. A name that is the beginning of another's (`a`, `a.b`) could not be read."""
    found = {
        name: value
        for name, value in metrics.items()
        if isinstance(value, int | float) and not not_a_number(value) and all(name.split("."))
    }
    while clash := inside_another(found):
        del found[clash[0]]
    return found


def seconds_between(started: str, ended: str) -> float | None:
    """From one Timestamp to another; None for a time that no calendar has."""
    with suppress(ValueError):
        return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    return None


def _known(facts: Facts) -> Facts:
    return {name: value for name, value in facts.items() if value is not None}
