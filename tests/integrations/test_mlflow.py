"""The mirror of a run in a real MLflow, which may be slow or away."""

import hashlib
import json
import math
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from safetensors.numpy import save

from modelbook.adapters.mlflow_publishing import find_version
from modelbook.adapters.mlflow_registry import MlflowRegistry
from modelbook.core.exchange.mlflow_view import mlflow_name
from modelbook.core.runs.run_log import MetricsLogged, NoteWritten
from modelbook.core.runs.run_state import replay
from modelbook.training.run_reader import read_events, read_record
from tests.adapters.training_scripts import ENVIRON, Bench
from tests.commands.workbench import Workbench, make_workbench
from tests.parts.fault_proxy import DropAnswer, FaultProxy
from tests.parts.mlflow_server import MlflowServer

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where the tests look with its client

TRAIN = """
    import modelbook
    run = modelbook.run()
    run.log_params({"lr": 0.1, "layers": [4, 8], "text": "x" * 7000})
    run.add_tags("nightly")
    for step in range(1200):
        run.log({"loss": 1 / (step + 1), "acc@1": step}, step=step)
    run.log({"broken": float("nan"), "last": 7})
    run.log_file("plots/loss.svg", "<svg/>")
    run.log_artifact("config.json", "{}")
"""


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with MlflowServer(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def registry(tmp_path: Path) -> Workbench:
    return make_workbench(tmp_path / "workbench")


@pytest.fixture
def mirrored(mlflow: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> MlflowServer:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.endpoint)
    return mlflow


@pytest.mark.timeout(300)
def test_mlflow_shows_what_the_run_logged(bench: Bench, mirrored: MlflowServer, tmp_path: Path) -> None:
    result = bench.launch(TRAIN, run="whole", params={"hidden": 64}, tags=("first",))
    assert (result.status, [note for note in result.warnings if "MLflow" in note]) == ("completed", [])
    [found] = [each for each in mirrored.runs("test") if each.data.tags["modelbook.run"] == "whole"]
    shown, tags = found.info.run_id, found.data.tags
    assert (found.info.run_name, found.info.status, tags["mlflow.user"]) == ("whole", "FINISHED", "ada")
    assert {"modelbook.tag.first", "modelbook.tag.nightly"} <= tags.keys()
    assert tags["modelbook.artifacts"] == f"{bench.store.uri}/runs/whole/artifacts"
    assert found.data.params == {"hidden": "64", "lr": "0.1", "layers": "[4, 8]", "text": "x" * 6000}
    logged = [event for event in read_events(bench.store, "whole") if isinstance(event, MetricsLogged)]
    for ours, theirs in (("loss", "loss"), ("acc@1", "acc_1")):
        points = [(event.step or 0, event.values[ours]) for event in logged if ours in event.values]
        assert len(points) == 1200
        assert mirrored.history(shown, theirs) == points
    assert math.isnan(found.data.metrics["broken"])
    assert mirrored.file(shown, "plots/loss.svg", tmp_path) == b"<svg/>"


@pytest.mark.timeout(300)
def test_a_further_attempt_is_shown_in_the_same_place(bench: Bench, mirrored: MlflowServer) -> None:
    log = """
        import os, modelbook
        run = modelbook.run()
        attempt = int(os.environ["MODELBOOK_RUN_CONFIG"].split("/")[-2].split("-")[-1])
        run.log({"m": attempt}, step=attempt)
        run.log_params({"lr": attempt})
        if attempt == 1:
            os.kill(os.getpid(), 9)
    """
    assert bench.launch(log, run="again").status == "killed"
    [found] = [each for each in mirrored.runs("test") if each.data.tags["modelbook.run"] == "again"]
    assert found.info.status == "KILLED"
    assert bench.launch(log, run="again").status == "completed"
    [found] = [each for each in mirrored.runs("test") if each.data.tags["modelbook.run"] == "again"]
    assert found.info.status == "FINISHED"
    assert mirrored.history(found.info.run_id, "m") == [(1, 1.0), (2, 2.0)]
    assert (found.data.params["lr"], found.data.tags["modelbook.param.lr"]) == ("1", "2")  # theirs never change


@pytest.mark.timeout(300)
def test_when_mlflow_goes_away_the_training_completes_with_one_note(
    bench: Bench, mlflow: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(mlflow.endpoint) as proxy:
        proxy.inject(DropAnswer(after=0), path="log-batch", skip=1, times=10**6)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.endpoint)
        result = bench.launch(TRAIN, run="alone")
        assert len(proxy.requests("POST", "log-batch")) > 1
    assert result.status == "completed"
    events = read_events(bench.store, "alone")
    assert sum(isinstance(event, MetricsLogged) for event in events) == 1201
    [note] = [event.text for event in events if isinstance(event, NoteWritten) and "MLflow" in event.text]
    assert note.startswith("MLflow does not show this run: ")
    assert note in result.warnings


def test_an_mlflow_that_never_answers_costs_the_training_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:p@ss-w0rd@127.0.0.1:{port}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        result = bench.launch(TRAIN + "    import os\n    print('MLFLOW_TRACKING_URI' in os.environ)\n", run="silent")
    assert result.status == "completed"
    [note] = [text for text in result.warnings if "MLflow" in text]
    assert f"http://127.0.0.1:{port}/" in note
    assert "w0rd" not in str(read_events(bench.store, "silent")), "the log is for all who may read the store"
    record = read_record(bench.store, "silent")
    assert record is not None
    assert record.metrics["last"] == 7


@pytest.mark.timeout(300)
def test_a_script_by_hand_that_is_killed_is_shown_as_killed(bench: Bench, mirrored: MlflowServer) -> None:
    script = bench.write(
        "import modelbook\nrun = modelbook.run('byhand')\nrun.log({'m': 1.0})\nprint(run.id, flush=True)\ninput()\n"
    )
    env = {key: value for key, value in ENVIRON.items() if not key.startswith("GITHUB_")}
    env |= {"MODELBOOK_STORE": bench.store.uri, "MLFLOW_TRACKING_URI": mirrored.endpoint}
    training = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=bench.folder,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert training.stdout is not None
    assert training.stderr is not None
    run = training.stdout.readline().strip()
    training.send_signal(signal.SIGKILL)
    training.wait()
    said = training.stderr.read()  # the mirror holds it open until it has ended
    training.communicate()
    assert said == ""
    [found] = [each for each in mirrored.runs("byhand") if each.data.tags["modelbook.run"] == run]
    assert (found.info.status, found.data.metrics) == ("KILLED", {"m": 1.0})


@given(st.text(min_size=1, max_size=300) | st.sampled_from([".", "..", "/a", "a//b", "a/../b", "a/", "./a", "acc@1"]))
def test_every_name_becomes_one_that_mlflow_takes(name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name, _validate_param

    _validate_metric_name(mlflow_name(name))  # type: ignore[no-untyped-call]
    _validate_param(mlflow_name(name), "1")  # type: ignore[no-untyped-call]


def test_without_mlflow_it_is_named_and_the_training_goes_on(bench: Bench) -> None:
    code = (
        "import sys; sys.modules['mlflow'] = None\nimport modelbook\nrun = modelbook.run('x')\nrun.log({'m': 1})\n"
        "print(run.id)"
    )
    env = {key: value for key, value in ENVIRON.items() if not key.startswith("GITHUB_")}
    env |= {"MODELBOOK_STORE": bench.store.uri, "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=bench.folder, env=env, capture_output=True, text=True, check=True
    )
    assert "pip install 'modelbook[mlflow]'" in done.stderr
    assert replay(read_events(bench.store, done.stdout.split()[0])).status == "completed"


@pytest.mark.timeout(300)
def test_the_models_of_a_server_and_of_its_database_come(
    mlflow: MlflowServer, registry: Workbench, tmp_path: Path
) -> None:
    client, database = MlflowClient(mlflow.endpoint), MlflowClient(mlflow.database)
    (tmp_path / "m").mkdir()
    (tmp_path / "m/model.safetensors").write_bytes(save({"w": numpy.ones(4, dtype=numpy.float32)}))
    run = client.create_run("0").info.run_id
    client.log_artifacts(run, str(tmp_path / "m"), "model")
    client.create_registered_model("it's")
    client.create_model_version("it's", f"runs:/{run}/model", run_id=run)
    database.create_model_version("it's", str(tmp_path / "m"))  # as a server that is not ours might say
    told = registry.run("import", "mlflow", "--tracking-uri", mlflow.endpoint, "--json")
    first, second = json.loads(told.out)["versions"]
    assert (told.code, first["here"], first["status"]) == (1, "it-s@1", "imported")
    assert (second["status"], "a folder of this machine" in second["reason"]) == ("skipped", True)

    # And back: found again by its card, and not imported a second time.
    leave = ("export", "mlflow", "it-s@1", "--tracking-uri", mlflow.endpoint, "--as", "back", "--json")
    done = registry.run(*leave)
    assert (done.code, "--copy" in done.err) == (2, True)  # this store is a folder
    assert json.loads(registry.ok(*leave, "--copy"))["created"] is True
    [made] = client.search_model_versions("name = 'back'")
    assert (int(made.version), made.tags["modelbook.version"]) == (1, "it-s@1")
    files = Path(client.download_artifacts(str(made.run_id), "model", str(tmp_path)))
    digest = "sha256:" + hashlib.sha256((files / "card.yaml").read_bytes()).hexdigest()
    assert made.tags["modelbook.card"] == digest
    assert (files / "model.safetensors").read_bytes() == (tmp_path / "m/model.safetensors").read_bytes()
    assert find_version(MlflowRegistry(mlflow.endpoint), "back", digest) == 1
    told = registry.run("import", "mlflow", "--tracking-uri", mlflow.database, "--json")
    rows = {row["there"]: (row["here"], row["status"]) for row in json.loads(told.out)["versions"]}
    back = {"back 1": ("it-s@1", "here already")}
    assert rows == back | {"it's 1": ("it-s@1", "here already"), "it's 2": ("it-s@2", "imported")}
