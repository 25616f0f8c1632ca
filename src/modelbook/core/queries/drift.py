"""How two environments differ: what would make "works on my machine" true."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from modelbook.core.measuring.hardware import gpus_in_words
from modelbook.core.run_record import Environment, TorchBuild
from modelbook.errors import BadInput

PACKAGES = "packages."
PARTS = (
    *("python", "implementation", "platform", "os", "cpu", "cores", "gpus", "driver"),
    *("cuda", "cudnn", "torch", "container", "unlocked", "lock"),
)
"""What is compared, besides each package as `packages.<name>`."""


@dataclass(frozen=True)
class Drift:
    """One difference: the part, and what it is on either side (None where it is absent)."""

    part: str
    left: str | None
    right: str | None


def drift(left: Environment, right: Environment, ignore: Sequence[str] = ()) -> tuple[Drift, ...]:
    """Every difference, the machine's first, then the packages' by name. Empty where the two are the same.

    What matches a pattern of `ignore`, such as `cpu` or `packages.pytest*`, is left out. Raises BadInput for a
    pattern that no part could match.
    """
    _check_parts(ignore)
    parts = [(part, text, _text(right, part)) for part, text in machine_of(left).items()]
    if left.packages == right.packages and left.unlocked == right.unlocked:
        # Same versions, and still not the same: one of them comes from another commit or another address.
        parts.append(("lock", left.lock, right.lock))
    names = sorted(left.packages.keys() | right.packages.keys())
    parts += [(PACKAGES + name, left.packages.get(name), right.packages.get(name)) for name in names]
    return tuple(
        Drift(part, one, other)
        for part, one, other in parts
        if one != other and not any(fnmatchcase(part, pattern) for pattern in ignore)
    )


def machine_of(environment: Environment) -> dict[str, str | None]:
    """The machine and its software but for the packages: each of PARTS that has a meaning of its own, as text."""
    return {part: _text(environment, part) for part in PARTS if part != "lock"}


def of_parts(found: Sequence[Drift], patterns: Sequence[str]) -> tuple[Drift, ...]:
    """Those differences that match a pattern, as in `drift`. Raises BadInput for one that no part could match."""
    _check_parts(patterns)
    return tuple(one for one in found if any(fnmatchcase(one.part, pattern) for pattern in patterns))


def _check_parts(patterns: Sequence[str]) -> None:
    for pattern in patterns:
        if not pattern.startswith(PACKAGES) and not any(fnmatchcase(part, pattern) for part in PARTS):
            raise BadInput(
                f"{pattern!r} is no part of an environment",
                remedy=f"Parts are {', '.join(PARTS)}, and {PACKAGES}NAME; a * stands for anything.",
            )


def _text(environment: Environment, part: str) -> str | None:
    value = getattr(environment, part)
    if part == "gpus":
        return gpus_in_words(value) or None
    if isinstance(value, TorchBuild):
        commit = f" ({value.git[:12]})" if value.git else ""
        return f"{value.version}{commit}{', debug' if value.debug else ''}"
    if isinstance(value, int):
        return str(value)
    return ", ".join(value) or None if isinstance(value, tuple) else value
