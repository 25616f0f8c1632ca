"""policy.yaml: where the weights live, the stages in order, and what a version must meet to enter each."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from modelbook.core.documents import repeated
from modelbook.core.freeze import Freeze
from modelbook.core.keep import Keep
from modelbook.core.names import RESERVED, Name
from modelbook.core.patterns import STORE_PATTERN
from modelbook.core.records import FiniteFloat, Frozen, MetricName, Span, Text

GateText = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"[^ ]")]
StoreUri = Annotated[
    str,
    StringConstraints(
        pattern=STORE_PATTERN,
        max_length=500,
    ),
]


class Gate(Frozen):
    """One condition in CEL, with a name for the report."""

    name: Annotated[Text, Field(min_length=1)]
    require: GateText


@dataclass(frozen=True)
class PlacedGate:
    """A gate and where it is written: file, and 1-based line."""

    gate: Gate
    path: str
    line: int | None = None


class Stage(Frozen):
    """A promotion target. `first` is what gates that name the baseline say while the stage is empty.

    `soak` is how long a version must have been in the stage before, without a gap.
    """

    name: Name
    auto: bool = False
    soak: Span | None = None
    first: Literal["accept", "refuse"] = "refuse"
    gates: Annotated[tuple[Gate | GateText, ...], Field(min_length=1, max_length=200)]


# It ends in a slash, so that no longer name of another host or owner begins with it.
Source = Annotated[
    str, StringConstraints(pattern=r"^((git\+)?(https?|ssh)|git\+git)://[A-Za-z0-9][!#&-;=@-\[\]-~]*/$", max_length=500)
]


class ReproductionRule(Frozen):
    """When a version that was trained again counts as met, though its weights are not the same bits.

    `margins` says for each metric how far its mean may lie from what is recorded, in the metric's own unit, and still
    be as good as equal; `confidence` how sure the test has to be of it. `sources` are beginnings of URLs from which
    packages may be installed that a lock file names by URL, such as `git+https://github.com/acme/`.
    """

    confidence: Annotated[FiniteFloat, Field(ge=0.5, lt=1)] = 0.95
    margins: Annotated[dict[MetricName, Annotated[FiniteFloat, Field(gt=0)]], Field(max_length=1000)] = {}
    sources: Annotated[tuple[Source, ...], Field(max_length=100)] = ()


# As a Source, and https alone: what is fetched there is signed as it came.
WebSource = Annotated[
    str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/([A-Za-z0-9._~-]+/)*$", max_length=500)
]


class OnlineRule(Frozen):
    """`sources` are beginnings of addresses from which `modelbook online add --url` may fetch results."""

    sources: Annotated[tuple[WebSource, ...], Field(max_length=100)] = ()


class Policy(Frozen):
    """`policy.yaml`. Stages stand in the order in which a version passes them; `freeze`: windows without promotions.

    `keep` says how long what lies in the store is kept; without it nothing is ever deleted.
    """

    format: Literal["modelbook/policy/v1"] = "modelbook/policy/v1"
    store: StoreUri
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=50)]
    freeze: Annotated[tuple[Freeze, ...], Field(max_length=100)] = ()
    reproduce: ReproductionRule = ReproductionRule()
    keep: Keep | None = None
    online: OnlineRule = OnlineRule()

    @model_validator(mode="after")
    def _holds_together(self) -> "Policy":
        names = [stage.name for stage in self.stages]
        if twin := repeated(names):
            raise ValueError(f"two stages are named {twin!r}")
        if number := next((name for name in names if name.isdigit()), None):
            raise ValueError(f"{number!r} cannot name a stage: references use numbers for versions")
        if reserved := RESERVED.intersection(names):
            raise ValueError(f"{min(reserved)!r} cannot name a stage: references use it for the latest version")
        if self.stages[0].soak:
            raise ValueError(f"{names[0]!r} is the first stage, so there is none before it to soak in")
        if twin := repeated([one.name for one in self.freeze]):
            raise ValueError(f"two windows of `freeze` are named {twin!r}")
        for one in self.freeze:
            if unknown := set(one.stages or ()) - set(names):
                raise ValueError(f"the freeze {one.name!r} is of {min(unknown)!r}, and no stage is named so")
        return self

    def stage(self, name: str) -> Stage | None:
        """The stage of that name, or None."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def before(self, name: str) -> Stage | None:
        """The stage that a version passes just before `name`; None for the first."""
        names = [stage.name for stage in self.stages]
        at = names.index(name)
        return self.stages[at - 1] if at else None


def as_gate(gate: Gate | str) -> Gate:
    """A gate written as a bare expression is named by it."""
    return gate if isinstance(gate, Gate) else Gate(name=gate, require=gate)
