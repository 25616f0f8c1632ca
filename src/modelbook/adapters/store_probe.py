"""A look at a store: can it be reached, does it keep what is written once, and has it the same time."""

from contextlib import suppress

from modelbook.adapters.store import Store
from modelbook.core.doctor.local_health import StoreFacts
from modelbook.errors import ObjectExists, StoreError

KEY = "doctor/written-once.txt"
"""The one object that a look leaves behind: a few bytes, the same each time."""


def probe_store(store: Store) -> StoreFacts:
    """What a look at the store shows; an error of the store's is a part of it."""
    from modelbook.adapters.s3_store import S3Store

    try:
        if isinstance(store, S3Store):
            skew = store.ahead()  # first, since it only reads
            return StoreFacts(store.uri, conditional=store.refuses_to_overwrite(KEY), skew=skew)
        return StoreFacts(store.uri, conditional=_keeps(store))
    except StoreError as error:
        return StoreFacts(store.uri, error=str(error))


def _keeps(store: Store) -> bool:
    store.put_bytes(KEY, b"written once\n")
    with suppress(ObjectExists):
        store.put_bytes(KEY, b"written over\n")
        return False
    return True
