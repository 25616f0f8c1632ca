"""Which code a run executes: the commit, whether the working tree is that commit, and whether others can fetch it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, git_bytes, run_git
from modelbook.core.addresses import without_credentials
from modelbook.core.run_record import Code
from modelbook.errors import Refused

_SHOWN = 20
_TOLD = 3  # titles of commits


@dataclass(frozen=True)
class WorkingTree:
    """The code as it lies on disk. `changed` are paths relative to `root` whose state no commit holds.

    `unpushed` are the titles of the commits that no remote is known to have, the newest first. `base` is the newest
    commit before them: the remote has it. There is none where nothing was pushed yet.
    """

    root: Path
    code: Code
    changed: tuple[str, ...]
    unpushed: tuple[str, ...]
    base: str | None


def working_tree(cwd: Path, entry_point: str, *, environ: Mapping[str, str] = os.environ) -> WorkingTree:
    """The code of the repository around `cwd`, of which `entry_point`, relative to `cwd`, is the file that runs.

    Raises BadInput where there is no repository or no commit.
    """
    repository = Repository.find(cwd)
    commit = repository.commit("HEAD")
    changed = tuple(uncommitted(repository.root, cwd / entry_point))
    unpushed, base = _unpushed(repository.root, commit, environ)
    url = repository.remote_url()
    code = Code(
        repository=without_credentials(url) if url else None,
        commit=commit,
        base=base if unpushed else None,
        branch=repository.branch(),
        dirty=bool(changed),
        folder=folder if (folder := _relative(cwd, repository.root)) != "." else None,
        entry_point=entry_point,
    )
    return WorkingTree(repository.root, code, changed, unpushed, base)


def committed_code(cwd: Path, entry_point: str) -> Code:
    """The code of the repository around `cwd`, which a commit must hold. Raises Refused otherwise."""
    tree = working_tree(cwd, entry_point)
    refuse_uncommitted(tree, "Commit them.")
    return tree.code


def refuse_uncommitted(tree: WorkingTree, remedy: str) -> None:
    """Raise Refused, naming the files, if the working tree is not its commit."""
    if not tree.changed:
        return
    listed = "".join(f"\n    {path}" for path in tree.changed[:_SHOWN])
    more = f"\n    and {len(tree.changed) - _SHOWN} more" if len(tree.changed) > _SHOWN else ""
    raise Refused(
        f"nobody could repeat this: these files are not as in commit {(tree.code.commit or '')[:12]}:{listed}{more}",
        where=str(tree.root),
        remedy=remedy,
    )


def refuse_unpushed(tree: WorkingTree, remedy: str) -> None:
    """Raise Refused, naming the commits, if no remote is known to have the one that is checked out."""
    if not tree.unpushed:
        return
    listed = "".join(f"\n    {title}" for title in tree.unpushed[:_TOLD])
    more = f"\n    and {len(tree.unpushed) - _TOLD} more" if len(tree.unpushed) > _TOLD else ""
    raise Refused(
        f"nobody else could repeat this: these commits are on this machine only:{listed}{more}",
        where=str(tree.root),
        remedy=remedy,
    )


def _unpushed(root: Path, commit: str, environ: Mapping[str, str]) -> tuple[tuple[str, ...], str | None]:
    """The titles of the commits that only this clone has, and the newest pushed one before them. No network."""
    if not git(["remote"], root):
        return (), None
    # A workflow's checkout may have no branch of the remote at all, but what was fetched lies there too.
    fetched = run_git(["rev-parse", "--git-path", "FETCH_HEAD"], root).stdout.decode().strip()
    file = root / fetched
    listed = file.read_text(errors="replace") if file.is_file() else ""
    known = re.findall(r"^([0-9a-f]{40,64})\b(?!.* of \.$)", listed, re.MULTILINE)  # `git fetch .` brings nothing
    known += re.findall(r"^[0-9a-f]{40,64}$", environ.get("GITHUB_SHA", ""))
    options = ["--first-parent", "--ignore-missing", "--format=%H %P%x00%h %s"]
    # As input rather than as arguments: a fetch may have brought thousands.
    others = "".join(f"^{each}\n" for each in dict.fromkeys(known)).encode()
    listing = git_bytes(["rev-list", *options, "--stdin", commit, "--not", "--remotes"], root, stdin=others)
    lines = [line for line in listing.decode(errors="replace").split("\n") if "\0" in line]
    if not lines:
        return (), commit
    parents = lines[-1].partition("\0")[0].split()[1:]
    return tuple(line.partition("\0")[2] for line in lines), parents[0] if parents else None


def uncommitted(root: Path, source: Path) -> list[str]:
    """Paths, relative to the repository's `root`, whose state on disk no commit holds.

    Those are tracked files that changed, untracked Python files in the folder of `source` and below, and
    `source` itself, even where git ignores it.
    """
    listing = iter(git(["status", "--porcelain", "-z", "--untracked-files=all"], root).split("\0"))
    folder, found = source.resolve().parent, []
    for part in listing:
        if not part:
            continue
        state, path = part[:2], part[3:]
        if state[0] in "RC":
            next(listing, None)  # the name before
        beside = path.endswith(".py") and (root / path).resolve().is_relative_to(folder)
        if state != "??" or beside:
            found.append(path)
    own = _relative(source, root) if source.is_file() else None
    if own and own not in found and not git(["ls-files", "-z", "--", f":(literal){own}"], root):
        found.append(own)
    return found


def _relative(file: Path, root: Path) -> str | None:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return None
