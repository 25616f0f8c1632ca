"""Times and spans as the registry writes them: UTC with a Z, and `24h`."""

from datetime import UTC, date, datetime, time, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment(text: str) -> datetime:
    """The time that a record names, such as `2026-11-23T12:00:00Z`."""
    return datetime.fromisoformat(text)


def written(at: datetime) -> str:
    """A time as a record names it: UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(text: str) -> timedelta:
    """`90m`, `24h` or `7d`, as SPAN_PATTERN has it."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def period(text: str) -> tuple[datetime, datetime]:
    """The first and the last second that a person means by an ISO date, or a date with a time, which are then one.

    Without a zone it is UTC. Raises ValueError.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
        return at, at
    return datetime.combine(day, time.min, UTC), datetime.combine(day, time(23, 59, 59), UTC)


def spoken(length: timedelta) -> str:
    """A length of time for a person, cut to the minute: `1d 2h 5m`."""
    minutes = max(0, int(length.total_seconds() // 60))
    days, hours = divmod(minutes // 60, 24)
    parts = [f"{number}{unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes % 60, "m")) if number]
    return " ".join(parts) or "0m"
