"""From bytes to a checked record and back: every document of the registry goes through here.

The bytes are read once; what is hashed is what is parsed.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from modelbook.core import strict_yaml
from modelbook.core.findings import Finding
from modelbook.core.patterns import in_words
from modelbook.core.records import Frozen
from modelbook.errors import BadInput

Record = TypeVar("Record", bound=Frozen)


class DocumentError(BadInput):
    """A document is not what it should be; `findings` holds everything that is wrong with it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        super().__init__(first.message, where=first.path, line=first.line, remedy=first.remedy)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


@contextmanager
def noted(findings: list[Finding]) -> Iterator[None]:
    """Where the block meets a document that is not what it should be, it ends, and what is wrong joins `findings`."""
    try:
        yield
    except DocumentError as error:
        findings += [one for one in error.findings if one not in findings]


def load(kind: type[Record], data: bytes, path: str) -> Record:
    """The record that `data` holds. Raises DocumentError with every problem and its line in `path`."""
    return load_lines(kind, data, path)[0]


def load_lines(kind: type[Record], data: bytes, path: str) -> tuple[Record, strict_yaml.Parsed]:
    """As `load`, with the parsed document beside it, so that later findings can name a line too."""
    try:
        parsed = strict_yaml.read(data)
    except strict_yaml.YamlError as error:
        raise DocumentError([Finding(path, error.line, "yaml", error.message)]) from None
    return validate(kind, parsed, path), parsed


def validate(kind: type[Record], parsed: strict_yaml.Parsed, path: str) -> Record:
    """The record in data that is parsed already. Raises DocumentError."""
    try:
        # By way of JSON: pydantic's strict mode then takes a list for a tuple, but never `"1"` or `true` for a number.
        return kind.model_validate_json(json.dumps(parsed.data))
    except ValidationError as error:
        problems = [problem for problem in error.errors(include_url=False) if not _is_echo(problem)]
        findings = {_finding(kind, problem, parsed, path) for problem in _of_unions(problems, parsed.data)}
        raise DocumentError(sorted(findings, key=lambda f: (f.line or 0, f.message))) from None


def dump(record: Frozen) -> bytes:
    """The record as YAML, keys in the order of its fields, absent optional values left out.

    Raises BadInput for what `load` would not read back: more than 2^53 - 1, more than a megabyte.
    """
    try:
        return strict_yaml.write(record.model_dump(mode="json", exclude_none=True))
    except ValueError as error:
        raise BadInput(f"this cannot be written as a file of the registry: {error}") from None


def _finding(kind: type[Frozen], problem: Any, parsed: strict_yaml.Parsed, path: str) -> Finding:
    location = tuple(problem["loc"])
    spot = _spot(parsed.data, location)
    line = parsed.line_of(spot)
    dotted = ".".join(str(part) for part in spot)
    key = str(location[-1]) if location else ""
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _keys(kind, location[:-1]), n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else "Remove it, or check the spelling."
        return Finding(path, line, "unknown-key", f"unknown key {dotted!r}", remedy)
    if problem["type"] == "missing":
        place = f" in {dotted!r}" if dotted else ""
        return Finding(path, line, "missing-key", f"the key {key!r} is missing{place}")
    if problem["type"] == "literal_error" and location == ("format",):
        return Finding(
            path,
            line,
            "format",
            f"this Modelbook does not know the format {problem['input']!r}; {problem['msg'].lower()}",
        )
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "string_pattern_mismatch":
        message = in_words(problem["ctx"]["pattern"]) or message
    elif problem["type"] in {"too_short", "too_long"}:
        most = problem["type"] == "too_long"
        count = problem["ctx"]["max_length" if most else "min_length"]
        bound = f"may have at most {count}" if most else f"needs at least {count}"
        message = f"it {bound} item{'' if count == 1 else 's'}"
    shown = json.dumps(problem["input"])
    value = f" (it is {shown})" if len(shown) <= 80 and not isinstance(problem["input"], dict | list) else ""
    return Finding(path, line, "invalid", f"{dotted or 'the document'}: {message}{value}")


def _of_unions(problems: Sequence[Any], data: Any) -> list[Any]:
    """The problems, one for each place where a value is nothing of a union: pydantic tells one for each member.

    Where the type is that of a member, only what is wrong with the value as that is kept.
    """
    kept: list[Any] = []
    types: dict[tuple[Any, ...], list[Any]] = {}
    for problem in problems:
        spot = _spot(data, tuple(problem["loc"]))
        if spot != tuple(problem["loc"]) and problem["type"].endswith("_type"):
            types.setdefault(spot, []).append(problem)
        else:
            kept.append(problem)
    told = [_spot(data, tuple(problem["loc"])) for problem in kept]
    for spot, each in types.items():
        if not any(one[: len(spot)] == spot for one in told):
            words = [one["msg"].removeprefix("Input should be ") for one in each]
            listed = " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
            kept.append(each[0] | {"msg": f"Input should be {listed}"})
    return kept


def _is_echo(problem: Any) -> bool:
    """Whether pydantic calls a list too short only because it left out the items that it reports by themselves."""
    return bool(problem["type"] == "too_short" and len(problem["input"]) >= problem["ctx"]["min_length"])


def _spot(data: Any, location: tuple[Any, ...]) -> tuple[Any, ...]:
    """`location` as far as it exists in the data: pydantic puts the names of union members in between."""
    spot: list[Any] = []
    for part in location:
        if (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        ):
            data = data[part]
            spot.append(part)
    return tuple(spot)


def _keys(kind: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys that the record at `location` inside `kind` may have, for a hint; none where that is not clear."""
    at: Any = kind
    for part in location:
        # Indexes, the keys of a mapping and the names of union members lead no deeper.
        if isinstance(at, type) and issubclass(at, BaseModel) and part in at.model_fields:
            at = _record_in(at.model_fields[part].annotation)
    return list(at.model_fields) if at is not None else []


def _record_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if found := _record_in(part):
            return found
    return None


def repeated(values: Sequence[str]) -> str | None:
    """The first value that stands twice, or None."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


Files = Mapping[str, bytes]
"""Bytes by path inside the registry folder, such as `models/digits/versions/1/card.yaml`."""
