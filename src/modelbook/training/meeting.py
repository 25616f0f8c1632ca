"""How the processes of a torchrun that nobody launched as a run come to one: the first begins it, and tells the others.

They meet at torchrun's own store, which is there before `init_process_group()` is.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from modelbook.adapters.store import Store
from modelbook.errors import BadInput, ModelbookError, StoreError
from modelbook.training.lifecycle import Begun
from modelbook.training.run_config import FILE_NAME

_PATIENCE = timedelta(minutes=5)
_FAILED = "!"


def begun_by_first(begin: Callable[[], tuple[Begun, Store]]) -> tuple[Begun, Store]:
    """In the first process: begin, and tell the others where the run's folder is, or that there is none."""
    place = _meeting_place()
    try:
        begun, store = begin()
    except ModelbookError as error:
        place.set("modelbook", f"{_FAILED}{error.message}")
        raise
    place.set("modelbook", str(begun.folder.path))
    return begun, store


def told_by_first() -> Path:
    """In every other process: the run's configuration. Raises BadInput if the first process could not begin."""
    from torch.distributed import DistError

    try:
        said = _meeting_place().get("modelbook").decode()
    except DistError:
        raise StoreError(
            f"the first process began no run within {_PATIENCE}",
            remedy="Call modelbook.run() in all processes, or in none.",
        ) from None
    if said.startswith(_FAILED):
        raise BadInput(f"the first process could not begin the run: {said.removeprefix(_FAILED)}")
    return Path(said) / FILE_NAME


def _meeting_place() -> Any:
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        raise BadInput(
            "every process would begin a run of its own",
            remedy="Start the training by `modelbook train --nproc N`, or by torchrun.",
        )
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    # torchrun may start its processes again: those are others.
    prefix = f"modelbook/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    return PrefixStore(prefix, TCPStore(host, port, is_master=False, timeout=_PATIENCE))
