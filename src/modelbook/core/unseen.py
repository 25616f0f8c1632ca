"""What a person could not see in a text, and what a terminal or a log would obey: found, and named instead."""

import re

# Control characters, those that reorder or hide text where a person reviews it, and bytes of a path that are no UTF-8.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
# In a log, a line that begins with two colons is a command to GitHub's runner, and so is what follows ##[ anywhere.
_OBEYED = re.compile(r"^(\s*):(?=:)|#(?=#\[)", re.MULTILINE)


def named(text: str, kept: str = "") -> str:
    """`text` with each character that could not be seen named, as in [U+202E]; those in `kept` stay."""
    return UNSEEN.sub(lambda found: found[0] if found[0] in kept else f"[U+{ord(found[0]):04X}]", text)


def plain(text: str) -> str:
    """`text` without what a terminal or a workflow's log would obey or hide; such a character is named: [U+001B]."""
    return _OBEYED.sub(lambda found: f"{found[1] or ''}[U+{ord(found[0][-1]):04X}]", named(text, "\n"))
