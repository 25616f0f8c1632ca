"""The quick way through the YAML that the registry itself writes; for anything else there is libyaml.

Most of what verifying costs is reading cards, and nearly every card is of a few kinds of lines: a key, a key with a
plain word or one in single quotes, and the same after a dash. Such a text is read here, several times as quickly. What
is not surely of these lines (a comment, a block of text, an escape, odd indents, a key that stands twice, a number out
of range) is none of its business: `read` returns None, and libyaml reads it, or says what is wrong and where.

Half of a document is the environment that it was made in, which it shares with many others: that is read once.
"""

import marshal
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_DEEP = 10  # containers; libyaml's part says where too deep begins
_LONG = 900  # characters of a line; libyaml takes no key that is longer than 1024
_REST = r"[A-Za-z0-9_/.+@=<>()-]*"
_LINE = re.compile(
    r"^((?:  )*)(- )?(?:([A-Za-z_][A-Za-z0-9_.-]*)(:))?"  # indent, dash, key, its colon
    r"(?:(?:(?<=:) |(?<=- ))(?:"
    # A colon or a space in a plain word is one only before a letter or the like: `: ` and ` #` mean other things.
    rf"((?:[A-Za-z0-9_/.]|-(?=[0-9])){_REST}(?:[: ](?=[A-Za-z0-9_/(<]){_REST})*)"
    r"|('[ -&(-~]*')|(\[\]|\{\})))?\n",
    re.MULTILINE,
)


_SHARED = re.compile(r"^((?:  )?)environment:\n((?:\1  .*\n)+)", re.MULTILINE)
_PLACE = "environment-which-is-read-once"  # what stands for it meanwhile


def read(text: str, scalar: Callable[[str], Any]) -> dict[str, Any] | None:
    """The mapping that `text` holds, or None if it is not surely of the plain kind.

    `scalar` makes a value of a plain word; a ValueError of it means None too.
    """
    shared = _SHARED.search(text)
    if shared and _PLACE not in text and (block := _block(shared[2], len(shared[1]) + 2, scalar)):
        # A block of plain lines means the same wherever it stands, so it is read by itself and put where it belongs.
        whole = _read(f"{text[: shared.start(2) - 1]} {_PLACE}\n{text[shared.end() :]}", scalar)
        holder = whole.get("lineage") if whole and shared[1] else whole
        if whole and type(holder) is dict and holder.get("environment") == _PLACE:
            holder["environment"] = marshal.loads(block)  # noqa: S302 - of this process's own making
            return whole
    return _read(text, scalar)


@lru_cache(maxsize=64)
def _block(lines: str, indent: int, scalar: Callable[[str], Any]) -> bytes | None:
    """The mapping in `lines`, which are indented, as bytes of which each reader gets a copy of its own."""
    found = _read("".join(line[indent:] for line in lines.splitlines(keepends=True)), scalar)
    return None if found is None else marshal.dumps(found)


def _read(text: str, scalar: Callable[[str], Any]) -> dict[str, Any] | None:
    lines = _LINE.findall(text)
    if len(lines) != text.count("\n") or text[-1:] != "\n" or max(map(len, text.split("\n"))) > _LONG:
        return None
    root: dict[str, Any] = {}
    stack: list[tuple[int, Any]] = [(0, root)]
    opened: str | None = None  # a key of the mapping on top of the stack that has no value yet
    level, holder, in_list = 0, root, False  # what is on top of the stack
    for indent, dash, key, colon, plain, quoted, empty in lines:
        depth = len(indent)
        if depth != level or dash or in_list or opened is not None:
            if not _entered(stack, opened, depth, bool(dash)):
                return None
            opened = None
            if dash and colon:
                depth, holder = depth + 2, {}
                stack[-1][1].append(holder)
                stack.append((depth, holder))
            level, holder = stack[-1]
            in_list = type(holder) is list
            if len(stack) > _DEEP:
                return None
        value: Any = None
        try:
            if plain:
                value = scalar(plain)
            elif quoted:
                value = quoted[1:-1]
            elif empty:
                value = [] if empty == "[]" else {}
            elif colon:
                opened = key
            else:
                return None
        except ValueError:
            return None
        if not colon:
            if not in_list:
                return None
            stack[-1][1].append(value)
        elif key in holder:
            return None
        else:
            holder[key] = value
    return root if root and opened is None else None


def _entered(stack: list[tuple[int, Any]], opened: str | None, depth: int, dash: bool) -> bool:
    """Whether a line at this depth belongs somewhere: the top of `stack` is then what it belongs to."""
    if opened is not None:
        above, holder = stack[-1]
        if depth != above + 2 and not (dash and depth == above):
            return False
        inner: Any = [] if dash else {}
        holder[opened] = inner
        stack.append((depth, inner))
        return True
    while stack[-1][0] > depth:
        stack.pop()
    if not dash and type(stack[-1][1]) is list:  # a list may stand as deep as the key that it belongs to
        stack.pop()
    return bool(stack) and stack[-1][0] == depth and (type(stack[-1][1]) is list) == dash
