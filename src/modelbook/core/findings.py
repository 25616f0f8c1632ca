"""What a check found: every check returns all of its findings, never just the first."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong (`error`: blocks) or worth a look (`warning`).

    `code` is stable and machine-readable; `line` is 1-based; `remedy` says what to do.
    """

    path: str
    line: int | None
    code: str
    message: str
    remedy: str | None = None
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}\n  {self.remedy}" if self.remedy else text

    @property
    def headline(self) -> str:
        """Where, and what is wrong: without what to do."""
        return str(self).partition("\n")[0]

    def as_json(self) -> dict[str, object]:
        """The finding as a JSON object, absent fields left out."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def first_error(findings: Iterable[Finding]) -> str | None:
    """The headline of the first error, None where there is none."""
    return next((one.headline for one in findings if one.level == "error"), None)


def blocks(findings: Iterable[Finding]) -> bool:
    """Whether any finding is an error."""
    return any(finding.level == "error" for finding in findings)
