"""Sweeps in the store of the busy team (tests/parts/site_registry.py): one is over, one failed, one is unreadable.

Their logs are such as trials write.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from modelbook.adapters.store import Store
from modelbook.core.digests import digest_of
from modelbook.core.runs.run_log import Event, MetricsLogged, RunEnded, RunStarted, encode
from modelbook.core.storage import log_key, sweep_key
from modelbook.core.sweeps.trials import Leg, run_of

BEGAN = datetime(2026, 6, 1, 8, tzinfo=UTC)
NAME, FAILED, UNREADABLE = "fraud-rate", "fraud-depth", "fraud-width"
BEST = Leg(9)
TRIALS = 16
FILE: dict[str, Any] = {
    "name": NAME,
    "description": "Which rate the new features want.",
    "program": "fraud-detector/train.py",
    "data": ["transactions@1", "nobody@3:test"],
    "method": "bayes",
    "metric": {"name": "val/accuracy", "goal": "maximize"},
    "budget": {"trials": TRIALS},
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 0.0001, "max": 0.3},
        "hidden": {"min": 8, "max": 128, "q": 8},
        "optimizer": {"values": ["sgd", "adam"]},
        "momentum": {"min": 0.0, "max": 0.95, "when": {"optimizer": "sgd"}},
        "epochs": {"value": 15},
    },
    "confirm": {"best": 1, "seeds": 2},
}


def put_sweeps(store: Store, hostile: str) -> None:
    """Write them; `hostile` is what one of them says wherever it may say anything."""
    put(store, FILE, trials(NAME))
    attacked = FILE | {
        "name": FAILED,
        "description": hostile,
        "method": "random",
        "inherit": [NAME],
        "metric": {"name": hostile[:150], "goal": "minimize"},
        "parameters": {"depth": {"values": [hostile, "\\\\(x^2\\\\)", "1"]}, "a.b-c_D": {"min": 0, "max": 9}},
        "confirm": False,
    }
    point = {"depth": hostile, "a.b-c_D": 3}
    put(store, attacked, {Leg(n): (point, None, hostile) for n in range(1, 12)})
    store.put_bytes(sweep_key(UNREADABLE), b"format: modelbook/sweep/v1\nname: fraud-width\nmethod: [guess\n")


def trials(name: str) -> dict[Leg, tuple[dict[str, Any], float | None, str | None]]:
    """Parameters, value and error of each trial."""
    draw = random.Random(name)
    found: dict[Leg, tuple[dict[str, Any], float | None, str | None]] = {}
    for number in range(1, TRIALS + 1):
        point: dict[str, Any] = {"lr": round(10 ** draw.uniform(-4, -0.6), 5), "hidden": 8 * draw.randint(1, 16)}
        point |= {"optimizer": draw.choice(["sgd", "adam"]), "epochs": 15}
        if point["optimizer"] == "sgd":
            point["momentum"] = round(draw.uniform(0, 0.95), 2)
        value = 0.95 - 3 * abs(point["lr"] - 0.02) ** 1.2 - 0.0002 * abs(64 - point["hidden"])
        if number == BEST.number:
            point, value = {"lr": 0.021, "hidden": 64, "optimizer": "adam", "epochs": 15}, 0.957
        error = "RuntimeError: CUDA out of memory" if point["hidden"] > 112 else None
        found[Leg(number)] = (point, None if error else round(value, 5), error)
    for repeat in (1, 2):
        found[Leg(BEST.number, repeat)] = (found[BEST][0], 0.957 - repeat / 500, None)
    return found


def put(store: Store, file: dict[str, Any], found: dict[Leg, tuple[dict[str, Any], float | None, str | None]]) -> None:
    """The file of a sweep, and the log of each trial."""
    data = yaml.safe_dump(file, sort_keys=False, allow_unicode=True).encode()
    store.put_bytes(sweep_key(file["name"]), data)
    for leg, (point, value, error) in found.items():
        run = run_of(file["name"], leg)
        store.put_bytes(log_key(run, 1), encode(_log(file, digest_of(data), leg, run, point, value, error)))


def _log(
    file: dict[str, Any],
    digest: str,
    leg: Leg,
    run: str,
    point: dict[str, Any],
    value: float | None,
    error: str | None,
) -> Iterator[Event]:
    time = (BEGAN + timedelta(minutes=20 * leg.number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    trial = {"sweep": file["name"], "file": digest, "number": leg.number} | (
        {"repeat": leg.repeat} if leg.repeat else {}
    )
    start = {"kind": "start", "time": time, "run": run, "attempt": 1, "host": "gpu-1", "pid": 41, "seed": leg.repeat}
    start |= {"experiment": file["name"], "job": "local:a", "user": "Ada Lovelace <ada@example.org>", "params": point}
    start |= {"code": {"entry_point": file["program"], "commit": "c" * 40}, "trial": trial}
    start |= {"environment": {"python": "3.12.4", "platform": "linux"}}
    yield RunStarted.model_validate_json(json.dumps(start))
    for step in range(1, 4):
        if value is not None:
            yield MetricsLogged(time=time, step=step, values={file["metric"]["name"]: value - (3 - step) / 100})
    if error:
        yield RunEnded(time=time, status="failed", error=f"Traceback\n{error}", exit_code=1)
    else:
        yield RunEnded(time=time, status="completed", exit_code=0)
