"""The model card: what one model version is, and what made it. It never changes after registration."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from modelbook.core.documents import repeated
from modelbook.core.names import Name, Version
from modelbook.core.records import (
    Digest,
    FilePath,
    FiniteFloat,
    Frozen,
    LoggedName,
    RunId,
    Size,
    Tag,
    Text,
    Timestamp,
)
from modelbook.core.run_record import Code, DatasetUse, Determinism, Environment, Imported

RESERVED_PATHS = frozenset({"card.yaml", "model.sig"})
"""Names that the registry itself puts beside the artifacts."""


class Artifact(Frozen):
    """A file of the model in the store. The digest is the truth; the path and the URI prove nothing."""

    path: FilePath
    uri: Annotated[str, Field(min_length=6, max_length=2000)]
    size: Size
    digest: Digest


class TrainingRun(Frozen):
    """What the run said of itself. Gates never read these metrics: the job that trained measured them.

    `processes` is how many torchrun started; None for a training that Python started.
    """

    id: RunId
    experiment: str
    job: str
    user: str
    started: Timestamp
    ended: Timestamp
    seed: int | None = None
    determinism: Determinism | None = None
    params: dict[str, JsonValue] = {}
    arguments: tuple[str, ...] = ()
    deterministic: bool = False
    processes: Annotated[int, Field(ge=1)] | None = None
    metrics: dict[LoggedName, FiniteFloat | Literal["nan", "inf", "-inf"]] = {}
    imported: Imported | None = None


class ParentModel(Frozen):
    """A model version that this one was made from."""

    model: Name
    version: Version
    card: Digest


class Lineage(Frozen):
    """Code commit, dataset versions, parent models and environment."""

    code: Code
    datasets: tuple[DatasetUse, ...] = ()
    parents: tuple[ParentModel, ...] = ()
    environment: Environment


class ModelCard(Frozen):
    """`models/<model>/versions/<n>/card.yaml`."""

    format: Literal["modelbook/card/v1"] = "modelbook/card/v1"
    model: Name
    version: Version
    created: Timestamp
    description: Text | None = None
    tags: tuple[Tag, ...] = ()
    artifacts: Annotated[tuple[Artifact, ...], Field(min_length=1, max_length=10_000)]
    run: TrainingRun
    lineage: Lineage

    @model_validator(mode="after")
    def _paths_are_distinct(self) -> "ModelCard":
        # Case-folded: on macOS and Windows `A.json` and `a.json` are one file.
        paths = [artifact.path.casefold() for artifact in self.artifacts]
        if twin := repeated(paths):
            raise ValueError(f"two artifacts have the path {twin!r}")
        if reserved := RESERVED_PATHS.intersection(paths):
            raise ValueError(f"an artifact may not be named {min(reserved)!r}: the registry puts its own there")
        files = RESERVED_PATHS.union(paths)
        for path in paths:
            above = path.split("/")[:-1]
            if inside := files.intersection("/".join(above[:n]) for n in range(1, len(above) + 1)):
                raise ValueError(f"the artifact {path!r} lies inside {min(inside)!r}, which is a file")
        return self
