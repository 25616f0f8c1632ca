"""What differs between two commits of a bare repository, file by file."""

from dataclasses import dataclass

from tests.parts.github.bare import BareRepository

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


@dataclass(frozen=True)
class FileChange:
    """One changed file. `sha` is the new blob (a removed file's old one); binary files count no lines."""

    path: str
    status: str
    sha: str
    additions: int
    deletions: int
    previous: str | None
    patch: str | None


def changed_files(git: BareRepository, old: str, new: str, patches: bool = False) -> list[FileChange]:
    """The files that differ between two commits or trees, by path; renames found as GitHub does."""
    raw = git.git("diff-tree", "-r", "-z", "-M", "--raw", "--numstat", "--no-commit-id", old, new).decode()
    fields = raw.split("\0")
    found: list[tuple[str, str, str, str | None]] = []
    at = 0
    while at < len(fields) and fields[at].startswith(":"):
        _, _, before, after, letter = fields[at].split()
        previous = fields[at + 1] if letter[0] in "RC" else None
        path = fields[at + (2 if previous else 1)]
        found.append((path, _STATUS[letter[0]], before if letter == "D" else after, previous))
        at += 3 if previous else 2
    lines: dict[str, tuple[int, int]] = {}
    while at < len(fields) and fields[at]:
        plus, minus, path = fields[at].split("\t")
        path, step = (path, 1) if path else (fields[at + 2], 3)  # a rename puts both names into fields of their own
        lines[path] = (int(plus) if plus != "-" else 0, int(minus) if minus != "-" else 0)
        at += step
    return [
        FileChange(
            path,
            status,
            sha,
            *lines.get(path, (0, 0)),
            previous,
            _patch(git, old, new, path, previous, patches),
        )
        for path, status, sha, previous in found
    ]


def _patch(git: BareRepository, old: str, new: str, path: str, previous: str | None, wanted: bool) -> str | None:
    if not wanted:
        return None
    names = [path, *([previous] if previous else [])]
    text = git.git("diff-tree", "-p", "-M", "--no-commit-id", old, new, "--", *names).decode(errors="replace")
    start = text.find("\n@@")
    return text[start + 1 :].rstrip("\n") if start >= 0 else None
