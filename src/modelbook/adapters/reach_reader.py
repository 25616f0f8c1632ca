"""What a store's objects are named by: the registry's cards, and the manifests of its dataset versions in the store."""

import hashlib
from collections.abc import Iterable, Iterator

from modelbook.adapters.roots import RootSource
from modelbook.adapters.store import Store
from modelbook.core.dataset import DataFile, Manifest, read_manifest
from modelbook.core.digests import hex_of, prefixed
from modelbook.core.pruning.reachability import Reach, reach_of
from modelbook.core.pruning.retention import RunFacts, facts_of_log
from modelbook.core.runs.run_log import decode
from modelbook.core.runs.run_state import replay
from modelbook.core.storage import blob_key, key_in, log_key, uri_of
from modelbook.errors import IntegrityError, ModelbookError, StoreError

_SEGMENT = 16 * 1024 * 1024  # bytes of one segment of a log, at most


class ReachReader:
    """Reads the roots, and reads them again only where a ref moved since."""

    def __init__(self, source: RootSource, store: Store) -> None:
        self._source = source
        self._store = store
        self._refs: dict[str, str] | None = None
        self._stale = False
        self._reach = Reach()
        self._manifests: dict[str, set[bytes]] = {}

    @property
    def refs(self) -> dict[str, str]:
        """What every ref held when they were read last."""
        return self._refs or {}

    def __call__(self) -> Reach:
        """All that is named now. Raises where anything of it cannot be read."""
        refs = self._source.refs()
        if refs != self._refs or self._stale:
            reach = self.registries()
            for key, manifest in (reach.manifests | self._moved(reach)).items():
                if key not in self._manifests:
                    files = manifest_files(self._store, manifest)
                    self._manifests[key] = {bytes.fromhex(hex_of(file.digest)) for file in files}
                reach.blobs |= self._manifests[key]
            self._reach, self._refs = reach, refs
            self._stale = self._source.refs() != refs  # a ref moved meanwhile, and may move back
        return self._reach

    def registries(self) -> Reach:
        """All that is named now, but for the files that manifests in the store list. Raises as `__call__` does."""
        return reach_of(self._source.files(), self._store.uri)

    def _moved(self, reach: Reach) -> dict[str, Manifest]:
        """Manifests that were copied here, by key, though their cards name the store that they came from."""
        at = {blob_key(one.digest): one for one in reach.moved}
        return {
            key: one.model_copy(update={"uri": uri_of(self._store.uri, key)})
            for key, one in at.items()
            if key not in reach.manifests and self._store.stat(key) is not None
        }


def manifest_files(store: Store, manifest: Manifest) -> Iterator[DataFile]:
    """The files that a manifest lists. Raises IntegrityError at its end where it is not as its card says."""
    seen = hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        for chunk in store.stream(key_in(store.uri, manifest.uri)):
            seen.update(chunk)
            yield chunk

    yield from read_manifest(_lines(chunks()), manifest.uri)
    if prefixed(seen.hexdigest()) != manifest.digest:
        raise IntegrityError("the manifest is not the one that the dataset's card names", where=manifest.uri)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def read_run(store: Store, run: str) -> RunFacts | str | None:
    """What the log of a run says for retention: None where it has none, or why it cannot be read.

    Raises StoreError where the store fails, which says nothing of the run.
    """
    prefix = log_key(run, 0).rpartition("/")[0] + "/"
    events = []
    for info in store.list(prefix):
        if not info.key.endswith(".jsonl"):
            continue
        try:
            events += decode(store.read_bytes(info.key, limit=_SEGMENT), info.key)
        except IntegrityError as error:
            return str(error.message)
        except StoreError:
            raise
        except ModelbookError as error:
            return f"{error.where}: {error.message}"
    if not events:
        return None
    try:
        return facts_of_log(replay(events))
    except ModelbookError as error:
        return str(error.message)
