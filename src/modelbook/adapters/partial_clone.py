"""A clone that has the commits and trees of a repository, and files only as they are asked for: many at once."""

from collections.abc import Iterable

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, git_bytes, run_git, words_of
from modelbook.core.listed import many
from modelbook.errors import ForgeError

_REMOTE = "origin"
# As git itself brings a missing file; it would do so one by one.
_FETCH = ["-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]
_FETCH += ["--recurse-submodules=no", "--filter=blob:none", "--stdin", _REMOTE]


class FilesOnDemand:
    """The files of a partial clone."""

    def __init__(self, repository: Repository) -> None:
        self._root = repository.root
        self._here: set[str] = set()  # what is known to be in the clone

    def listed(self, arguments: Iterable[str], ending: str) -> bytes:
        """What `git ls-tree -z -l` would print, of the paths that end so; their files are here then."""
        lines = git_bytes(["ls-tree", *arguments], self._root).split(b"\0")
        entries = [line.partition(b"\t") for line in lines if line and line.endswith(ending.encode())]
        blobs = [meta.split()[2].decode() for meta, _, _ in entries if b" blob " in meta]
        self.bring(blobs)
        asked = "\n".join(blobs).encode() + b"\n" if blobs else b""
        told = git_bytes(["cat-file", "--batch-check=%(objectname) %(objectsize)"], self._root, stdin=asked)
        sizes = dict(line.split() for line in told.splitlines())
        return b"\0".join(meta + b" " + sizes.get(meta.split()[2], b"-") + b"\t" + path for meta, _, path in entries)

    def bring(self, oids: Iterable[str]) -> None:
        """Fetch those of the objects that the clone has not. Raises ForgeError with git's own words."""
        wanted = set(oids) - self._here
        if not wanted:
            return
        listed = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"]
        missing = wanted.difference(git(listed, self._root).split())
        if missing:
            done = run_git(_FETCH, self._root, stdin="\n".join(sorted(missing)).encode() + b"\n")
            if done.returncode:
                raise ForgeError(
                    f"{many(len(missing), 'file')} could not be fetched: {words_of(done)}", where=str(self._root)
                )
        self._here |= wanted


def files_of(repository: Repository) -> FilesOnDemand | None:
    """Those of a clone that fetches files as they are asked for; None where all are here."""
    config = repository.git_dir / "config"
    partial = config.is_file() and "promisor = true" in config.read_text(errors="replace")
    return FilesOnDemand(repository) if partial else None
