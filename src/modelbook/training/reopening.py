"""`modelbook.run(...)` while a run is open: it means the same one, as in a notebook's next cell, or it is refused."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from modelbook.errors import BadInput
from modelbook.training.run_config import RunPlan
from modelbook.training.values import json_params


def refuse_another(
    plan: RunPlan,
    known: Mapping[str, JsonValue],
    experiment: str | None,
    params: Mapping[str, Any],
    seed: int | None,
) -> None:
    """Raise BadInput if the arguments cannot be those of the open run, of which the parameters `known` are logged.

    Taken silently, a cell that is run again with other parameters would be logged under those of before.
    """
    other = [
        f"{name} {value!r}, was {known[name]!r}"
        for name, value in json_params(params).items()
        if name in known and known[name] != value
    ]
    if experiment not in {None, plan.experiment}:
        other.append(f"experiment {experiment!r}, was {plan.experiment!r}")
    if seed not in {None, plan.seed}:
        other.append(f"seed {seed}, was {plan.seed}")
    if other:
        raise BadInput(
            f"run {plan.run} is still open, and this asks for another: {'; '.join(other)}",
            remedy="End it first, by run.finish(); then the same call begins a new run.",
        )
