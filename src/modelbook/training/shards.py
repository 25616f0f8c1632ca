"""What the processes of a training have in common: modules and their optimizers, in replicas or in shards."""

from collections.abc import Mapping
from typing import Any

from modelbook.errors import BadInput
from modelbook.training.snapshot import Stateful, unwrapped


class Shared:
    """Tensors and values under names that do not depend on the number of processes."""

    def __init__(self, model: Stateful, parts: Mapping[str, Stateful]) -> None:
        """Raises BadInput if `model` is no module, or an optimizer belongs to no module."""
        from torch.nn import Module
        from torch.optim import Optimizer

        if not isinstance(model, Module):
            raise BadInput(
                f"model is a {type(model).__name__}, and several processes can only save a torch module",
                remedy="Hand in the module that DistributedDataParallel or fully_shard was given.",
            )
        self._modules: dict[str, Any] = {"model": unwrapped(model)}
        self._modules |= {name: unwrapped(part) for name, part in parts.items() if isinstance(part, Module)}
        self._optimizers: dict[str, tuple[Any, Any]] = {}
        for name, part in parts.items():
            if isinstance(part, Optimizer):
                self._optimizers[name] = (self._owner(name, part), part)
        self.names = self._modules.keys() | self._optimizers.keys()

    def _owner(self, name: str, optimizer: Any) -> Any:
        updated = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        for module in self._modules.values():
            if updated <= {id(weight) for weight in module.parameters()}:
                return module
        raise BadInput(
            f"{name} updates weights that are not those of one module in the checkpoint",
            remedy="Make the optimizer after DistributedDataParallel or fully_shard, and hand in the module as well.",
        )

    def take(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The tensors as they are, with shards as DTensors, and the other values."""
        import torch
        from torch.distributed.checkpoint.state_dict import get_model_state_dict, get_optimizer_state_dict

        state: dict[str, Any] = {}
        for name, module in self._modules.items():
            state |= {f"{name}.{key}": value for key, value in get_model_state_dict(module).items()}
        for name, (module, optimizer) in self._optimizers.items():
            flat = get_optimizer_state_dict(module, optimizer, options=_flat())
            state |= {f"{name}.{key}": value for key, value in flat.items()}
        tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
        return tensors, {name: value for name, value in state.items() if name not in tensors}

    def put(self, state: Mapping[str, Any]) -> None:
        """Take up tensors and values, as `take` gave them."""
        from torch.distributed.checkpoint.state_dict import set_model_state_dict, set_optimizer_state_dict

        for name, module in self._modules.items():
            set_model_state_dict(module, _below(state, name))
        for name, (module, optimizer) in self._optimizers.items():
            set_optimizer_state_dict(module, optimizer, _below(state, name), options=_flat())

    def put_whole(self, states: Mapping[str, Any]) -> None:
        """Take up state dicts by name, as one process saved them: this process keeps its shards of them."""
        from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

        for name, module in self._modules.items():
            set_model_state_dict(module, states[name], options=StateDictOptions(full_state_dict=True))
        for name, (_, optimizer) in self._optimizers.items():
            weights = [weight for group in optimizer.param_groups for weight in group["params"]]
            of_weights = {
                index: {key: _like(weights[index], value) for key, value in of_one.items()}
                for index, of_one in states[name]["state"].items()
            }
            optimizer.load_state_dict({**states[name], "state": of_weights})


def _like(weight: Any, value: Any) -> Any:
    """A tensor that belongs to `weight`, in shards if that is."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(weight, DTensor) or getattr(value, "shape", None) != weight.shape or not value.dim():
        return value
    return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)


def _flat() -> Any:
    from torch.distributed.checkpoint.state_dict import StateDictOptions

    return StateDictOptions(flatten_optimizer_state_dict=True)


def _below(state: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {name.removeprefix(f"{part}."): value for name, value in state.items() if name.startswith(f"{part}.")}
