"""The one reader and the one writer of the registry's YAML.

Read: one document of plain mappings, lists and scalars. Duplicate keys, aliases, tags, a byte order mark, control
characters, deep nesting and large files are refused, each with its line. Numbers are JSON's, so `010`, `1:30` and
`no` are strings, as they look. Written: keys in the order given, strings that any YAML parser could take for
something else quoted.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_NODES = 100_000
MAX_INTEGER = 2**53 - 1  # what every JSON reader holds exactly

Location = tuple[str | int, ...]

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NULL, _TRUE, _FALSE = (
    frozenset({"", "~", "null", "Null", "NULL"}),
    {"true", "True", "TRUE"},
    {"false", "False", "FALSE"},
)
# Control characters, and those that reorder or hide text where a person reviews it.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufffe\uffff"
    "\U000e0000-\U000e007f]"
)


class YamlError(ValueError):
    """Not the YAML that the registry accepts: `message`, and the 1-based `line` where it stands."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Parsed:
    """The data of a document, and the 1-based line of every mapping key and list item in it."""

    data: Any
    lines: dict[Location, int]

    def line_of(self, location: Location) -> int | None:
        """The line of `location`, or of the nearest thing around it that has one."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return None


def read(data: bytes, *, max_bytes: int = MAX_BYTES) -> Parsed:
    """Parse one document. Raises YamlError."""
    if len(data) > max_bytes:
        raise YamlError(f"{len(data):,} bytes is more than the {max_bytes:,} that a registry file may have", None)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise YamlError("not UTF-8", data.count(b"\n", 0, error.start) + 1) from None
    hidden = UNSEEN.search(text)
    if hidden:
        what = {"\ufeff": "a byte order mark", "\r": "a carriage return"}.get(
            hidden[0], f"the invisible character U+{ord(hidden[0]):04X}"
        )
        raise YamlError(
            f"{what} is not allowed; save the file as plain UTF-8 with LF line ends",
            text.count("\n", 0, hidden.start()) + 1,
        )
    return _Builder(text).document()


class _Builder:
    """Turns libyaml's events into data, without its resolver, its constructors or recursion that input controls."""

    def __init__(self, text: str) -> None:
        self._events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._lines: dict[Location, int] = {}
        self._nodes = 0

    def document(self) -> Parsed:
        try:
            self._next()  # StreamStart
            if isinstance(self._next(), yaml.StreamEndEvent):
                return Parsed(None, {})
            data = self._value((), self._next())
            self._next()  # DocumentEnd
            more = self._next()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise YamlError(str(error.problem or error.context), mark.line + 1 if mark else None) from None
        except yaml.YAMLError as error:
            raise YamlError(str(error), None) from None
        if not isinstance(more, yaml.StreamEndEvent):
            raise YamlError("a second document begins here; a file holds one", more.start_mark.line + 1)
        return Parsed(data, self._lines)

    def _next(self) -> Any:
        return next(self._events)

    def _value(self, at: Location, event: Any) -> Any:
        line = event.start_mark.line + 1
        self._lines.setdefault(at, line)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise YamlError(f"more than {MAX_NODES:,} values", line)
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise YamlError("anchors and aliases are not allowed; write the value out", line)
        if event.tag is not None:
            raise YamlError(f"the tag {event.tag!r} is not allowed; values are plain", line)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event.value, line) if event.implicit[0] else event.value
        if len(at) >= MAX_DEPTH:
            raise YamlError(f"nested more than {MAX_DEPTH} deep", line)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(at)
        return self._mapping(at)

    def _sequence(self, at: Location) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value((*at, len(items)), event))
        return items

    def _mapping(self, at: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag is not None:
                raise YamlError("a key must be a plain word, without anchor or tag", line)
            key = event.value
            if key in found:
                first = self._lines[(*at, key)]
                raise YamlError(f"the key {key!r} stands twice (first on line {first})", line)
            self._lines[(*at, key)] = line
            found[key] = None
            found[key] = self._value((*at, key), self._next())
        return found


def _scalar(text: str, line: int) -> str | int | float | bool | None:
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
            raise YamlError(f"{text[:40]} is larger than 2^53 - 1; quote it if it is an identifier", line)
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise YamlError(f"{text[:40]} is too large for a number", line)
        return number
    return text


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # chosen at run time
    """PyYAML's writer, taught to quote also what only this reader takes for a number."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"^(?:{_FLOAT.pattern})$"), list("-0123456789"))


def _represent_text(dumper: Any, text: str) -> Any:
    block = "\n" in text and not UNSEEN.search(text) and not re.search(r"[ \t]\n|^[ \n\t]|\t", text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if block else None)


def _represent_number(dumper: Any, number: float) -> Any:
    if not math.isfinite(number):
        raise ValueError(f"{number} cannot be written: the registry holds finite numbers only")
    digits = repr(number)
    if "e" in digits and "." not in digits:
        digits = digits.replace("e", ".0e")  # YAML 1.1 takes `1e-07` for a text
    return dumper.represent_scalar("tag:yaml.org,2002:float", digits)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(float, _represent_number)


def write(data: dict[str, Any]) -> bytes:
    """The document as UTF-8 YAML, keys in the order given. Raises ValueError for what `read` would refuse."""
    text = _dump(data, plain=True)
    # What a reader cannot see is written as an escape, so that it shows in a diff and reads back.
    written = (text if not UNSEEN.search(text) else _dump(data, plain=False)).encode()
    read(written)
    return written


def _dump(data: dict[str, Any], *, plain: bool) -> str:
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=plain, width=2**20, default_flow_style=False
    )
    return text
