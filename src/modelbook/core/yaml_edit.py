"""Changes a YAML file that a person wrote, and leaves every line of which the data stays the same as it was.

So comments, order and quotes stay where nothing changed. Only block style is edited line by line; a `[list]` or
`{mapping}` that changes is written anew, as a whole.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelbook.core import strict_yaml
from modelbook.core.strict_yaml import Location, Parsed

_LEAD = re.compile(r" *(?:- +)*")
_SCALAR_COMMENT = re.compile(r"[^\"'#]*?( +#.*)")


def rewrite(old: bytes, data: Mapping[str, Any]) -> bytes:
    """The YAML of `old`, changed to hold `data`. What cannot be done line by line is written whole, and loses comments.

    Raises ValueError for what `strict_yaml.read` would refuse.
    """
    editor = _Editor(old, strict_yaml.read(old))
    try:
        written = editor.edited(data)
        if strict_yaml.read(written).data == data:
            return written
    except (_NotByLine, strict_yaml.YamlError):
        pass
    return strict_yaml.write(dict(data))


class _NotByLine(Exception):
    """A part is not written in block style, one child a line."""


class _Editor:
    def __init__(self, old: bytes, parsed: Parsed) -> None:
        self._lines = old.decode().rstrip("\n").split("\n")
        self._parsed = parsed
        self._replaced: list[tuple[int, int, list[str]]] = []  # start, end (counted from 0), and what stands there now

    def edited(self, data: Mapping[str, Any]) -> bytes:
        """The file with `data` in it. Raises _NotByLine."""
        if self._parsed.data != data:
            self._edit((), len(self._lines), self._parsed.data, data)
        lines = list(self._lines)
        for start, end, new in sorted(self._replaced, key=lambda one: one[:2], reverse=True):
            lines[start:end] = new
        return ("\n".join(lines) + "\n").encode()

    def _edit(self, at: Location, end: int, before: Any, after: Any) -> None:
        """Note what has to be replaced in the part `at`, which ends before the line `end`. Raises _NotByLine."""
        if isinstance(before, dict) and isinstance(after, dict) and before and after:
            self._mapping(at, end, before, after)
        elif isinstance(before, list) and isinstance(after, list) and before and after:
            self._sequence(at, end, before, after)
        else:
            raise _NotByLine

    def _mapping(self, at: Location, end: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        spans = self._spans([(*at, key) for key in before], end)
        lead = self._lead(spans[0][0])
        for key, (start, _) in zip(before, spans, strict=True):
            if not self._lines[start][len(lead) :].startswith(f"{key}:"):
                raise _NotByLine
        for number, (key, span) in enumerate(zip(before, spans, strict=True)):
            if key not in after:
                if number == 0 and "-" in lead:
                    raise _NotByLine  # the dash stands on this line
                self._replaced.append((*span, []))
            elif before[key] != after[key]:
                whole = _as_key(key, after[key])
                self._child((*at, key), span, before[key], after[key], whole, self._lead(span[0]))
        new = [line for key in after if key not in before for line in _as_key(key, after[key])]
        self._insert(spans[-1][1], new, len(lead))

    def _sequence(self, at: Location, end: int, before: Sequence[Any], after: Sequence[Any]) -> None:
        spans = self._spans([(*at, number) for number in range(len(before))], end)
        indents = {len(self._lines[start]) - len(self._lines[start].lstrip(" ")) for start, _ in spans}
        if len(indents) != 1 or not all(self._lines[start].lstrip(" ").startswith("- ") for start, _ in spans):
            raise _NotByLine
        (indent,) = indents
        same = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
        head = min(len(before), len(after)) if same is None else same
        tail = 0
        while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
            tail += 1
        old, new = len(before) - tail, len(after) - tail
        for number in range(head, old):
            if number < new:
                item = _as_item(after[number])
                self._child((*at, number), spans[number], before[number], after[number], item, " " * indent)
            else:
                self._replaced.append((*spans[number], []))
        place = spans[old][0] if old < len(spans) else spans[-1][1]
        self._insert(place, [line for item in after[max(head, old) : new] for line in _as_item(item)], indent)

    def _child(self, at: Location, span: tuple[int, int], before: Any, after: Any, whole: list[str], lead: str) -> None:
        """Edit a child, or where it is not written line by line, write it anew."""
        noted = len(self._replaced)
        try:
            self._edit(at, span[1], before, after)
        except _NotByLine:
            del self._replaced[noted:]
            if len(whole) == 1 and (comment := _SCALAR_COMMENT.fullmatch(self._lines[span[0]])):
                whole = [whole[0] + comment[1]]
            self._replaced.append((*span, [lead + whole[0], *_indented(whole[1:], len(lead))]))

    def _spans(self, places: Sequence[Location], end: int) -> list[tuple[int, int]]:
        """The lines of each child, from 0; the comments above one are not of the one before."""
        starts = [self._parsed.lines[place] - 1 for place in places]
        if len(set(starts)) != len(starts) or sorted(starts) != starts or starts[-1] >= end:
            raise _NotByLine
        spans = []
        for start, stop in zip(starts, [*starts[1:], end], strict=True):
            while stop > start + 1 and self._lines[stop - 1].lstrip(" ")[:1] in {"", "#"}:
                stop -= 1
            spans.append((start, stop))
        return spans

    def _lead(self, line: int) -> str:
        found = _LEAD.match(self._lines[line])
        return found[0] if found else ""

    def _insert(self, line: int, new: list[str], indent: int) -> None:
        if new:
            self._replaced.append((line, line, _indented(new, indent)))


def _as_key(key: str, value: Any) -> list[str]:
    return strict_yaml.write({key: value}).decode().rstrip("\n").split("\n")


def _as_item(value: Any) -> list[str]:
    return _as_key("items", [value])[1:]


def _indented(lines: Sequence[str], by: int) -> list[str]:
    return [" " * by + line if line else line for line in lines]
