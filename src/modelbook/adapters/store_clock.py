"""The store's own time, by which the age of what lies in it is told: a machine's clock may be a year off."""

from datetime import UTC, datetime, timedelta

from modelbook.adapters.s3_store import S3Store
from modelbook.adapters.store import Store
from modelbook.errors import Refused

MOST = timedelta(minutes=15)  # as far as S3 lets a clock differ


def store_now(store: Store, local: datetime | None = None) -> datetime:
    """The time (UTC) at the store. Raises Refused where this machine's clock says anything else: one of them is wrong.

    A folder has the clock of this machine.
    """
    here = local or datetime.now(UTC)
    if not isinstance(store, S3Store):
        return here
    there = datetime.now(UTC) + timedelta(seconds=store.ahead())
    if abs(there - here) > MOST:
        raise Refused(
            f"this machine's clock says {here:%Y-%m-%d %H:%M}, and the store's {there:%Y-%m-%d %H:%M}: "
            "nobody knows how old anything is",
            where=store.uri,
            remedy="Set the clock that is wrong (`timedatectl set-ntp true`). Nothing was deleted.",
        )
    return there
