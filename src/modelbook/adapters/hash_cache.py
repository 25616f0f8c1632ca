"""What large files hashed to when they were last read, so that one that nobody has touched since is not read again.

A file is known again by its path, its size, its inode and the times of its last change, among them the one that no
program can set (ctime). What changed within the last minute is not kept: a further change might not show in its times.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from modelbook.adapters.data_folder import FoundFile
from modelbook.core.dataset import DataFile

SETTLED = 60 * 10**9  # nanoseconds; Linux may write what a program changed by mmap half a minute late
WORTH = 1024 * 1024  # bytes: a smaller file is read sooner than looked up
_COLUMNS = "path BLOB PRIMARY KEY, stamp TEXT, digest TEXT, round INTEGER"


class HashCache:
    """The hashes of the files below one folder, in a database at `path`. For use in one thread, inside `with`.

    It saves time and nothing else: one that is damaged or in use by another process remembers nothing.
    """

    def __init__(self, path: Path, root: Path, now: int | None = None) -> None:
        """`now` is the time at which the files are about to be looked at, in nanoseconds since the epoch."""
        self._path = path
        self._root = os.fsencode(root.absolute())
        self._round = time.time_ns() if now is None else now

    def __enter__(self) -> Self:
        self._database = self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._database is None:
            return
        with suppress(sqlite3.Error):
            if kind is None:  # every file was met, so what was not is gone
                inside = (self._root + b"/", self._root + b"0", self._round)  # "0" is what follows "/"
                self._database.execute("DELETE FROM hashes WHERE path > ? AND path < ? AND round != ?", inside)
            self._database.commit()
        self._database.close()

    def known(self, files: Sequence[FoundFile]) -> list[str | None]:
        """The digest of each file that is as it was, else None."""
        return [self._known(file) for file in files]

    def _known(self, file: FoundFile) -> str | None:
        if self._database is None or file.stamp is None or file.size < WORTH:
            return None
        with suppress(sqlite3.Error):
            asked = "SELECT digest FROM hashes WHERE path = ? AND stamp = ?"
            found = self._database.execute(asked, (_name(file), file.stamp.text)).fetchone()
            return str(found[0]) if found else None
        return None

    def keep(self, pairs: Iterable[tuple[FoundFile, DataFile]]) -> None:
        """Remember what files were, of which the stamp was taken before they were read."""
        if self._database is None:
            return
        rows = [
            (_name(file), file.stamp.text, read.digest, self._round)
            for file, read in pairs
            if file.stamp and file.size >= WORTH and self._round - file.stamp.changed > SETTLED
        ]
        with suppress(sqlite3.Error):
            self._database.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", rows)
            self._database.commit()

    def _open(self) -> sqlite3.Connection | None:
        for _ in range(2):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                database = sqlite3.connect(self._path, timeout=1)
                database.execute(f"CREATE TABLE IF NOT EXISTS hashes ({_COLUMNS}) WITHOUT ROWID")
                return database
            except sqlite3.OperationalError:
                return None  # locked, or no place for it
            except sqlite3.DatabaseError:
                self._path.unlink(missing_ok=True)  # no database any more: begin anew
            except OSError:
                return None
        return None


def _name(file: FoundFile) -> bytes:
    return os.fsencode(file.file.absolute())
