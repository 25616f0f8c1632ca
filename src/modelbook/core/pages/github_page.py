"""Addresses of GitHub's pages. No text of a card chooses a host: a repository elsewhere gets no address."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from modelbook.core.run_record import Code

_REMOTE = re.compile(
    r"(?:[a-z+]+://)?(?:[^@/]*@)?(?P<host>[A-Za-z0-9.-]+)(?::\d+)?[:/](?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?", re.ASCII
)
_SERVER = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*/(?!\.\.?$)[A-Za-z0-9_.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_JOB = re.compile(r"github:(?P<name>[^/]+/[^/]+)/(?P<run>[0-9]+)/.+")
_DOT_COM = "github.com"


def remote_parts(remote: str) -> tuple[str, str] | None:
    """Host and `owner/name` of a remote's URL, in any of git's forms; None where it has none of them."""
    found = _REMOTE.fullmatch(remote)
    return (found["host"], found["name"]) if found else None


@dataclass(frozen=True)
class GitHubPage:
    """The repository of a registry on GitHub: `server` as in https://github.com, `name` as in acme/models.

    Raises ValueError for what is no such address.
    """

    server: str
    name: str

    def __post_init__(self) -> None:
        if not _SERVER.fullmatch(self.server) or not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.server}/{self.name} is no repository on GitHub")

    def line(self, commit: str, path: str, line: int | None) -> str:
        """A file of this repository at a commit, at one line of it."""
        return f"{self.server}/{self.name}/blob/{quote(commit)}/{quote(path)}" + (f"#L{line}" if line else "")

    def landed(self, commit: str) -> str:
        """A commit of this repository itself."""
        return f"{self.server}/{self.name}/commit/{quote(commit)}"

    def run(self, job: str) -> str | None:
        """The workflow run of a job, such as `github:acme/models/42/train`; None for a job elsewhere."""
        found = _JOB.fullmatch(job)
        known = found and _NAME.fullmatch(found["name"])
        return f"{self.server}/{found['name']}/actions/runs/{found['run']}" if found and known else None

    def commit(self, code: Code) -> str | None:
        """The page of the commit that ran; None where it is not on this server or github.com."""
        repository = self._repository(code)
        known = repository and code.commit and _COMMIT.fullmatch(code.commit)
        return f"{repository}/commit/{code.commit}" if known else None

    def compare(self, left: Code, right: Code) -> str | None:
        """What lies between two commits; None where they are the same, or not of one repository that GitHub has."""
        repository = self._repository(right)
        if repository is None or repository != self._repository(left) or left.commit == right.commit:
            return None
        known = all(one.commit and _COMMIT.fullmatch(one.commit) for one in (left, right))
        return f"{repository}/compare/{left.commit}...{right.commit}" if known else None

    def _repository(self, code: Code) -> str | None:
        host, name = remote_parts(code.repository or "") or ("", "")
        if not _NAME.fullmatch(name):
            return None
        own = self.server.partition("://")[2].partition(":")[0]
        if host.lower() == own:
            return f"{self.server}/{name}"
        return f"https://{_DOT_COM}/{name}" if host.lower() == _DOT_COM else None
