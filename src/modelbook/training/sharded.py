"""The state of a training in several processes (torchrun, with DDP or FSDP), through torch.distributed.checkpoint.

Each process writes its share of the tensors as safetensors, with the offsets by which any other number of processes
reads them, and into a folder `rank-<n>` what is its own: generators, loader. All have the same run folder.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelbook.core.run_log import CheckpointStored
from modelbook.errors import BadInput, StoreError
from modelbook.training.generators import GENERATORS, generator_states, set_generator_states
from modelbook.training.peers import Peers
from modelbook.training.run_folder import measure
from modelbook.training.snapshot import Snapshots, Stateful
from modelbook.training.tensors import read_state, write_state

_PARTS, _VALUES, _WORLD = "parts", "values", "processes"


def is_sharded(folder: Path) -> bool:
    """Whether a checkpoint was saved by several processes."""
    return _own(folder, 0).is_dir()


class ShardedState:
    """This process's share of the state."""

    def __init__(self, model: Stateful, parts: Mapping[str, Stateful], peers: Peers) -> None:
        self._model, self._parts, self._peers = model, parts, peers
        self._writing = Peers()  # another thread writes: it must not meet what the loop says
        self._snapshots = Snapshots()
        self._told = False  # whether the others know where to write, or that there is no place

    def take(self) -> dict[str, Any]:
        """A copy of this process's share."""
        import torch
        from torch.distributed.checkpoint.staging import BlockingAsyncStager

        self._told = False
        tensors, values = _shared(self._model, self._parts)
        own = {
            _WORLD: self._peers.world,
            _VALUES: values,
            _PARTS: {name: part.state_dict() for name, part in _others(self._parts).items()},
            GENERATORS: generator_states(),
        }
        stager = BlockingAsyncStager(cache_staged_state_dict=False)
        copied = stager.stage(tensors)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return {"tensors": copied, "own": self._snapshots.take(own)}

    def write(self, taken: Mapping[str, Any], folder: Path, event: CheckpointStored) -> CheckpointStored:
        """In the first process: have all of them write their shares into `folder`. Raises StoreError if one cannot."""
        self._told = True
        self._write(taken, self._writing.told(lambda: str(folder)))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        measured = tuple(measure(path, path.relative_to(folder).as_posix()) for path in files)
        return event.model_copy(update={"files": measured})

    def write_share(self, taken: Mapping[str, Any]) -> None:
        """In every other process: write this one's share where the first one says."""
        self._write(taken, self._writing.told(str))

    def abandon(self, error: StoreError) -> None:
        """In the first process: tell the others that there is no folder to write into, unless they have begun."""

        def raising() -> None:
            raise error

        if not self._told:
            with suppress(StoreError):
                self._writing.told(raising)

    def _write(self, taken: Mapping[str, Any], folder: str) -> None:
        from torch.distributed.checkpoint.api import CheckpointException
        from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
        from torch.distributed.checkpoint.state_dict_saver import save

        def write_own() -> None:
            own = _own(Path(folder), self._peers.rank)
            try:
                own.mkdir()
                write_state(taken["own"], own)
            except OSError as error:
                raise StoreError(f"cannot write {own.name}: {error.strerror or error}") from None

        self._writing.together(write_own)
        writer = HuggingFaceStorageWriter(folder, save_distributed=True)
        try:
            save(taken["tensors"], storage_writer=writer, process_group=self._writing.group)
        except CheckpointException as error:  # every process gets the failures of all
            raise StoreError(f"a process could not write its share: {_reasons(error)}") from None

    def load(self, folder: Path) -> list[str]:
        """See `load_sharded`."""
        if not is_sharded(folder):
            raise BadInput(
                f"one process saved the checkpoint, and {self._peers.world} are to go on",
                remedy="Go on with one, or train under a run id of its own.",
            )
        return load_sharded(self._model, self._parts, folder, self._peers)


def load_sharded(model: Stateful, parts: Mapping[str, Stateful], folder: Path, peers: Peers) -> list[str]:
    """Take up the state in `folder`, saved by any number of processes; in words, what could not be.

    Raises BadInput if it is of another model, or other parts.
    """
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.state_dict import set_model_state_dict, set_optimizer_state_dict
    from torch.distributed.checkpoint.state_dict_loader import load

    found = _own(folder, peers.rank)
    own = read_state(found if found.is_dir() else _own(folder, 0))
    others = _others(parts)
    if own[_PARTS].keys() != others.keys():
        raise BadInput(
            f"the checkpoint holds {', '.join(sorted(own[_PARTS])) or 'no other parts'}; "
            f"the training code hands in {', '.join(sorted(others)) or 'none'}",
            remedy="Hand the same parts to run.checkpoints(...) as in the attempt that saved it.",
        )
    tensors, _ = _shared(model, parts)
    reader = HuggingFaceStorageReader(str(folder))
    try:
        load(tensors, storage_reader=reader, process_group=peers.group, no_dist=peers.world == 1)
        state = {**tensors, **own[_VALUES]}
        set_model_state_dict(model, _below(state, "model"))  # type: ignore[arg-type]
        for name in parts.keys() - others.keys():
            optimizer: Any = parts[name]
            set_optimizer_state_dict(model, optimizer, _below(state, name), options=_flat())  # type: ignore[arg-type]
        for name, part in others.items():
            part.load_state_dict(own[_PARTS][name])
    except (RuntimeError, ValueError, KeyError, CheckpointException) as error:
        raise BadInput(
            f"the checkpoint is of another model or optimizer: {_reasons(error)}",
            remedy="Build them as the attempt that saved it did, or train under a run id of its own.",
        ) from None
    missed = set_generator_states(own[GENERATORS])
    if own[_WORLD] != peers.world:
        missed.append(f"{own[_WORLD]} processes saved it and {peers.world} go on: they draw other numbers")
    return missed


def _shared(model: Any, parts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors and other values of the model and its optimizers, by names that do not depend on the processes."""
    import torch
    from torch.distributed.checkpoint.state_dict import get_model_state_dict, get_optimizer_state_dict

    state: dict[str, Any] = {f"model.{name}": value for name, value in get_model_state_dict(model).items()}
    for part in parts.keys() - _others(parts).keys():
        flat = get_optimizer_state_dict(model, parts[part], options=_flat())
        state |= {f"{part}.{name}": value for name, value in flat.items()}
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    return tensors, {name: value for name, value in state.items() if name not in tensors}


def _others(parts: Mapping[str, Stateful]) -> dict[str, Stateful]:
    """The parts that each process has for itself: all but optimizers."""
    from torch.optim import Optimizer

    return {name: part for name, part in parts.items() if not isinstance(part, Optimizer)}


def _flat() -> Any:
    from torch.distributed.checkpoint.state_dict import StateDictOptions

    return StateDictOptions(flatten_optimizer_state_dict=True)


def _below(state: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {name.removeprefix(f"{part}."): value for name, value in state.items() if name.startswith(f"{part}.")}


def _own(folder: Path, rank: int) -> Path:
    return folder / f"rank-{rank:05d}"


def _reasons(error: BaseException) -> str:
    """The first line of what each process met; DCP wraps it in its own words and tracebacks."""
    failures = getattr(error, "failures", None) or {0: (error, None)}
    said = dict.fromkeys(str(failure[0]).strip().splitlines()[0] for failure in failures.values() if str(failure[0]))
    return "; ".join(said) or type(error).__name__
