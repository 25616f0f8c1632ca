"""The files that a run hands over: plots and tables, and weights that are NumPy arrays."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

import modelbook
from modelbook.adapters.artifact_check import check_artifact
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.core.records import StoredFile
from modelbook.core.runs.run_state import RunState, replay
from modelbook.core.storage import artifact_key
from modelbook.errors import BadInput
from modelbook.training.run import Run
from modelbook.training.run_reader import read_events
from tests.adapters.training_scripts import ENVIRON


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    for name in ("MODELBOOK_RUN_CONFIG", "MODELBOOK_STORE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    with modelbook.run("test") as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / ".modelbook/store", "file:.modelbook/store")


def state_of(run: Run, store: DirectoryStore) -> RunState:
    run.finish()
    return replay(read_events(store, run.id))


def of_model(state: RunState) -> list[StoredFile]:
    """The files that the script itself put into the model's folder."""
    return [file for file in state.artifacts if not file.path.startswith("modelbook/")]


class Figure:
    """Draws itself as matplotlib's figures do: matplotlib itself draws in tests/commands/test_looking.py."""

    def savefig(self, target: Any, *, format: str, bbox_inches: str) -> None:
        target.write(f"a picture as {format}".encode())


def test_a_later_file_of_a_name_takes_the_place_of_the_earlier(run: Run, store: DirectoryStore) -> None:
    run.log_file("table.csv", "1")
    run.log_file("table.csv", "22")
    run.log_figure(Figure(), "plots/loss.png")
    run.log_figure(Figure(), "plots/loss.SVG")
    state = state_of(run, store)
    assert [(file.path, file.size) for file in state.files] == [
        ("plots/loss.SVG", 16),
        ("plots/loss.png", 16),
        ("table.csv", 2),
    ]
    assert of_model(state) == []  # they are not part of the model


@pytest.mark.parametrize(
    ("figure", "name", "words"),
    [
        (Figure(), "loss", "is no name for a picture"),
        (Figure(), "loss.pt", "is no name for a picture"),
        ([1, 2], "loss.png", "a list was handed in"),
        (Figure(), "../loss.png", "is not a path"),
        (Figure(), "my loss.png", "is not a path"),
    ],
)
def test_what_is_no_plot_is_refused(run: Run, figure: Any, name: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        run.log_figure(figure, name)


def test_numpy_arrays_are_weights(run: Run, store: DirectoryStore, tmp_path: Path) -> None:
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    weights: dict[str, Any] = {
        "turned": whole.T,
        "part": whole[:, 1:3],
        "swapped": whole.astype(">f4"),
        "scalar": np.float64(0.5),
        "nothing": np.array(3, dtype=np.int64),
        "half": whole.astype(np.float16),
        "mask": whole > 3,
    }
    run.save_weights(weights)
    [file] = of_model(state_of(run, store))
    path = tmp_path / ".modelbook/store" / artifact_key(run.id, file.path)
    loaded = load_file(path)
    assert loaded.keys() == weights.keys()
    for name, array in weights.items():
        assert np.array_equal(loaded[name], array)
        assert loaded[name].shape == array.shape
    with safe_open(path, framework="np") as opened:
        assert opened.metadata() == {"format": "np"}
    assert check_artifact(store, artifact_key(run.id, file.path), file) == []


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"a": np.array(["x"])}, "'a' is an array of <U1"),
        ({"a": np.array([object()])}, "'a' is an array of object"),
        ({"a": np.zeros(2, dtype=np.longdouble)}, "at most 8 bytes"),
        ({"a": np.zeros(2, dtype="datetime64[s]")}, "'a' is an array of datetime64"),
        ({"../a": np.zeros(2)}, "climbs out of its folder"),
        ({7: np.zeros(2)}, "which is no text"),
        ({"a": torch.ones(1), "b": np.ones(1)}, "'b' in the state dict is a ndarray, not a tensor"),
        (np.zeros(2), "a ndarray was handed in, not a state dict"),
    ],
)
def test_what_is_no_weights_is_refused(run: Run, store: DirectoryStore, weights: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        run.save_weights(weights)
    assert of_model(state_of(run, store)) == []


def test_without_torch_arrays_are_saved_and_a_checkpoint_says_what_it_needs(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import sys\nsys.modules['torch'] = None\n"  # as if it were not installed
        "import numpy, modelbook\nrun = modelbook.run()\n"
        "run.save_weights({'a': numpy.ones(3)})\n"
        "for save in (lambda: run.checkpoint({'a': numpy.ones(3)}, step=1),\n"
        "             lambda: run.checkpoints(model=object())):\n"
        "    try:\n        save()\n    except modelbook.errors.BadInput as error:\n        print(error)\n"
    )
    env = {key: value for key, value in ENVIRON.items() if not key.startswith(("GITHUB_", "MODELBOOK_"))}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("checkpoints and tensors need torch") == 2, done.stdout
    [kept] = (tmp_path / ".modelbook/store").glob("runs/*/artifacts/model.safetensors")
    assert load_file(kept)["a"].sum() == 3
