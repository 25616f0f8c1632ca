"""How two environments differ: what would make "works on my machine" true."""

from dataclasses import dataclass

from modelbook.core.run_record import Environment


@dataclass(frozen=True)
class Drift:
    """One difference: the part, and what it is on either side (None where it is absent)."""

    part: str
    left: str | None
    right: str | None


def drift(left: Environment, right: Environment) -> tuple[Drift, ...]:
    """Every difference, the machine's first, then the packages' by name. Empty where the two are the same."""
    machine = [
        ("python", left.python, right.python),
        ("platform", left.platform, right.platform),
        ("cpu", left.cpu, right.cpu),
        ("gpus", _listed(left.gpus), _listed(right.gpus)),
        ("cuda", left.cuda, right.cuda),
    ]
    names = sorted(left.packages.keys() | right.packages.keys())
    packages = [(f"package {name}", left.packages.get(name), right.packages.get(name)) for name in names]
    return tuple(Drift(part, one, other) for part, one, other in (*machine, *packages) if one != other)


def _listed(gpus: tuple[str, ...]) -> str | None:
    return ", ".join(gpus) or None
