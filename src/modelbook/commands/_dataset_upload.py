"""Bringing the files of a dataset version into the store, a bounded number of them in memory at a time."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Lock

from modelbook.adapters.data_folder import FoundFile
from modelbook.adapters.hash_cache import HashCache
from modelbook.adapters.parallel import move_all
from modelbook.adapters.source_file import SourceFile
from modelbook.adapters.store import CHUNK, Progress, Store
from modelbook.commands._console import progress
from modelbook.core.dataset import DataFile, Manifest, manifest_line
from modelbook.core.digests import prefixed
from modelbook.core.exchange.dvc import ContentMd5
from modelbook.core.storage import blob_key, uri_of
from modelbook.errors import BadInput

BATCH = 1000  # files that are in hand at once
WORKERS = 8  # a small file is all waiting: for the disk, or for S3's answer
AT_ONCE = 1024 * 1024  # bytes: a file up to this size is read once and sent from memory
SOONER_SENT = 64 * 1024  # bytes: up to this size, to send a file costs no more than to ask whether it is there


@dataclass(frozen=True)
class Uploaded:
    """What is in the store now: how many files, their bytes, and the manifest that lists them."""

    files: int
    size: int
    manifest: Manifest


def upload(
    store: Store, files: Callable[[], Iterable[FoundFile]], where: Path, cache: HashCache | None = None
) -> Uploaded:
    """Bring every file that the store lacks into it, and the manifest last, so that a manifest is always whole.

    `files` gives them in order of their paths, as often as it is asked. What `cache` knows and the store has is not
    read. Raises BadInput where there are no files.
    """
    found = expected = 0
    for file in files():
        found, expected = found + 1, expected + file.size
    if not found:
        raise BadInput("there are no files here", where=str(where))
    uploader = _Uploader(store, cache)
    count = total = length = 0
    seen = hashlib.sha256()
    with tempfile.NamedTemporaryFile(prefix="modelbook-manifest-") as spool:
        with progress(f"adding {where.name or where}", expected) as moved:
            for stored in uploader.uploaded(files(), moved):
                line = manifest_line(stored)
                spool.write(line)
                seen.update(line)
                count, total, length = count + 1, total + stored.size, length + len(line)
        spool.flush()
        digest = prefixed(seen.hexdigest())
        store.put_file(blob_key(digest), Path(spool.name), digest=digest)
    return Uploaded(count, total, Manifest(uri=uri_of(store.uri, blob_key(digest)), size=length, digest=digest))


class _Uploader:
    def __init__(self, store: Store, cache: HashCache | None) -> None:
        self._store = store
        self._cache = cache
        # Equal files have one name in the store, and a bucket refuses a second writer of it while the first is at work.
        self._turns = [Lock() for _ in range(256)]

    def uploaded(self, files: Iterable[FoundFile], moved: Progress) -> Iterator[DataFile]:
        """Each file, in the order given, when it is in the store."""
        rest = iter(files)
        while batch := list(islice(rest, BATCH)):
            known = self._cache.known(batch) if self._cache else [None] * len(batch)
            tasks = [partial(self._upload, *each) for each in zip(batch, known, strict=True)]
            done = move_all(tasks, workers=WORKERS, progress=moved)
            if self._cache:
                self._cache.keep(zip(batch, done, strict=True))
            yield from done

    def _upload(self, file: FoundFile, known: str | None, moved: Progress) -> DataFile:
        if known and self._has(blob_key(known), file.size):
            moved(file.size)
            return DataFile(path=file.path, size=file.size, digest=known)
        with SourceFile(file.file) as source:
            kept = []
            seen = ContentMd5(text_md5=file.text_md5) if file.md5 else None
            for chunk in source.chunks(CHUNK):
                if seen:
                    seen.update(bytes(chunk))
                if source.size <= AT_ONCE:
                    kept.append(bytes(chunk))
            found = source.stored()
        if seen and seen.hexdigest() != file.md5:
            raise BadInput(
                f"is not what the DVC pointer file names: its md5 is {seen.hexdigest()}, not {file.md5}",
                where=str(file.file),
                remedy="Bring back what was tracked (`dvc checkout`, `dvc fetch`), or track this (`dvc add`).",
            )
        key = blob_key(found.digest)
        with self._turns[int(found.digest.removeprefix("sha256:")[:2], 16)]:
            if found.size > SOONER_SENT and self._has(key, found.size):
                moved(found.size)
            elif found.size <= AT_ONCE:
                self._store.put_bytes(key, b"".join(kept), named=True)
                moved(found.size)
            else:
                self._store.put_file(key, file.file, digest=found.digest, progress=moved)
        return DataFile(path=file.path, size=found.size, digest=found.digest)

    def _has(self, key: str, size: int) -> bool:
        there = self._store.stat(key)
        return there is not None and there.size == size
