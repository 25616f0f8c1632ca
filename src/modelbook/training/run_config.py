"""What a training process is told about its run: a JSON file, and the variables that lead to it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError

from modelbook.core.records import Frozen, RunId
from modelbook.core.run_record import Code, DatasetUse, Environment, Trial
from modelbook.core.sweeps.sweep import Sweep
from modelbook.errors import BadInput

RUN_ID, STORE, RUN_CONFIG = "MODELBOOK_RUN_ID", "MODELBOOK_STORE", "MODELBOOK_RUN_CONFIG"
FILE_NAME = "config.json"
"""The file's name; the folder that it lies in is the run's private folder."""


class RunPlan(Frozen):
    """What is known of a run before its first attempt.

    `processes` is how many torchrun starts on this machine; None for one that Python starts.
    """

    run: RunId
    experiment: str
    job: str
    user: str
    params: dict[str, JsonValue]
    seed: int | None = None
    tags: tuple[str, ...] = ()
    code: Code
    datasets: tuple[DatasetUse, ...] = ()
    environment: Environment
    arguments: tuple[str, ...] = ()
    deterministic: bool = False
    processes: Annotated[int, Field(ge=1)] | None = None
    trial: Trial | None = None


class RunConfig(Frozen):
    """One attempt at a run. `first_segment` is the number of its first segment in the run's log.

    `sweep` is that of a trial which may be stopped early.
    """

    format: Literal["modelbook/run-config/v1"] = "modelbook/run-config/v1"
    store: str
    plan: RunPlan
    attempt: Annotated[int, Field(ge=1)]
    first_segment: Annotated[int, Field(ge=1)]
    dataset_folders: dict[str, str]
    sweep: Sweep | None = None


def read_config(path: Path) -> RunConfig:
    """Read the file. Raises BadInput if it is not there or not whole."""
    try:
        return RunConfig.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(
            "there is no such file", where=str(path), remedy=f"Unset {RUN_CONFIG}, or use `modelbook train`."
        ) from None
    except ValidationError as error:
        raise BadInput(f"is no run's configuration: {error.errors()[0]['msg']}", where=str(path)) from None
