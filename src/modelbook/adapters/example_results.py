"""Reading what suites found for each example: a file that cannot be had is told, and blocks only what rests on it."""

from collections.abc import Callable, Iterable

from modelbook.adapters.store import Store
from modelbook.core.evaluation import Examples
from modelbook.core.records import Digest
from modelbook.core.storage import examples_key
from modelbook.errors import ModelbookError


def read_results(store: Callable[[], Store], wanted: Iterable[Examples]) -> dict[Digest, bytes | str]:
    """The bytes of each file by digest, or why there are none. The store is opened only where something is wanted."""
    found: dict[Digest, bytes | str] = {}
    for one in wanted:
        try:
            found[one.digest] = store().read_bytes(examples_key(one.digest), limit=one.size)
        except ModelbookError as error:
            found[one.digest] = f"{error.where}: {error.message}" if error.where else error.message
    return found
