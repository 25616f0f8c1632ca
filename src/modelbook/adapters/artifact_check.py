"""Reads an artifact in the store once, from end to end: is it what was recorded, and safe to load?"""

import hashlib
from collections.abc import Iterable

from modelbook.adapters.store import Progress, Store
from modelbook.core.digests import prefixed
from modelbook.core.findings import Finding
from modelbook.core.records import StoredFile
from modelbook.core.runs.non_finite import NonFiniteScan
from modelbook.core.runs.pickles import HEAD, looks_like_pickle
from modelbook.core.runs.weights import WeightsError, header_size, parse_header
from modelbook.errors import ObjectMissing

_LENGTH = 8  # bytes at the start of a safetensors file, which say how long its header is


def check_artifact(store: Store, key: str, file: StoredFile, *, progress: Progress | None = None) -> list[Finding]:
    """All that is wrong with the object at `key`, which the run recorded as `file`. Memory: a few chunks."""
    return check_chunks(store.stream(key), file, f"{store.uri}/{key}", progress=progress)


def check_chunks(
    chunks: Iterable[bytes], file: StoredFile, uri: str, *, progress: Progress | None = None
) -> list[Finding]:
    """As `check_artifact`, for bytes that come from `uri`, wherever that is."""
    digest, seen = hashlib.sha256(), 0
    look = _Weights(file) if file.path.endswith(".safetensors") else _Other(file)
    try:
        for chunk in chunks:
            seen += len(chunk)
            if seen > file.size:
                break
            digest.update(chunk)
            look.feed(chunk)
            if progress:
                progress(len(chunk))
    except ObjectMissing:
        return [Finding(uri, None, "missing", "the run recorded this file, but the store has no such object")]
    except WeightsError as error:
        return [Finding(uri, None, found.code, found.message, found.remedy) for found in error.findings]
    if seen != file.size or prefixed(digest.hexdigest()) != file.digest:
        recorded = f"{file.size} bytes, {file.digest}"
        return [Finding(uri, None, "other-bytes", f"the object is not what the run recorded ({recorded})")]
    return [Finding(uri, None, code, message, remedy) for code, message, remedy in look.problems()]


class _Weights:
    """A safetensors file: its header must be sound and its numbers finite."""

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._head = b""
        self._scan: NonFiniteScan | None = None

    def feed(self, chunk: bytes) -> None:
        if self._scan is None:
            self._head += chunk
            if len(self._head) < min(_LENGTH, self._file.size):
                return
            wanted = header_size(self._head, self._file.size, self._file.path)
            if len(self._head) < wanted:
                return
            self._scan = NonFiniteScan(parse_header(self._head[:wanted], self._file.size, self._file.path))
            chunk, self._head = self._head, b""
        self._scan.feed(chunk)

    def problems(self) -> list[tuple[str, str, str]]:
        if self._scan is None:
            parse_header(self._head, self._file.size, self._file.path)  # too short for a header: says so
        bad = self._scan.finish() if self._scan else None
        return [("non-finite", str(bad), "The training diverged; register another run.")] if bad else []


class _Other:
    """Any other file: it must not be a pickle, whatever it is called."""

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._head = b""

    def feed(self, chunk: bytes) -> None:
        if len(self._head) < HEAD:
            self._head += chunk[: HEAD - len(self._head)]

    def problems(self) -> list[tuple[str, str, str]]:
        why = looks_like_pickle(self._head, self._file.path)
        remedy = "Store weights with run.save_weights (safetensors), and everything else as JSON or text."
        return [("pickle", f"loading this may run code: it {why}", remedy)] if why else []
