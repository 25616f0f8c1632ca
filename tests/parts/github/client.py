"""What tests hold of their GitHub: it starts the server's process, seeds it, plans faults, looks inside.

    with GitHubServer(tmp_path) as github:
        bare = github.add_repository("acme/registry", from_worktree=work)
        github.add_token("ghs_…", "github-actions[bot]", {"contents": "write", "pull_requests": "write"})
        github.fail("PUT", r"/pulls/1/merge$", status=405)

As on GitHub, a `…[bot]` login is an App's: its commits are signed, it may make check runs, `GET /user`
refuses it. Any other is a person's: no check runs. What `github-actions[bot]` does starts no workflow but by
a dispatch. Pushes and pull requests of others start what the workflow files say, as runs that wait in `state`.
"""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.parts.github.oidc import REQUEST_TOKEN

Json = dict[str, Any]
_ROOT = Path(__file__).resolve().parents[3]


def secondary_limit(status: int = 403, retry_after: int | None = None) -> Json:
    """Arguments for `fail`: GitHub's secondary rate limit, with or without the seconds to wait."""
    return {"status": status, "headers": {} if retry_after is None else {"Retry-After": str(retry_after)}}


def dispatched(state: Json) -> list[Json]:
    """The runs of a repository that somebody asked for, oldest first; the others were started by what happened."""
    return [run for run in state["runs"] if run["event"] == "workflow_dispatch"]


class GitHubServer:
    """One server process over bare repositories in `folder`/repositories; entered, it knows its addresses."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repositories"
        self.log_file = folder / "requests.jsonl"
        self.url = ""
        self._process: subprocess.Popen[str] | None = None
        self._skipped = 0

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        self.log_file.touch()
        module = [sys.executable, "-m", "tests.parts.github"]
        command = [*module, "--root", str(self.root), "--port", "0", "--log", str(self.log_file)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(f"the tests' GitHub did not start: exit code {self._process.wait()}, see above")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()

    @property
    def api_url(self) -> str:
        """For GITHUB_API_URL, and PyGithub's `base_url`."""
        return f"{self.url}/api/v3"

    @property
    def oidc_url(self) -> str:
        """For ACTIONS_ID_TOKEN_REQUEST_URL; clients append `&audience=…`."""
        return f"{self.url}/oidc?api-version=2.0"

    @property
    def oidc_request_token(self) -> str:
        """For ACTIONS_ID_TOKEN_REQUEST_TOKEN."""
        return REQUEST_TOKEN

    def clone_url(self, full_name: str, secret: str | None = None) -> str:
        """Where git clones from; with a token's secret in it, for those who may."""
        host = self.url.removeprefix("http://")
        return f"http://x-access-token:{secret}@{host}/{full_name}.git" if secret else f"http://{host}/{full_name}.git"

    def add_repository(
        self,
        full_name: str,
        from_worktree: Path | None = None,
        *,
        fork_of: str | None = None,
        **settings: Any,
    ) -> Path:
        """Make a repository, empty or with the branches and tags of `from_worktree`; gives its bare path.

        Settings: private (True), default_branch, actions_may_open_pulls (True), mergeability_delay (how many
        answers after a move say null), required_checks (names) and required_approvals of merges into the
        default branch, by name or in an active one of `rulesets`; allow_auto_merge (False), merge_methods,
        most_per_page (100), strangers (logins of no members), teams (members by name); protection and the other
        settings that `world.Repository` has, which are shown only.
        """
        bare = self.root / f"{full_name}.git"
        if from_worktree is not None or fork_of is not None:
            source = from_worktree or self.root / f"{fork_of}.git"
            self._order("repositories", {"full_name": full_name, "fork_of": fork_of, "settings": settings})
            what = ["refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"]
            command = ["git", "fetch", "--quiet", str(source.resolve()), *what]
            subprocess.run(command, cwd=bare, check=True, capture_output=True, env=_git_environment())
        # Asked again, the server takes the repository as it now lies there: seeding is no push.
        order = {"full_name": full_name, "fork_of": fork_of, "settings": settings}
        return Path(self._order("repositories", order)["path"])

    def add_app(
        self,
        slug: str,
        public_key: str,
        permissions: dict[str, str],
        installed_on: tuple[str, ...],
        *,
        suspended: bool = False,
    ) -> int:
        """Make a GitHub App, or change the one of that slug; gives its number. `public_key` is PEM.

        Its tokens act as `<slug>[bot]`. It is installed by one owner, on repositories by their full names.
        """
        order = {"slug": slug, "key": public_key, "permissions": permissions, "repositories": list(installed_on)}
        return int(self._order("apps", order | {"suspended": suspended})["id"])

    def set_clock(self, ahead: float = 0.0, *, tokens_last: float = 3600.0) -> None:
        """Let this server's clock be `ahead` of the machine's, and an App's tokens end after so long; in seconds."""
        self._order("clock", {"ahead": ahead, "tokens_last": tokens_last})

    def configure(self, full_name: str, **settings: Any) -> None:
        """Change settings of a repository, see `add_repository`."""
        self._order("settings", {"full_name": full_name, "settings": settings})

    def add_token(
        self, token: str, login: str, permissions: dict[str, str] | None = None, *, name: str | None = None
    ) -> None:
        """Let `token` act as `login`, with all rights unless told; the log calls it `name`."""
        order = {"secret": token, "login": login, "name": name or login, "permissions": permissions}
        self._order("tokens", order)

    def log(self) -> list[Json]:
        """Every request since the start or `clear_log`: at, method, path, status (0: dropped), who, body, ….

        `authorization` is only ever a hash. A refused request has its `answer`; one that the server could not
        answer as GitHub's description wants has a `failure`.
        """
        lines = self.log_file.read_text().splitlines()
        return [json.loads(line) for line in lines[self._skipped :]]

    def clear_log(self) -> None:
        """Let `log` begin here. The file keeps everything."""
        self._skipped = len(self.log_file.read_text().splitlines())

    def events(self) -> list[Json]:
        """Every event so far, oldest first: name, repository, actor, ref, sha, starts_workflows, runs, payload."""
        events: list[Json] = self._order("events", {})
        return events

    def state(self) -> Json:
        """All that is remembered: {"tokens": […], "repositories": {name: {"pulls": […], "refs": {…}, …}}}."""
        state: Json = self._order("state", {})
        return state

    def fail(
        self,
        method: str,
        path_regex: str,
        nth: int = 1,
        status: int = 502,
        headers: dict[str, str] | None = None,
        body: Any = None,
        after_effect: bool = False,
        drop: bool = False,
        times: int = 1,
    ) -> None:
        """Answer the `nth` request from now (and `times - 1` more) of a method (`*`: any) and a path with this.

        The expression is searched in path and query as the client sent them. Without a body the answer is what
        GitHub says with that status (403, 429: secondary limit; 405: base branch was modified). `drop`
        closes the connection unanswered; `after_effect` does the work first, then closes or answers so.
        """
        order = {
            "method": method,
            "path": path_regex,
            "nth": nth,
            "times": times,
            "status": status,
            "headers": headers or {},
            "body": body,
            "after_effect": after_effect,
            "drop": drop,
        }
        self._order("faults", order)

    def clear_faults(self) -> None:
        self._order("clear-faults", {})

    def set_claims(self, **claims: Any) -> None:
        """What identity tokens say from now on: `repository`, `ref`, `workflow_ref`, … and any claim to be planted."""
        self._order("claims", claims)

    def queue(self, full_name: str, number: int, login: str = "alice") -> str:
        """Put a pull request into a merge queue; gives the commit that it wants to be checked."""
        return str(self._order("queue", {"full_name": full_name, "number": number, "login": login})["sha"])

    def conclude_run(self, full_name: str, run_id: int, conclusion: str) -> None:
        """Let a dispatched workflow run be completed."""
        self._order("conclude", {"full_name": full_name, "run_id": run_id, "conclusion": conclusion})

    def _order(self, what: str, order: Json) -> Any:
        request = urllib.request.Request(f"{self.url}/_test/{what}", json.dumps(order).encode(), method="POST")
        with _direct.open(request, timeout=30) as answer:
            return json.load(answer)


# Loopback never goes through a proxy, whatever the environment of the tests says.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _git_environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
