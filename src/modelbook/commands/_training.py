"""From what somebody asks for to a run that is over: what `train` does, and a sweep for each of its trials."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from modelbook.adapters.person import person
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say, to_stderr
from modelbook.commands._dataset_files import resolve_dataset
from modelbook.commands._dataset_pull import pull_datasets
from modelbook.commands._workspace import Workspace, this_job
from modelbook.core.digests import digest_of
from modelbook.core.documents import repeated
from modelbook.core.layout import dataset_folder
from modelbook.core.listed import many
from modelbook.core.registry import Registry
from modelbook.core.run_record import DatasetUse, Trial
from modelbook.core.storage import run_key
from modelbook.core.sweeps.sweep import Sweep
from modelbook.errors import BadInput, Exit
from modelbook.training.launch import LaunchPlan, LaunchResult, launch
from modelbook.training.provenance import provenance
from modelbook.training.run_config import RunPlan

ROLES = ("train", "validation", "test")


@dataclass(frozen=True)
class Asked:
    """What to train: the script `entry_point`, in the working directory, as the run `run`.

    `datasets` are written as in `digits@1:test`; `processes` is how many torchrun starts, None without it. `sweep` is
    that of a `trial` which may be stopped early.
    """

    run: str
    entry_point: str
    experiment: str
    datasets: tuple[str, ...]
    params: Mapping[str, JsonValue]
    seed: int | None
    tags: tuple[str, ...]
    arguments: tuple[str, ...]
    deterministic: bool
    processes: int | None
    trial: Trial | None = None
    sweep: Sweep | None = None


def train_run(
    workspace: Workspace, asked: Asked, *, force: bool = False, allow_dirty: bool = False, as_json: bool = False
) -> LaunchResult:
    """Train it to its end, or go on with it if it has begun. Raises what `launch` raises."""
    cwd = Path.cwd()
    if not (cwd / asked.entry_point).is_file():
        raise BadInput("there is no such training script", where=asked.entry_point, remedy="Name the file that trains.")
    uses = _datasets(workspace.registry, asked.datasets)
    origin = provenance(cwd, asked.entry_point, allow_dirty=allow_dirty)
    plan = RunPlan(
        run=asked.run,
        experiment=asked.experiment,
        job=this_job(),
        user=person(workspace.repository.root),
        params=dict(asked.params),
        seed=asked.seed,
        tags=asked.tags,
        code=origin.code,
        datasets=tuple(uses),
        environment=origin.environment,
        arguments=asked.arguments,
        deterministic=asked.deterministic,
        processes=asked.processes,
        trial=asked.trial,
    )
    scratch = workspace.repository.main_root / ".modelbook" / "runs"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="modelbook-data-") as folder:
        folders = pull_datasets(workspace, uses, Path(folder))
        say(f"run {plan.run}", as_json=as_json)
        return launch(
            LaunchPlan(
                run=plan,
                entry_point=asked.entry_point,
                cwd=cwd,
                scratch=scratch,
                dataset_folders=folders,
                force=force,
                files=origin.files,
                notes=origin.notes,
                sweep=asked.sweep,
            ),
            workspace.store,
            terminal=to_stderr if as_json else None,
        )


def report_run(workspace: Workspace, result: LaunchResult, *, as_json: bool) -> int:
    """Tell a person, a program and the next job what came of it; the exit status."""
    digest = ""
    if result.record:
        digest = digest_of(workspace.store.read_bytes(run_key(result.run_id), limit=16 * 1024 * 1024))
    set_outputs({"run": result.run_id, "digest": digest})
    if as_json:
        metrics = result.record.metrics if result.record else {}
        print_json(
            {
                "run": result.run_id,
                "status": result.status,
                "digest": digest,
                "metrics": metrics,
                "warnings": list(result.warnings),
            }
        )
    for warning in result.warnings:
        say(f"warning: {warning}", as_json=as_json)
    if result.record is None:
        how = f"exit status {result.exit_code}" if result.exit_code is not None else f"signal {result.signal}"
        say(
            f"run {result.run_id} {result.status} ({how}); its log and checkpoints are in {workspace.store.uri}",
            as_json=True,
        )
        say(f"  See: modelbook show run:{result.run_id}", as_json=True)
        if result.state and result.state.checkpoints:
            step = result.state.checkpoints[-1].step
            say(f"  It can go on from step {step}: modelbook train --resume {result.run_id}", as_json=True)
        return Exit.NO
    if result.repeated:
        say(f"run {result.run_id} had completed before: nothing was trained", as_json=as_json)
    elif not as_json:
        files, size = len(result.record.artifacts), sum(file.size for file in result.record.artifacts)
        say(f"run {result.run_id} completed: {many(files, 'file')}, {many(size, 'byte')} in {workspace.store.uri}")
    if not as_json:
        say(f"  next: modelbook register MODEL --run {result.run_id}")
    return Exit.YES


def _datasets(registry: Registry, texts: tuple[str, ...]) -> list[DatasetUse]:
    uses: list[DatasetUse] = []
    for text in texts:
        reference, _, role = text.partition(":")
        role = role or "train"
        if role not in ROLES:
            raise BadInput(f"{role!r} is not a role for a dataset", remedy=f"Roles are {', '.join(ROLES)}.")
        name, version = resolve_dataset(registry, reference)
        digest = registry.digest(f"{dataset_folder(name, version)}/card.yaml")
        uses.append(DatasetUse(dataset=name, version=version, role=role, digest=digest))
    if twin := repeated([f"{use.dataset}:{use.role}" for use in uses]):
        raise BadInput(
            f"the dataset {twin.partition(':')[0]!r} is given twice for {twin.partition(':')[2]}",
            remedy="Give each version a role of its own: --data digits@1 --data digits@2:test.",
        )
    return uses
