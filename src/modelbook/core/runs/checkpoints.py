"""Which checkpoints of a run are kept: the best by the declared metric, and the latest."""

import math
from collections.abc import Iterable

from modelbook.core.runs.run_log import CheckpointStored


def folder_name(step: int, attempt: int, again: int) -> str:
    """The folder of a checkpoint below `runs/<id>/checkpoints/`: the step in ten digits.

    A later attempt that comes to a step anew, and the `again`-th save of one step, get a folder of their own:
    the checkpoint that counts until the new one does must stay whole.
    """
    name = f"{step:010d}"
    if attempt > 1 or again:
        name += f"-{attempt}"
    return f"{name}.{again}" if again else name


def is_better(new: CheckpointStored, old: CheckpointStored | None) -> bool:
    """Whether `new` takes the place of `old` as the best: a tie keeps the earlier, NaN and infinity are never best.

    A checkpoint by another metric, or another mode, takes the place whatever its value: that is what counts now.
    """
    if new.metric is None or not math.isfinite(new.metric):
        return False
    if old is None or old.metric is None or (new.metric_name, new.mode) != (old.metric_name, old.mode):
        return True
    return new.metric > old.metric if new.mode == "max" else new.metric < old.metric


def best_of(kept: Iterable[CheckpointStored]) -> CheckpointStored | None:
    """The best of those that are kept, or None where none has a metric."""
    best = None
    for checkpoint in kept:
        if is_better(checkpoint, best):
            best = checkpoint
    return best


def keep(kept: tuple[CheckpointStored, ...], new: CheckpointStored) -> tuple[CheckpointStored, ...]:
    """What is kept once `new` is there as well, oldest first: at most the best and the latest."""
    others = tuple(one for one in kept if one.folder != new.folder)
    best = best_of((*others, new))
    return (new,) if best is None or best is new else (best, new)
