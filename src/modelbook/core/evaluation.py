"""An evaluation: what one suite measured of one version, on one dataset version, in a job that did not train it."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelbook.core.digests import Digest
from modelbook.core.names import Name, Version
from modelbook.core.records import FiniteFloat, Frozen, MetricName, Text, Timestamp
from modelbook.core.run_record import Code, DatasetUse, Environment


class Metric(Frozen):
    """One measured number, with the sample size and standard error where the suite gave them.

    `value` is absent where the suite measured something that is no number; `problem` says what it was.
    """

    value: FiniteFloat | None = None
    n: Annotated[int, Field(ge=1, le=2**53 - 1)] | None = None
    stderr: Annotated[FiniteFloat, Field(ge=0)] | None = None
    problem: Text | None = None


class Examples(Frozen):
    """What the suite found for each example: a file of JSON lines in the store, by its digest (core/examples.py)."""

    size: Annotated[int, Field(ge=1, le=64 * 1024 * 1024)]
    digest: Digest


class Evaluation(Frozen):
    """`models/<model>/versions/<n>/evaluations/<suite>.yaml`. A slice's metric has dots: `by_country.de.accuracy`."""

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
    metrics: Annotated[dict[MetricName, Metric], Field(min_length=1, max_length=1000)]
    examples: Examples | None = None

    @model_validator(mode="after")
    def _no_metric_holds_another(self) -> "Evaluation":
        if clash := inside_another(self.metrics):
            raise ValueError(f"{clash[0]!r} cannot be a metric and hold {clash[1]!r} as well: rename one")
        return self


def inside_another(names: Iterable[str]) -> tuple[str, str] | None:
    """The first metric that is also the beginning of another's name, and that other; None where there is none."""
    known = set(names)
    for name in sorted(known):
        parts = name.split(".")
        for end in range(1, len(parts)):
            if (outer := ".".join(parts[:end])) in known:
                return outer, name
    return None
