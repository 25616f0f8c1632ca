"""`modelbook.run()`: the run of this process, opened once."""

import atexit
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelbook.adapters.open_store import open_store
from modelbook.adapters.store import Store
from modelbook.training.by_hand import begin_by_hand
from modelbook.training.lifecycle import Begun
from modelbook.training.meeting import begun_by_first, told_by_first
from modelbook.training.peers import among_others, speaks
from modelbook.training.plain_traceback import show_only_the_script
from modelbook.training.run import Run
from modelbook.training.run_config import RUN_CONFIG, read_config
from modelbook.training.run_folder import RunFolder
from modelbook.training.session import Session

_open: Run | None = None


def run(
    experiment: str | None = None,
    *,
    store: str | None = None,
    params: Mapping[str, Any] | None = None,
    seed: int | None = None,
    tags: tuple[str, ...] = (),
) -> Run:
    """This process's run; the same one at every call until it is finished.

    Under `modelbook train` the arguments are not needed: what was given there counts, and `params`, `seed` and
    `tags` only fill up what was not. In a script or notebook started by hand they begin a run of its own, in
    `store`, else in $MODELBOOK_STORE, else in the folder `.modelbook/store`. Generators are seeded at this call.

    Under torchrun every process calls it, and all get the same run: what the first one logs counts, and the others log
    nothing.

    Raises BadInput where a run begun by hand is still open, and was begun with other arguments.
    """
    global _open
    show_only_the_script()
    if _open is not None and not _open.closed:
        _open.asked_again(experiment, params or {}, seed, tags)
        return _open
    path = os.environ.get(RUN_CONFIG)
    if path or not speaks():
        config_file = Path(path) if path else told_by_first()
        config = read_config(config_file)
        folder = RunFolder(config_file.parent)
        opened = Session(folder, config, open_store(config.store, base=folder.path), by_hand=False)
        made = Run(opened)
        made.fill_up(params or {}, tags)
    else:

        def begin() -> tuple[Begun, Store]:
            return begin_by_hand(experiment, store, params or {}, seed, tags)

        begun, chosen = begun_by_first(begin) if among_others() else begin()
        made = Run(Session(begun.folder, begun.config, chosen, by_hand=True, mirror=begun.mirror))
    _open = made
    atexit.register(made.at_exit)
    if seed is not None or made.seed_given:
        made.seed(seed)
    return made


def _forked() -> None:
    if _open is not None:
        _open.forked()


os.register_at_fork(after_in_child=_forked)
