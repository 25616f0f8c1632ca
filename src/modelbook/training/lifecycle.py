"""The two ends of an attempt, the same under `modelbook train` and in a script started by hand."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from modelbook.adapters.store import Store
from modelbook.core.records import Timestamp
from modelbook.core.run_record import RunRecord
from modelbook.core.runs.resuming import differences
from modelbook.core.runs.run_log import ArtifactStored, NoteWritten, RunEnded, RunStarted
from modelbook.core.runs.run_state import RunState, record_of, replay
from modelbook.core.storage import artifact_key, output_key, run_key, uri_of
from modelbook.core.sweeps.sweep import Sweep
from modelbook.errors import Refused, StoreError
from modelbook.training.clock import Clock, timestamp
from modelbook.training.delivery import Delivery, sweep_checkpoints
from modelbook.training.mirror import Mirror, start_mirror
from modelbook.training.run_config import RunConfig, RunPlan
from modelbook.training.run_folder import RunFolder, write_in
from modelbook.training.run_reader import read_events, read_record, segments

OUTPUT = "output.txt"
"""What the training printed, in the run's private folder."""


@dataclass(frozen=True)
class Begun:
    """An attempt that the store knows of."""

    folder: RunFolder
    config: RunConfig
    delivery: Delivery
    mirror: Mirror | None


@dataclass(frozen=True)
class Settled:
    """An attempt that is over: its state, and the run's record if it completed."""

    state: RunState
    record: RunRecord | None


def absolute_uri(store: Store) -> str:
    """The store's URI as a process in another folder must write it."""
    from modelbook.adapters.directory_store import DirectoryStore

    return f"file:{store.root.resolve()}" if isinstance(store, DirectoryStore) else store.uri


def completed_before(plan: RunPlan, store: Store) -> RunRecord | None:
    """The record, if this very run has completed already: a re-run has nothing left to do.

    Raises Refused if the run of this id was another one: by code, data, parameters or seed.
    """
    record = read_record(store, plan.run)
    if record is None:
        return None
    # The log, not the record: what the code itself logged joins the declared parameters there.
    before = replay(read_events(store, plan.run)).start
    if differs := differences(before, _start(plan, before.attempt, before.time)):
        raise Refused(
            "the run has completed, and with other settings:" + "".join(f"\n    {each}" for each in differs),
            where=uri_of(store.uri, run_key(plan.run)),
            remedy="A run's record never changes: take another run id.",
        )
    return record


def begin(
    plan: RunPlan,
    store: Store,
    scratch: Path,
    clock: Clock,
    dataset_folders: dict[str, str] | None = None,
    *,
    force: bool = False,
    files: Mapping[str, bytes] = MappingProxyType({}),
    notes: Sequence[str] = (),
    sweep: Sweep | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Begun:
    """Claim the run in the store, and make its private folder below `scratch`.

    `files` are stored at once as artifacts of the run, by their paths, and `notes` join its log; `environ` says
    whether it is shown in MLflow. By `sweep` it may be stopped early.

    A run that began before and did not complete gets one more attempt. Raises Refused if a process on this
    machine still works on it, if another one claims it at the same time, or if the attempt would differ from the
    one before by code, data, parameters or seed; with `force` that is recorded instead.
    """
    earlier = read_events(store, plan.run)
    start, first = _start(plan, 1, timestamp(clock())), 1
    state = replay(earlier) if earlier else None
    if state:
        _refuse_if_alive(state)
        start = _start(plan, state.attempts[-1].number + 1, start.time)
        if differs := differences(state.start, start):
            if not force:
                raise Refused(
                    f"run {plan.run} began with other settings:" + "".join(f"\n    {each}" for each in differs),
                    where=uri_of(store.uri, run_key(plan.run)),
                    remedy="Go on as it began, take another run id, or insist with --force, which is recorded.",
                )
            start = start.model_copy(update={"differs": differs})
        first = max(number for number, _ in segments(store, plan.run)) + 1
    config = RunConfig(
        store=absolute_uri(store),
        plan=plan,
        attempt=start.attempt,
        first_segment=first,
        dataset_folders=dataset_folders or {},
        sweep=sweep,
    )
    folder = RunFolder.claim(scratch / f"{plan.run}-{start.attempt}", config.model_dump_json(indent=1) + "\n")
    delivery = Delivery(folder, store, plan.run, first)
    folder.append(start)
    for note in (*(f"went on with other settings: {each}" for each in start.differs), *notes):
        folder.append(NoteWritten(time=start.time, text=note))
    try:
        delivery.ship_log()
        if state:
            # They belong to a model that was never finished; what this attempt stores must stand alone.
            prefix = artifact_key(plan.run, "x").removesuffix("x")
            store.delete([info.key for info in store.list(prefix)])
            sweep_checkpoints(store, plan.run, state.checkpoints)
        for path, data in files.items():
            folder.stage(_filled(path, data, start.time))
        delivery.ship_files()  # at once: a training may delete the folder
    except Exception:
        folder.close()
        folder.remove()
        raise
    return Begun(folder, config, delivery, start_mirror(folder, environ))


def _filled(path: str, data: bytes, time: Timestamp) -> Callable[[Path], ArtifactStored]:
    return lambda lot: ArtifactStored(time=time, file=write_in([data], lot / path, path))


def _start(plan: RunPlan, attempt: int, time: Timestamp) -> RunStarted:
    return RunStarted(
        time=time,
        run=plan.run,
        attempt=attempt,
        experiment=plan.experiment,
        job=plan.job,
        user=plan.user,
        host=socket.gethostname(),
        pid=os.getpid(),
        params=plan.params,
        seed=plan.seed,
        tags=plan.tags,
        code=plan.code,
        datasets=plan.datasets,
        environment=plan.environment,
        arguments=plan.arguments,
        deterministic=plan.deterministic,
        processes=plan.processes,
        trial=plan.trial,
    )


def is_alive(host: str, pid: int) -> bool:
    """Whether that is another process of this machine, and lives."""
    if host != socket.gethostname() or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _refuse_if_alive(state: RunState) -> None:
    last = state.attempts[-1]
    if state.status == "running" and is_alive(last.host, last.pid):
        raise Refused(
            f"run {state.start.run} is at work in process {last.pid} on this machine",
            remedy="Wait for its end, or start this training as a run of its own.",
        )


def settle(
    folder: RunFolder, config: RunConfig, store: Store, patience: float, mirror: Mirror | None = None
) -> Settled:
    """Bring all of an attempt that is over into the store, the run's record last, and remove the folder.

    `folder.read_end()` says how it ended. May be called again after it failed, from another process too.
    Raises StoreError, with the folder in its remedy, if the store fails for more than `patience` seconds.
    """
    run = config.plan.run
    delivery = Delivery(folder, store, run, config.first_segment)
    try:
        delivery.complete(patience)
        if mirror:
            mirror.catch_up()  # so that a note of it is in the store before the run's end is
        output = folder.path / OUTPUT
        if output.exists():
            store.put_file(output_key(run, config.attempt), output)
        if (end := folder.read_end()) and not _ended(folder):
            folder.append(_honest(end, folder))
        delivery.complete(patience)
        state = replay(read_events(store, run, before=config.first_segment) + folder.events())
        sweep_checkpoints(store, run, state.checkpoints)
        record = record_of(state) if state.status == "completed" else None
        if record:
            store.put_bytes(run_key(run), record.model_dump_json(indent=1).encode() + b"\n")
    except StoreError as error:
        raise StoreError(
            f"the run's last state is not in the store: {error.message}",
            where=error.where,
            remedy=f"Nothing is lost, it is kept in {folder.path}. When the store is back: "
            f"python -m modelbook.training.deliver {folder.path}",
        ) from error
    finally:
        if mirror:
            mirror.finish()
    if not folder.rejected():
        folder.remove()
    return Settled(state, record)


def _ended(folder: RunFolder) -> bool:
    return any(isinstance(event, RunEnded) for event in folder.events())


def _honest(end: RunEnded, folder: RunFolder) -> RunEnded:
    """A training that ended well has not completed if the store refused a file of its model."""
    if end.status != "completed" or not (rejected := folder.rejected()):
        return end
    error = f"the store refused {len(rejected)} file(s), kept in {rejected[0].parent}: see the notes"
    return end.model_copy(update={"status": "failed", "error": error})
