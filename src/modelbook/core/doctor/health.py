"""What a check of a repository's settings says: in order, worth a look, wrong, or not for this token to know."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "problem", "unknown"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `name` is stable and machine-readable; `remedy` is a command or a place."""

    area: str
    name: str
    verdict: Verdict
    message: str
    remedy: str | None = None

    def as_json(self) -> dict[str, object]:
        """The check as a JSON object, without a remedy where there is none."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Unseen:
    """In the place of a fact that could not be had: `why` in words, and how to come by it."""

    why: str
    remedy: str | None = None


def unknown(area: str, name: str, what: str, fact: Unseen) -> Check:
    """The check of a fact that could not be had; `what` says what remains open, as in "who may bypass the rules"."""
    return Check(area, name, "unknown", f"{what}: {fact.why}", fact.remedy)


def healthy(checks: Iterable[Check]) -> bool:
    """Whether nothing is wrong. What could not be known is named, and decides nothing: each token sees its part."""
    return all(check.verdict != "problem" for check in checks)
