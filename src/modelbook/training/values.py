"""What a training script hands in, turned into what a log can hold; a clear refusal for the rest."""

import json
import math
import operator
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from modelbook.core.digests import digest_of
from modelbook.core.records import FilePath
from modelbook.core.storage import artifact_key, file_key
from modelbook.errors import BadInput

_MAX_NAME = 200
_MAX_STEP = 9_999_999_999  # ten digits, as in a checkpoint's key
_RESERVED = {"card.yaml", "model.sig"}  # they join the model's folder when it is registered
RESERVED_FOLDER = "modelbook"
"""What Modelbook itself puts into the model's folder lies here."""
_FILE_PATH: TypeAdapter[str] = TypeAdapter(FilePath)
_TRUTH = {"true": True, "false": False}


def check_name(name: object, what: str) -> str:
    """`name` itself, if it can name a metric or a parameter. Raises BadInput otherwise."""
    if isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable():
        return name
    raise BadInput(
        f"{str(name)[:80]!r} cannot name a {what}",
        remedy=f"Use 1 to {_MAX_NAME} printable characters.",
    )


def check_artifact_name(run_id: str, name: str) -> None:
    """Raise BadInput if `name` is no path inside a model's folder."""
    artifact_key(run_id, name)
    _check_path(name, "an artifact")
    if name.lower() in _RESERVED:
        raise BadInput(f"{name!r} is written at registration", remedy="Choose another name.")
    if name.lower().split("/")[0] == RESERVED_FOLDER:
        raise BadInput(f"{name!r}: {RESERVED_FOLDER}/ is for Modelbook's own files", remedy="Choose another name.")


def check_file_name(run_id: str, name: str) -> None:
    """Raise BadInput if `name` is no path for a file of a run."""
    file_key(run_id, name, digest_of(b""))
    _check_path(name, "a file of a run")


def _check_path(name: str, what: str) -> None:
    try:
        _FILE_PATH.validate_python(name)
    except ValidationError:
        raise BadInput(
            f"{name!r} is not a name for {what}",
            remedy="Use letters, digits and . _ - + @ = , in segments divided by '/', none beginning with a dot.",
        ) from None


def metric_value(name: str, value: Any) -> float:
    """A metric as a float64: from a number, or a NumPy or torch scalar. Raises BadInput for anything else."""
    number = value
    if not isinstance(value, int | float | str) and hasattr(value, "item"):
        try:
            number = value.item()
        except (ValueError, RuntimeError):
            size = getattr(value, "shape", "several elements")
            raise BadInput(
                f"metric {name!r} is not one number but {size}", remedy="Log its mean, or each by name."
            ) from None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise BadInput(
            f"metric {name!r} is {str(value)[:80]!r}, a {type(value).__name__}, and a metric is a number",
            remedy="Log a number; for words there are run.log_params and run.add_tags.",
        )
    try:
        return float(number)
    except OverflowError:
        raise BadInput(f"metric {name!r} is too large for a float64") from None


def step_value(step: Any) -> int:
    """A step as a whole number from 0 on. Raises BadInput otherwise."""
    try:
        number = operator.index(step)
    except TypeError:
        number = -1
    if isinstance(step, bool) or not 0 <= number <= _MAX_STEP:
        raise BadInput(f"{str(step)[:80]!r} is no step", remedy=f"Give a whole number from 0 to {_MAX_STEP}.")
    return number


def json_params(params: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Parameters as JSON values; paths as text, NumPy and torch scalars as numbers. Raises BadInput otherwise."""
    if not isinstance(params, Mapping):
        raise BadInput(f"parameters are a mapping of names to values, not a {type(params).__name__}")
    return {check_name(name, "parameter"): _json(name, value) for name, value in params.items()}


def _json(name: str, value: Any) -> JsonValue:
    def known(inner: Any) -> Any:
        if isinstance(inner, PurePath):
            return str(inner)
        if hasattr(inner, "item") and getattr(inner, "shape", None) == ():
            return inner.item()
        raise TypeError(f"a {type(inner).__name__}")

    try:
        # There and back, so that what the run goes on with is what its record says.
        restored: JsonValue = json.loads(json.dumps(value, allow_nan=False, default=known))
        json.dumps(restored, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"parameter {name!r} cannot be written as JSON: {error}",
            remedy="Log numbers, texts, true, false, none, and lists and dicts of them.",
        ) from None
    return restored


def typed(name: str, value: JsonValue, default: Any) -> Any:
    """`value` as the type of `default`: what the command line gave as text becomes what the code expects.

    Raises BadInput where it is nothing of that type; a default of None takes any value.
    """
    if default is None or type(value) is type(default):
        return value
    made = _converted(value, default)
    if made is None:
        shown = json.dumps(value)
        raise BadInput(
            f"parameter {name!r} is {shown[:80]}, and the training code expects {_article(default)}",
            remedy=f"Its default is {default!r}: give a value of that type, --param {name}=…",
        )
    return made


def _converted(value: JsonValue, default: Any) -> Any:
    if isinstance(default, bool):
        return _TRUTH.get(value.lower()) if isinstance(value, str) else None
    if isinstance(default, int | float):
        return _number(value, whole=isinstance(default, int))
    if isinstance(default, str):
        # The command line read a number where the code wants its digits.
        return json.dumps(value) if isinstance(value, int | float) else None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if isinstance(default, tuple):
        return tuple(value) if isinstance(value, list) else None
    return value if type(value) is type(default) else None


def _number(value: JsonValue, *, whole: bool) -> int | float | None:
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if not whole:
        return float(value)
    return int(value) if value == int(value) else None


def _article(default: Any) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", list: "a list"}
    return words.get(type(default), f"a {type(default).__name__}")
