"""What the callbacks have in common: parts of a training that its library holds, and the words where it is missing."""

from collections.abc import Callable, Mapping
from typing import Any

from modelbook.errors import BadInput
from modelbook.training.values import json_params


class Part:
    """Stands before an object that its library makes late, so that a checkpoint may be asked for before it is there.

    `loaded` is the state that a checkpoint gave it, until the library takes it up.
    """

    def __init__(self) -> None:
        self.state: Callable[[], dict[str, Any]] = dict
        self.loaded: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """The state of the object behind."""
        return self.state()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the state for the library."""
        self.loaded = state_dict


def missing(library: str, extra: str) -> BadInput:
    """The error for a callback whose library is not installed."""
    return BadInput(f"this callback needs {library}", remedy=f"pip install 'modelbook[{extra}]'")


def settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as parameters: those that are set, as JSON where they can be, else in the words they print as."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        try:
            found |= json_params({name: value})
        except BadInput:
            found |= json_params({name: str(value)})
    return found
