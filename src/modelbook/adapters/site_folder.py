"""The folder that a site is written to: what is in it by our own hand, and what changes there.

`modelbook-site.json.gz` lists every file with its digest, and what each was made of. It is written before the first
file changes and after the last: whatever happens in between, all that is ours is known to be.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from modelbook.adapters.file_errors import explained
from modelbook.adapters.whole_file import write_whole
from modelbook.core.digests import digest_of, prefixed
from modelbook.core.site.site_manifest import Made, Manifest
from modelbook.errors import BadInput

NAME = "modelbook-site.json.gz"
_AT_ONCE = 2**18  # bytes
_PATH = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")


class SiteFolder:
    """The folder `root`. Raises BadInput where something is in it that no build of a site put there."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - it follows no link
        self.manifest = Manifest()
        self._sound: set[str] = set()  # folders on whose way there is no link
        with explained(root, "read"):
            if root.is_symlink() or (root.exists() and not root.is_dir()):
                raise BadInput("this is no folder", where=str(root), remedy="Name another --output.")
            if not root.exists() or not any(root.iterdir()):
                return
            if not (root / NAME).is_file():
                remedy = "Name another --output, or empty this one: a site is written only where nothing of others is."
                raise BadInput("the folder has files that no site has", where=str(root), remedy=remedy)
            try:
                self.manifest = _decoded(gzip.decompress((root / NAME).read_bytes()))
            except (ValueError, EOFError, zlib.error, gzip.BadGzipFile):
                message = "this is no list of a site's files, so nobody knows which of them are ours"
                raise BadInput(message, where=str(root / NAME), remedy="Remove the folder, and build anew.") from None
        for path in self.manifest.files:
            self._check(path)

    def _inside(self, path: str) -> Path:
        """Where a file of the site lies."""
        self._check(path)
        return self.root / path

    def _check(self, path: str) -> None:
        """Raise BadInput where that is not inside: a list that was changed by hand leads nowhere else."""
        if not _PATH.fullmatch(path):
            raise BadInput(f"{path!r} is no file of a site", where=str(self.root / NAME))
        if (folder := path.rpartition("/")[0]) not in self._sound:  # a large site has few folders and many files
            for above in (self.root / path).parents[: folder.count("/") + 1 if folder else 0]:
                if above.is_symlink():
                    raise BadInput("a folder of the site is a link to elsewhere", where=str(above), remedy="Remove it.")
            self._sound.add(folder)

    def has(self, path: str) -> bool:
        """Whether a file that the list has is there, as it was written."""
        try:
            return _digest(f"{self.root}/{path}") == self.manifest.files[path]
        except (KeyError, OSError):
            return False

    def write(self, files: Mapping[str, bytes], kept: Mapping[str, str], parts: Mapping[str, Made], stamp: str) -> int:
        """Make the folder hold `files`, those `kept` as they are (by digest), and nothing else of ours.

        Returns how many files changed: each appears whole, the first page last, and what is gone goes after that.
        """
        wanted = {**kept, **{path: digest_of(data) for path, data in files.items()}}
        before = self.manifest.files
        changed = [path for path in files if before.get(path) != wanted[path] or not self.has(path)]
        gone = sorted(before.keys() - wanted.keys())
        made = Manifest(stamp=stamp, files=dict(sorted(wanted.items())), parts=dict(sorted(parts.items())))
        if not changed and not gone and made == self.manifest:
            return 0
        for path in changed:
            if path not in before and os.path.lexists(self._inside(path)):
                remedy = "Move it away: the site has a page of this name."
                raise BadInput("this file is not of this site", where=str(self.root / path), remedy=remedy)
        if before:
            self._put(NAME, _encoded(Manifest(files={**before, **wanted})))
            self._put_all({path: files[path] for path in changed})
            for path in gone:
                self._remove(path)
            self._put(NAME, _encoded(made))
        else:
            self._put_first({**files, NAME: _encoded(made)})
        self.manifest = made
        return len(changed) + len(gone)

    def _put_first(self, files: Mapping[str, bytes]) -> None:
        """Write the whole site beside the folder, and put it in its place."""
        with explained(self.root, "write"):
            self.root.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f".{self.root.name}-", dir=self.root.parent))
            try:
                for folder in sorted({path.rpartition("/")[0] for path in files}):
                    (scratch / folder).mkdir(parents=True, exist_ok=True)
                for path, data in files.items():
                    (scratch / path).write_bytes(data)
                scratch.chmod(0o755)
                scratch.replace(self.root)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _put_all(self, files: Mapping[str, bytes]) -> None:
        """In the place of what is there, each whole, the first page last."""
        for path in sorted(files, key=lambda one: (one.endswith(".html"), one == "index.html")):
            self._put(path, files[path])

    def _put(self, path: str, data: bytes) -> None:
        target = self._inside(path)
        with explained(target, "write"):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, data, mode=0o644)

    def _remove(self, path: str) -> None:
        target = self._inside(path)
        with explained(target, "remove"):
            target.unlink(missing_ok=True)
            for above in target.parents:
                if above == self.root or any(above.iterdir()):
                    break
                above.rmdir()


def _digest(path: str) -> str:
    """The digest of a file. Of the small ones that a site has, the ways around `open` take longer than their bytes."""
    descriptor, seen = os.open(path, os.O_RDONLY), hashlib.sha256()
    try:
        while data := os.read(descriptor, _AT_ONCE):
            seen.update(data)
    finally:
        os.close(descriptor)
    return prefixed(seen.hexdigest())


def _decoded(data: bytes) -> Manifest:
    """The notes of a build. Of another version's that cannot be read, which files are ours. Raises ValueError."""
    try:
        return Manifest.model_validate_json(data)
    except ValidationError:
        notes = json.loads(data)
        if not isinstance(notes, dict) or "files" not in notes:
            raise
        return Manifest.model_validate({name: notes[name] for name in ("format", "files") if name in notes})


def _encoded(manifest: Manifest) -> bytes:
    return gzip.compress(manifest.model_dump_json(exclude_defaults=True).encode(), 1, mtime=0)
