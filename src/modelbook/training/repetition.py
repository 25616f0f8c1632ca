"""A version trained again: the recorded entry point on the recorded code, data, parameters and seed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelbook.adapters.checkout import inside
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.core.card import ModelCard
from modelbook.core.reproduction import Repetition
from modelbook.core.run_record import Environment
from modelbook.core.storage import artifact_key
from modelbook.training.launch import LaunchPlan, launch
from modelbook.training.process import Terminal
from modelbook.training.run_config import RunPlan

_SHOWN = 2000  # characters of what a failed training said last


@dataclass(frozen=True)
class Ground:
    """Where a version is trained again: a clean checkout, its data by name, an interpreter and what it was told."""

    code: Path
    data: Mapping[str, Path]
    python: Path
    environ: Mapping[str, str]
    environment: Environment
    job: str
    user: str


def repeat(
    card: ModelCard, run: str, ground: Ground, scratch: Path, terminal: Terminal | None
) -> tuple[Repetition, Path]:
    """Train once more as the run `run`, in a store of its own below `scratch`; what came of it, and the model's folder.

    A training that fails is a result. Raises BadInput where the card names no entry point that can be run.
    """
    code, trained = card.lineage.code, card.run
    place = code.folder or "."
    cwd = inside(ground.code, place, f"the folder {place}")
    inside(ground.code, str(Path(place, code.entry_point)), f"the entry point {code.entry_point}")
    store = DirectoryStore(scratch / "store", f"file:{scratch / 'store'}")
    plan = RunPlan(
        run=run,
        experiment=trained.experiment,
        job=ground.job,
        user=ground.user,
        params=trained.params,
        seed=trained.seed,
        code=code,
        datasets=card.lineage.datasets,
        environment=ground.environment,
        arguments=trained.arguments,
        deterministic=trained.deterministic,
        processes=trained.processes,
    )
    launched = LaunchPlan(
        run=plan,
        entry_point=code.entry_point,
        cwd=cwd,
        scratch=scratch / "runs",
        dataset_folders=ground.data,
        python=ground.python,
    )
    (scratch / "runs").mkdir(parents=True, exist_ok=True)
    result = launch(launched, store, environ=ground.environ, terminal=terminal)
    folder = scratch / "store" / artifact_key(run, "x").removesuffix("/x")
    if result.record is None:
        how = f"exit status {result.exit_code}" if result.exit_code is not None else f"signal {result.signal}"
        return Repetition(error=f"{result.status} ({how})\n{result.error or ''}".strip()[-_SHOWN:]), folder
    numbers = {name: value for name, value in result.record.metrics.items() if math.isfinite(value)}
    return Repetition(files={file.path: file.digest for file in result.record.artifacts}, metrics=numbers), folder
