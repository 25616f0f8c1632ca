"""Tensors and what stands between them, as files: safetensors and JSON, never a pickle."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbook.core.runs.weights import name_problem
from modelbook.errors import BadInput, StoreError

if TYPE_CHECKING:
    from torch import Tensor

MODEL, STATE, STATE_TENSORS = "model.safetensors", "state.json", "state.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint's folder holds: the model's tensors by name, and the rest by keyword."""

    model: "dict[str, Tensor]"
    state: dict[str, Any]


def gathered(tensors: Mapping[str, Any], *, keep: bool) -> Mapping[str, Any]:
    """The tensors, with shards put together; all processes that hold them must call it.

    Only where `keep` is true is anything returned: one copy of a large model is enough for a machine.
    """
    if not isinstance(tensors, Mapping):
        return tensors  # refused where it is written
    whole: dict[str, Any] = {}
    for name, value in tensors.items():
        # One at a time, so that a GPU holds no more than one of them whole.
        one = value.full_tensor() if hasattr(value, "full_tensor") else None
        if keep:
            whole[name] = value if one is None else one.cpu()
    return whole


def write_tensors(tensors: "Mapping[str, Tensor]", path: Path) -> None:
    """Write a state dict as safetensors.

    Tensors that share memory (tied weights, views) are written once each, so that any loader can read them.
    Raises BadInput for what is no plain tensor, for a name that no file may hold, and for an empty dict.
    """
    plain = _plain(tensors)
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        # transformers refuses a file that does not say which framework its layout is for.
        save_file(plain, path, metadata={"format": "pt"})
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"cannot write these tensors as safetensors: {error}", where=path.name) from None
    except SafetensorError as error:  # what is left after the checks above is the disk
        raise StoreError(f"cannot write {path.name}: {error}", remedy="Free some space.") from None


def import_torch() -> Any:
    """The module torch. Raises BadInput where it is not installed."""
    try:
        import torch
    except ImportError:
        raise BadInput(
            "checkpoints and tensors need torch",
            remedy="pip install 'modelbook[train]'; weights of NumPy arrays need it not: run.save_weights(arrays).",
        ) from None
    return torch


def _plain(tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    torch = import_torch()
    if isinstance(tensors, torch.nn.Module):
        raise BadInput("a module was handed in, not its weights", remedy="Hand in model.state_dict().")
    if not isinstance(tensors, Mapping):
        raise BadInput(
            f"a {type(tensors).__name__} was handed in, not a state dict",
            remedy="Hand in model.state_dict().",
        )
    if not tensors:
        raise BadInput("the state dict is empty: there are no weights to save")
    plain: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, value in tensors.items():
        _check(name, value, torch)
        tensor = value.detach().cpu().contiguous()
        if tensor.untyped_storage().data_ptr() in storages:
            tensor = tensor.clone()
        storages.add(tensor.untyped_storage().data_ptr())
        plain[name] = tensor
    return plain


def _check(name: object, value: object, torch: Any) -> None:
    if not isinstance(name, str):
        raise BadInput(f"the name of a tensor is {name!r}, which is no text")
    if problem := name_problem(name):
        raise BadInput(f"tensor {name[:80]!r}: its name {problem}", remedy="Rename it before saving.")
    label = f"{name!r} in the state dict"
    if not isinstance(value, torch.Tensor):
        raise BadInput(
            f"{label} is a {type(value).__name__}, not a tensor: only tensors can be weights",
            remedy="Convert it, as in torch.from_numpy(array), leave it out, or hand it to checkpoint() by keyword.",
        )
    if hasattr(value, "full_tensor"):
        raise BadInput(
            f"{label} is a shard of a tensor", remedy="Save it by run.checkpoints(...) or run.save_weights(...)."
        )
    if value.layout is not torch.strided or value.is_quantized or value.is_meta:
        kind = "meta" if value.is_meta else "quantized" if value.is_quantized else str(value.layout)
        raise BadInput(
            f"{label} is a {kind} tensor, which safetensors cannot hold", remedy="Save it as a dense tensor."
        )


def write_state(state: Mapping[str, Any], folder: Path) -> list[str]:
    """Write nested dicts, lists, tuples, tensors and JSON values; returns the names of the files written."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_encode(dict(state), "", tensors), indent=1, allow_nan=False)
    (folder / STATE).write_text(text + "\n", encoding="utf-8")
    if tensors:
        write_tensors(tensors, folder / STATE_TENSORS)
    return [STATE, STATE_TENSORS] if tensors else [STATE]


def read_checkpoint(folder: Path) -> Checkpoint:
    """What `write_tensors` and `write_state` wrote into `folder`. Raises BadInput if it holds none."""
    from safetensors.torch import load_file

    if not (folder / MODEL).exists():
        raise BadInput("holds no checkpoint", where=str(folder), remedy=f"{MODEL} is missing.")
    return Checkpoint(load_file(folder / MODEL), read_state(folder) if (folder / STATE).exists() else {})


def read_state(folder: Path) -> dict[str, Any]:
    """What `write_state` wrote into `folder`."""
    from safetensors.torch import load_file

    tensors = load_file(folder / STATE_TENSORS) if (folder / STATE_TENSORS).exists() else {}
    state: dict[str, Any] = _decode(json.loads((folder / STATE).read_text(encoding="utf-8")), tensors)
    return state


# A JSON object with one of these keys stands for what JSON does not have. The user's keys never do.
_TENSOR, _TUPLE, _ITEMS, _FLOAT = "$tensor", "$tuple", "$items", "$float"


def _encode(value: Any, at: str, tensors: "dict[str, Tensor]") -> Any:
    import torch

    if value is None or type(value) in {bool, int, str}:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {_FLOAT: str(value)}
    if isinstance(value, torch.Tensor):
        name = at
        while name in tensors:
            name += "'"
        tensors[name] = value
        return {_TENSOR: name}
    if isinstance(value, list | tuple):
        items = [_encode(item, f"{at}.{index}", tensors) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {_TUPLE: items}
    if isinstance(value, Mapping):
        pairs = [(key, _encode(item, f"{at}.{key}" if at else str(key), tensors)) for key, item in value.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in pairs):
            return dict(pairs)
        return {_ITEMS: [[_encode(key, at, tensors), item] for key, item in pairs]}
    raise BadInput(
        f"{at or 'the state'} is a {type(value).__name__}, which a checkpoint cannot hold",
        remedy="Hand in tensors, numbers, texts, and dicts, lists and tuples of them.",
    )


def _decode(value: Any, tensors: "dict[str, Tensor]") -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(key, inner)] = value.items()
        if key == _TENSOR:
            return tensors[inner]
        if key == _FLOAT:
            return float(inner)
        if key == _TUPLE:
            return tuple(_decode(item, tensors) for item in inner)
        if key == _ITEMS:
            return {_decode(key, tensors): _decode(item, tensors) for key, item in inner}
    return {key: _decode(item, tensors) for key, item in value.items()}
