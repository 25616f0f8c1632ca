"""Running a user's training code as a run: in its own process, logged from its start to its end."""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from modelbook.adapters.store import Store
from modelbook.core.run_record import RunRecord
from modelbook.core.runs.run_log import Ending, RunEnded, Status, StoppedEarly
from modelbook.core.runs.run_state import RunState
from modelbook.core.sweeps.sweep import Sweep
from modelbook.errors import BadInput, ModelbookError
from modelbook.training import torchrun
from modelbook.training.child_environment import without_secrets
from modelbook.training.clock import Clock, timestamp, utc_now
from modelbook.training.deliver import recover
from modelbook.training.lifecycle import OUTPUT, Begun, Settled, begin, completed_before, settle
from modelbook.training.process import Outcome, Terminal, run_process
from modelbook.training.run_config import FILE_NAME, RUN_CONFIG, RUN_ID, STORE, RunPlan
from modelbook.training.seeds import CUBLAS, CUBLAS_WORKSPACE, check_seed

NO_WEIGHTS = "the run stored no weights: nothing can be registered from it; call run.save_weights(...)"
ORPHANS = "processes that the training started outlived it; they were ended, or left to themselves"


@dataclass(frozen=True)
class LaunchPlan:
    """What to run. `cwd` is where it runs, `scratch` where the run's private folder is made.

    `entry_point` is a file relative to `cwd`.
    `dataset_folders` leads from a dataset version, as in `digits@1`, to its verified local folder. `force` lets the run
    go on with other code, data or parameters than it began with. `files` are stored as artifacts before it starts,
    `notes` logged. `python` is the interpreter. By `sweep` the run, a trial of it, may be stopped early.
    """

    run: RunPlan
    entry_point: str
    cwd: Path
    scratch: Path
    force: bool = False
    dataset_folders: Mapping[str, Path] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    python: Path = Path(sys.executable)
    sweep: Sweep | None = None


@dataclass(frozen=True)
class LaunchResult:
    """What came of it. `record` is there only if the run completed.

    `exit_code` is set if the process ended by itself, `signal` if it was ended; `interrupted` if somebody asked
    this process to end it. `repeated` says that the run had completed before, and nothing was run.
    """

    run_id: str
    attempt: int
    status: Status
    exit_code: int | None = None
    signal: str | None = None
    interrupted: bool = False
    error: str | None = None
    record: RunRecord | None = None
    state: RunState | None = None
    warnings: tuple[str, ...] = ()
    repeated: bool = False


def launch(
    plan: LaunchPlan,
    store: Store,
    *,
    clock: Clock = utc_now,
    terminal: Terminal | None = None,
    environ: Mapping[str, str] = os.environ,
    grace: float = 10.0,
    patience: float = 120.0,
) -> LaunchResult:
    """Run the entry point to its end, and bring all that it logged into the store.

    `grace` is how long, in seconds, a process may take to obey a signal; `patience` how long a failing store is
    asked again at the end. A training that fails is a result. Raises BadInput if the entry point is missing,
    Refused if the run belongs to somebody else, StoreError if the store fails at the beginning or for good.
    """
    command = _command(plan)
    if plan.run.seed is not None:
        check_seed(plan.run.seed)
    recover(plan.scratch.resolve(), plan.run.run)
    if record := completed_before(plan.run, store):
        return LaunchResult(plan.run.run, 0, "completed", 0, record=record, repeated=True)
    folders = {name: str(folder.resolve()) for name, folder in plan.dataset_folders.items()}
    scratch = plan.scratch.resolve()
    begun = begin(
        plan.run,
        store,
        scratch,
        clock,
        folders,
        force=plan.force,
        files=plan.files,
        notes=plan.notes,
        sweep=plan.sweep,
        environ=environ,
    )
    try:
        env = _environment(begun, environ)
        outcome = run_process(command, cwd=plan.cwd, env=env, terminal=terminal or _Console().show, grace=grace)
    except BaseException as error:
        _record_failure(begun, store, clock, error)
        raise
    try:
        begun.folder.repair()
        begun.folder.write_end(_given_up(begun) or _end_of(outcome, timestamp(clock())))
        (begun.folder.path / OUTPUT).write_bytes(outcome.output)
        settled = settle(begun.folder, begun.config, store, patience, begun.mirror)
    finally:
        begun.folder.close()
    return _result(begun, outcome, settled)


def _command(plan: LaunchPlan) -> list[str]:
    path = plan.cwd / plan.entry_point
    if not path.is_file():
        reason = "is a folder, not a file" if path.is_dir() else "there is no such entry point"
        raise BadInput(reason, where=str(path), remedy="Name the Python file that trains the model.")
    whole = [str(path.absolute()), *plan.run.arguments]
    if plan.run.processes:
        whole = torchrun.started(plan.run.processes, whole)
    return [str(plan.python), *whole]


def _environment(begun: Begun, environ: Mapping[str, str]) -> dict[str, str]:
    run = begun.config.plan
    env = without_secrets(environ) | {
        RUN_ID: run.run,
        STORE: begun.config.store,
        RUN_CONFIG: str(begun.folder.path / FILE_NAME),
        "PYTHONUNBUFFERED": "1",  # what is printed last before a crash is what explains it
    }
    if run.seed is not None:
        env["PYTHONHASHSEED"] = str(run.seed)
    if run.deterministic:
        env.setdefault(CUBLAS, CUBLAS_WORKSPACE)
    return env


def _end_of(outcome: Outcome, time: str) -> RunEnded:
    code = outcome.returncode
    name = signal.Signals(-code).name if code < 0 else None
    if outcome.asked is not None:
        # It may have said good-bye with 0, but it did not do what it was started for.
        status: Ending = "killed"
        name = name or outcome.asked.name
    else:
        status = "completed" if code == 0 else "killed" if name else "failed"
    error = outcome.last_errors or None if status != "completed" else None
    if name == "SIGKILL" and outcome.asked is None:
        error = f"{error or ''}\nended by SIGKILL from outside: often the system was out of memory".strip()
    return RunEnded(time=time, status=status, exit_code=code if code >= 0 else None, signal=name, error=error)


def _given_up(begun: Begun) -> RunEnded | None:
    """The end of a trial that its sweep stopped early, however it took that: what it did afterwards does not count."""
    stopped = next((event for event in begun.folder.events() if isinstance(event, StoppedEarly)), None)
    return RunEnded(time=stopped.time, status="killed", error=stopped.reason) if stopped else None


def _record_failure(begun: Begun, store: Store, clock: Clock, error: BaseException) -> None:
    """The process could not be started or watched: the store should know, and the first error is what counts."""
    with suppress(ModelbookError):
        begun.folder.repair()
        begun.folder.write_end(
            RunEnded(time=timestamp(clock()), status="failed", error=str(error) or type(error).__name__)
        )
        settle(begun.folder, begun.config, store, 0.0, begun.mirror)
    begun.folder.close()


def _result(begun: Begun, outcome: Outcome, settled: Settled) -> LaunchResult:
    state, end = settled.state, settled.state.end
    warnings = list(state.notes)
    if state.status == "completed" and not any(a.path.endswith(".safetensors") for a in state.artifacts):
        warnings.append(NO_WEIGHTS)
    if outcome.orphans:
        warnings.append(ORPHANS)
    return LaunchResult(
        run_id=begun.config.plan.run,
        attempt=begun.config.attempt,
        status=state.status if end is not None else "failed",
        exit_code=end.exit_code if end is not None else None,
        signal=end.signal if end is not None else None,
        interrupted=outcome.asked is not None,
        error=end.error if end is not None else None,
        record=settled.record,
        state=state,
        warnings=tuple(warnings),
    )


class _Console:
    """This process's own output. When its reader goes away, the training goes on."""

    def __init__(self) -> None:
        self._streams = {"stdout": sys.stdout, "stderr": sys.stderr}

    def show(self, name: str, data: bytes) -> None:
        if stream := self._streams.get(name):
            try:
                stream.buffer.write(data)
                stream.flush()
            except OSError:
                del self._streams[name]
