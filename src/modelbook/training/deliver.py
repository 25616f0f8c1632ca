"""`python -m modelbook.training.deliver FOLDER`: bring what a run left on this machine into the store.

For a store that was away when the run ended, and for a process that could not finish by itself.
"""

import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from modelbook.adapters.open_store import open_store
from modelbook.core.runs.run_log import RunEnded, RunStarted
from modelbook.errors import BadInput, Exit, ModelbookError, Refused
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.lifecycle import Settled, settle
from modelbook.training.run_config import FILE_NAME, read_config
from modelbook.training.run_folder import RunFolder

_PATIENCE = 60.0  # seconds


def deliver(path: Path, patience: float = _PATIENCE) -> Settled:
    """Settle the attempt whose private folder is `path`. Its process must be dead.

    An attempt that left no end was killed.
    """
    if not (path / FILE_NAME).is_file():
        raise BadInput("is not a run's private folder", where=str(path), remedy="Name the folder that the error named.")
    config = read_config(path / FILE_NAME)
    folder = RunFolder(path)
    try:
        folder.repair()
        if folder.read_end() is None:
            folder.write_end(
                RunEnded(time=timestamp(utc_now()), status="killed", error="nobody saw the end of this process")
            )
        return settle(folder, config, open_store(config.store, base=path), patience)
    finally:
        folder.close()


def recover(scratch: Path, run: str) -> None:
    """Deliver what dead attempts at `run` left below `scratch` on this machine: a checkpoint may be among it.

    Raises Refused if one of them lives.
    """
    for path in sorted(scratch.glob(f"{run}-*")):
        if not path.name.removeprefix(f"{run}-").isdecimal() or not (path / FILE_NAME).is_file():
            continue
        if RunFolder.in_use(path):
            raise Refused(
                f"a process on this machine is at work on run {run}",
                where=str(path),
                remedy="Wait for its end, or start this training as a run of its own.",
            )
        _deliver_dead(path, _PATIENCE)


def recover_others(scratch: Path) -> None:
    """Deliver what processes of this machine left below `scratch` when they were killed, a notebook's kernel as one.

    A store that fails is no reason not to train: what is left then waits for the next time.
    """
    for path in sorted(scratch.glob("*-[0-9]*")):
        if not path.name.rpartition("-")[2].isdecimal() or not (path / FILE_NAME).is_file() or RunFolder.in_use(path):
            continue
        try:
            if _host(path) == socket.gethostname():  # locks say nothing of processes on other machines
                _deliver_dead(path, 0.0)
        except ModelbookError as error:
            print(f"modelbook: {error}", file=sys.stderr)


def _host(path: Path) -> str | None:
    folder = RunFolder(path)
    try:
        folder.repair()
        return next((event.host for event in folder.events() if isinstance(event, RunStarted)), None)
    finally:
        folder.close()


def _deliver_dead(path: Path, patience: float) -> None:
    try:
        deliver(path, patience)
    except Refused as error:
        # The run went on elsewhere after this attempt had died: nothing of it counts any more.
        aside = path.with_name(f"{path.name}.superseded")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        print(f"modelbook: set aside, because {error.message}: {aside}", file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    """The exit code: see `modelbook.errors.Exit`."""
    if len(arguments) != 1:
        print("usage: python -m modelbook.training.deliver FOLDER", file=sys.stderr)
        return Exit.BAD_INPUT
    try:
        settled = deliver(Path(arguments[0]))
    except ModelbookError as error:
        print(f"modelbook: {error}", file=sys.stderr)
        return error.exit_code
    print(f"modelbook: run {settled.state.start.run} is in the store ({settled.state.status})", file=sys.stderr)
    return Exit.YES


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
