"""Hypothesis strategies that spoil a thing which is in order: its bytes, or the parts of its JSON."""

import json
from typing import Any

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["", "sha256", "\x1b[2J", "\ud800", "YQ==", "0" * 64])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def spoilt_bytes(draw: st.DrawFn, original: bytes, other: bytes = b"") -> bytes:
    """Bytes flipped, put in, cut out, said twice, or taken from another such thing."""
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        end = at + draw(st.integers(0, 40))
        how = draw(st.sampled_from(["flip", "insert", "delete", "repeat", "splice", "cut"]))
        if how == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "insert":
            data[at:at] = draw(
                st.binary(max_size=4) | st.sampled_from([b"\n", b" ", b"{}", b"\xef\xbb\xbf", b"\\u0000"])
            )
        elif how == "delete":
            del data[at:end]
        elif how == "repeat":
            data[at:at] = data[at:end]
        elif how == "splice":
            data[at:end] = other[at:end]
        else:
            del data[at:]
    return bytes(data)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a JSON value each part of it stands."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [place for name, part in inner for place in places(part, (*at, name))]


@st.composite
def spoilt_json(draw: st.DrawFn, original: bytes) -> Any:
    """A part taken out, put in, put in the place of another, or made into something else."""
    value = json.loads(original)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.sampled_from(places(value)[1:] or [("none",)]))
        holder = value
        for name in at[:-1]:
            holder = holder[name]
        how = draw(st.sampled_from(["delete", "replace", "add", "move"]))
        if how == "delete" and len(places(value)) > 1:
            del holder[at[-1]]
        elif how == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(["extra", "certificate", "keyid", "", "subject", "hint"]))] = draw(JSON)
        elif how == "add" and isinstance(holder, list):
            holder.append(draw(JSON))
        elif how == "move" and len(places(value)) > 1:
            found = value
            for name in draw(st.sampled_from(places(value))):
                found = found[name]
            holder[at[-1]] = json.loads(json.dumps(found))
        elif len(places(value)) > 1:
            holder[at[-1]] = draw(JSON)
    return value


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()
