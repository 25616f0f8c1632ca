"""Names of registered models, datasets, stages and suites, and references to what they hold."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from modelbook.core.digests import DIGEST_PATTERN
from modelbook.errors import BadInput

# No upper case (no case twins), no dots or slashes (no `..`), ASCII only (no homoglyphs).
NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
MAX_NAME = 63
RESERVED = frozenset({"latest"})

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=MAX_NAME)]
Version = Annotated[int, Field(ge=1, le=2**31)]

_VERSION = re.compile(r"[1-9][0-9]{0,9}")
_RULE = "Names are 1 to 63 of a-z, 0-9 and '-', and neither begin nor end with '-'."


def is_name(text: str) -> bool:
    """Whether it has the letters that names have."""
    return len(text) <= MAX_NAME and bool(re.fullmatch(NAME_PATTERN[1:-1], text))


def check_name(text: str, what: str) -> str:
    """`text` itself, if it is a name; `what` says in the error what was to be named. Raises BadInput otherwise."""
    if not is_name(text):
        shown = text if len(text) <= 80 else text[:60] + f"… ({len(text)} characters)"
        article = "an" if what[0] in "aeiou" else "a"
        raise BadInput(f"{shown!r} is not a name for {article} {what}", remedy=_RULE)
    if text in RESERVED:
        raise BadInput(f"{text!r} is reserved and cannot name a {what}", remedy="Choose another name.")
    return text


def person_in(identity: str) -> str:
    """The name in a git identity (`Ada <ada@example.org>`), without the address."""
    return identity.partition(" <")[0]


@dataclass(frozen=True)
class Reference:
    """What a person writes to name a version: `fraud@5`, `fraud@production`, `fraud@latest`, `fraud@sha256:…`.

    Exactly one of `version`, `stage`, `digest` is set; none of them means latest.
    """

    name: str
    version: int | None = None
    stage: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        selector = self.version or self.stage or self.digest or "latest"
        return f"{self.name}@{selector}"


def parse_reference(text: str, what: str = "registered model") -> Reference:
    """Read a reference. A bare name means the latest version. Raises BadInput with the forms that exist."""
    name, at, selector = text.partition("@")
    check_name(name, what)
    if not at or selector == "latest":
        return Reference(name)
    if _VERSION.fullmatch(selector):
        return Reference(name, version=int(selector))
    if re.fullmatch(DIGEST_PATTERN[1:-1], selector):
        return Reference(name, digest=selector)
    if re.fullmatch(NAME_PATTERN[1:-1], selector) and not selector.isdigit() and len(selector) <= MAX_NAME:
        return Reference(name, stage=selector)
    raise BadInput(
        f"{text[:120]!r} is not a reference",
        remedy=f"Write {name}@5, {name}@production, {name}@latest or {name}@sha256:<64 hex digits>.",
    )
