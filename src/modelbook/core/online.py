"""Online results: what users gave each version in one experiment, an A/B test or a shadow run."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelbook.core.documents import repeated
from modelbook.core.evaluation import Metric, inside_another
from modelbook.core.judging.significance import Estimate, estimate_of
from modelbook.core.names import Name, Version
from modelbook.core.records import Digest, FiniteFloat, Frozen, MetricName, Timestamp, instant

Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Units = Annotated[int, Field(ge=1, le=2**53 - 1)]
Share = Annotated[FiniteFloat, Field(ge=1e-6, le=1e6)]
ExperimentKind = Literal["ab-test", "shadow"]
_MOST = 1e100  # what is squared must still be a number


class OnlineMetric(Frozen):
    """One metric of one version: the `mean` of n units with its `stderr`, or the `count` of the n that did it."""

    n: Units
    mean: FiniteFloat | None = None
    stderr: Annotated[FiniteFloat, Field(gt=0)] | None = None
    count: Count | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "OnlineMetric":
        if (self.mean is None) == (self.count is None):
            raise ValueError("it has one of `mean` and `count`")
        if (self.mean is None) != (self.stderr is None):
            raise ValueError("`mean` and `stderr` go together: a mean alone says nothing of noise")
        if abs(self.mean or 0) > _MOST or not 1 / _MOST <= (self.stderr or 1) <= _MOST:
            raise ValueError(f"no unit has numbers beyond {_MOST:g}, or a noise below {1 / _MOST:g}")
        if self.count is not None and self.count > self.n:
            raise ValueError(f"`count` is {self.count}, of no more than n = {self.n}")
        return self

    def estimate(self, name: str) -> Estimate | str:
        """The value with its noise, as gates test it; a text says why there is none."""
        value = self.mean if self.count is None else self.count / self.n
        return estimate_of(name, Metric(value=value, n=self.n, stderr=self.stderr))


class Arm(Frozen):
    """What one version was given and gave: `assigned` units, where it was meant to get this `share` of all.

    Shares are relative to each other; without them all are meant to be alike.
    """

    version: Version
    card: Digest
    assigned: Count | None = None
    share: Share | None = None
    metrics: Annotated[dict[MetricName, OnlineMetric], Field(min_length=1, max_length=1000)]


class OnlineResults(Frozen):
    """`models/<model>/online/<experiment>.yaml`. A segment's metric has dots: `by_country.de.satisfaction`.

    `apart_from` names experiments that ran at the same time on other units, so that nobody counts twice.
    """

    format: Literal["modelbook/online/v1"] = "modelbook/online/v1"
    model: Name
    experiment: Name
    kind: ExperimentKind = "ab-test"
    started: Timestamp
    ended: Timestamp
    apart_from: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    job: str
    user: str
    recorded: Timestamp
    arms: Annotated[tuple[Arm, ...], Field(min_length=2, max_length=100)]

    @model_validator(mode="after")
    def _holds_together(self) -> "OnlineResults":
        if not instant(self.started) < instant(self.ended) <= instant(self.recorded):
            raise ValueError("an experiment starts, ends, and is recorded then: `started`, `ended`, `recorded`")
        if twin := repeated([str(arm.version) for arm in self.arms]):
            raise ValueError(f"version {twin} stands there twice")
        for name in ("assigned", "share"):
            if len({getattr(arm, name) is None for arm in self.arms}) > 1:
                raise ValueError(f"`{name}` is of every version, or of none")
        for arm in self.arms:
            if clash := inside_another(arm.metrics):
                raise ValueError(f"{clash[0]!r} cannot be a metric and hold {clash[1]!r} as well: rename one")
        return self

    def overlaps(self, other: "OnlineResults") -> bool:
        """Whether units may be in both: they ran at the same time, and neither says that it was apart."""
        at_once = instant(self.started) < instant(other.ended) and instant(other.started) < instant(self.ended)
        said = self.experiment in other.apart_from or other.experiment in self.apart_from
        return self.experiment != other.experiment and at_once and not said
