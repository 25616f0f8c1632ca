"""CODEOWNERS: who has to approve a change of which path. The last line that fits decides, as on GitHub."""

import re
from dataclasses import dataclass
from functools import cached_property

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, in this order: the first that is there counts."""

_OWNER = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:/[A-Za-z0-9._-]{1,100})?|[^@\s]+@[^@\s]+\.[^@\s]+")


def is_owner(text: str) -> bool:
    """Whether `text` can own something: `@user`, `@organisation/team`, or a mail address."""
    return _OWNER.fullmatch(text) is not None


@dataclass(frozen=True)
class CodeOwners:
    """The lines of a CODEOWNERS file: pattern and owners of each, in order."""

    lines: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def read(cls, text: str) -> "CodeOwners":
        """The file's lines, without comments. A line that GitHub would skip is left to GitHub to name."""
        found = []
        for line in text.splitlines():
            words = re.sub(r"(^|\s)#.*", "", line).split()
            if words:
                found.append((words[0], tuple(words[1:])))
        return cls(tuple(found))

    def of(self, path: str) -> tuple[str, ...]:
        """Who owns `path`, from the top of the repository; maybe nobody."""
        return next((owners for form, owners in self._forms if form.match(path)), ())

    @cached_property
    def _forms(self) -> list[tuple[re.Pattern[str], tuple[str, ...]]]:
        return [(_form(pattern), owners) for pattern, owners in reversed(self.lines)]


def _form(pattern: str) -> re.Pattern[str]:
    """A pattern as gitignore has it, less `!` and `[…]`, which GitHub does not take here."""
    anchored = "/" in pattern.rstrip("/")
    inner = ""
    for part in re.split(r"(\*\*/|/\*\*$|\*|\?)", pattern.strip("/")):
        inner += {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*", "?": "[^/]"}.get(part) or re.escape(part)
    # What names a folder owns all that lies in it; but `docs/*` owns no folder of docs.
    tail = "/" if pattern.endswith("/") else r"\Z" if pattern.endswith("/*") else r"(?:/|\Z)"
    return re.compile(("" if anchored else "(?:.*/)?") + inner + tail)
