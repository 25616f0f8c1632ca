"""Whether a training that goes on is the one that began: same code, data, parameters and seed."""

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from modelbook.core.run_record import Code, DatasetUse
from modelbook.core.runs.run_log import RunStarted


def differences(before: RunStarted, now: RunStarted) -> tuple[str, ...]:
    """What the attempt that starts with `now` would do otherwise than the one that started with `before`, in words."""
    found = []
    if before.experiment != now.experiment:
        found.append(f"experiment {now.experiment}, was {before.experiment}")
    found += _code(before.code, now.code)
    if before.arguments != now.arguments:
        found.append(f"arguments {list(now.arguments)}, were {list(before.arguments)}")
    found += _datasets(before.datasets, now.datasets)
    found += _params(before.params, now.params)
    if before.seed != now.seed:
        found.append(f"seed {_or_none(now.seed)}, was {_or_none(before.seed)}")
    if before.deterministic != now.deterministic:
        found.append(f"deterministic kernels {'on' if now.deterministic else 'off'}, and not so before")
    return tuple(found)


def _code(before: Code, now: Code) -> list[str]:
    found = []
    if before.commit != now.commit:
        found.append(f"code of commit {_short(now.commit)}, was {_short(before.commit)}")
    elif before.patch != now.patch:
        found.append("other code that is not committed")
    elif now.commit and (before.dirty or now.dirty) and not now.patch:
        found.append("code that is not committed, so that nobody can compare it")
    if before.entry_point != now.entry_point:
        found.append(f"entry point {now.entry_point}, was {before.entry_point}")
    return found


def _datasets(before: Sequence[DatasetUse], now: Sequence[DatasetUse]) -> list[str]:
    old, new = ({(use.dataset, use.role): use for use in uses} for uses in (before, now))
    found = []
    for name, role in dict.fromkeys([*old, *new]):
        was, use = old.get((name, role)), new.get((name, role))
        if was != use:
            said = [f"version {each.version} ({each.digest[:19]}…)" if each else "none" for each in (use, was)]
            found.append(f"dataset {name} ({role}) {said[0]}, was {said[1]}")
    return found


def _params(before: Mapping[str, JsonValue], now: Mapping[str, JsonValue]) -> list[str]:
    return [
        f"parameter {name} {_value(now, name)}, was {_value(before, name)}"
        for name in dict.fromkeys([*before, *now])
        if _value(before, name) != _value(now, name)
    ]


def _value(params: Mapping[str, JsonValue], name: str) -> str:
    # As text, so that 1 and 1.0 and true, which Python calls equal, are told apart.
    return json.dumps(params[name])[:80] if name in params else "not given"


def _short(commit: str | None) -> str:
    return commit[:12] if commit else "none"


def _or_none(seed: int | None) -> str:
    return "none" if seed is None else str(seed)
