"""Several processes on this machine, one model: `python -m modelbook.training.torchrun N ENTRY [ARGS]...`

It is torchrun, which by itself ends with a table and a traceback of its own, whatever happened to the training. This
ends as the process did that failed first, so that the run's record says why.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from modelbook.errors import BadInput


def started(processes: int, entry_point: Sequence[str]) -> list[str]:
    """What Python takes to start `entry_point` (a file and its arguments) so many times."""
    return ["-m", __name__, str(processes), *entry_point]


def gpus() -> int:
    """How many GPUs torch sees, asked in a process of its own: an import takes seconds. Raises BadInput if none."""
    asked = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    if found.returncode:
        last = (found.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise BadInput(f"torch cannot be asked for the GPUs: {last}", remedy="pip install 'modelbook[train]'")
    count = int(found.stdout.split()[-1])
    if not count:
        raise BadInput("torch sees no GPU on this machine", remedy="Say how many processes to start: --nproc 2.")
    return count


def main(arguments: Sequence[str]) -> int:
    """The exit code; a process that a signal ended is followed by the same signal."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    processes, *entry_point = arguments
    if processes != "1":
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # what torchrun sets as well, and warns of
    # Nothing outside this machine is asked or answered.
    local = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", processes]
    try:
        torchrun([*local, *entry_point])
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        code = failure.exitcode
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        print(f"modelbook: process {rank} of {processes} ended {how}; the others were ended with it", file=sys.stderr)
        return code
    except SignalException as error:
        return -int(error.sigval)
    return 0


def _end(code: int) -> None:
    if code >= 0:
        sys.exit(code)
    sys.stderr.flush()
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)


if __name__ == "__main__":
    _end(main(sys.argv[1:]))
