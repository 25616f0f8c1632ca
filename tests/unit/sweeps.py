"""Sweep files and trials that the tests of sweeps share."""

from typing import Any

import yaml

from modelbook.core.run_record import Code, Environment, Trial
from modelbook.core.runs.run_log import Event, MetricsLogged, RunEnded, RunStarted
from modelbook.core.sweeps.sweep import Sweep
from modelbook.core.sweeps.sweep_checks import load_sweep
from modelbook.core.sweeps.trials import Leg, TrialResult, run_of
from tests.made_fields import digest

FILE = """\
name: digits-lr
program: train.py
data: [digits@1]
method: bayes
metric: {name: accuracy, goal: maximize}
budget: {trials: 12}
parameters:
  lr: {distribution: log_uniform_values, min: 1e-4, max: 1.0}
  hidden: {min: 8, max: 64, q: 8}
  optimizer: {values: [sgd, adam]}
  momentum: {min: 0.0, max: 0.9, when: {optimizer: sgd}}
  epochs: {value: 3}
"""
POINT: dict[str, Any] = {"lr": 0.01, "hidden": 16, "optimizer": "adam", "epochs": 3}


def sweep(**changes: Any) -> Sweep:
    """The sweep of FILE with some keys changed; None takes a key away."""
    data = yaml.safe_load(FILE.replace("1e-4", "0.0001")) | changes
    kept = {key: value for key, value in data.items() if value is not None}
    return load_sweep(yaml.safe_dump(kept, sort_keys=False).encode(), "sweep.yaml")


def trial(number: int, value: float | None = None, repeat: int = 0, **fields: Any) -> TrialResult:
    """A trial that completed with `value`, or failed without one, unless `fields` say otherwise."""
    leg = Leg(number, repeat)
    known: dict[str, Any] = {
        "leg": leg,
        "run": run_of("digits-lr", leg),
        "status": "failed" if value is None else "completed",
        "params": POINT,
        "seed": 0,
        "value": value,
        "steps": {} if value is None else {1: value},
        "hours": 0.5,
        "attempts": 1,
        "logged": ("accuracy",),
        "commit": "a" * 40,
        "began": at(number % 60),
        "by": "Ada <ada@example.org>",
        "problem": "it broke" if value is None else None,
    }
    return TrialResult(**known | fields)


def at(minute: int) -> str:
    return f"2026-11-23T12:{minute:02d}:00Z"


def started(minute: int, attempt: int = 1, gpus: tuple[str, ...] = ()) -> RunStarted:
    return RunStarted(
        time=at(minute),
        run="digits-lr-0001",
        attempt=attempt,
        experiment="digits-lr",
        job="local:a",
        user="alice",
        host="here",
        pid=1,
        params=POINT,
        seed=0,
        code=Code(entry_point="train.py", commit="a" * 40),
        environment=Environment(python="3.11", platform="linux", gpus=gpus),
        trial=Trial(sweep="digits-lr", file=digest("sweep"), number=1),
    )


def logged(minute: int, step: int, **values: float) -> MetricsLogged:
    return MetricsLogged(time=at(minute), step=step, values=values)


def ended(minute: int, status: Any = "completed", error: str | None = None) -> RunEnded:
    return RunEnded(time=at(minute), status=status, error=error)


def log(*events: Event) -> list[Event]:
    return list(events)
