"""What is wrong with a sweep file beyond the shape of it, each thing with its line."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from modelbook.core.documents import DocumentError, load_lines
from modelbook.core.findings import Finding
from modelbook.core.strict_yaml import Parsed
from modelbook.core.sweeps.search_space import dimension, dimensions, distribution_of, is_one_of, most_points
from modelbook.core.sweeps.sweep import MOST_POINTS, Parameter, Sweep

# What W&B users know, and Optuna has not, or W&B means by exponents.
_OTHERS = {
    "log_uniform": "W&B's log_uniform takes exponents. Write log_uniform_values, with the values themselves.",
    "q_log_uniform": "W&B's q_log_uniform takes exponents. Write q_log_uniform_values, with the values themselves.",
    "inv_log_uniform": "Write log_uniform_values, with the values themselves.",
    "inv_log_uniform_values": "Write log_uniform_values.",
    "normal": "Give the range that it may lie in: uniform, with min and max.",
    "q_normal": "Give the range that it may lie in: q_uniform, with min, max and q.",
    "log_normal": "Give the range that it may lie in: log_uniform_values, with min and max.",
    "q_log_normal": "Give the range that it may lie in: q_log_uniform_values, with min and max.",
}
_KEYS = {
    "run_cap": "Write budget: {trials: 20}.",
    "command": "The script is started by modelbook train: name it in program.",
}
_ONE = "Remove one of them: to a sampler 1, 1.0 and true are the same."
_LOG = {"log_uniform_values", "q_log_uniform_values"}


def load_sweep(data: bytes, path: str) -> Sweep:
    """The sweep that the file `path` holds. Raises DocumentError with everything that is wrong, each with its line."""
    try:
        sweep, parsed = load_lines(Sweep, data, path)
    except DocumentError as error:
        raise DocumentError([_known_elsewhere(finding) for finding in error.findings]) from None
    found = [_at(parsed, path, *one) for one in _problems(sweep)]
    if found:
        raise DocumentError(sorted(found, key=lambda finding: (finding.line or 0, finding.message)))
    return sweep


def _known_elsewhere(finding: Finding) -> Finding:
    for name, remedy in _OTHERS.items():
        if f'(it is "{name}")' in finding.message and ".distribution:" in finding.message:
            return replace(finding, message=f"{finding.message.partition(':')[0]}: no {name} here", remedy=remedy)
    key = finding.message.removeprefix("unknown key ").strip("'")
    return replace(finding, remedy=_KEYS[key]) if key in _KEYS else finding


_MOST_STEPS = 10**12  # of which floats still tell each from the next

Problem = tuple[tuple[str | int, ...], str, str | None]
"""Where, what is wrong, what to do."""


def _at(parsed: Parsed, path: str, location: tuple[str | int, ...], message: str, remedy: str | None) -> Finding:
    dotted = ".".join(str(part) for part in location)
    return Finding(path, parsed.line_of(location), "sweep", f"{dotted}: {message}" if dotted else message, remedy)


def _problems(sweep: Sweep) -> Iterator[Problem]:
    wrong: list[Problem] = [
        (("parameters", name, *at), message, remedy)
        for name, parameter in sweep.parameters.items()
        for at, message, remedy in _parameter(parameter)
    ]
    yield from wrong
    yield from _method(sweep)
    yield from _early(sweep)
    if sweep.name in sweep.inherit:
        yield ("inherit",), f"{sweep.name!r} cannot inherit from itself", "Give this sweep a name of its own."
    if wrong:
        return  # of conditions and sizes nothing can be said
    conditions = list(_conditions(sweep))
    yield from conditions
    if not conditions:
        yield from _grid(sweep) if sweep.method == "grid" else _points(sweep)


def _parameter(parameter: Parameter) -> Iterator[Problem]:
    given = [name for name in ("value", "values", "min", "max") if getattr(parameter, name) is not None]
    kinds = [kind for kind in (("value",), ("values",), ("min", "max")) if set(kind) & set(given)]
    if len(kinds) != 1:
        words = " and ".join(given) or "nothing to try"
        yield (), f"it has {words}", "Give one of them: value, values, or min with max."
        return
    kind = distribution_of(parameter)
    if kinds[0] != ("min", "max"):
        if parameter.distribution not in {None, "constant" if kinds[0] == ("value",) else "categorical"}:
            yield ("distribution",), f"{kind} goes with min and max", "Leave it out."
        if parameter.q is not None:
            yield ("q",), "a step goes with min and max", "Leave it out."
        if parameter.values and (twin := _twin(parameter.values)) is not None:
            yield ("values", twin), f"the value {parameter.values[twin]!r} stands twice, or its equal does", _ONE
        return
    low, high = parameter.min, parameter.max
    if low is None or high is None:
        yield (), f"it has {given[0]} alone", "Give min and max."
        return
    if kind in {"constant", "categorical"}:
        yield ("distribution",), f"{kind} goes with values", "Give values, or leave the distribution out."
        return
    if low >= high:
        yield ("min",), f"min {low} is not below max {high}", "For one value alone, write value."
    if kind in _LOG and low <= 0:
        remedy = "Give the least value that is worth a try, as in 1e-5."
        yield ("min",), f"there is no logarithm of {low}: {kind} needs min above 0", remedy
    if not math.isfinite(float(high) - float(low)):
        yield ("max",), f"from {low} to {high} is further than a number can say", "Give a range that is worth a try."
        return
    yield from _step(parameter, kind, low, high)


def _step(parameter: Parameter, kind: str, low: float, high: float) -> Iterator[Problem]:
    q = parameter.q
    whole = all(isinstance(each, int) for each in (low, high))
    if kind in {"int_uniform", "q_log_uniform_values"} and not whole:
        yield ("min",), f"{kind} goes from one whole number to another", "Write them without a point."
    if kind == "q_log_uniform_values" and q not in {None, 1}:
        yield ("q",), "whole numbers on a logarithmic scale have no other step than 1", "Leave q out."
    elif kind == "q_uniform" and q is None:
        yield (), "q_uniform needs a step", "Give q, or write uniform."
    elif q is not None and kind in {"uniform", "log_uniform_values"}:
        yield ("q",), f"{kind} has no step", "Write q_uniform, or leave q out."
    elif q is not None and q <= 0:
        yield ("q",), f"a step of {q} leads nowhere", "Give one above 0."
    elif q is not None and low < high and q > high - low:
        yield ("q",), f"a step of {q} is longer than the way from {low} to {high}", "Give a shorter one."
    elif q is not None and low < high and (high - low) / q > _MOST_STEPS:
        yield ("q",), f"there are more than {_MOST_STEPS:,} steps of {q} from {low} to {high}", "Leave q out."
    elif q is not None and kind == "int_uniform" and not isinstance(q, int):
        yield ("q",), f"whole numbers have no step of {q}", "Write a whole number, or q_uniform with min and max so."


def _twin(values: tuple[object, ...]) -> int | None:
    """The place of the first value that stands twice. Optuna takes 1, 1.0 and true for one value."""
    return next((place for place, value in enumerate(values) if value in values[:place]), None)


def _method(sweep: Sweep) -> Iterator[Problem]:
    if sweep.sampler and sweep.method != "bayes":
        yield (
            ("sampler",),
            f"the method {sweep.method} has no sampler to choose",
            "Leave it out, or write method: bayes.",
        )
    if sweep.method != "grid" and not any(sweep.budget.model_dump().values()):
        remedy = "Write budget: {trials: 20}; gpu_hours and patience end it as well."
        yield ("method",), f"{sweep.method} never ends: there is no budget", remedy
    if sweep.sampler == "cmaes":
        for name, one in sweep.parameters.items():
            if one.when:
                yield ("parameters", name, "when"), "CMA-ES knows no conditions", "Take the sampler tpe."
        if not any(one.min is not None for one in sweep.parameters.values()):
            yield (
                ("sampler",),
                "CMA-ES chooses numbers between min and max, and there are none",
                "Take the sampler tpe.",
            )


def _early(sweep: Sweep) -> Iterator[Problem]:
    early = sweep.early_terminate
    if early is None:
        return
    if sweep.nproc is not None and sweep.nproc > 1:
        message = "a trial in several processes cannot be stopped by one of them"
        yield ("early_terminate",), message, "Leave early_terminate out, or nproc."
    if early.type == "hyperband" and early.max_iter is None:
        yield (
            ("early_terminate",),
            "hyperband needs max_iter, the steps of a whole trial",
            "Add it, or take type: asha.",
        )
    if early.max_iter is not None and early.type != "hyperband":
        yield ("early_terminate", "max_iter"), f"{early.type} has no use for it", "Leave it out."
    if early.max_iter is not None and early.max_iter < early.min_iter:
        message = f"min_iter {early.min_iter} is more than max_iter {early.max_iter}"
        yield ("early_terminate", "min_iter"), message, "A trial has max_iter steps in all."


def _conditions(sweep: Sweep) -> Iterator[Problem]:
    known: Mapping[str, Parameter] = sweep.parameters
    for name, parameter in known.items():
        for other, asked in parameter.when.items():
            at = ("parameters", name, "when", other)
            if other not in known:
                yield at, f"there is no parameter {other!r}", f"There are: {', '.join(known)}."
                continue
            choices = dimension(other, known[other]).choices
            if not choices:
                yield at, f"{other!r} is a range, and a condition asks for one of some values", "Give it values."
                continue
            for value in asked if isinstance(asked, tuple) else (asked,):
                if not is_one_of(value, choices):
                    shown = ", ".join(map(repr, choices[:10]))
                    yield at, f"{other!r} is never {value!r}", f"Its values: {shown}."
    placed = {one.name for one in dimensions(sweep)}
    for name, parameter in known.items():
        if name not in placed and all(other in known for other in parameter.when):
            yield ("parameters", name, "when"), "the conditions go round in a circle", "One of them must have none."


def _grid(sweep: Sweep) -> Iterator[Problem]:
    endless = [one.name for one in dimensions(sweep) if one.size() is None]
    for name in endless:
        remedy = "Give values, or q with distribution: q_uniform; or take method: random."
        yield ("parameters", name), "a grid has no end between two numbers", remedy
    if not endless and (count := most_points(sweep)) > MOST_POINTS:
        remedy = "Try fewer values, or take method: random or bayes with a budget."
        yield ("method",), f"a grid of {count:,} points is more than the {MOST_POINTS:,} that are tried", remedy


def _points(sweep: Sweep) -> Iterator[Problem]:
    """All trials have the same seed: one with the parameters of another would find the same."""
    if any(one.size() is None for one in dimensions(sweep)):
        return
    count, trials = most_points(sweep), sweep.budget.trials
    if count == 1:
        yield ("parameters",), "there is nothing to search: each of them has one value", "Give one several values."
    elif trials and trials > count:
        message = f"{trials} trials of {count} points train some of them twice over"
        yield ("budget", "trials"), message, "Ask for fewer, or take method: grid."
