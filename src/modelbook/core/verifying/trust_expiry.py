"""Whose key ends when, and which part of trust.yaml nobody could meet then."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from modelbook.core import layout
from modelbook.core.documents import load_lines
from modelbook.core.findings import Finding
from modelbook.core.registry import Registry
from modelbook.core.strict_yaml import Location
from modelbook.core.trust import Signer, Trust

SOON = timedelta(days=30)


def has_expired(signer: Signer, now: str) -> bool:
    """Whether the signer can sign nothing more."""
    return signer.expires is not None and signer.expires < now


def expires_soon(signer: Signer, now: str) -> bool:
    """Whether it is good now and will not be in 30 days."""
    return not has_expired(signer, now) and has_expired(signer, later(now, SOON))


def later(time: str, by: timedelta) -> str:
    """A time of the registry moved on, to the second. Raises OverflowError beyond the year 9999."""
    return (datetime.fromisoformat(time) + by).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_expiry(registry: Registry, now: str) -> list[Finding]:
    """Warnings for each rule, and for the root, that too few people can meet: now, or in 30 days."""
    trust, parsed = load_lines(Trust, registry.files[layout.TRUST], registry.shown(layout.TRUST))
    findings = []
    for what, place, names, threshold in _parts(trust):
        for time, says in ((now, "can no longer be met"), (later(now, SOON), "cannot be met in 30 days")):
            left = {trust.signer(name).who for name in names if not has_expired(trust.signer(name), time)}
            if len(left) < threshold:
                gone = sorted({name for name in names if has_expired(trust.signer(name), time)})
                message = f"{what} {says}: the keys of {', '.join(gone)} will have expired"
                remedy = f"Give them new ones in time: `modelbook trust rotate {gone[0]}`."
                path, line = registry.shown(layout.TRUST), parsed.line_of(place)
                findings.append(Finding(path, line, "expiring", message, remedy, level="warning"))
                break
    return findings


def _parts(trust: Trust) -> Iterator[tuple[str, Location, Sequence[str], int]]:
    for at, rule in enumerate(trust.rules):
        yield f"rule {at + 1}", ("rules", at), rule.signers, rule.threshold
    if trust.root:
        yield "the root", ("root",), trust.root.signers, trust.root.threshold
