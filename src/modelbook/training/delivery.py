"""The way of a run from its private folder into the store. May be broken off anywhere and taken up again.

At any moment the store holds at least one whole checkpoint, once it held one: a checkpoint counts when the log in the
store has its event, which is written after its files, and what it replaces is deleted only then.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from modelbook.adapters.store import Store
from modelbook.core.records import StoredFile
from modelbook.core.runs.checkpoints import keep
from modelbook.core.runs.run_log import ArtifactStored, CheckpointStored, FileStored, NoteWritten, Stored
from modelbook.core.runs.run_state import replay
from modelbook.core.storage import artifact_key, checkpoint_key, file_key, log_key
from modelbook.errors import BadInput, IntegrityError, ModelbookError, ObjectExists, Refused, StoreError
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.run_folder import FILES, RunFolder
from modelbook.training.run_reader import read_events, segments

SEGMENT = 256 * 1024  # bytes of log that go to the store at once, without waiting for the interval
INTERVAL = 2.0  # seconds between two looks at the log
_LONGEST_PAUSE = 30.0


class Delivery:
    """Carries log and files of one attempt. Each method can be called again after it failed."""

    def __init__(self, folder: RunFolder, store: Store, run: str, first_segment: int) -> None:
        self.folder = folder
        self.store = store
        self.run = run
        self._first = self._next = first_segment
        self._offset: int | None = None
        self._shipping = threading.Lock()
        self._kept: tuple[CheckpointStored, ...] | None = None
        self._stored: list[CheckpointStored] = []  # their events are in the log, and perhaps not yet in the store
        self._superseded: list[str] = []  # keys

    def pending(self) -> int:
        """Bytes of the log that are not known to be in the store."""
        return self.folder.log_size() - (self._offset or 0)

    def ship_log(self) -> None:
        """Write what the log has beyond the store, as new segments.

        Raises StoreError, or Refused where another process writes to this run.
        """
        with self._shipping:
            if self._offset is None:
                self._locate()
            while data := self.folder.read_log(self._offset or 0, SEGMENT):
                key = log_key(self.run, self._next)
                try:
                    self.store.put_bytes(key, data)
                except ObjectExists:
                    data = self._ours(key, self._offset or 0)  # another process brought it
                self._next += 1
                self._offset = (self._offset or 0) + len(data)

    def _locate(self) -> None:
        """Find where the store's part of the log ends: its segments are the log, cut into pieces."""
        end = last = 0
        for number, size in segments(self.store, self.run):
            if number >= self._next:
                self._next, last = number + 1, size
                end += size
        if last:
            # Reading one tells whether all are ours: a foreign one before it would have moved it.
            self._ours(log_key(self.run, self._next - 1), end - last)
        self._offset = end

    def _ours(self, key: str, offset: int) -> bytes:
        """The segment under `key`, if it is what the log has at `offset`. Raises Refused otherwise."""
        there = self.store.read_bytes(key, limit=64 * SEGMENT)
        if self.folder.read_log(offset, len(there)) != there:
            raise Refused(
                f"another process writes to run {self.run}",
                where=f"{self.store.uri}/{key}",
                remedy="Let it end, or start this training as a run of its own.",
            )
        return there

    def ship_files(self) -> None:
        """Write the lots of the outbox into the store, an event for each into the log. Raises StoreError.

        Checkpoints that are neither the best nor the latest any more are deleted, or not written at all.
        """
        for lot, event in self._wanted():
            try:
                self._put(lot, event)
            except ObjectExists as error:
                # No repetition would help, and the next lot must not wait behind this one.
                self.folder.reject(lot)
                self._note(f"a file was not stored: {error}")
                continue
            except BadInput:
                if lot.exists():
                    raise
                continue  # another process of this run delivered it meanwhile
            self.folder.append(event.model_copy(update={"time": timestamp(utc_now())}))
            self.folder.drop(lot)
            if isinstance(event, CheckpointStored):
                self._stored.append(event)
                self._drop_superseded()
        self._drop_superseded()

    def _wanted(self) -> list[tuple[Path, Stored]]:
        """The lots less those whose checkpoints were superseded while the store was slow or away."""
        lots = list(self.folder.lots())
        waiting = [event for _, event in lots if isinstance(event, CheckpointStored)]
        if not waiting:
            return lots
        kept = self._kept_so_far()
        for checkpoint in (*self._stored, *waiting):
            kept = keep(kept, checkpoint)
        wanted: list[tuple[Path, Stored]] = []
        for lot, event in lots:
            if isinstance(event, CheckpointStored) and event.folder not in {one.folder for one in kept}:
                self.folder.drop(lot)
            else:
                wanted.append((lot, event))
        return wanted

    def _kept_so_far(self) -> tuple[CheckpointStored, ...]:
        if self._kept is None:
            self._kept = replay(
                read_events(self.store, self.run, before=self._first) + self.folder.events()
            ).checkpoints
        return self._kept

    def _drop_superseded(self) -> None:
        if self._stored:
            self.ship_log()  # what is deleted next is no longer needed only if this is in the store
            while self._stored:
                before, event = self._kept_so_far(), self._stored[0]
                self._kept = keep(before, event)
                now = {one.folder for one in self._kept}
                gone = [one for one in (*before, event) if one.folder not in now]
                self._superseded += [
                    checkpoint_key(self.run, one.folder, file.path) for one in gone for file in one.files
                ]
                self._stored.pop(0)
        if self._superseded:
            self.store.delete(self._superseded)
            self._superseded = []

    def _put(self, lot: Path, event: Stored) -> None:
        if isinstance(event, ArtifactStored):
            self._put_file(artifact_key(self.run, event.file.path), lot, event.file)
            return
        if isinstance(event, FileStored):
            self._put_file(file_key(self.run, event.file.path, event.file.digest), lot, event.file)
            return
        for file in event.files:
            self._put_file(checkpoint_key(self.run, event.folder, file.path), lot, file)

    def _put_file(self, key: str, lot: Path, file: StoredFile) -> None:
        stored = self.store.put_file(key, lot / FILES / file.path)
        if stored.digest != file.digest:
            self.store.delete([key])
            raise IntegrityError(f"is {stored.digest}, and was {file.digest} when it was handed over", where=key)

    def _note(self, text: str) -> None:
        print(f"modelbook: {text}", file=sys.stderr)
        self.folder.append(NoteWritten(time=timestamp(utc_now()), text=text))

    def complete(self, patience: float) -> None:
        """Deliver everything. While the store fails, try again for `patience` seconds, then raise."""
        until, pause = time.monotonic() + patience, 0.5
        while True:
            try:
                self.ship_log()  # first, because it tells whether the run is still this process's
                self.ship_files()
                self.ship_log()
                return
            except StoreError:
                if time.monotonic() + pause > until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def sweep_checkpoints(store: Store, run: str, kept: Iterable[CheckpointStored]) -> None:
    """Delete what a dead attempt left below the run's checkpoints: superseded, or never whole. Raises StoreError."""
    prefix = checkpoint_key(run, "x", "x").removesuffix("x/x")
    folders = {one.folder for one in kept}
    left = [info.key for info in store.list(prefix) if info.key.removeprefix(prefix).split("/")[0] not in folders]
    if left:
        store.delete(left)


class Courier:
    """Two threads that deliver while the training goes on: one the log, one the files."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.refused: ModelbookError | None = None
        self._ending = threading.Event()
        self._log_waits, self._files_wait = threading.Event(), threading.Event()
        loops = ((delivery.ship_log, self._log_waits), (delivery.ship_files, self._files_wait))
        self._threads = [
            threading.Thread(target=self._loop, args=loop, daemon=True, name=f"modelbook-{loop[0].__name__}")
            for loop in loops
        ]

    def start(self) -> None:
        """Begin to deliver."""
        for thread in self._threads:
            thread.start()

    def log_grew(self) -> None:
        """Tell that an event was added; a full segment is shipped at once."""
        if self.delivery.pending() >= SEGMENT:
            self._log_waits.set()

    def files_came(self) -> None:
        """Tell that there is something in the outbox."""
        self._files_wait.set()

    def stop(self) -> None:
        """Let the delivery that is under way end, and begin no other."""
        self._ending.set()
        self._log_waits.set()
        self._files_wait.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _loop(self, deliver: Callable[[], None], wake: threading.Event) -> None:
        pause = 0.0
        while not self._ending.is_set():
            wake.wait(INTERVAL)
            wake.clear()
            if self._ending.is_set():
                return
            try:
                deliver()
                pause = 0.0
            except StoreError as error:
                if pause == 0.0:
                    print(f"modelbook: the store fails, the training goes on: {error}", file=sys.stderr)
                pause = min(max(2 * pause, 1.0), _LONGEST_PAUSE)
                self._ending.wait(pause)
                wake.set()
            except ModelbookError as error:
                self.refused = error
                return
            except RuntimeError:
                if threading.main_thread().is_alive():
                    raise
                return  # Python shuts down and starts no thread any more: whoever closes the run goes on
