"""All that a team asks before it lets a version in, as data: the verdict, what changed, what was measured, by whom."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelbook.core.evaluation import Metric
from modelbook.core.judging.expressions import parsed
from modelbook.core.judging.gates import GateResult
from modelbook.core.queries.differences import Differences, MetricPair, differences, metric_pairs
from modelbook.core.signing.approvals import Signing, signing
from modelbook.core.stages.promotion import Decision
from modelbook.core.trust import Trust


@dataclass(frozen=True)
class Story:
    """A decision, and what it is told with.

    `changed` is what lies between the version that holds the stage and the candidate; None where the stage is empty.
    `metrics` are all of the signed evaluations that count, `gated` the names of those that a gate reads. `signing` is
    who has signed the promotion, and `policy_at` the commit whose policy judged.
    """

    decision: Decision
    changed: Differences | None
    metrics: tuple[MetricPair, ...]
    gated: frozenset[str]
    signing: Signing
    policy_at: str

    @property
    def held(self) -> str | None:
        """The version that holds the stage now; None while it is empty."""
        return f"{self.decision.model}@{self.decision.baseline.version}" if self.decision.baseline else None

    def metric(self, name: str) -> MetricPair | None:
        """The metric of this name, where one suite alone measured it."""
        found = [one for one in self.metrics if one.name == name]
        return found[0] if len(found) == 1 else None


def story_of(decision: Decision, trust: Trust, signed: Iterable[str], *, commit: str) -> Story:
    """The story of a decision that the signers `signed` of trust.yaml have signed, by the policy of `commit`."""
    candidate, against = decision.candidate, decision.against
    changed = None
    if candidate and candidate.card and against and against.card:
        changed = differences(against.card, candidate.card)
    pairs = metric_pairs(against.evaluations if against else {}, candidate.evaluations if candidate else {})
    gated = frozenset[str]().union(*(_reads(gate) for gate in decision.gates))
    standing = signing(trust, decision.model, decision.stage, signed)
    return Story(decision, changed, pairs, gated, standing, commit)


def _reads(gate: GateResult) -> frozenset[str]:
    found = parsed(gate.require)
    return found.metrics | found.baseline_metrics if found else frozenset()


@dataclass(frozen=True)
class GateLine:
    """One comparison of a gate, as text: empty where there is nothing to say.

    Below the difference stands, on lines of their own, the interval of a claim beyond noise, and its confidence.
    """

    value: str = ""
    limit: str = ""
    margin: str = ""
    baseline: str = ""
    difference: str = ""
    n: str = ""


def gate_lines(story: Story, gate: GateResult) -> list[GateLine]:
    """Each comparison that a gate makes. Margins are distances to the limit: negative where it fails."""
    lines = []
    for one in gate.measured:
        pair = story.metric(one.left.removeprefix("metrics."))
        pair = pair if one.left.startswith("metrics.") else None
        left, right = (pair.left, pair.right) if pair else (None, None)
        lines.append(
            GateLine(
                _number(one.value),
                f"{one.operator} {_number(one.limit)}",
                f"{one.margin:+.3g}",
                _number(left.value) if left else "",
                f"{pair.difference:+.3g}" if pair and pair.difference is not None else "",
                _sizes(left, right),
            )
        )
    for test in gate.compared:
        claim = test.claim
        end = test.low if claim.sign > 0 else test.high  # the one towards the limit decides
        lines.append(
            GateLine(
                _number(test.candidate.value),
                claim.limit(test.baseline.value),
                f"{claim.sign * end + claim.margin:+.3g}",
                _number(test.baseline.value),
                f"{test.difference:+.3g}\n[{test.low:+.3g}, {test.high:+.3g}]\nat {claim.confidence:g}",
                _both(test.candidate.n, test.baseline.n),
            )
        )
    return lines


def ratios(story: Story) -> tuple[list[tuple[str, float]], list[str]]:
    """Metrics with the candidate's value in percent of the baseline's, what gates read first, then by how far they
    moved; and the names of those of which there is no such ratio.
    """
    found, without = [], []
    for pair in story.metrics:
        values = [one.value if one else None for one in (pair.left, pair.right)]
        left, right = values
        if left is None or right is None:
            continue
        ratio = 100 * right / left if left > 0 and right >= 0 else None
        if ratio is None or ratio > 100_000:
            without.append(pair.name)
        else:
            found.append((pair.name not in story.gated, -abs(ratio - 100), pair.name, ratio))
    return [(name, ratio) for _, _, name, ratio in sorted(found)], without


def metric_text(metric: Metric | None) -> str:
    """A measured value, with its standard error where it has one; or what it was instead."""
    if metric is None:
        return ""
    if metric.value is None:
        return metric.problem or "missing"
    return _number(metric.value) + (f" ± {metric.stderr:.2g}" if metric.stderr else "")


def pair_sizes(pair: MetricPair) -> str:
    """Of how many examples a metric is, in candidate and baseline."""
    return _sizes(pair.left, pair.right)


def _sizes(left: Metric | None, right: Metric | None) -> str:
    return _both(*(one.n for one in (right, left) if one and one.n))


def _both(*sizes: int) -> str:
    return ", ".join(map(str, sizes if len(set(sizes)) > 1 else sizes[:1]))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
