"""A run: one training execution. Its log is appended while it lives; its record is written once, when it ends well."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from modelbook.core.digests import Digest
from modelbook.core.names import Name, Version
from modelbook.core.records import CommitId, Frozen, RunId, StoredFile, Timestamp


class Code(Frozen):
    """Which code ran: the commit is the answer, the rest helps a person."""

    repository: str | None = None
    commit: CommitId | None = None
    branch: str | None = None
    dirty: bool = False
    entry_point: str


class DatasetUse(Frozen):
    """A dataset version that went in, by name and by the digest of its card."""

    dataset: Name
    version: Version
    role: str = "train"
    digest: Digest


class Environment(Frozen):
    """The machine and the software that ran it."""

    python: str
    platform: str
    cpu: str | None = None
    gpus: tuple[str, ...] = ()
    cuda: str | None = None
    packages: dict[str, str] = {}


class Determinism(Frozen):
    """What a repetition of the run can rely on.

    `held` is what followed the seed, `not_held` why the rest did not, by name; `resumed` are the steps of the
    checkpoints from which the training was taken up again after it had been cut short.
    """

    held: tuple[str, ...] = ()
    not_held: dict[str, str] = {}
    resumed: tuple[int, ...] = ()


class RunRecord(Frozen):
    """`runs/<id>/run.json`: written once, when the run has completed. JSON, UTF-8.

    `processes` is how many torchrun started in the attempt that completed; None for one that Python started.
    """

    format: Literal["modelbook/run/v1"] = "modelbook/run/v1"
    id: RunId
    experiment: str
    job: str
    user: str
    started: Timestamp
    ended: Timestamp
    seed: int | None = None
    processes: Annotated[int, Field(ge=1)] | None = None
    determinism: Determinism | None = None
    tags: tuple[str, ...] = ()
    params: dict[str, JsonValue] = {}
    metrics: dict[str, float] = {}
    code: Code
    datasets: tuple[DatasetUse, ...] = ()
    environment: Environment
    artifacts: tuple[StoredFile, ...] = ()
