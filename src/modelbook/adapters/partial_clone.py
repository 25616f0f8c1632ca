"""A clone that has the commits and trees of a repository, and files only as they are asked for: many at once."""

from collections.abc import Iterable

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, git_bytes, run_git, words_of
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

    def bring_all(self, listing: Iterable[str]) -> None:
        """Fetch the files that `git ls-tree` lists with these arguments, as far as the clone has them not."""
        lines = git_bytes(["ls-tree", *listing], self._root).split(b"\0")
        self.bring(line.split()[2].decode() for line in lines if b" blob " in line.partition(b"\t")[0])

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
                    f"{len(missing):,} files could not be fetched: {words_of(done)}", where=str(self._root)
                )
        self._here |= wanted


def files_of(repository: Repository) -> FilesOnDemand | None:
    """Those of a clone that fetches files as they are asked for; None where all are here."""
    config = repository.git_dir / "config"
    partial = config.is_file() and "promisor = true" in config.read_text(errors="replace")
    return FilesOnDemand(repository) if partial else None
