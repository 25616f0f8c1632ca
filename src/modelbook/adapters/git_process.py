"""git as a process, with a cleaned environment."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from modelbook.errors import BadInput, ForgeError

# A hook, an alias or a caller's GIT_DIR must not lead git elsewhere than `cwd`.
_KEPT = {f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")}
_KEPT |= {"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"}
_KEPT |= {"GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment that git gets: the caller's, less what would redirect it, and never a prompt or a pager."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _KEPT}
    kept |= {"GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    # Else a file in .git could put one object, or one parent, in the place of another.
    kept |= {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": os.devnull}
    return kept | dict(extra or {})


def run_git(
    args: Iterable[str],
    cwd: Path,
    *,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    out: IO[bytes] | int = subprocess.PIPE,
) -> subprocess.CompletedProcess[bytes]:
    """Run git and return what it said, whatever its exit status. Raises BadInput where git is missing.

    What it prints goes to `out`, if that is a file.
    """
    try:
        # Without input, standard input is empty rather than the terminal.
        return subprocess.run(
            _command(args),
            cwd=cwd,
            input=stdin or b"",
            env=environment(env),
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
    except FileNotFoundError:
        if not cwd.is_dir():
            raise BadInput("no such folder", where=str(cwd), remedy="Name a folder that exists.") from None
        raise BadInput("git is not installed", remedy="Install git 2.31 or newer.") from None


def _command(args: Iterable[str]) -> list[str]:
    # Git advises against every file of grafts, the empty one above included.
    said = ["-c", "core.quotePath=false", "-c", "advice.graftFileDeprecated=false"]
    return ["git", *said, "-c", "core.fsmonitor=false", *args]


def git_bytes(
    args: Iterable[str], cwd: Path, *, stdin: bytes | None = None, env: Mapping[str, str] | None = None
) -> bytes:
    """What `git args` prints. Raises ForgeError with git's own words if it fails."""
    args = list(args)
    done = run_git(args, cwd, stdin=stdin, env=env)
    if done.returncode:
        raise _failed(args[0], words_of(done), cwd)
    return done.stdout


def git_aside(args: Iterable[str], cwd: Path) -> bytes:
    """As `git_bytes`, for much that git prints while other threads of this process are busy.

    Nobody empties a pipe while one of them has Python for itself, and git would wait for that. A file takes it all.
    """
    args = list(args)
    with _scratch() as out:
        done = run_git(args, cwd, out=out)
        if done.returncode:
            raise _failed(args[0], words_of(done), cwd)
        out.seek(0)
        return out.read()


def _scratch() -> IO[bytes]:
    """A file in memory where the system has such, so that no disk need be there to write on."""
    return os.fdopen(os.memfd_create("git"), "w+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()


def _failed(verb: str, words: str, cwd: Path) -> ForgeError:
    return ForgeError(f"git {verb} failed: {words}", where=str(cwd))


def words_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git said of its failure."""
    return _words(done.stderr, done.returncode)


def _words(said: bytes, status: int) -> str:
    return said.decode(errors="replace").replace("\r\n", "\n").strip() or f"exit status {status}"


def git_at_most(limit: int, args: Iterable[str], cwd: Path, *, env: Mapping[str, str] | None = None) -> bytes | None:
    """What `git args` prints, or None if that is more than `limit` bytes: git is ended then, and memory spared.

    Raises ForgeError with git's own words if it fails.
    """
    args = list(args)
    with (
        tempfile.TemporaryFile() as words,
        subprocess.Popen(
            _command(args),
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
        ) as process,
    ):
        data = process.stdout.read(limit + 1) if process.stdout else b""
        if len(data) > limit:
            process.kill()
            return None
        if process.wait():
            words.seek(0)
            raise _failed(args[0], _words(words.read(), process.returncode), cwd)
    return data


class GitTalk:
    """A git process that stays: it is asked, and `answer` is the file to read from. Its complaints are lost."""

    def __init__(self, args: Iterable[str], cwd: Path) -> None:
        self._process = subprocess.Popen(
            _command(args),
            cwd=cwd,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin is not None  # noqa: S101 - as it was started
        assert self._process.stdout is not None  # noqa: S101
        self._question, self.answer = self._process.stdin, self._process.stdout

    def ask(self, data: bytes) -> None:
        """Send it `data`. Raises BrokenPipeError where it has ended."""
        self._question.write(data)
        self._question.flush()

    def end(self) -> None:
        """Let it end, and wait until it has."""
        self._process.communicate()


def git(args: Iterable[str], cwd: Path) -> str:
    """What `git args` prints, as text without the last line's end. Raises ForgeError if it fails."""
    return git_bytes(args, cwd).decode(errors="surrogateescape").rstrip("\n")
