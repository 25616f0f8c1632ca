"""A copy of a training's state that stays as it is while the training goes on; and the way back."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from modelbook.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class Stateful(Protocol):
    """What can be saved and go on later: modules, optimizers, schedulers, gradient scalers, loaders."""

    def state_dict(self) -> dict[str, Any]:
        """The state, as nested dicts, lists, tuples, tensors, numbers and texts."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take up a state again."""
        ...


def unwrapped(model: Any) -> Any:
    """The module inside DistributedDataParallel and torch.compile, whose names anybody can load."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and type(model).__name__ in {"DistributedDataParallel", "DataParallel"}:
            inner = model.module
        if inner is None:
            return model
        model = inner


def check_parts(saved: Collection[str], parts: Mapping[str, Stateful]) -> None:
    """Raises BadInput if the parts beside the model are not those that were saved."""
    if set(saved) != parts.keys():
        raise BadInput(
            f"the checkpoint holds model, {', '.join(sorted(saved)) or 'and nothing else'}; "
            f"the training code hands in model, {', '.join(sorted(parts)) or 'and nothing else'}",
            remedy="Hand the same parts to run.checkpoints(...) as in the attempt that saved it.",
        )


@contextmanager
def another_model() -> Iterator[None]:
    """Raises BadInput for what torch says where a state does not fit."""
    try:
        yield
    except (RuntimeError, ValueError, KeyError) as error:
        raise BadInput(
            f"the checkpoint is of another model or optimizer: {error}",
            remedy="Build them as the attempt that saved it did, or train under a run id of its own.",
        ) from None


class Snapshots:
    """Takes copies, each into the memory of the one before: that must be written by then."""

    def __init__(self) -> None:
        self._memory: dict[tuple[object, ...], Tensor] = {}

    def take(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of `state` in the CPU's memory. Raises BadInput for what a checkpoint cannot hold."""
        import torch

        devices: set[torch.device] = set()

        def copied(value: "Tensor", at: tuple[object, ...]) -> "Tensor":
            source = value.detach()
            if source.layout is not torch.strided or source.is_quantized or source.is_meta:
                return source  # whoever writes it says what is wrong with it
            there = self._memory.get(at)
            if there is None or there.shape != source.shape or there.dtype != source.dtype:
                # Pinned, so that a GPU writes into it at the full speed of the bus.
                there = torch.empty(source.shape, dtype=source.dtype, pin_memory=source.is_cuda)
                self._memory[at] = there
            there.copy_(source, non_blocking=source.is_cuda)
            if source.is_cuda:
                devices.add(source.device)
            return there

        copy: dict[str, Any] = _copy(state, (), copied)
        for device in devices:
            torch.cuda.synchronize(device)
        return copy


def _copy(value: Any, at: tuple[object, ...], tensor: "Callable[[Tensor, tuple[object, ...]], Tensor]") -> Any:
    import torch

    if value is None or type(value) in {bool, int, float, str}:
        return value
    if isinstance(value, torch.Tensor):
        return tensor(value, at)
    if isinstance(value, list | tuple):
        items = [_copy(item, (*at, index), tensor) for index, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, Mapping):
        return {key: _copy(item, (*at, key), tensor) for key, item in value.items()}
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()
    raise BadInput(
        f"{'.'.join(map(str, at))} is a {type(value).__name__}, which a checkpoint cannot hold",
        remedy="Hand in tensors, numbers, texts, and dicts, lists and tuples of them.",
    )
