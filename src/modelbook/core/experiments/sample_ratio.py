"""Whether the units of an A/B test were split as they were meant to be: a chi-square test of goodness of fit.

A mismatch says that something other than chance kept units out of an arm, so that the arms are not alike and their
difference proves nothing (Fabijan and others, "Diagnosing Sample Ratio Mismatch", KDD 2019).
"""

from dataclasses import dataclass

from modelbook.core.online import OnlineResults

SUSPECT = 0.001
"""Below this chance a split is taken for no accident. Every experiment is tested, so it is lower than for one test."""


@dataclass(frozen=True)
class SampleRatio:
    """How units were split, by version: as counted, and as meant; `p` is the chance of such a split by accident.

    `of` says what was counted: the assigned units, or those of a metric.
    """

    observed: dict[int, int]
    expected: dict[int, float]
    p: float
    of: str

    @property
    def mismatch(self) -> bool:
        """Whether the split is no accident, or the test has no answer."""
        return not self.p >= SUSPECT

    @property
    def words(self) -> str:
        """The split, for a person."""
        split = ", ".join(f"version {one} has {n:,} of {self.expected[one]:,.0f}" for one, n in self.observed.items())
        return f"{split} ({self.of}; by chance p = {self.p:.2g})"


def sample_ratio(results: OnlineResults) -> SampleRatio | None:
    """The test of an A/B test; None of a shadow run, in which nothing is split, and where nothing was counted.

    Where `assigned` is not on record, the units of that metric are counted that all arms have, and most units.
    """
    if results.kind != "ab-test":
        return None
    arms, of = results.arms, "units assigned"
    counts = {arm.version: arm.assigned or 0 for arm in arms}
    if arms[0].assigned is None:
        common = sorted(set.intersection(*(set(arm.metrics) for arm in arms)))
        if not common:
            return None
        name = max(common, key=lambda one: sum(arm.metrics[one].n for arm in arms))
        counts, of = {arm.version: arm.metrics[name].n for arm in arms}, f"units of {name}, since `assigned` is missing"
    total, shares = sum(counts.values()), {arm.version: arm.share or 1.0 for arm in arms}
    if not total:
        return None
    expected = {version: total * share / sum(shares.values()) for version, share in shares.items()}
    from scipy import stats  # late: importing it takes a second

    p = float(stats.chisquare(list(counts.values()), list(expected.values())).pvalue)
    return SampleRatio(counts, expected, p, of)
