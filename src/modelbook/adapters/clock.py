"""The time, for records: UTC, to the second."""

from datetime import UTC, datetime


def now() -> str:
    """The present time as `2026-11-23T12:00:00Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
