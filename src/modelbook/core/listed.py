"""Many things in one line of text."""

from collections.abc import Sequence


def many(count: int, one: str) -> str:
    """How many of something there are, of which `one` is the word for one: `1 file`, `2,000 files`."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def listed(names: Sequence[str], most: int) -> str:
    """The first of them, and how many more there are: `a, b and 3 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
