"""What the processes of a training have in common, by name; and who of them speaks."""

from typing import Any

import pytest
import torch

from modelbook.errors import BadInput
from modelbook.training.peers import Peers, speaks
from modelbook.training.shards import Shared


def made(seed: int) -> dict[str, Any]:
    """Two modules with an optimizer each, one frozen weight among them, after three steps."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    critic = torch.nn.Linear(2, 1)
    model[0].bias.requires_grad_(False)
    groups: list[dict[str, Any]] = [
        {"params": [model[0].weight], "lr": 0.1},
        {"params": [*model[1].parameters(), *model[2].parameters()]},
    ]
    parts: dict[str, Any] = {
        "model": model,
        "critic": critic,
        "optimizer": torch.optim.AdamW(groups, lr=0.01),
        "of_critic": torch.optim.SGD(critic.parameters(), lr=0.1 * (seed + 1), momentum=0.9),
    }
    for _ in range(3):
        loss = critic(model(torch.randn(5, 3))).square().mean()
        for name in ("optimizer", "of_critic"):
            parts[name].zero_grad()
        loss.backward()
        for name in ("optimizer", "of_critic"):
            parts[name].step()
    return parts


def shared(parts: dict[str, Any]) -> Shared:
    return Shared(parts["model"], {name: part for name, part in parts.items() if name != "model"})


@pytest.mark.parametrize("whole", [False, True])
def test_each_optimizer_goes_with_its_module(whole: bool) -> None:
    first, second = made(0), made(1)
    if whole:
        shared(second).put_whole({name: part.state_dict() for name, part in first.items()})
    else:
        tensors, values = shared(first).take()
        assert not any(isinstance(value, torch.Tensor) for value in values.values())
        shared(second).put({**tensors, **values})
    for name, part in first.items():
        assert repr(second[name].state_dict()) == repr(part.state_dict()), name


def test_an_optimizer_of_other_weights_is_refused() -> None:
    optimizer: Any = torch.optim.SGD([*torch.nn.Linear(2, 2).parameters()])
    with pytest.raises(BadInput, match=r"optimizer updates weights that are not those of one module.*\n.*fully_shard"):
        Shared(torch.nn.Linear(2, 2), {"optimizer": optimizer})


def test_what_is_no_module_is_refused() -> None:
    optimizer: Any = torch.optim.SGD([torch.ones(1, requires_grad=True)])
    with pytest.raises(BadInput, match="model is a SGD, and several processes can only save a torch module"):
        Shared(optimizer, {})


def test_processes_that_do_not_know_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(BadInput, match=r"2 processes were started .* do not know each other yet\n.*init_process_group"):
        Peers()


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, True),
        ({"WORLD_SIZE": "1", "RANK": "0"}, True),
        ({"WORLD_SIZE": "2", "RANK": "0"}, True),
        ({"WORLD_SIZE": "2", "RANK": "1"}, False),
        ({"RANK": "1"}, True),  # alone, it is no word of torchrun's
    ],
)
def test_the_first_process_speaks(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], says: bool) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert speaks() is says
