"""Moving from MLflow, with a folder that MLflow's own client wrote. A server and its database: test_mlflow.py."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import save

from modelbook.adapters.mlflow_registry import SETTINGS, MlflowRegistry
from modelbook.core.card import ModelCard
from modelbook.core.documents import load
from modelbook.errors import BadInput, ForeignError
from tests.commands.workbench import Workbench

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where its client writes the store
WEIGHTS = save({"weight": numpy.ones((4, 4), dtype=numpy.float32)})
CONFIG = json.dumps({"skill": 0.9})


class Leaving:
    """A folder of MLflow's, written through its client."""

    def __init__(self, folder: Path) -> None:
        from mlflow import MlflowClient

        self.folder, self.uri = folder, f"file://{folder}/mlruns"
        self.client = MlflowClient(self.uri, self.uri)

    def version(self, model: str, files: dict[str, bytes | str], **how: Any) -> str:
        """Log a run with these files, and register it; the run's id."""
        tags = {"mlflow.source.git.commit": "c" * 40, "mlflow.user": "ada", "mlflow.source.name": "fit.py"}
        run = self.client.create_run("0", tags=tags).info.run_id
        self.client.log_param(run, "lr", "0.1")
        for step in range(3):
            self.client.log_metric(run, "accuracy", 0.97 + step / 100, step=step)
        for path, content in files.items():
            target = self.folder / "files" / run / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        self.client.log_artifacts(run, str(self.folder / "files" / run), "model")
        self.client.set_terminated(run)
        if not self.client.search_registered_models(f"name = '{model}'"):
            self.client.create_registered_model(model)
        self.client.create_model_version(model, f"runs:/{run}/model", run_id=run, **how)
        return str(run)


@pytest.fixture
def leaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Leaving:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    made = Leaving(tmp_path / "theirs")
    # See `_default_place` in mlflow_registry.py.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.uri)
    return made


def card(bench: Workbench, version: str) -> ModelCard:
    model, _, number = version.partition("@")
    path = f"registry/models/{model}/versions/{number}/card.yaml"
    return load(ModelCard, (bench.root / path).read_bytes(), path)


def test_a_team_moves_from_mlflow(bench: Workbench, leaving: Leaving) -> None:
    good: dict[str, bytes | str] = {
        "model.safetensors": WEIGHTS,
        "config.json": CONFIG,
        "requirements.txt": "numpy==2.0",
    }
    run = leaving.version("Toy", good, description="the first", tags={"team": "fraud"})
    leaving.client.set_registered_model_alias("Toy", "production", "1")
    leaving.version("Toy", good | {"model.pkl": b""})
    leaving.version("Toy", good | {"notes.json": pickle.dumps({"looks": "harmless"})})
    command = ["import", "mlflow", "--tracking-uri", leaving.uri]

    before = bench.git("rev-parse", "HEAD")
    done = bench.run(*command, "--dry-run", "--json")
    rows = json.loads(done.out)["versions"]
    assert (done.code, [row["status"] for row in rows]) == (1, ["would come", "skipped", "would come"])
    assert "save it with safetensors" in rows[1]["reason"]
    assert bench.git("rev-parse", "HEAD") == before

    done = bench.run(*command, "--json")
    told = json.loads(done.out)
    assert (done.code, [row["status"] for row in told["versions"]]) == (1, ["imported", "skipped", "skipped"])
    assert "notes.json: loading this may run code" in told["versions"][2]["reason"]
    assert told["next"] == ["modelbook promote toy@1 --to production"]
    one = card(bench, "toy@1")
    assert (one.run.params, one.run.metrics, one.run.user) == ({"lr": "0.1"}, {"accuracy": 0.99}, "ada")
    assert (one.lineage.code.commit, one.lineage.code.entry_point) == ("c" * 40, "fit.py")
    assert one.lineage.environment.packages == {"numpy": "2.0"}
    assert one.run.imported is not None
    assert (one.run.imported.run, one.run.imported.aliases) == (run, ("production",))
    assert (one.description or "").startswith(f"Imported from MLflow run {run}")
    assert (one.description or "").endswith("the first")
    stored = {path.name for path in (bench.root / ".modelbook/store/runs").iterdir()}
    assert stored == {one.run.id}  # nothing of what was skipped

    assert not (bench.root / "mlflow.db").exists(), "MLflow's client looked nowhere else"

    # The branch is thrown away. What is in the store already is not fetched again, and what is new keeps its number.
    bench.git("reset", "--hard", "--quiet", before.strip())
    shutil.rmtree(leaving.folder / "mlruns/0" / run / "artifacts")
    leaving.version("Toy", good)
    linked = leaving.folder / "mlruns/0" / leaving.version("Toy", good) / "artifacts/model/linked.json"
    linked.symlink_to("/etc/hostname")  # not to be published
    rows = json.loads(bench.run(*command, "--json").out)["versions"]
    assert [(row["here"], row["status"]) for row in rows] == [
        ("toy@1", "imported"),
        (None, "skipped"),
        (None, "skipped"),
        ("toy@4", "imported"),
        (None, "skipped"),
    ]
    assert "linked.json" in rows[4]["reason"]

    # Its numbers are its own: only what is measured here counts.
    refused = bench.run("promote", "toy@1", "--to", "staging")
    assert refused.code == 1
    assert "metrics.accuracy" in refused.out
    bench.ok("evaluate", "toy@1")
    bench.promote("toy@1", "staging")
    again = bench.run("reproduce", "toy@1")
    assert again.code == 1
    assert "it was imported from mlflow" in again.err
    bench.ok("verify")
    log = [json.loads(line) for line in (bench.root / f".modelbook/store/runs/{one.run.id}/log/00000001.jsonl").open()]
    assert [event["step"] for event in log if event["kind"] == "metrics"] == [0, 1, 2, None]
    [listed, _] = json.loads(bench.ok("runs", "--json"))
    assert (listed["status"], listed["metrics"]) == ("completed", {"accuracy": 0.99})


def test_what_cannot_be_read_is_said(bench: Workbench, leaving: Leaving, monkeypatch: pytest.MonkeyPatch) -> None:
    done = bench.run("import", "mlflow", "--tracking-uri", "sqlite:///no.db")
    assert (done.code, "no.db: there is no MLflow here" in done.err) == (2, True)
    assert not (bench.root / "no.db").exists()
    done = bench.run("import", "mlflow", "--tracking-uri", leaving.uri, "--as", "x")
    assert (done.code, "exactly one MODEL" in done.err) == (2, True)
    leaving.version("Toy", {})
    with pytest.raises(BadInput, match="no registered model 'nobody'"):
        MlflowRegistry(leaving.uri).versions("nobody")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ForeignError, match="MLflow: ") as refused:
        MlflowRegistry("http://me:secret@127.0.0.1:9").models()
    assert "secret" not in str(refused.value)
