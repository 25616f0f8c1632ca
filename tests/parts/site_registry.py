"""A registry as a busy team has it after a year, with real signatures, a real git history and logs of runs in a store.

It has all that a site may have to show: promotions, a rollback, a revoked version, versions made from others, one whose
signature is gone, a card that nobody can read, and one whose every text is an attack on whoever looks at it.
"""

import json
import math
import random
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.core import layout
from modelbook.core.runs.run_log import CheckpointStored, Event, MetricsLogged, RunEnded, RunStarted, encode
from modelbook.core.storage import log_key
from modelbook.core.sweeps.trials import run_of
from tests.made import POLICY, Made
from tests.made_fields import STORE, digest
from tests.parts import site_sweeps

FOLDER_STORE = "file:.modelbook/store"
BEGAN = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
ATTACK = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\"'><b>bold</b>"
PEOPLE = ("Ada Lovelace <ada@example.org>", "Grace Hopper <grace@example.org>", "Alan Turing <alan@example.org>")
PACKAGES = {f"package-{n:02d}": f"{n}.{n * 3 % 7}.1" for n in range(40)} | {"numpy": "2.4.1", "torch": "2.13.0"}
MACHINE = {
    "python": "3.12.4",
    "platform": "Linux-6.8-x86_64",
    "os": "Ubuntu 24.04",
    "cpu": "AMD EPYC 9654",
    "cores": 16,
    "gpus": ["NVIDIA H100"] * 2,
    "driver": "570.86",
    "cuda": "12.8",
    "torch": {"version": "2.13.0+cu128"},
    "packages": PACKAGES,
}
UNREADABLE = ("churn", 4)
UNSIGNED = ("churn", 3)
REVOKED = ("fraud-detector", 9)
SWEPT = {("fraud-detector", 12): run_of(site_sweeps.NAME, site_sweeps.BEST)}
"""The versions whose run was a trial of a sweep."""


class Team(Made):
    """A registry that keeps what each step changed, and when."""

    def __init__(self) -> None:
        super().__init__(policy=POLICY.replace(STORE, FOLDER_STORE))
        self.commits: list[tuple[datetime, str, dict[str, bytes | None]]] = []
        self.now = BEGAN
        self._before: dict[str, bytes] = {}
        self._random = random.Random(7)
        self.commit("Begin")

    @property
    def stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def commit(self, message: str) -> None:
        """What changed since the last one."""
        paths = self.files.keys() | self._before.keys()
        changed = {path: self.files.get(path) for path in paths if self.files.get(path) != self._before.get(path)}
        self.commits.append((self.now, message, dict(sorted(changed.items()))))
        self._before = dict(self.files)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def train(self, model: str, version: int, skill: float, data: str, **fields: Any) -> None:
        """A version that was trained and measured, in two commits."""
        run = SWEPT.get((model, version)) or f"{self.now:%Y%m%dt%H%M%S}-{digest(f'{model} {version}')[7:15]}"
        files = [("model.safetensors", 48_211_904 + version), ("config.json", 612)]
        hours = 2 + self._random.random() * 5
        started = (self.now - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        usual: dict[str, Any] = {
            "created": self.stamp,
            "description": f"Trained on {data}, with {['Adam', 'SGD', 'Lion'][version % 3]}.",
            "tags": ["baseline"] if version == 1 else ["candidate"] if version % 4 == 0 else [],
            "artifacts": [
                {
                    "path": path,
                    "uri": f"{FOLDER_STORE}/runs/{run}/artifacts/{path}",
                    "size": size,
                    "digest": digest(f"{path} {model} {version}"),
                }
                for path, size in files
            ],
            "run": {
                "id": run,
                "experiment": model,
                "job": f"github:acme/models/{1000 + version}/train",
                "user": PEOPLE[version % 3],
                "started": started,
                "ended": self.stamp,
                "seed": version,
                "params": {"lr": round(0.1 / version, 5), "epochs": 40, "optimizer": {"name": "adam", "beta": 0.9}},
                "metrics": {"loss": round(1 - skill, 4)},
            },
            "lineage": {
                "code": {
                    "repository": "https://github.com/acme/models",
                    "commit": digest(f"{model} {version}")[7:47],
                    "branch": "main",
                    "entry_point": f"{model}/train.py",
                },
                "datasets": [self.use(data, 1)],
                "environment": MACHINE,
            },
        }
        merged = {**usual, **{name: value for name, value in fields.items() if name != "lineage"}}
        merged["lineage"] = {**usual["lineage"], **fields.get("lineage", {})}
        self.version(model, version, None, data=data, **merged)
        self.commit(f"Register {model}@{version}")
        self.later(hours=1)
        n = 5000
        share = round(skill * n) / n
        metrics = {
            "accuracy": {"value": share, "n": n, "stderr": math.sqrt(share * (1 - share) / n)},
            "recall": {"value": round(share - 0.03, 4), "n": 800},
            "latency_ms": {"value": 20.0 + self._random.random() * 8, "n": 400, "stderr": 0.4, "hardware": True},
        }
        self.evaluation(model, version, metrics, data=data, started=self.stamp, ended=self.stamp, environment=MACHINE)
        self.commit(f"Evaluate {model}@{version}")

    def promote(self, model: str, stage: str, version: int, **fields: Any) -> None:
        """A promotion, or what else moves a stage, in a commit of its own."""
        self.later(hours=5)
        self.pointer(model, stage, version, decided=self.stamp, **fields)
        self.commit(f"{fields.get('kind', 'promote')} {model}@{version} in {stage}")


def team() -> Team:
    """The registry, step by step."""
    made = Team()
    for name in ("transactions", "customers", "reviews"):
        texts = {"description": f"All {name} of 2025, without names.", "license": "CC-BY-4.0", "source": "warehouse"}
        made.dataset(name, 1, created=made.stamp, files=128, size=3_412_000_000, manifest=manifest(name, 1), **texts)
    later = manifest("transactions", 2)
    made.dataset("transactions", 2, created=made.stamp, files=140, size=3_900_000_000, manifest=later)
    for model, about, task in (
        (
            "fraud-detector",
            "Scores card payments while they are made. Read by the payment gateway.",
            "tabular-classification",
        ),
        ("sentiment", "What a review says of the product.", "text-classification"),
        ("embeddings", "Not trained yet.", "feature-extraction"),
    ):
        text = f"format: modelbook/model/v1\nmodel: {model}\ndescription: {about}\ntask: {task}\nowners: ['@acme/ml']\n"
        made.put(f"{layout.model_folder(model)}/model.yaml", text + "tags: [core]\n")
    made.commit("Datasets and models")
    _fraud(made)
    _others(made)
    return made


def manifest(name: str, version: int) -> dict[str, Any]:
    uri = f"{FOLDER_STORE}/datasets/{name}/{version}/manifest.jsonl"
    return {"uri": uri, "size": 9_120, "digest": digest(f"manifest of {name} {version}")}


def _fraud(made: Team) -> None:
    held = 0
    for version in range(1, 19):
        made.later(days=9, hours=version % 5)
        skill = 0.90 + 0.075 * (1 - math.exp(-version / 6)) + (0.006 if version % 3 else -0.004)
        made.train("fraud-detector", version, skill, "transactions")
        if version % 3 == 1:
            made.promote("fraud-detector", "staging", version)
            if version % 2 == 1 or version > 12:
                made.later(days=2)
                made.promote("fraud-detector", "production", version, reason="Fewer false alarms in the pilot.")
                held = version
    made.later(days=1)
    why = "False alarms for payments abroad since this morning."
    made.promote("fraud-detector", "production", 13, kind="rollback", reason=why, by="grace")
    assert held != 13
    model, version = REVOKED
    folder = layout.version_folder(model, version)
    text = f"format: modelbook/revocation/v1\nmodel: {model}\nversion: {version}\ncard: {digest_at(made, folder)}\n"
    made.put(f"{folder}/revoked.yaml", text + f"by: ada\nrevoked: '{made.stamp}'\nreason: Trained on leaked labels.\n")
    made.commit("Revoke")


def digest_at(made: Made, folder: str) -> str:
    return made.registry.digest(f"{folder}/card.yaml")


def parent_of(made: Team, model: str, version: int) -> dict[str, Any]:
    return {"model": model, "version": version, "card": digest_at(made, layout.version_folder(model, version))}


def _others(made: Team) -> None:
    for version in range(1, 5):
        made.later(days=3)
        made.train("churn", version, 0.9 + version / 100, "customers")
    made.promote("churn", "staging", 2)
    made.drop(f"{layout.version_folder(*UNSIGNED)}/model.sig")
    made.put(f"{layout.version_folder(*UNREADABLE)}/card.yaml", "format: modelbook/card/v1\nmodel: [churn\n")
    made.commit("Spoil two versions")
    made.train("sentiment", 1, 0.91, "reviews")
    made.promote("sentiment", "staging", 1)
    parent = parent_of(made, "sentiment", 1)
    for version in (2, 3):
        made.later(days=2)
        made.train("sentiment", version, 0.92 + version / 100, "reviews", lineage={"parents": [parent]})
    attacked = {"description": ATTACK, "lineage": {"parents": [parent], "environment": {**MACHINE, "os": ATTACK}}}
    made.later(days=1)
    made.train("sentiment", 4, 0.95, "reviews", **attacked)
    made.promote("sentiment", "staging", 4, reason=ATTACK, by=ATTACK)
    # What was distilled from two of them serves: what their data was is what it knows.
    for version, parents in ((1, [("sentiment", 2), ("sentiment", 3)]), (2, [("helpdesk", 1)])):
        made.later(days=2)
        lineage = {"parents": [parent_of(made, *one) for one in parents]}
        made.train("helpdesk", version, 0.93, "customers", lineage=lineage)
    made.promote("helpdesk", "staging", 2)


def write(made: Team, root: Path) -> None:
    """The registry as a repository at the new folder `root`, with the logs of its runs in a store beside it."""
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(root)], check=True)
    stream = b"".join(_commit(*one) for one in made.commits)
    subprocess.run(["git", "fast-import", "--quiet", "--date-format=raw"], cwd=root, input=stream, check=True)
    subprocess.run(["git", "reset", "--quiet", "--hard"], cwd=root, check=True)
    remote = "https://github.com/acme/models.git"
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=root, check=True)
    store = DirectoryStore(root / ".modelbook/store", FOLDER_STORE)
    registry = made.registry
    for model in registry.models():
        for version in registry.versions(model):
            if (model, version) not in {UNREADABLE, *SWEPT}:
                card = registry.card(model, version)
                store.put_bytes(log_key(card.run.id, 1), encode(_log(card.model_dump(mode="json"), version)))
    site_sweeps.put_sweeps(store, ATTACK)


def _commit(at: datetime, message: str, files: Mapping[str, bytes | None]) -> bytes:
    said = message.encode()
    who = f"committer Ada Lovelace <ada@example.org> {int(at.timestamp())} +0000"
    parts = [f"commit refs/heads/main\n{who}\ndata {len(said)}\n".encode(), said, b"\n"]
    for path, data in files.items():
        if data is None:
            parts.append(f"D registry/{path}\n".encode())
        else:
            parts += [f"M 100644 inline registry/{path}\ndata {len(data)}\n".encode(), data, b"\n"]
    return b"".join(parts)


def _log(card: Mapping[str, Any], seed: int) -> Iterator[Event]:
    """What a run of 40 epochs logs."""
    run, time = card["run"], card["run"]["started"]
    noise = random.Random(seed)
    start = {"kind": "start", "time": time, "run": run["id"], "attempt": 1, "host": "gpu-1", "pid": 41}
    start |= {name: run[name] for name in ("experiment", "job", "user", "params", "seed")}
    start |= {"code": card["lineage"]["code"], "environment": card["lineage"]["environment"]}
    yield RunStarted.model_validate_json(json.dumps(start))
    for epoch in range(40):
        loss = 0.9 * math.exp(-epoch / 9) + 0.08 + noise.random() * 0.05
        values = {"train/loss": loss, "val/loss": loss + 0.03 + epoch / 900, "val/accuracy": 1 - loss / 2}
        yield MetricsLogged(time=time, step=epoch, values=values)
    for step, value in ((31, 0.958), (39, 0.953)):
        files = ({"path": "state.safetensors", "size": 96_000_000, "digest": digest(f"{run['id']} {step}")},)
        stored = {"kind": "checkpoint", "time": time, "step": step, "files": files, "metric": value}
        yield CheckpointStored.model_validate_json(json.dumps({**stored, "metric_name": "val/accuracy", "mode": "max"}))
    yield RunEnded(time=run["ended"], status="completed", exit_code=0)
