"""The state of a training in several processes (torchrun, with DDP or FSDP), through torch.distributed.checkpoint.

Shards are written by the process that has them, what is the same everywhere by the first one, both as safetensors with
the offsets by which any other number of processes reads them. What each process has for itself (generators, loader,
scheduler) goes into a folder `rank-<n>` of its own. All must see the same run folder.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from modelbook.core.records import StoredFile
from modelbook.core.runs.run_log import CheckpointStored
from modelbook.errors import BadInput, ModelbookError, StoreError
from modelbook.training.generators import GENERATORS, generator_states, set_generator_states
from modelbook.training.peers import Peers
from modelbook.training.run_folder import measure
from modelbook.training.shards import Shared
from modelbook.training.snapshot import Snapshots, Stateful, another_model, check_parts
from modelbook.training.tensors import read_checkpoint, read_state, write_state

T = TypeVar("T")
_NAMES, _PARTS, _VALUES, _WORLD = "names", "parts", "values", "processes"


def is_sharded(folder: Path) -> bool:
    """Whether a checkpoint was saved by several processes."""
    return _own(folder, 0).is_dir()


class ShardedState:
    """This process's share of the state. All processes call each method, in the same order."""

    def __init__(self, model: Stateful, parts: Mapping[str, Stateful], peers: Peers) -> None:
        self._parts, self._peers = parts, peers
        self._shared = Shared(model, parts)
        self._others = {name: part for name, part in parts.items() if name not in self._shared.names}
        self._writing = Peers()  # another thread writes: it must not meet what the loop says
        self._snapshots = Snapshots()
        self._stager: Any = None
        self._told = False  # whether the others know where to write, or that there is no place

    def take(self) -> dict[str, Any]:
        """A copy of this process's share. Raises BadInput for what a checkpoint cannot hold."""
        import torch
        from torch.distributed.checkpoint.staging import BlockingAsyncStager

        tensors, values = self._shared.take()
        if self._stager is None:
            names = sorted(tensors)
            if names != self._peers.told(lambda: names):
                raise BadInput(
                    "the processes hold different parts of the model, as in pipeline parallelism",
                    remedy="A checkpoint can hold replicas (DDP) and shards of each tensor (fully_shard), no other.",
                )
            # Pinned memory, kept for the next one, so that a GPU writes into it at the full speed of the bus.
            self._stager = BlockingAsyncStager(cache_staged_state_dict=torch.cuda.is_available())
        if self._peers.rank:
            # Replicas may differ in their buffers, and those of the first process are the ones that count (DDP).
            tensors = {name: value for name, value in tensors.items() if hasattr(value, "full_tensor")}
        own = {
            _WORLD: self._peers.world,
            _NAMES: sorted(self._parts),
            _VALUES: values,
            _PARTS: {name: part.state_dict() for name, part in self._others.items()},
            GENERATORS: generator_states(),
        }
        copied = self._stager.stage(tensors)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._told = False
        return {"tensors": copied, "own": self._snapshots.take(own)}

    def write(self, taken: Mapping[str, Any], folder: Path, event: CheckpointStored) -> CheckpointStored:
        """In the first process: have all of them write their shares into `folder`. Raises StoreError if one cannot."""
        self._told = True
        with _while_together():
            files = self._write(taken, self._writing.told(lambda: str(folder)))
        return event.model_copy(update={"files": files})

    def write_share(self, taken: Mapping[str, Any]) -> None:
        """In every other process: write this one's share where the first one says."""
        with _while_together():
            self._write(taken, self._writing.told(str))

    def abandon(self, error: ModelbookError) -> None:
        """In the first process: tell the others that there is no folder to write into, unless they have begun."""

        def raising() -> None:
            raise error

        if not self._told:
            try:
                self._writing.told(raising)
            except ModelbookError:
                return

    def part(self) -> None:
        """End the group in which checkpoints are written."""
        self._writing.part()

    def _write(self, taken: Mapping[str, Any], place: str) -> tuple[StoredFile, ...]:
        from torch.distributed.checkpoint.api import CheckpointException
        from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
        from torch.distributed.checkpoint.state_dict_saver import save

        folder, peers = Path(place), self._writing

        def write_own() -> None:
            _check_seen(folder, peers.rank)
            own = _own(folder, peers.rank)
            _on_disk(own, own.mkdir)
            _on_disk(own, lambda: write_state(taken["own"], own))

        peers.together(write_own)
        writer = HuggingFaceStorageWriter(place, save_distributed=True)
        try:
            save(taken["tensors"], storage_writer=writer, process_group=peers.group)
        except CheckpointException as error:  # every process gets the failures of all
            raise StoreError(f"a process could not write its share: {_reasons(error)}") from None

        def measured() -> list[StoredFile]:
            files = sorted(path for path in folder.rglob("*") if path.is_file())[peers.rank :: peers.world]
            return _on_disk(folder, lambda: [measure(path, path.relative_to(folder).as_posix()) for path in files])

        # Hashing takes longer than writing, so they divide the files among them.
        found: list[list[StoredFile]] = peers.together(measured)
        return tuple(sorted((file for files in found for file in files), key=lambda file: file.path))

    def load(self, folder: Path) -> list[str]:
        """Take up the state in `folder`, saved by one process or any number; in words, what could not be.

        Raises BadInput if it is of another model, or other parts.
        """
        _check_seen(folder, self._peers.rank)
        if is_sharded(folder):
            return self._load_sharded(folder)
        found = read_checkpoint(folder)
        check_parts(found.state.keys() - {GENERATORS}, self._parts)
        with another_model():
            self._shared.put_whole({"model": found.model, **found.state})
            for name, part in self._others.items():
                part.load_state_dict(found.state[name])
        return self._go_on(1, found.state.get(GENERATORS))

    def _load_sharded(self, folder: Path) -> list[str]:
        from torch.distributed.checkpoint.api import CheckpointException
        from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
        from torch.distributed.checkpoint.state_dict_loader import load

        there = _own(folder, self._peers.rank).is_dir()
        own = read_state(_own(folder, self._peers.rank if there else 0))
        check_parts(own[_NAMES], self._parts)
        with another_model():
            tensors, _ = self._shared.take()
            # Without this, DCP would read what the model asks for, and say nothing of the rest.
            reader = HuggingFaceStorageReader(str(folder))
            if too_many := reader.read_metadata().state_dict_metadata.keys() - tensors.keys():
                raise KeyError(f"it has {min(too_many)}, and the model has not")
            try:
                with warnings.catch_warnings(action="ignore"):  # torch's, that one process is alone
                    load(tensors, storage_reader=reader, process_group=self._peers.group, no_dist=not self._peers.group)
            except CheckpointException as error:  # no Exception, in torch's eyes
                raise ValueError(_reasons(error)) from None
            self._shared.put({**tensors, **own[_VALUES]})
            for name, part in self._others.items():
                part.load_state_dict(own[_PARTS][name])
        return self._go_on(own[_WORLD], own[GENERATORS] if there else None)

    def _go_on(self, saved_by: int, generators: dict[str, Any] | None) -> list[str]:
        missed = set_generator_states(generators) if generators else []
        if saved_by != self._peers.world:
            # A process that has no predecessor keeps the generators that the script gave it.
            missed.append(f"{saved_by} process(es) saved it and {self._peers.world} go on: they draw other numbers")
        return missed


def _own(folder: Path, rank: int) -> Path:
    return folder / f"rank-{rank:05d}"


def _check_seen(folder: Path, rank: int) -> None:
    if not folder.is_dir():
        raise StoreError(
            f"process {rank} does not see the run's folder",
            where=str(folder),
            remedy="All processes must see it: train on one machine, or in a folder that the machines share.",
        )


@contextmanager
def _while_together() -> Iterator[None]:
    """Raises StoreError if the processes part meanwhile; DCP would let each write as if it were alone."""
    import torch.distributed as dist

    lost, parted = None, False
    try:
        yield
        parted = not dist.is_initialized()
    except (RuntimeError, ValueError) as error:  # what gloo raises where another process is gone
        lost, parted = _reasons(error), not dist.is_initialized()
    if parted:
        raise StoreError("the processes parted while it was written: call run.finish() before destroy_process_group()")
    if lost:
        raise StoreError(f"the processes lost each other while it was written: {lost}")


def _on_disk(path: Path, do: Callable[[], T]) -> T:
    try:
        return do()
    except OSError as error:
        raise StoreError(f"cannot write {path.name}: {error.strerror or error}") from None


def _reasons(error: BaseException) -> str:
    """The first line of what each process met; DCP wraps it in its own words and tracebacks."""
    failures = getattr(error, "failures", None) or {0: (error, None)}
    said = dict.fromkeys(str(failure[0]).strip().splitlines()[0] for failure in failures.values() if str(failure[0]))
    return "; ".join(said) or type(error).__name__
