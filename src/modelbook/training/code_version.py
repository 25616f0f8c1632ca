"""Which code a run executes: the commit, and whether the working tree is that commit."""

import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from modelbook.adapters.git import Repository, git
from modelbook.core.run_record import Code
from modelbook.errors import Refused

_SHOWN = 20


def code_version(cwd: Path, entry_point: str, *, source: Path | None = None, allow_dirty: bool = False) -> Code:
    """The code of the repository around `cwd`.

    `entry_point` is recorded as it is; `source` is its file, by default the one of that name in `cwd`. Raises
    Refused for a dirty working tree unless `allow_dirty`, BadInput where there is no repository or no commit.
    """
    repository = Repository.find(cwd)
    commit = repository.commit("HEAD")
    changed = uncommitted(repository.root, source or cwd / entry_point)
    if changed and not allow_dirty:
        listed = "".join(f"\n    {path}" for path in changed[:_SHOWN])
        more = f"\n    and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise Refused(
            f"nobody could train this again: these files are not as in commit {commit[:12]}:{listed}{more}",
            where=str(repository.root),
            remedy="Commit them, or record the run as dirty with --allow-dirty.",
        )
    url = repository.remote_url()
    return Code(
        repository=without_credentials(url) if url else None,
        commit=commit,
        branch=repository.branch(),
        dirty=bool(changed),
        folder=folder if (folder := _relative(cwd, repository.root)) != "." else None,
        entry_point=entry_point,
    )


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


def without_credentials(url: str) -> str:
    """`url` without what could be a password or a token: user info, query, fragment.

    In SSH forms (`git@host:path`, `ssh://git@host/path`) the user's name is part of the address and stays.
    """
    if "://" not in url:
        return re.sub(r"^([^@/:]+):[^@/]*@", r"\1@", url)
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme in {"ssh", "git+ssh"} and user:
        host = f"{user.partition(':')[0]}@{host}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
