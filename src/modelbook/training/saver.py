"""Checkpoints at a pace, taken while the training goes on, and the way back to the last one."""

import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from modelbook.core.runs.checkpoints import best_of, folder_name, is_better
from modelbook.core.runs.run_log import CheckpointRestored, CheckpointStored
from modelbook.core.runs.run_state import replay
from modelbook.core.storage import checkpoint_key, uri_of
from modelbook.errors import BadInput, IntegrityError, ModelbookError, ObjectMissing, StoreError
from modelbook.training.checkpoint_files import WholeState
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.pace import Pace
from modelbook.training.peers import Peers
from modelbook.training.run_reader import read_events
from modelbook.training.session import Session
from modelbook.training.sharded import ShardedState
from modelbook.training.snapshot import Stateful
from modelbook.training.values import metric_value, step_value


class Checkpoints:
    """What `run.checkpoints(...)` gives: call `restore()` once before the loop, and `step(...)` after each step."""

    def __init__(
        self,
        session: Session,
        note: Callable[[str], None],
        model: Stateful,
        parts: Mapping[str, Stateful],
        pace: Pace,
        metric: str | None,
        mode: Literal["min", "max"] | None,
    ) -> None:
        if metric is not None and mode not in {"min", "max"}:
            raise BadInput(
                f"whether more or less of {metric!r} is better is not said",
                remedy='Give mode="max", as for an accuracy, or mode="min", as for a loss.',
            )
        for name, part in {"model": model, **parts}.items():
            if not isinstance(part, Stateful):
                raise BadInput(
                    f"{name} is a {type(part).__name__}, which has no state_dict() and load_state_dict()",
                    remedy="Hand in the module, optimizer or scheduler itself.",
                )
        self._session, self._note = session, note
        self._peers = Peers()
        self._state: WholeState | ShardedState = (
            WholeState(model, parts) if self._peers.world == 1 else ShardedState(model, parts, self._peers)
        )
        self._pace, self._metric, self._mode = pace, metric, mode or "max"
        self._last: int | None = None
        self._best: CheckpointStored | None = None
        self._looked = False
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def step(self, step: int, metrics: Mapping[str, Any] | None = None) -> bool:
        """Say that `step` is done; True if a checkpoint of it was taken.

        One is taken when it is due, and whenever the declared metric is better than in every checkpoint so far: hand
        in `metrics` where they are measured. The loop waits only while the state is copied; it also waits for the
        checkpoint before this one to be on disk, unless the pace is a time, which then is stretched. Raises BadInput
        for a step that is not greater than the one before.
        """
        at = step_value(step)
        if self._last is not None and at <= self._last:
            raise BadInput(
                f"step {at} comes after step {self._last}",
                remedy="Count steps upwards, and go on where restore() says.",
            )
        if not self._looked and self._session.config.attempt > 1:
            self._note(f"attempt {self._session.config.attempt} begins anew: restore() was not called")
        self._looked, self._last = True, at
        event = self._event(at, metrics)
        improved = is_better(event, self._best)
        if not self._wanted(improved):
            return False
        self.wait()
        taken = self._state.take()
        self._pace.restart()
        event = event.model_copy(update={"folder": self._session.new_folder(at)})
        before = self._best
        if improved:
            self._best = event
        # Not a daemon: Python waits for it before it ends.
        self._thread = threading.Thread(target=self._write, args=(taken, event, before), name="modelbook-checkpoint")
        self._thread.start()
        return True

    def _wanted(self, improved: bool) -> bool:
        due = self._pace.due()
        if self._pace.seconds and self._thread and self._thread.is_alive():
            due = False
        if self._pace.seconds or self._metric:
            # Clocks and metrics differ between processes, and all must do the same.
            return self._peers.agreed(improved or due)
        return due

    def _event(self, step: int, metrics: Mapping[str, Any] | None) -> CheckpointStored:
        value = None
        if self._metric is not None and metrics is not None:
            if self._metric not in metrics:
                known = ", ".join(map(str, metrics)) or "none"
                raise BadInput(f"the declared metric {self._metric!r} is not among those handed in: {known}")
            value = metric_value(self._metric, metrics[self._metric])
        return CheckpointStored(
            time=timestamp(utc_now()),
            step=step,
            folder=folder_name(step, 1, 0),
            files=(),
            metric=value,
            metric_name=self._metric if value is not None else None,
            mode=self._mode,
        )

    def _write(self, taken: dict[str, Any], event: CheckpointStored, before: CheckpointStored | None) -> None:
        try:
            if isinstance(self._state, WholeState):
                self._session.stage(lambda folder: self._state.write(taken, folder, event))
            else:
                self._write_together(self._state, taken, event)
        except StoreError as error:
            # A full disk must not end a training that could still end well; the checkpoint before this one counts.
            self._best = before
            self._note(f"no checkpoint at step {event.step}: {error.message}")
        except BaseException as error:  # noqa: BLE001 - the training's own thread raises it
            self._failure = error

    def _write_together(self, state: ShardedState, taken: dict[str, Any], event: CheckpointStored) -> None:
        if self._peers.rank:
            state.write_share(taken)
            return
        try:
            self._session.stage(lambda folder: state.write(taken, folder, event))
        except ModelbookError as error:
            state.abandon(error)
            raise

    def close(self) -> None:
        """As `wait`, for good: nothing is saved after it."""
        self.wait()
        self._peers.part()
        if isinstance(self._state, ShardedState):
            self._state.part()

    def wait(self) -> None:
        """Wait until the last checkpoint is on disk. Raises what made it fail."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def restore(self) -> int | None:
        """Go on from the run's latest whole checkpoint: the step to go on with, one after the checkpoint's, or None.

        A checkpoint whose bytes are not those that were stored is passed over for the best one, and a note says so.
        Raises IntegrityError if none can be read, BadInput if it is of another model.
        """
        self._looked = True
        session = self._session
        with tempfile.TemporaryDirectory(dir=session.folder.path, prefix="restore-") as folder:
            place, checkpoint, best = self._peers.told(lambda: self._find(Path(folder)))
            if checkpoint is None:
                return None
            missed = self._peers.together(lambda: self._state.load(Path(place)))
            for each in dict.fromkeys(text for texts in missed for text in texts):
                self._note(f"restored, but {each}")
        session.add(CheckpointRestored(time=timestamp(utc_now()), step=checkpoint.step, folder=checkpoint.folder))
        self._last, self._best = checkpoint.step, best
        self._pace.restart()
        return int(checkpoint.step) + 1

    def _find(self, folder: Path) -> tuple[str, CheckpointStored | None, CheckpointStored | None]:
        """Where the latest readable checkpoint lies now, below `folder`; it, and the best one."""
        store, run = self._session.store, self._session.config.plan.run
        kept = replay(read_events(store, run)).checkpoints
        for checkpoint in reversed(kept):
            place = folder / checkpoint.folder
            if self._fetch(checkpoint, place):
                return str(place), checkpoint, best_of(kept)
        if kept:
            raise IntegrityError(
                "no checkpoint of the run can be read",
                where=uri_of(store.uri, checkpoint_key(run, kept[-1].folder, "x"))[:-2],
                remedy="Start this training as a run of its own.",
            )
        return "", None, None

    def _fetch(self, checkpoint: CheckpointStored, folder: Path) -> bool:
        store, run = self._session.store, self._session.config.plan.run
        for file in checkpoint.files:
            key = checkpoint_key(run, checkpoint.folder, file.path)
            try:
                store.fetch(key, folder / file.path, digest=file.digest, size=file.size)
            except (IntegrityError, ObjectMissing) as error:
                self._note(f"the checkpoint of step {checkpoint.step} is not what was stored: {error}")
                return False
        return True
