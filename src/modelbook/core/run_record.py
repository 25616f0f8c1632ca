"""A run: one training execution. Its log is appended while it lives; its record is written once, when it ends well."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from modelbook.core.names import Name, Version
from modelbook.core.records import CommitId, Digest, Frozen, RunId, StoredFile, Timestamp


class Code(Frozen):
    """Which code ran: the commit is the answer, the rest helps a person.

    `entry_point` is relative to `folder`, in which it ran; `folder` to the top of the repository (None: the top).
    Where the commit alone does not hold it, `patch` is the digest of `modelbook/uncommitted.patch` among the run's
    artifacts. It leads to the very code from `base`, a commit that the remote has; without `base`, from `commit`.
    """

    repository: str | None = None
    commit: CommitId | None = None
    base: CommitId | None = None
    branch: str | None = None
    dirty: bool = False
    patch: Digest | None = None
    folder: str | None = None
    entry_point: str


class DatasetUse(Frozen):
    """A dataset version that went in, by name and by the digest of its card."""

    dataset: Name
    version: Version
    role: str = "train"
    digest: Digest


class TorchBuild(Frozen):
    """Which torch: the full version with its local label (`+cpu`, `+cu128`), and the commit that it was built from."""

    version: str
    git: str | None = None
    debug: bool = False


class Environment(Frozen):
    """The machine and the software that ran it. What could not be found out is absent.

    `cores` is how many the process was allowed to use.
    `cuda` is the version that torch was built for, `driver` that of the machine's NVIDIA driver. `container` is the
    image by digest, or `unknown` in a container that nobody named. `lock` is the digest of
    `modelbook/requirements.txt` among the run's artifacts, which installs `packages` again, except for `local`, which
    were installed from folders of the repository (as `{"my-package": "libs/mine"}`), and `unlocked`, which came from
    places that only that machine knows.
    """

    python: str
    implementation: str | None = None
    platform: str
    os: str | None = None
    cpu: str | None = None
    cores: Annotated[int, Field(ge=1)] | None = None
    gpus: tuple[str, ...] = ()
    driver: str | None = None
    cuda: str | None = None
    cudnn: str | None = None
    torch: TorchBuild | None = None
    container: str | None = None
    lock: Digest | None = None
    local: dict[str, str] = {}
    unlocked: tuple[str, ...] = ()
    packages: dict[str, str] = {}


class Determinism(Frozen):
    """What a repetition of the run can rely on.

    `held` is what followed the seed, `not_held` why the rest did not, by name; `resumed` are the steps of the
    checkpoints from which the training was taken up again after it had been cut short.
    """

    held: tuple[str, ...] = ()
    not_held: dict[str, str] = {}
    resumed: tuple[int, ...] = ()


class Imported(Frozen):
    """Where a run comes from that was not trained here.

    All else in its record is what that place said of it, and nobody checked it; what it did not say is `unknown` or
    absent. `model`, `version` and `run` are as they are called there, `registry` its address where it has one;
    `aliases` and `stage` are of the day of the import. `datasets` are names, not dataset versions of ours.
    """

    source: Literal["gto", "mlflow"]
    registry: str | None = None
    model: str
    version: str
    run: str | None = None
    aliases: tuple[str, ...] = ()
    stage: str | None = None
    datasets: tuple[str, ...] = ()
    tags: dict[str, str] = {}


class Trial(Frozen):
    """Which trial of which sweep a run is. `file` is the digest of the sweep's file.

    With `repeat` it trains trial `number` again, with the `repeat`-th other seed.
    """

    sweep: Name
    file: Digest
    number: Annotated[int, Field(ge=1, le=9999)]
    repeat: Annotated[int, Field(ge=1, le=99)] | None = None


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
    determinism: Determinism | None = None
    tags: tuple[str, ...] = ()
    params: dict[str, JsonValue] = {}
    arguments: tuple[str, ...] = ()
    deterministic: bool = False
    processes: Annotated[int, Field(ge=1)] | None = None
    metrics: dict[str, float] = {}
    imported: Imported | None = None
    trial: Trial | None = None
    code: Code
    datasets: tuple[DatasetUse, ...] = ()
    environment: Environment
    artifacts: tuple[StoredFile, ...] = ()
