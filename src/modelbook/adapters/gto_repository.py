"""A git repository whose tags are a registry by GTO's convention. Git alone reads it: nothing is checked out or run."""

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

from modelbook.adapters.git import SUBMODULE, SYMLINK, Entry, Repository
from modelbook.adapters.git_blob import write_blob
from modelbook.adapters.git_process import git_bytes
from modelbook.core.exchange.gto import INDEXES, GitTag, GtoVersion, artifact_path
from modelbook.core.strict_yaml import YamlError, read
from modelbook.errors import BadInput, Refused

_FORMAT = "%(refname:strip=2)%00%(*objecttype)%00%(*objectname)%00%(taggerdate:unix)%00%(taggername)%00%(subject)%00%01"
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\n")
_LFS_LIMIT = 1024  # bytes: a pointer has fewer


class GtoRepository:
    """The repository around a folder. Methods raise ForgeError where git does not do what is asked."""

    def __init__(self, folder: Path) -> None:
        """Raises BadInput where no repository is around `folder`."""
        self.repository = Repository.find(folder)
        self._places: dict[str, dict[str, Entry]] = {}

    def tags(self) -> list[GitTag]:
        """The annotated tags of commits: those are what GTO goes by."""
        listing = git_bytes(["for-each-ref", f"--format={_FORMAT}", "refs/tags"], self.repository.root)
        found = []
        for line in listing.decode(errors="replace").split("\0\1\n"):
            if line:
                name, kind, commit, seconds, by, subject = line.split("\0")
                if kind == "commit":
                    found.append(GitTag(name, commit, int(seconds), by, subject))
        return found

    def files(self, version: GtoVersion) -> dict[str, int | None]:
        """The files of a version: their size in bytes by path.

        Raises BadInput where its commit does not say where they lie, Refused where they are not in git.
        """
        return {path: entry.size for path, entry in self._entries(version).items()}

    def fetch(self, version: GtoVersion, path: str, folder: Path) -> Path:
        """Write a file of a version below `folder`; where it lies then.

        Raises Refused where Git LFS keeps it elsewhere, or keeps other bytes.
        """
        entry, target = self._entries(version)[path], folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_blob(self.repository, entry.oid, target)
        if entry.size < _LFS_LIMIT and (found := _LFS.match(target.read_bytes())):
            oid = found[1].decode()
            kept = self.repository.git_dir / "lfs/objects" / oid[:2] / oid[2:4] / oid
            if not kept.is_file():
                raise Refused(f"{path} is kept by Git LFS, and not here. Fetch it there: `git lfs fetch --all`.")
            with kept.open("rb") as content:
                if hashlib.file_digest(content, "sha256").hexdigest() != oid:
                    raise Refused(f"{path} is damaged where Git LFS keeps it: `git lfs fsck`.")
            shutil.copyfile(kept, target)
        return target

    def _entries(self, version: GtoVersion) -> dict[str, Entry]:
        if version.run not in self._places:
            self._places[version.run] = self._find(version)
        return self._places[version.run]

    def _find(self, version: GtoVersion) -> dict[str, Entry]:
        commit = version.tag.commit
        if ".." in version.folder.split("/"):
            raise BadInput("its folder leads out of the repository.")
        place = artifact_path(self._indexes(version), version)
        entries = self.repository.entries(commit, [place])
        if not entries:
            if self.repository.entries(commit, [f"{place}.dvc"]):
                raise Refused(f"{place} is kept by DVC, so git has only its name. See docs/moving.md.")
            raise Refused(f"its commit has no {place}: DVC or another tool keeps it. See docs/moving.md.")
        if odd := sorted(path for path, entry in entries.items() if entry.mode in {SYMLINK, SUBMODULE}):
            raise Refused(f"{odd[0]} is a link, and only files come.")
        top = place.rpartition("/")[0] if place in entries else place
        return {path.removeprefix(f"{top}/") if top else path: entry for path, entry in sorted(entries.items())}

    def _indexes(self, version: GtoVersion) -> dict[str, Any]:
        paths = [f"{version.folder}/{name}" if version.folder else name for name in INDEXES]
        entries = self.repository.entries(version.tag.commit, paths)
        blobs = self.repository.blobs(entry.oid for entry in entries.values())
        found = {}
        for path, entry in entries.items():
            try:
                found[path] = read(blobs[entry.oid]).data
            except YamlError as error:
                raise BadInput(error.message, where=path, line=error.line) from None
        return found
