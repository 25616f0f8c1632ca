"""The parts of the contract that every store keeps alike: what is refused, and in which words."""

import hashlib
from collections.abc import Generator, Mapping
from contextlib import closing

from modelbook.adapters.source_file import Source, measured
from modelbook.adapters.store import ObjectInfo, Progress, Stored
from modelbook.core.digests import prefixed
from modelbook.core.storage import check_key
from modelbook.errors import BadInput, IntegrityError, ObjectExists, ObjectMissing, StoreError

_SHOWN = 3


def accept_present(
    present: ObjectInfo, there: Generator[bytes], source: Source, where: str, progress: Progress | None
) -> Stored:
    """What `source` is, if the object that is there already holds the very same; else raises ObjectExists.

    Both are read whole: a name, a size or an ETag proves nothing.
    """
    if present.size != source.size:
        raise _holds_other_bytes(where, f"{present.size} bytes", f"{source.size} bytes")
    return accept_same(there, measured(source), where, progress)


def accept_same(there: Generator[bytes], stored: Stored, where: str, progress: Progress | None = None) -> Stored:
    """`stored`, if the object that holds the key has the very same bytes; raises ObjectExists otherwise."""
    seen = hashlib.sha256()
    with closing(there):
        for chunk in there:
            seen.update(chunk)
            if progress:
                progress(len(chunk))
    present = prefixed(seen.hexdigest())
    if present != stored.digest:
        raise _holds_other_bytes(where, present, stored.digest)
    return stored


def no_such_object(where: str, remedy: str | None = None) -> ObjectMissing:
    """The answer for a key that holds nothing."""
    usual = "It was never written, or was deleted. Check the store in policy.yaml, or run the step again."
    return ObjectMissing("there is no such object in the store", where=where, remedy=remedy or usual)


def not_as_promised(where: str, how: str) -> IntegrityError:
    """The answer for an object that is not what a card says of it."""
    return IntegrityError(
        f"the bytes are not those that were promised: {how}; nothing was kept",
        where=where,
        remedy="The object was damaged or replaced. Restore it from a backup, or use another version.",
    )


def check_promised(there: int, size: int, where: str) -> None:
    """Raise IntegrityError unless the object has the `size` that was promised, in bytes."""
    if there != size:
        raise not_as_promised(where, f"{size} bytes were promised, {there} are there")


def is_key(text: str) -> bool:
    """Whether an object of that name can be one of the store's; anything else belongs to others."""
    try:
        check_key(text)
    except BadInput:
        return False
    return True


def whole(there: Generator[bytes], limit: int, where: str) -> bytes:
    """All bytes of an object that may have at most `limit`; raises IntegrityError as soon as it has more."""
    data = bytearray()
    with closing(there):
        for chunk in there:
            data += chunk
            if len(data) > limit:
                raise IntegrityError(
                    f"is larger than the {limit} bytes that are read at most here",
                    where=where,
                    remedy="Another object lies under this key. Compare it with the signed card.",
                )
    return bytes(data)


def not_deleted(where: str, failed: Mapping[str, str]) -> StoreError:
    """What to say of the keys that could not be deleted; `failed` has a reason a key."""
    shown = "; ".join(f"{key}: {reason}" for key, reason in list(failed.items())[:_SHOWN])
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    return StoreError(
        f"{len(failed)} object(s) could not be deleted: {shown}{more}",
        where=where,
        remedy="All others were deleted. Check the right to delete, then run the command again.",
    )


def _holds_other_bytes(where: str, present: str, refused: str) -> ObjectExists:
    return ObjectExists(
        f"holds other bytes already ({present}; refused: {refused}), and objects are written once",
        where=where,
        remedy="Write under a new key: a new run or a new version. What is stored stays as it is.",
    )
