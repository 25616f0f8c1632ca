"""An evaluation: what one suite measured of one version, on one dataset version, in a job that did not train it."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelbook.core.names import Name, Version
from modelbook.core.records import Digest, FiniteFloat, Frozen, MetricName, Text, Timestamp
from modelbook.core.run_record import Code, DatasetUse, Environment

CONFIDENCE = 0.95  # of the intervals that Modelbook itself records


class Interval(Frozen):
    """The true value lies from `low` to `high` with that confidence (0.95: 19 times of 20). For people: gates test."""

    low: FiniteFloat
    high: FiniteFloat
    confidence: Annotated[FiniteFloat, Field(gt=0, lt=1)]


class Metric(Frozen):
    """One measured number, with the sample size and standard error where the suite gave them.

    `value` is absent where the suite measured something that is no number; `problem` says what it was. `hardware` is
    true where the number depends on the machine, as a latency does.
    """

    value: FiniteFloat | None = None
    n: Annotated[int, Field(ge=1, le=2**53 - 1)] | None = None
    stderr: Annotated[FiniteFloat, Field(ge=0)] | None = None
    interval: Interval | None = None
    hardware: bool | None = None
    problem: Text | None = None


class Examples(Frozen):
    """What the suite found for each example: JSON lines in the store, by their digest (core/judging/examples.py)."""

    size: Annotated[int, Field(ge=1, le=64 * 1024 * 1024)]
    digest: Digest


Metrics = Annotated[dict[MetricName, Metric], Field(min_length=1, max_length=1000)]


class Beside(Frozen):
    """Another version, measured by turns with this one, by the same `suite` in the same job on the same machine.

    `metrics` are the other version's, those alone that depend on the machine; each ran `rounds` times, each time in a
    process of its own.
    """

    version: Version
    card: Digest
    suite: Name
    rounds: Annotated[int, Field(ge=2, le=1000)]
    metrics: Metrics


class Evaluation(Frozen):
    """`models/<model>/versions/<n>/evaluations/<suite>.yaml`. A slice's metric has dots: `by_country.de.accuracy`.

    An evaluation never changes. What is measured once more beside a later baseline is another one, whose `suite` is
    `<suite>-beside-<version>`, and which holds only what depends on the machine.
    """

    format: Literal["modelbook/evaluation/v1"] = "modelbook/evaluation/v1"
    model: Name
    version: Version
    card: Digest
    suite: Name
    dataset: DatasetUse
    job: str
    user: str
    started: Timestamp
    ended: Timestamp
    code: Code
    environment: Environment
    metrics: Metrics
    examples: Examples | None = None
    beside: Beside | None = None

    @property
    def ran(self) -> str:
        """The suite of model.yaml that measured it."""
        return self.beside.suite if self.beside else self.suite

    @model_validator(mode="after")
    def _named_by_what_it_measured(self) -> "Evaluation":
        if self.beside and self.suite not in {self.beside.suite, beside_name(self.beside.suite, self.beside.version)}:
            raise ValueError(f"suite {self.beside.suite} beside version {self.beside.version} is not {self.suite!r}")
        return self

    @model_validator(mode="after")
    def _no_metric_holds_another(self) -> "Evaluation":
        for metrics in (self.metrics, self.beside.metrics if self.beside else {}):
            if clash := inside_another(metrics):
                raise ValueError(f"{clash[0]!r} cannot be a metric and hold {clash[1]!r} as well: rename one")
        return self


def beside_name(suite: str, version: int) -> str:
    """What an evaluation by `suite` is called that was made once more, beside `version`."""
    return f"{suite}-beside-{version}"


def of_the_machine(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """Those of the metrics that depend on the machine."""
    return {name: metric for name, metric in metrics.items() if metric.hardware}


def inside_another(names: Iterable[str]) -> tuple[str, str] | None:
    """The first metric that is also the beginning of another's name, and that other; None where there is none."""
    known = set(names)
    for name in sorted(known):
        parts = name.split(".")
        for end in range(1, len(parts)):
            if (outer := ".".join(parts[:end])) in known:
                return outer, name
    return None
