"""Where indexes lie, each in a file of its own that is named for the tree it tells of and never changed.

They save time and nothing else: all of them may be deleted at any time. A file whose bytes are not those that were
written is deleted and told of; where nothing can be written, an answer takes longer.
"""

import hashlib
import os
import zlib
from contextlib import suppress
from pathlib import Path

from modelbook.adapters.index_tables import FORMAT
from modelbook.adapters.user_cache import user_cache
from modelbook.adapters.whole_file import write_whole
from modelbook.errors import IntegrityError

DAMAGED = "the index was damaged, and is built anew"
KEPT = 8  # indexes that were used last
_END = ".index"


class IndexFiles:
    """The indexes of the repository whose git folder is `git_dir`, shared by its worktrees."""

    def __init__(self, git_dir: Path) -> None:
        named = hashlib.sha256(os.fsencode(git_dir)).hexdigest()[:24]
        self._folders = [git_dir / "modelbook" / "index", user_cache() / "index" / named]

    def load(self, key: str) -> bytes | None:
        """The bytes kept for `key`, or None. Raises IntegrityError where they were damaged: they are gone then."""
        for folder in self._folders:
            for path in folder.glob(f"{FORMAT}-{key}-*{_END}"):
                with suppress(OSError):
                    data = path.read_bytes()
                    if path.name != _name(key, data):
                        path.unlink(missing_ok=True)
                        raise IntegrityError(DAMAGED, where=str(path))
                    with suppress(OSError):  # a folder that is read only keeps no account of what is used
                        os.utime(path)
                    return data
        return None

    def forget(self, key: str) -> None:
        """Delete what is kept for `key`."""
        for folder in self._folders:
            for path in folder.glob(f"{FORMAT}-{key}-*{_END}"):
                with suppress(OSError):
                    path.unlink()

    def by_use(self) -> list[str]:
        """The keys of those that are kept, the last used first."""
        return [path.name.split("-")[1] for path in self._by_use()]

    def keep(self, key: str, data: bytes) -> None:
        """Write the bytes for `key` where that is possible, and delete those that nobody has used for long."""
        for folder in self._folders:
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                write_whole(folder / _name(key, data), data, mode=0o600)
                break
        for path in self._by_use()[KEPT:]:
            with suppress(OSError):
                path.unlink()

    def _by_use(self) -> list[Path]:
        found = list[tuple[float, Path]]()
        for folder in self._folders:
            for path in folder.glob(f"{FORMAT}-*{_END}"):
                with suppress(OSError):
                    found.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(found, reverse=True)]


def _name(key: str, data: bytes) -> str:
    return f"{FORMAT}-{key}-{zlib.crc32(data):08x}{_END}"
