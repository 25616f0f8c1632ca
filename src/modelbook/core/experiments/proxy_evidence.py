"""All that a registry knows of a model's offline and online metrics: what is signed, fair and comparable."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelbook.core import layout
from modelbook.core.experiments.offline_values import offline_values
from modelbook.core.experiments.online_evidence import experiments_that_count
from modelbook.core.experiments.online_history import History, history_of, measurements_of
from modelbook.core.experiments.proxies import judge, pair_of
from modelbook.core.findings import Finding, blocks
from modelbook.core.judging.better import Direction, better_of
from modelbook.core.judging.expressions import parsed
from modelbook.core.online import OnlineResults
from modelbook.core.policy import PlacedGate
from modelbook.core.registry import Registry
from modelbook.core.verifying.verification import verify_version


@dataclass(frozen=True)
class Known:
    """The history of a model, which way its metrics are better as far as it is said, and what was left out and why."""

    history: History
    better: Mapping[str, Direction]
    experiments: Sequence[OnlineResults] = ()
    left_out: Sequence[str] = ()
    findings: Sequence[Finding] = ()


def known_of(registry: Registry, model: str) -> Known:
    """What the registry says of `model`. A version or an experiment that does not verify is left out, with findings."""
    experiments, findings = experiments_that_count(registry, model)
    evaluations = {}
    for version in sorted({arm.version for one in experiments for arm in one.arms}):
        verdict = verify_version(registry, model, version)
        findings += verdict.findings
        if not blocks(verdict.findings):
            evaluations[version] = verdict.evaluations
    record = registry.model(model)
    pinned = {}
    for suite, about in (record.suites if record else {}).items():
        dataset, _, number = about.dataset.partition("@")
        card = f"{layout.dataset_folder(dataset, int(number))}/card.yaml"
        if card in registry.files:
            pinned[suite] = registry.digest(card)
    values, left_out = offline_values(evaluations, pinned)
    history = history_of(measurements_of(experiments), values)
    better = better_of(record.better if record else {}, registry.every_gate(model))
    return Known(history, better, experiments, tuple(left_out), tuple(dict.fromkeys(findings)))


def proxies_asked(
    registry: Registry, model: str, gates: Iterable[PlacedGate]
) -> tuple[dict[tuple[str, str], Mapping[str, float] | str], tuple[Finding, ...]]:
    """What gates may read of the proxies that they ask for, or why there is nothing to read; and what is wrong with it.

    Where no gate asks, nothing is read.
    """
    asked = {pair for placed in gates if (found := parsed(placed.gate.require)) for pair in found.proxies}
    if not asked:
        return {}, ()
    known = known_of(registry, model)
    return {pair: _numbers(known, *pair) for pair in sorted(asked)}, tuple(known.findings)


def _numbers(known: Known, offline: str, online: str) -> Mapping[str, float] | str:
    pair = pair_of(known.history, offline, online, known.better)
    if isinstance(pair, str):
        return pair
    for metric in (offline, online):
        if metric not in known.better:
            return (
                f"nothing says which way {metric} is better: write in model.yaml `better: {{{metric}: "
                "higher_is_better}`, or lower_is_better"
            )
    (found,) = judge([pair])
    return f"Simpson's paradox: {found.why}" if found.verdict == "paradox" else found.numbers
