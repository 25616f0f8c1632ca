"""The one reader and the one writer of the registry's YAML.

Read: one document of plain mappings, lists and scalars. Duplicate keys, aliases, tags, a byte order mark, control
characters, deep nesting and large files are refused, each with its line. Numbers are JSON's, so `010`, `1:30` and
`no` are strings, as they look. Written: keys in the order given, strings that any YAML parser could take for
something else quoted.
"""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from modelbook.core import plain_yaml
from modelbook.core.unseen import UNSEEN

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_NODES = 100_000
MAX_INTEGER = 2**53 - 1  # what every JSON reader holds exactly

Location = tuple[str | int, ...]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")  # its group is empty in an integer
_WORDS: dict[str, bool | None] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)


class YamlError(ValueError):
    """Not the YAML that the registry accepts: `message`, and the 1-based `line` where it stands."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Parsed:
    """The data of a document; and where things stand in it, which is found out when it is asked."""

    data: Any
    text: str

    @cached_property
    def lines(self) -> dict[Location, int]:
        """The 1-based line of the document, and of every mapping key and list item in it."""
        lines: dict[Location, int] = {}
        _Builder(self.text, lines).document()
        return lines

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
    # What Python calls printable holds none of UNSEEN, and is sooner told.
    hidden = None if text.replace("\n", "").isprintable() else UNSEEN.search(text)
    if hidden:
        what = {"\ufeff": "a byte order mark", "\r": "a carriage return"}.get(
            hidden[0], f"the invisible character U+{ord(hidden[0]):04X}"
        )
        raise YamlError(
            f"{what} is not allowed; save the file as plain UTF-8 with LF line ends",
            text.count("\n", 0, hidden.start()) + 1,
        )
    plain = plain_yaml.read(text, _word)
    return Parsed(_Builder(text).document() if plain is None else plain, text)


class _Builder:
    """Turns libyaml's events into data, without its resolver, its constructors or recursion that input controls.

    This is most of what verifying costs, so lines are kept only where somebody asks for them.
    """

    def __init__(self, text: str, lines: dict[Location, int] | None = None) -> None:
        self._text = text
        self._next = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text).get_event
        self._lines = lines
        self._nodes = 0

    def document(self) -> Any:
        try:
            self._next()  # StreamStart
            event = self._next()
            if type(event) is yaml.StreamEndEvent:
                return None
            data = self._value((), 0, self._next())
            self._next()  # DocumentEnd
            more = self._next()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise YamlError(str(error.problem or error.context), mark.line + 1 if mark else None) from None
        except yaml.YAMLError as error:
            raise YamlError(str(error), None) from None
        if type(more) is not yaml.StreamEndEvent:
            raise YamlError("a second document begins here; a file holds one", _line(more))
        return data

    def _value(self, at: Location, depth: int, event: Any) -> Any:
        if self._lines is not None:
            self._lines.setdefault(at, _line(event))
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise YamlError(f"more than {MAX_NODES:,} values", _line(event))
        kind = type(event)
        if kind is yaml.AliasEvent or event.anchor:
            raise YamlError("anchors and aliases are not allowed; write the value out", _line(event))
        if event.tag is not None:
            raise YamlError(f"the tag {event.tag!r} is not allowed; values are plain", _line(event))
        if kind is yaml.ScalarEvent:
            return _scalar(event) if event.implicit[0] else event.value
        if depth >= MAX_DEPTH:
            raise YamlError(f"nested more than {MAX_DEPTH} deep", _line(event))
        if kind is yaml.SequenceStartEvent:
            return self._sequence(at, depth + 1)
        return self._mapping(at, depth + 1)

    def _sequence(self, at: Location, depth: int) -> list[Any]:
        items: list[Any] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            inner = at if self._lines is None else (*at, len(items))
            items.append(self._value(inner, depth, event))
        return items

    def _mapping(self, at: Location, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (kind := type(event := self._next())) is not yaml.MappingEndEvent:
            if kind is not yaml.ScalarEvent or event.anchor or event.tag is not None:
                raise YamlError("a key must be a plain word, without anchor or tag", _line(event))
            key = event.value
            if key in found:
                if self._lines is None:  # once more, to tell where the first one stands
                    _Builder(self._text, {}).document()
                first = (self._lines or {}).get((*at, key))
                raise YamlError(f"the key {key!r} stands twice (first on line {first})", _line(event))
            inner = at
            if self._lines is not None:
                inner = (*at, key)
                self._lines[inner] = _line(event)
            found[key] = None
            found[key] = self._value(inner, depth, self._next())
        return found


def _line(event: Any) -> int:
    line: int = event.start_mark.line + 1
    return line


def _scalar(event: Any) -> str | int | float | bool | None:
    try:
        return _word(event.value)
    except ValueError as error:
        raise YamlError(str(error), _line(event)) from None


def _word(text: str) -> str | int | float | bool | None:
    """What a word means that is not quoted. Raises ValueError for a number that is out of range."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-0123456789":
        return text
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    if found[1]:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"{text[:40]} is too large for a number")
        return number
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise ValueError(f"{text[:40]} is larger than 2^53 - 1; quote it if it is an identifier")
    return int(text)


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # chosen at run time
    """PyYAML's writer, taught to quote also what only this reader takes for a number."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"^(?:{_NUMBER.pattern})$"), list("-0123456789"))


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
