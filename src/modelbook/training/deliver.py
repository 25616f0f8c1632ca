"""`python -m modelbook.training.deliver FOLDER`: bring what a run left on this machine into the store.

For a store that was away when the run ended, and for a process that could not finish by itself.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from modelbook.adapters.open_store import open_store
from modelbook.core.run_log import RunEnded
from modelbook.errors import BadInput, Exit, ModelbookError
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
