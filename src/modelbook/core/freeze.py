"""Windows without promotions, every week or once: nobody promotes in them, but those whom the policy names.

`begins` and `ends` are five cron fields each, or a date with a time each, on the clock of a time zone. Cron fields mean
what Debian's cron makes of them (the library cronsim), also where a clock is put forward or back. The window is shut
from the moment at which it begins, and open again from the moment at which it ends.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import Field, StringConstraints, field_validator, model_validator

from modelbook.core.moments import moment, written
from modelbook.core.names import Name
from modelbook.core.patterns import WHEN_PATTERN, ZONE_PATTERN
from modelbook.core.records import Frozen, Text

When = Annotated[str, StringConstraints(pattern=WHEN_PATTERN, max_length=100)]
Zone = Annotated[str, StringConstraints(pattern=ZONE_PATTERN, max_length=64)]
_NEVER = "9999-12-31T23:59:59Z"  # for cron fields that mean no time of the next 50 years
_WELL_BEFORE = timedelta(days=2)  # than any change of a clock that a time could lie in
_AHEAD = 100  # windows that may follow each other without a gap before nobody waits for the end of them any more


class Freeze(Frozen):
    """One window. `override` names the people of trust.yaml who may promote in it all the same; without it, nobody."""

    name: Name
    begins: When
    ends: When
    zone: Zone = "UTC"
    stages: Annotated[tuple[Name, ...], Field(min_length=1, max_length=50)] | None = None
    reason: Text | None = None
    override: Annotated[tuple[Name, ...], Field(min_length=1, max_length=50)] | None = None

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError("no time zone has this name; they are named as in Europe/Berlin") from None
        return zone

    @field_validator("begins", "ends")
    @classmethod
    def _comes(cls, when: str) -> str:
        try:
            next(CronSim(when, datetime(2000, 1, 1, tzinfo=UTC))) if _is_cron(when) else datetime.fromisoformat(when)
        except (CronSimError, ValueError) as error:
            raise ValueError(f"there is no such time: {str(error).lower()}") from None
        except StopIteration:
            raise ValueError("this time never comes") from None
        return when

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Freeze":
        if _is_cron(self.begins) != _is_cron(self.ends):
            raise ValueError("`begins` and `ends` are of one kind: cron fields both, or dates both")
        if _is_cron(self.begins) and self.begins.split() == self.ends.split():
            raise ValueError("it ends whenever it begins")
        try:
            if not _is_cron(self.begins) and self._once()[0] >= self._once()[1]:
                raise ValueError("it ends before it begins")
        except OverflowError:
            raise ValueError("it lies outside of what a calendar holds") from None
        return self

    def _once(self) -> tuple[datetime, datetime]:
        begins, ends = (
            datetime.fromisoformat(one).replace(tzinfo=ZoneInfo(self.zone)) for one in (self.begins, self.ends)
        )
        return begins.astimezone(UTC), ends.astimezone(UTC)

    def until(self, now: str) -> str | None:
        """When the window that `now` (UTC, with Z) lies in ends; None where it lies in none."""
        at = moment(now)
        if not _is_cron(self.begins):
            begins, ends = self._once()
            return written(ends) if begins <= at < ends else None
        zone = ZoneInfo(self.zone)
        (begun, _), (ended, end) = (_around(fields, at, zone) for fields in (self.begins, self.ends))
        if begun is None or (ended is not None and ended >= begun):
            return None
        return _NEVER if end is None else written(end)


def _is_cron(when: str) -> bool:
    return " " in when.strip()


def _around(fields: str, at: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """The latest time at or before `at` that the cron fields mean, and the first one after it.

    Backwards, or begun in an hour that a clock shows twice, the library mistakes one of the two for the other. So it
    only says about where to begin, and the times are those that it comes by on its way from well before that.
    """
    near = next(CronSim(fields, at.astimezone(zone), reverse=True), None)
    begin = min(at, at if near is None else near.astimezone(UTC)) - _WELL_BEFORE
    last = None
    for found in CronSim(fields, begin.astimezone(zone)):
        one = found.astimezone(UTC)
        if one > at:
            return last, one
        last = one
    return last, None


def frozen(freezes: tuple[Freeze, ...], stage: str, now: str) -> dict[Freeze, str]:
    """The windows that keep `stage` shut at `now`, and when each ends."""
    return {
        one: until
        for one in freezes
        if (not one.stages or stage in one.stages) and (until := one.until(now)) is not None
    }


def thaws(freezes: tuple[Freeze, ...], stage: str, now: str) -> str | None:
    """The first time from `now` on at which no window keeps `stage` shut; None where none is near."""
    at = now
    for _ in range(_AHEAD):
        shut = frozen(freezes, stage, at)
        if not shut:
            return at
        at = max(shut.values())
    return None
