"""Plain data for the documents that tests make: every field filled, the same each time."""

from collections.abc import Mapping
from typing import Any

from modelbook.core.digests import digest_of

STORE = "s3://acme-models/registry"
EARLIER, NOW, LATER = "2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z", "2026-03-03T12:00:00Z"
TRAINING_JOB, GRADING_JOB = "github:acme/models:1001:train", "github:acme/models:1002:evaluate"


def digest(text: str) -> str:
    """Some digest, the same for the same text."""
    return digest_of(text.encode())


def card_fields(model: str = "digits", version: int = 1) -> dict[str, Any]:
    """The fields of a card, all of them filled."""
    run = f"run-{model}-{version}"
    files = [("model.safetensors", 1200, f"weights of {model} {version}"), ("config/model.json", 40, "config")]
    return {
        "model": model,
        "version": version,
        "created": NOW,
        "description": f"version {version}",
        "tags": ["cpu"],
        "artifacts": [
            {"path": path, "uri": f"{STORE}/runs/{run}/artifacts/{path}", "size": size, "digest": digest(holds)}
            for path, size, holds in files
        ],
        "run": {
            "id": run,
            "experiment": "baseline",
            "job": TRAINING_JOB,
            "user": "alice",
            "started": EARLIER,
            "ended": NOW,
            "seed": 7,
            "params": {"lr": 0.1, "layers": [8, 8], "note": "x"},
            "metrics": {"loss": 0.25, "grad": "nan"},
        },
        "lineage": {
            "code": {
                "repository": "https://github.com/acme/models",
                "commit": "c" * 40,
                "branch": "main",
                "dirty": False,
                "entry_point": "examples/digits/train.py",
            },
            "environment": {"python": "3.11.7", "platform": "Linux", "packages": {"torch": "2.13.0"}},
        },
    }


def dataset_fields(name: str, version: int) -> dict[str, Any]:
    """The fields of a dataset's card."""
    return {
        "dataset": name,
        "version": version,
        "created": EARLIER,
        "files": 2,
        "size": 99,
        "manifest": {
            "uri": f"{STORE}/datasets/{name}/{version}/manifest.jsonl",
            "size": 180,
            "digest": digest(f"manifest of {name} {version}"),
        },
    }


def evaluation_fields(model: str, version: int, suite: str, card: str) -> dict[str, Any]:
    """The fields of an evaluation, but for its dataset and its metrics."""
    return {
        "model": model,
        "version": version,
        "card": card,
        "suite": suite,
        "job": GRADING_JOB,
        "user": "alice",
        "started": NOW,
        "ended": NOW,
        "code": {"commit": "c" * 40, "entry_point": "examples/digits/evaluate.py"},
        "environment": {"python": "3.11.7", "platform": "Linux"},
    }


def reproduction_fields(model: str, version: int, number: str, card: str) -> dict[str, Any]:
    """The fields of a reproduction, but for its repetitions."""
    return {
        "id": number,
        "model": model,
        "version": version,
        "card": card,
        "job": "github:acme/models:1003:reproduce",
        "user": "alice",
        "started": NOW,
        "ended": NOW,
        "installed": "lock",
        "environment": {"python": "3.11.7", "platform": "Linux"},
    }


def online_fields(model: str, experiment: str, arms: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The fields of what an experiment found; `arms` are those of each version."""
    return {
        "model": model,
        "experiment": experiment,
        "started": "2026-02-01T00:00:00Z",
        "ended": "2026-02-15T00:00:00Z",
        "job": "github:acme/models/1004/online",
        "user": "alice",
        "recorded": NOW,
        "arms": [{"version": version, **fields} for version, fields in arms.items()],
    }
