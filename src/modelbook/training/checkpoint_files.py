"""A checkpoint as files: the model's tensors in one that any loader reads, and all that is needed to go on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbook.core.runs.run_log import CheckpointStored
from modelbook.training.generators import GENERATORS, generator_states, set_generator_states
from modelbook.training.peers import Peers
from modelbook.training.run_folder import measure
from modelbook.training.sharded import ShardedState, is_sharded
from modelbook.training.snapshot import Snapshots, Stateful, another_model, check_parts, unwrapped
from modelbook.training.tensors import MODEL, read_checkpoint, write_state, write_tensors

if TYPE_CHECKING:
    from torch import Tensor


def fill(
    folder: Path, event: CheckpointStored, model: "Mapping[str, Tensor]", state: Mapping[str, Any]
) -> CheckpointStored:
    """Write model and state into `folder`; `event` with the files that were written."""
    write_tensors(model, folder / MODEL)
    names = [MODEL, *(write_state(state, folder) if state else [])]
    return event.model_copy(update={"files": tuple(measure(folder / name, name) for name in names)})


class WholeState:
    """The state of a training in one process."""

    def __init__(self, model: Stateful, parts: Mapping[str, Stateful]) -> None:
        self._model, self._parts = unwrapped(model), parts
        self._snapshots = Snapshots()

    def take(self) -> dict[str, Any]:
        """A copy of all that is needed to go on from here. Raises BadInput for what a checkpoint cannot hold."""
        state = {name: part.state_dict() for name, part in self._parts.items()}
        return self._snapshots.take({"model": self._model.state_dict(), **state, GENERATORS: generator_states()})

    def write(self, taken: Mapping[str, Any], folder: Path, event: CheckpointStored) -> CheckpointStored:
        """Write what was taken into `folder`."""
        return fill(folder, event, taken["model"], {name: value for name, value in taken.items() if name != "model"})

    def load(self, folder: Path) -> list[str]:
        """Take up the state that lies in `folder`; in words, what could not be. Raises BadInput if it is another's."""
        if is_sharded(folder):
            return ShardedState(self._model, self._parts, Peers()).load(folder)
        found = read_checkpoint(folder)
        check_parts(found.state.keys() - {GENERATORS}, self._parts)
        with another_model():
            self._model.load_state_dict(found.model)
            for name, part in self._parts.items():
                part.load_state_dict(found.state[name])
        # A checkpoint of run.checkpoint() holds what the script handed in, and no generators.
        states = found.state.get(GENERATORS)
        return set_generator_states(states) if states else ["the random generators were not saved"]
