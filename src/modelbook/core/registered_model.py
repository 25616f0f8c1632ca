"""model.yaml: what a registered model is for, who owns it, how it is evaluated, and gates of its own."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelbook.core.names import Name
from modelbook.core.patterns import DATASET_PATTERN
from modelbook.core.policy import Gate, GateText
from modelbook.core.records import FilePath, Frozen, MetricName, Tag, Text

DatasetReference = Annotated[str, Field(pattern=DATASET_PATTERN, max_length=80)]


class Suite(Frozen):
    """How a version is measured: an entry point of this repository, on one pinned dataset version.

    `compare` names a stage: the version that holds it is measured again beside each new one, on the same machine.
    """

    entry_point: FilePath
    dataset: DatasetReference
    compare: Name | None = None


class RegisteredModel(Frozen):
    """`models/<model>/model.yaml`. Its gates are added to those of policy.yaml, so it can only be stricter.

    `better` says of metrics, offline and online ones, which way is better, where no gate says it.
    """

    format: Literal["modelbook/model/v1"] = "modelbook/model/v1"
    model: Name
    description: Text | None = None
    owners: tuple[str, ...] = ()
    task: str | None = None
    tags: tuple[Tag, ...] = ()
    suites: dict[Name, Suite] = {}
    gates: dict[Name, Annotated[tuple[Gate | GateText, ...], Field(min_length=1)]] = {}
    better: dict[MetricName, Literal["higher_is_better", "lower_is_better"]] = {}

    @model_validator(mode="after")
    def _dataset_names_fit(self) -> "RegisteredModel":
        for suite in self.suites.values():
            if len(suite.dataset.partition("@")[0]) > 63:
                raise ValueError("a dataset's name has at most 63 characters")
        return self
