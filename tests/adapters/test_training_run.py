"""The run as a script has it: in scripts started by hand, and in this very process."""

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import modelbook
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.core.digests import digest_of
from modelbook.core.runs.run_log import MetricsLogged
from modelbook.core.runs.run_state import RunState, replay
from modelbook.errors import BadInput
from modelbook.training.run import Run
from modelbook.training.run_reader import read_events
from modelbook.training.tensors import read_checkpoint


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)  # pytest's own is no training script
    for name in ("MODELBOOK_RUN_CONFIG", "MODELBOOK_STORE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    with modelbook.run("test", params={"declared": 1}) as opened:
        yield opened


def state_of(run: Run, folder: Path) -> RunState:
    """Finish the run and read it back from its store."""
    run.finish()
    store = DirectoryStore(folder / ".modelbook/store", "file:.modelbook/store")
    return replay(read_events(store, run.id))


def test_one_process_has_one_run_until_it_is_finished(run: Run) -> None:
    assert modelbook.run() is run
    run.finish()
    run.finish()
    with pytest.raises(BadInput, match="is closed"):
        run.log({"loss": 1})
    other = modelbook.run("test", params={"a": 1})
    assert other.id != run.id
    assert modelbook.run("test", params={"a": 1, "b": 2}, tags=("t",)) is other
    assert other.params == {"a": 1, "b": 2}
    with pytest.raises(BadInput, match=r"asks for another: a 3, was 1; experiment 'x'.*seed 5"):
        modelbook.run("x", params={"a": 3}, seed=5)
    other.finish()


def test_parameters_are_what_the_code_uses(run: Run, tmp_path: Path) -> None:
    assert run.param("declared", 5) == 1
    assert run.param("epochs", 30) == 30
    run.log_params({"path": Path("a/b"), "width": np.int64(3), "rate": torch.tensor(0.5), "none": None})
    run.log_params({"width": 4})
    assert run.params == {
        "declared": 1,
        "epochs": 30,
        "path": "a/b",
        "width": 4,
        "rate": 0.5,
        "none": None,
    }
    assert state_of(run, tmp_path).params == run.params


@pytest.mark.parametrize(
    ("value", "default", "wanted"),
    [
        ("8", 1, 8),
        ("1e3", 1, 1000),
        (8.0, 1, 8),
        ("0.5", 1.0, 0.5),
        (2, 1.0, 2.0),
        ("true", False, True),
        ("False", True, False),
        (8, "a", "8"),
        ("[1, 2]", [0], [1, 2]),
        ([1, 2], (0,), (1, 2)),
        ('{"a": 1}', {}, {"a": 1}),
        ("anything", None, "anything"),
    ],
)
def test_a_parameter_has_the_type_of_its_default(run: Run, value: Any, default: Any, wanted: Any) -> None:
    run.log_params({"p": value})
    made = run.param("p", default)
    assert (made, type(made)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [
        ("abc", 1, "a whole number"),
        (1.5, 1, "a whole number"),
        (True, 1, "a whole number"),
        ("nan", 1.0, "a number"),
        ("yes", True, "true or false"),
        (1, True, "true or false"),
        (None, "a", "a text"),
        ("{}", [1], "a list"),
    ],
)
def test_a_parameter_of_another_type_is_refused(run: Run, value: Any, default: Any, expected: str) -> None:
    run.log_params({"p": value})
    with pytest.raises(BadInput, match=f"'p' is .* expects {expected}"):
        run.param("p", default)


@pytest.mark.parametrize(
    "params",
    [
        {"a": {1, 2}},
        {"a": object()},
        {"a": math.nan},
        {"a": torch.ones(2)},
        {"": 1},
        {"a\n": 1},
        {3: 1},
        {"a": "\ud800"},
    ],
)
def test_a_parameter_that_is_not_json_is_refused(run: Run, params: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        run.log_params(params)


def test_metrics_are_numbers_of_any_kind(run: Run, tmp_path: Path) -> None:
    run.log({"a": 1, "b": np.float32(0.5), "c": torch.tensor([2.0])}, step=1)
    run.log({"a": 3}, step=int(np.int64(2)))
    state = state_of(run, tmp_path)
    assert {name: point.value for name, point in state.metrics.items()} == {"a": 3, "b": 0.5, "c": 2}


def test_a_step_that_goes_backwards_is_kept_as_it_came(run: Run, tmp_path: Path) -> None:
    for step, value in ((5, 0.5), (3, 0.7), (3, 0.6)):
        run.log({"loss": value}, step=step)
    run.finish()
    events = read_events(DirectoryStore(tmp_path / ".modelbook/store", "file:.modelbook/store"), run.id)
    logged = [(event.step, event.values["loss"]) for event in events if isinstance(event, MetricsLogged)]
    assert logged == [(5, 0.5), (3, 0.7), (3, 0.6)]
    assert (replay(events).metrics["loss"].step, replay(events).metrics["loss"].value) == (3, 0.6)


@pytest.mark.parametrize("value", [True, "0.9", None, torch.ones(2), [1.0], 1j, torch.tensor(True), 10**400])
def test_a_metric_that_is_no_number_is_refused(run: Run, value: object) -> None:
    with pytest.raises(BadInput, match="metric 'm' is "):
        run.log({"m": value})


@pytest.mark.parametrize("step", [-1, 1.0, True, "1", 10**10])
def test_a_step_that_is_no_count_is_refused(run: Run, step: Any) -> None:
    with pytest.raises(BadInput, match="is no step"):
        run.log({"m": 1}, step=step)


def test_nan_is_recorded_and_said_aloud_once(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for step in range(3):
        run.log({"loss": torch.tensor(float("nan"))}, step=step)
    state = state_of(run, tmp_path)
    assert capsys.readouterr().err.count("metric 'loss' is nan at step 0") == 1
    assert state.non_finite["loss"].step == 0
    assert state.notes[0] == "metric 'loss' is nan at step 0"


def test_a_checkpoint_comes_back_as_it_was(run: Run, tmp_path: Path) -> None:
    tied = torch.arange(6.0).reshape(2, 3)
    model = {"a": tied, "b": tied, "view": tied[0], "turned": tied.T, "half": torch.ones(2, dtype=torch.bfloat16)}
    state = {
        "step": 3,
        "rate": math.inf,
        "betas": (0.9, 0.999),
        "state": {0: {"exp_avg": torch.ones(2)}, 1: {"exp_avg": torch.zeros(2)}},
        "names": [None, True, "x"],
        "a.b": torch.ones(1),
        "a": {"b": torch.zeros(1)},
    }
    run.checkpoint(model, step=3, metric=0.5, optimizer=state)
    recorded = state_of(run, tmp_path).checkpoints[0]
    assert (recorded.step, recorded.metric) == (3, 0.5)
    loaded = read_checkpoint(tmp_path / f".modelbook/store/runs/{run.id}/checkpoints/0000000003")
    assert loaded.model.keys() == model.keys()
    for name, tensor in model.items():
        assert torch.equal(loaded.model[name], tensor)
    optimizer = loaded.state["optimizer"]
    assert repr(optimizer) == repr(state)


def test_the_later_checkpoint_of_a_step_counts(run: Run, tmp_path: Path) -> None:
    run.checkpoint({"a": torch.zeros(1)}, step=1)
    run.checkpoint({"a": torch.ones(1)}, step=1, metric=math.nan)
    [recorded] = state_of(run, tmp_path).checkpoints
    [folder] = (tmp_path / f".modelbook/store/runs/{run.id}/checkpoints").iterdir()
    assert (folder.name, recorded.folder) == ("0000000001-1.1", "0000000001-1.1")
    assert read_checkpoint(folder).model["a"].item() == 1
    assert digest_of((folder / "model.safetensors").read_bytes()) == recorded.files[0].digest


class Odd(torch.nn.Module):
    pass


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (Odd(), "a module was handed in"),
        ([torch.ones(1)], "a list was handed in"),
        ({}, "is empty"),
        ({"a": 1.5}, "'a' in the state dict is a float, not a tensor"),
        ({"a": torch.ones(2).to_sparse()}, "torch.sparse_coo tensor"),
        ({"a": torch.ones(2, device="meta")}, "meta tensor"),
        ({"../a": torch.ones(2)}, "climbs out of its folder"),
        ({7: torch.ones(2)}, "which is no text"),
    ],
)
def test_what_is_no_weights_is_refused(run: Run, weights: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        run.save_weights(weights)
    with pytest.raises(BadInput, match=words):
        run.checkpoint(weights, step=1)


def test_state_that_no_file_can_hold_is_refused(run: Run) -> None:
    with pytest.raises(BadInput, match=r"optimizer\.a\.1 is a set"):
        run.checkpoint({"a": torch.ones(1)}, step=1, optimizer={"a": [1, {2}]})


def test_artifacts_are_kept_as_they_were_when_they_were_logged(run: Run, tmp_path: Path) -> None:
    plot = tmp_path / "plot.txt"
    plot.write_text("first")
    run.log_artifact(plot)
    run.log_artifact(plot, name="plots/copy.txt")
    plot.write_text("second")
    run.log_artifact("config.json", b"{}")
    run.log_artifact("config.json", "{}")
    files = {file.path: file.size for file in state_of(run, tmp_path).artifacts}
    assert files.pop("modelbook/requirements.txt") > 0
    assert files == {"plot.txt": 5, "plots/copy.txt": 5, "config.json": 2}


def test_an_artifact_is_written_once(run: Run, tmp_path: Path) -> None:
    run.log_artifact("config.json", "{}")
    with pytest.raises(BadInput, match="was stored already, with other bytes"):
        run.log_artifact("config.json", "[]")
    assert [file.path for file in state_of(run, tmp_path).artifacts] == ["config.json", "modelbook/requirements.txt"]


@pytest.mark.parametrize(
    "name", ["../a", "/a", "", "a/../b", ".hidden", "a b", "card.yaml", "MODEL.sig", "modelbook/x", "a" * 600]
)
def test_an_artifact_stays_in_the_folder_of_its_model(run: Run, name: str) -> None:
    with pytest.raises(BadInput):
        run.log_artifact(name, b"")


def test_only_regular_files_become_artifacts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    subprocess.run(["mkfifo", str(tmp_path / "pipe")], check=True)
    for name, words in (
        ("link", "is a symbolic link"),
        ("pipe", "is not a regular file"),
        (".", "is not a regular file"),
        ("absent", "there is no such file"),
    ):
        with pytest.raises(BadInput, match=words):
            run.log_artifact(tmp_path / name, name="kept")


def test_a_pickle_is_stored_with_a_warning(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "model.txt")
    run.log_artifact(tmp_path / "model.txt")
    assert "registration will refuse it" in capsys.readouterr().err
    assert "is a zip archive" in state_of(run, tmp_path).notes[0]


def test_weights_are_called_weights(run: Run) -> None:
    with pytest.raises(BadInput, match="is no name for weights"):
        run.save_weights({"a": torch.ones(1)}, "model.bin")


def test_a_dataset_that_the_run_has_not_is_named(run: Run) -> None:
    with pytest.raises(BadInput, match=r"has no dataset 'digits' \(it has: none\)"):
        run.dataset("digits")
