"""Whether gates and users went apart: a metric that a gate asks for became better, promotion after promotion, and what
users do became worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from modelbook.core.experiments.online_history import History
from modelbook.core.experiments.proxies import SIGNIFICANT, holm
from modelbook.core.judging.better import Direction
from modelbook.core.stages.tenure import Tenure

Step = tuple[int, int]
"""A promotion: the version that held the stage before, and the one that took it."""


@dataclass(frozen=True)
class Divergence:
    """The offline metric was better after each of the promotions `steps`; the online metric fell from first to last.

    `change` is that of the online metric in its own unit, `stderr` its standard error, and `p` the chance of such a
    fall by accident, one-sided and corrected for all pairs of metrics.
    """

    offline: str
    online: str
    steps: tuple[Step, ...]
    offline_values: Mapping[int, float]
    online_values: Mapping[int, float]
    change: float
    stderr: float
    p: float

    @property
    def words(self) -> str:
        """The whole of it in a sentence."""
        first, last = self.steps[0][0], self.steps[-1][1]
        before, after = self.offline_values[first], self.offline_values[last]
        return (
            f"{self.offline} became better in each of the last {len(self.steps)} promotions ({before:.6g} to "
            f"{after:.6g}), and {self.online} worse: {self.change:+.4g} ± {self.stderr:.2g} from version {first} to "
            f"{last} (by chance p = {self.p:.2g})"
        )


def promotions(tenures: Sequence[Tenure]) -> list[Step]:
    """The promotions of a stage, oldest first, by what held it in turn. A rollback is none, and what it left counts."""
    pairs = pairwise(tenures)
    return [(before.holder.version, after.holder.version) for before, after in pairs if after.kind is None]


def divergences(
    history: History,
    steps: Sequence[Step],
    gated: Mapping[str, Direction],
    better: Mapping[str, Direction],
    *,
    last: int,
) -> list[Divergence] | str:
    """Each pair of metrics that went apart in the `last` promotions; a text says why nothing can be said.

    `gated` are the offline metrics that gates ask for, with the way that they take for better; an online metric of
    which `better` says nothing is better the higher it is.
    """
    if len(steps) < last:
        return f"{len(steps)} promotion{'s' if len(steps) != 1 else ''} so far, and it takes {last}"
    recent = tuple(steps[-last:])
    first, final = recent[0][0], recent[-1][1]
    improved = [
        name for name, sign in gated.items() if all(_rose(history.offline.get(name, {}), sign, step) for step in recent)
    ]
    known = {}
    for name, effects in history.online.items():
        if {first, final} <= set(effects.versions) and (change := effects.change(first, final)):
            known[name] = change
    if not known:
        return f"no experiments tie the versions {first} and {final} together"
    from scipy import stats  # late: importing it takes a second

    pairs = [(offline, online) for offline in improved for online in known]
    signs = {online: better.get(online, 1) for online in known}
    chances = [float(stats.norm.cdf(signs[online] * known[online][0] / known[online][1])) for _, online in pairs]
    met = list(dict.fromkeys(version for step in recent for version in step))
    found = []
    for (offline, online), p in zip(pairs, holm(chances), strict=True):
        if p < SIGNIFICANT:
            effects = history.online[online]
            values = dict(zip(effects.versions, map(float, effects.values), strict=True))
            ours = {version: history.offline[offline][version] for version in met}
            theirs = {version: values[version] for version in met if version in values}
            found.append(Divergence(offline, online, recent, ours, theirs, *known[online], p))
    return found


def _rose(values: Mapping[int, float], sign: Direction, step: Step) -> bool:
    """Whether the metric is known of both versions, and better after the promotion."""
    before, after = (values.get(version) for version in step)
    return before is not None and after is not None and sign * (after - before) > 0
