"""Running a suite's entry point on a version, in a process of its own."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modelbook.core.evaluation import Metric, inside_another
from modelbook.core.judging.examples import LIMIT, ExamplesError, columns
from modelbook.core.records import MetricName
from modelbook.errors import BadInput, ModelbookError
from modelbook.training.child_environment import without_secrets

EXAMPLES = "examples.jsonl"
OUTPUT_LIMIT = 4 * 1024 * 1024  # bytes


def measure(
    entry_point: Path,
    model: Path,
    dataset: Path,
    scratch: Path,
    python: Path = Path(sys.executable),
    environ: Mapping[str, str] = os.environ,
    turn: tuple[int, int] = (1, 1),
) -> dict[str, Metric]:
    """Run `python entry_point` and return the metrics that it wrote. `turn` is which round it is, of how many.

    The process finds a JSON file at $MODELBOOK_EVALUATION: {"model": folder, "dataset": folder, "output": file,
    "examples": file, "round": 1, "rounds": 4}. To `output` it writes {"metrics": {"accuracy": {"value": 0.97,
    "n": 360, "stderr": 0.009}, "latency_ms": {"value": 1.2, "hardware": true}}}; to `examples` it may write what it
    found for each example (core/judging/examples.py).
    """
    if not entry_point.is_file():
        raise BadInput(
            "the suite's entry point does not exist",
            where=str(entry_point),
            remedy="Correct `entry_point` in model.yaml.",
        )
    task, output = scratch / "evaluation.json", scratch / "metrics.json"
    paths = {"model": model, "dataset": dataset, "output": output, "examples": scratch / EXAMPLES}
    told = {name: str(path) for name, path in paths.items()}
    task.write_text(json.dumps(told | {"round": turn[0], "rounds": turn[1]}))
    env = without_secrets(environ) | {"MODELBOOK_EVALUATION": str(task)}
    done = subprocess.run([str(python), str(entry_point)], env=env, stdout=sys.stderr, check=False)
    if done.returncode:
        raise ModelbookError(
            f"the suite ended with exit status {done.returncode}",
            where=str(entry_point),
            remedy="Its own output is above.",
        )
    if not output.is_file() or output.stat().st_size > OUTPUT_LIMIT:
        raise BadInput(
            "the suite wrote no metrics, or too many",
            where=str(entry_point),
            remedy=f"It writes JSON to the `output` path, at most {OUTPUT_LIMIT:,} bytes.",
        )
    try:
        found = json.loads(output.read_bytes())["metrics"]
        return {str(name): _metric(value) for name, value in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"the suite's metrics cannot be read: {error}",
            where=str(entry_point),
            remedy='It writes {"metrics": {"name": number}}.',
        ) from None


def read_examples(scratch: Path, metrics: Mapping[str, Metric], entry_point: str) -> bytes | None:
    """What the suite found for each example; None where it wrote nothing of it. Raises BadInput unless it fits."""
    path = scratch / EXAMPLES
    if not path.is_file() or not path.stat().st_size:
        return None
    try:
        if path.stat().st_size > LIMIT:
            raise ExamplesError(f"it has more than {LIMIT:,} bytes")
        data = path.read_bytes()
        columns(data, metrics)
    except ExamplesError as error:
        message = f"what the suite wrote of each example cannot be used: {error}"
        remedy = 'It writes a line of JSON for each to the `examples` path: {"id": "17", "accuracy": 1}.'
        raise BadInput(message, where=entry_point, remedy=remedy) from None
    return data


def _metric(raw: Any) -> Metric:
    """One metric as the suite wrote it: a number, or an object with the fields of Metric. No number is kept as such."""
    given: Mapping[str, Any] = raw if isinstance(raw, dict) else {"value": raw}
    value, hardware = given.get("value"), True if given.get("hardware") is True else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Metric(problem=f"{json.dumps(value)}, which is not a number", hardware=hardware)
    if not math.isfinite(value):
        return Metric(problem=f"{value}, which is not finite", hardware=hardware)
    try:
        return Metric.model_validate_json(json.dumps(given))
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from None


def check_names(metrics: Mapping[str, Metric], where: str) -> None:
    """Raise BadInput for a metric whose name a gate could not read."""
    from pydantic import TypeAdapter

    adapter = TypeAdapter(MetricName)
    for name in metrics:
        try:
            adapter.validate_python(name)
        except ValidationError:
            remedy = "Use letters, digits and '_', and dots for slices: by_country.de.accuracy."
            raise BadInput(f"{name!r} is not a name for a metric", where=where, remedy=remedy) from None
    if clash := inside_another(metrics):
        message = f"{clash[0]!r} cannot be a metric and hold {clash[1]!r} as well"
        raise BadInput(message, where=where, remedy="Rename one of them.")
