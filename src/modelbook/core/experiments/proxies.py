"""How well an offline metric says what users will do: over all versions of a model for which both are known.

The question that a gate asks is about changes: when the offline metric became better from one version to the next, did
the online one? Beside that stand rank correlations over all versions. Neither alone is enough. A metric that climbs
from version to version goes together with whatever drifts, and the noise of a chain of experiments drifts: by Kendall's
test alone, every second such metric without any use would pass. So two tests must say it: Kendall's over versions, and
Wilcoxon's signed ranks over the changes, whose noise is new in each experiment.

The statistics are SciPy's: Kendall's tau-b, Wilcoxon's test, Spearman's rho, Wilson's interval. What many metrics
gain by chance is taken back by Holm ("A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
Statistics 6, 1979).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from modelbook.core.evaluation import CONFIDENCE, Interval
from modelbook.core.experiments.online_history import Effects, History
from modelbook.core.judging.better import Direction

if TYPE_CHECKING:
    from modelbook.core.experiments.online_history import Floats

FEWEST = 8
"""Of 7 changes that all agree, chance gives p = 0.016: three metrics can be tried. Of fewer not even that."""
SIGNIFICANT = 0.05

Verdict = Literal["proxy", "reversed", "none", "paradox"]


@dataclass(frozen=True)
class Pair:
    """An offline and an online metric, each shape (V,), by version ascending; larger is better in both.

    `others` are both by dimension of segments, of the versions whose segments are known: the online metric as if every
    version had had the same mix of users.
    """

    offline: str
    online: str
    versions: tuple[int, ...]
    x: "Floats"
    y: "Floats"
    others: "Mapping[str, tuple[Floats, Floats]]"


@dataclass(frozen=True)
class Agreement:
    """Of `changes` from one version to the next in which the offline metric moved, the online one moved alike `alike`
    times."""

    alike: int
    changes: int
    interval: Interval

    @property
    def share(self) -> float:
        """From 0, always the other way, to 1."""
        return self.alike / self.changes


@dataclass(frozen=True)
class ProxyVerdict:
    """What one offline metric says of one online metric, and `why`.

    `p` is the greater of the two tests' p-values, two-sided; `adjusted` is p corrected for all the pairs looked at.
    """

    pair: Pair
    spearman: float
    kendall: float
    p: float
    agreement: Agreement
    adjusted: float = 1.0
    verdict: Verdict = "none"
    why: str = ""

    @property
    def numbers(self) -> dict[str, float]:
        """What a gate may read."""
        found = {"sign_agreement": self.agreement.share, "sign_agreement_low": self.agreement.interval.low}
        return found | {"spearman": self.spearman, "kendall": self.kendall, "versions": float(len(self.pair.versions))}


def pair_of(history: History, offline: str, online: str, better: Mapping[str, Direction]) -> Pair | str:
    """The two metrics of each version that has both; a text says why there is nothing to say of them."""
    values, effects = history.offline.get(offline), history.online.get(online)
    if effects is None:
        return f"no experiment measured {online!r} of two versions"
    if values is None:
        return f"no evaluation measured {offline!r}"
    versions = tuple(version for version in effects.versions if version in values)
    if len(versions) < FEWEST:
        return f"not enough versions: {len(versions)} have both {offline} and {online}, and it takes {FEWEST}"
    import numpy as np  # late: most commands need none of it

    ours, theirs = better.get(offline, 1), better.get(online, 1)
    x = np.array([values[version] for version in versions]) * ours
    if not np.ptp(x):
        return f"{offline} is the same in all {len(versions)} versions"

    def of(each: Effects, some: Sequence[int]) -> "Floats":
        return np.array([each.values[each.versions.index(version)] for version in some]) * theirs

    y = of(effects, versions)
    if not np.ptp(y):
        return f"{online} is the same in all {len(versions)} versions"
    others = {}
    for (dimension, whole), each in history.standardised.items():
        some = [version for version in versions if version in each.versions]
        if whole == online and len(some) >= FEWEST:
            others[dimension] = (np.array([values[version] for version in some]) * ours, of(each, some))
    return Pair(offline, online, versions, x, y, others)


def associate(pair: Pair) -> ProxyVerdict:
    """How the two go together, without a verdict."""
    import numpy as np
    from scipy import stats

    kendall, p = _tested(pair.x, pair.y)
    moved = np.diff(pair.x) != 0
    alike = np.sign(np.diff(pair.x)) == np.sign(np.diff(pair.y))
    number, changes = int(alike[moved].sum()), int(moved.sum())
    found = stats.binomtest(number, changes).proportion_ci(CONFIDENCE, method="wilson")
    interval = Interval(low=float(found.low), high=float(found.high), confidence=CONFIDENCE)
    return ProxyVerdict(
        pair,
        float(stats.spearmanr(pair.x, pair.y).statistic),
        kendall,
        p,
        Agreement(number, changes, interval),
    )


def _tested(x: "Floats", y: "Floats") -> tuple[float, float]:
    """Kendall's tau-b, and the greater p-value of its test and of Wilcoxon's on the changes of y, turned as x moved."""
    import numpy as np
    from scipy import stats

    found = stats.kendalltau(x, y)
    turned = np.sign(np.diff(x)) * np.diff(y)
    turned = turned[turned != 0]
    p = float(stats.wilcoxon(turned).pvalue) if len(turned) else 1.0
    return float(found.statistic), max(float(found.pvalue), p)


def judge(pairs: Sequence[Pair]) -> list[ProxyVerdict]:
    """The verdict on each pair, corrected for looking at all of them; the best proxy of each online metric first."""
    found = [associate(pair) for pair in pairs]
    corrected = holm([one.p for one in found])
    judged = [_judge(replace(one, adjusted=p)) for one, p in zip(found, corrected, strict=True)]
    order = ("proxy", "reversed", "paradox", "none")
    return sorted(judged, key=lambda one: (one.pair.online, order.index(one.verdict), one.adjusted, -one.kendall))


def holm(values: Sequence[float]) -> list[float]:
    """The p-values, each as if it were the only one that was looked at: the smallest times n, the next times n - 1."""
    order = sorted(range(len(values)), key=lambda at: values[at])
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, values[at] * (len(values) - rank)))
        adjusted[at] = highest
    return adjusted


def _judge(one: ProxyVerdict) -> ProxyVerdict:
    pair, significant = one.pair, one.adjusted < SIGNIFICANT
    weak = []
    for dimension, both in pair.others.items():
        tau, p = _tested(*both)
        if tau * one.kendall < 0 and (p < SIGNIFICANT or significant):
            why = (
                f"over all users tau is {one.kendall:+.2f}, and with the same mix of {dimension} in "
                f"every version {tau:+.2f}: it is the mix of users that changed with the versions"
            )
            return replace(one, verdict="paradox", why=why)
        if not p < SIGNIFICANT:
            weak.append(dimension)
    chance = f"tau {one.kendall:+.2f}, p = {one.adjusted:.2g} after correction"
    if not significant:
        return replace(one, why=f"no more than chance ({chance})")
    if weak:
        return replace(one, why=f"it goes away with the same mix of {weak[0]} in every version ({chance})")
    share = one.agreement
    counted = f"{share.alike} of {share.changes} changes alike; {chance}"
    if (share.share > 0.5) != (one.kendall > 0):
        return replace(one, why=f"versions say one thing, and the changes from one to the next another ({counted})")
    if one.kendall < 0:
        return replace(one, verdict="reversed", why=f"when it became better, users were worse off ({counted})")
    return replace(one, verdict="proxy", why=f"when it became better, so did {pair.online} ({counted})")
