"""The harness that runs the repository's own workflow files with act: host mode, offline, in throwaway clones.

act is the runner; `GitHubServer` is its GitHub. What act does not enforce is enforced here where it can be: the
token of a run may do what the workflow declares and no more, a run without `id-token: write` has no identity token,
and a pull request from a fork gets neither secrets nor a token that writes. Actions and workflows of other repositories
come from the server, at the ref that `uses:` names; `$/`, which act does not know, is resolved as the runner does it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import yaml

from tests.parts.act_run import ActRun, read_run
from tests.parts.github.client import GitHubServer
from tests.parts.workflow_files import (
    give_identities,
    granted_permissions,
    remote_uses,
    repository_and_ref,
    resolve_self,
)

Json = dict[str, Any]
_PARTS = Path(__file__).resolve().parent
STAND_INS = {
    "actions/checkout": _PARTS / "checkout",
    "actions/setup-python": _PARTS / "setup_python",
    "actions/upload-artifact": _PARTS / "upload_artifact",
    "actions/upload-pages-artifact": _PARTS / "upload_pages",
    "actions/deploy-pages": _PARTS / "deploy_pages",
}
_LABELS = ("self-hosted", "ubuntu-latest", "gpu")
_BIN = Path(sys.executable).parent


class Act:
    """Runs workflows of one repository of a `GitHubServer`.

    `folder` takes the clones and act's home. `s3` is the endpoint of an S3 server. `stand_ins` maps further actions
    (`owner/name`) to folders with an action.yml of ours; those in STAND_INS are always there. `branch` is the
    repository's default branch.
    """

    def __init__(
        self,
        server: GitHubServer,
        folder: Path,
        s3: str | None = None,
        *,
        repository: str = "acme/registry",
        stand_ins: Mapping[str, Path] | None = None,
        branch: str = "main",
    ) -> None:
        self.server = server
        self.folder = folder
        self.s3 = s3
        self.repository = repository
        self.branch = branch
        self.stand_ins = STAND_INS | dict(stand_ins or {})
        self.tokens: list[str] = []  # of all runs, for `assert_no_secret`
        self._runs = 0
        self._home = folder / "home"
        self._home.mkdir(parents=True)
        (self._home / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n[safe]\n\tdirectory = *\n")

    def run(
        self,
        event: str,
        workflow: str,
        *,
        payload: Json | None = None,
        inputs: Mapping[str, Any] | None = None,
        actor: str = "alice",
        ref: str | None = None,
        sha: str | None = None,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> ActRun:
        """Run `workflow` (a file name in .github/workflows) as `event` would start it, and read what it did.

        `ref` defaults to the default branch, `sha` to what `ref` is at. `inputs` are those of a dispatch. `timeout` is
        in seconds.
        """
        self._runs += 1
        ref = ref or f"refs/heads/{self.branch}"
        place = self.folder / f"run-{self._runs}"
        clone = self.checkout(self.repository, sha or ref, place / "clone")
        path = clone / ".github" / "workflows" / workflow
        head = self._git(clone, "rev-parse", "HEAD")
        trees = self._trees(path, clone, head, place)
        payload = {**(payload or {}), **({"inputs": dict(inputs)} if inputs is not None else {})}
        payload.setdefault("repository", self._repository_payload())
        (place / "event.json").write_text(json.dumps(payload))
        trusted = not _from_fork(payload)
        permissions = granted_permissions(path, clone, trees)
        if not trusted:
            permissions = {scope: "read" for scope in permissions if scope != "id-token"}
        context = self._context(workflow, actor, ref, head)
        if permissions.get("id-token") == "write":
            self._identify(event, context, clone, trees)
        context |= dict(env or {})
        given = {"GITHUB_TOKEN": self._token(permissions)} | (dict(secrets or {}) if trusted else {})
        command = [
            *(str(_BIN / "act"), event, "-C", str(clone), "-W", f".github/workflows/{workflow}"),
            *("-e", str(place / "event.json"), "-a", actor, "--action-cache-path", str(place / "cache")),
            *("--json", "--insecure-secrets", "--rm", "--no-cache-server", "--no-skip-checkout"),
            "--use-gitignore=false",
            *(f"--{kind}-file={os.devnull}" for kind in ("env", "secret", "var", "input")),
            *(part for label in _LABELS for part in ("-P", f"{label}=-self-hosted")),
            *(part for name, tree in trees.items() for part in ("--local-repository", f"{name}={tree}")),
            *(part for name, value in given.items() for part in ("-s", f"{name}={value}")),
            *(part for name, value in (variables or {}).items() for part in ("--var", f"{name}={value}")),
            *(part for name, value in context.items() for part in ("--env", f"{name}={value}")),
        ]
        name = yaml.safe_load(path.read_text()).get("name") or workflow
        return read_run(*_finished(command, self._environment(), timeout), name)

    def run_event(self, event: Json, workflow: str, **more: Any) -> ActRun:
        """Run a workflow for an event that the server recorded (`GitHubServer.events()`)."""
        about = {name: event[name] for name in ("payload", "ref", "sha", "actor")}
        return self.run(event["name"], workflow, **(about | more))

    def checkout(self, repository: str, wanted: str, target: Path) -> Path:
        """A throwaway clone at a ref or a commit: in a worktree a job's commit would land in the real repository."""
        bare = self.server.root / f"{repository}.git"
        self._git(self.folder, "clone", "--quiet", "--no-tags", "--no-checkout", str(bare), str(target))
        self._git(target, "fetch", "--quiet", "--no-tags", "origin", wanted)
        self._git(target, "checkout", "--quiet", "--detach", "FETCH_HEAD")
        # act reads the repository's name from the address; with a folder for one it warns and guesses.
        self._git(target, "remote", "set-url", "origin", f"https://github.com/{repository}")
        return target

    def _git(self, folder: Path, *arguments: str) -> str:
        environment = self._environment()
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def _token(self, permissions: dict[str, str]) -> str:
        token = f"ghs_{token_hex(18)}"
        scopes = {scope.replace("-", "_"): level for scope, level in permissions.items()}
        self.server.add_token(token, "github-actions[bot]", scopes, name=f"GITHUB_TOKEN of run {self._runs}")
        self.tokens.append(token)
        return token

    @property
    def next_run(self) -> int:
        """The id that the next run will have."""
        return 1001 + self._runs

    def _context(self, workflow: str, actor: str, ref: str, sha: str) -> dict[str, str]:
        """What GitHub says of a run to its steps, where act would say otherwise or nothing."""
        context = {
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_REPOSITORY_OWNER": self.repository.partition("/")[0],
            "GITHUB_REF": ref,
            "GITHUB_SERVER_URL": self.server.url,
            "GITHUB_API_URL": self.server.api_url,
            "GITHUB_RUN_ID": str(1000 + self._runs),
            "GITHUB_RUN_NUMBER": str(self._runs),
            "GITHUB_TRIGGERING_ACTOR": actor,
            "GITHUB_WORKFLOW_REF": f"{self.repository}/.github/workflows/{workflow}@{ref}",
            "GITHUB_WORKFLOW_SHA": sha,
        }
        return context | ({"AWS_ENDPOINT_URL_S3": self.s3} if self.s3 else {})

    def _identify(self, event: str, context: Mapping[str, str], clone: Path, trees: Mapping[str, Path]) -> None:
        """Let the jobs that may ask for an identity token ask for one, which speaks of this run and of their file."""
        self.server.set_claims(
            iss="https://token.actions.githubusercontent.com",
            repository=self.repository,
            ref=context["GITHUB_REF"],
            sha=context["GITHUB_WORKFLOW_SHA"],
            event_name=event,
            actor=context["GITHUB_TRIGGERING_ACTOR"],
            workflow_ref=context["GITHUB_WORKFLOW_REF"],
            run_id=context["GITHUB_RUN_ID"],
        )
        variables = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.server.oidc_url}&job_workflow_ref=@WORKFLOW@",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.server.oidc_request_token,
        }
        own = f"{self.repository}@{context['GITHUB_WORKFLOW_SHA']}"
        for name, tree in (*trees.items(), (own, clone)):
            repository, _, ref = name.partition("@")
            if repository not in self.stand_ins:
                give_identities(tree, repository, context["GITHUB_REF"] if name == own else ref, variables)

    def _environment(self) -> dict[str, str]:
        """The whole environment of act, and so of every step: nothing of the machine's own leaks in."""
        return {
            "PATH": f"{_BIN}:/usr/bin:/bin",
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "ACT_DISABLE_VERSION_CHECK": "1",
            # Steps get a terminal, where git would page and colour.
            "GIT_PAGER": "cat",
            "PAGER": "cat",
            "TERM": "dumb",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def _trees(self, workflow: Path, clone: Path, head: str, place: Path) -> dict[str, Path]:
        """Where each `owner/name@ref` that a run may use lies; one that lies nowhere is refused before act looks.

        As on GitHub, a called file may call others: what is fetched is read for more.
        """
        resolve_self(clone, self.repository, head)
        trees = {f"{self.repository}@{head}": _without_git(clone, place / "own")}
        while waiting := {repository_and_ref(uses) for uses in remote_uses(workflow, clone, trees)} - trees.keys():
            for name in sorted(waiting):
                trees[name] = self._tree(name, place / "used" / name)
        return trees

    def _tree(self, name: str, target: Path) -> Path:
        """The tree of `owner/name@ref`: a stand-in, or what the server has there."""
        repository, _, ref = name.partition("@")
        if stand_in := self.stand_ins.get(repository):
            return stand_in
        if not (self.server.root / f"{repository}.git").exists():
            raise LookupError(f"{name} has no stand-in: name one in Act's `stand_ins`, or add it to the server")
        target.parent.mkdir(parents=True)
        fetched = self.checkout(repository, ref, target.with_name(f"{target.name}.clone"))
        resolve_self(fetched, repository, self._git(fetched, "rev-parse", "HEAD"))
        return _without_git(fetched, target)

    def _repository_payload(self) -> Json:
        owner, _, name = self.repository.partition("/")
        return {"full_name": self.repository, "name": name, "owner": {"login": owner}, "default_branch": self.branch}


def _without_git(clone: Path, target: Path) -> Path:
    """The files of a clone alone, as the runner downloads them; act copies all of it for each step that uses it."""
    return Path(shutil.copytree(clone, target, symlinks=True, ignore=shutil.ignore_patterns(".git")))


def _from_fork(payload: Json) -> bool:
    pull = payload.get("pull_request")
    return pull is not None and pull["head"]["repo"]["full_name"] != pull["base"]["repo"]["full_name"]


def _finished(command: list[str], environment: dict[str, str], timeout: float) -> tuple[int, str, str]:
    """Exit code, standard output and error of act; past the time limit it and its steps are ended."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise AssertionError(f"act took over {timeout} s:\n{stderr}\n{stdout[-4000:]}") from error
        raise
    return process.returncode, stdout, stderr
