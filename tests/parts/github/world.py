"""Everything the server remembers: tokens, repositories and what hangs on them. Records only; no decision."""

import threading
import time
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from tests.parts.github.bare import BareRepository
from tests.parts.github.credentials import App, Token

Json = dict[str, Any]
MOST_PER_PAGE = 100
DEFAULT_TOKEN = "github-actions[bot]"  # who acts with GITHUB_TOKEN


def now() -> str:
    """The time as GitHub writes it: UTC, whole seconds, a `Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def user_id(login: str) -> int:
    """A person's number, the same in every run."""
    return zlib.crc32(login.encode()) % 90_000_000 + 1_000_000


def is_bot(login: str) -> bool:
    """Whether an App acts, as GITHUB_TOKEN's `github-actions[bot]` does, and not a person."""
    return login.endswith("[bot]")


@dataclass
class Label:
    id: int
    name: str
    color: str
    description: str | None


@dataclass
class Comment:
    id: int
    issue: int
    login: str
    body: str
    created_at: str
    updated_at: str


@dataclass
class Issue:
    """What issues and pull requests have in common: a pull request's number is its issue's."""

    id: int
    number: int
    login: str
    title: str
    body: str | None
    created_at: str
    updated_at: str
    state: str = "open"
    state_reason: str | None = None
    closed_at: str | None = None
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)


@dataclass
class Review:
    id: int
    login: str
    body: str
    state: str
    commit_id: str
    submitted_at: str


@dataclass
class Pull:
    """A pull request. `merge_commit_sha` is the trial merge while open, the real one once merged."""

    id: int
    issue: Issue
    head_repository: str
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool = False
    mergeable: bool | None = None
    merge_commit_sha: str | None = None
    merged_at: str | None = None
    merged_by: str | None = None
    auto_merge: Json | None = None  # who asked for it, and how it is to be merged
    reviewers: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    tried: tuple[str, str] | None = None  # the head and base that `mergeable` speaks of
    unanswered: int = 0  # how many answers still say that mergeability is not known yet

    @property
    def number(self) -> int:
        return self.issue.number


@dataclass
class Status:
    id: int
    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    login: str
    created_at: str


@dataclass
class CheckRun:
    id: int
    login: str
    head_sha: str
    name: str
    status: str
    conclusion: str | None
    started_at: str | None
    completed_at: str | None
    details_url: str | None
    external_id: str
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Json] = field(default_factory=list)


@dataclass
class Release:
    id: int
    login: str
    tag_name: str
    target: str
    name: str | None
    body: str | None
    draft: bool
    prerelease: bool
    created_at: str


@dataclass
class DeploymentStatus:
    id: int
    login: str
    state: str
    description: str
    environment: str
    environment_url: str
    log_url: str
    created_at: str


@dataclass
class Deployment:
    id: int
    login: str
    sha: str
    ref: str
    task: str
    environment: str
    description: str | None
    payload: Json | str
    production: bool
    transient: bool
    created_at: str
    updated_at: str
    statuses: list[DeploymentStatus] = field(default_factory=list)


@dataclass
class WorkflowRun:
    """A started workflow. Nobody runs it here: a test does, and may set its conclusion."""

    id: int
    number: int
    login: str
    path: str
    event: str
    ref: str
    sha: str
    inputs: Json
    title: str
    created_at: str
    status: str = "queued"
    conclusion: str | None = None


@dataclass
class Repository:
    owner: str
    name: str
    id: int
    git: BareRepository
    private: bool = True
    fork_of: str | None = None
    default_branch: str = "main"
    actions_may_open_pulls: bool = True
    mergeability_delay: int = 0  # how many answers after a move say that mergeability is not known yet
    required_checks: list[str] = field(default_factory=list)  # of merges into the default branch
    required_approvals: int = 0
    rulesets: list[Json] = field(default_factory=list)  # as `POST /rulesets` takes them
    protection: Json | None = None  # the default branch's classic one, as GitHub shows it
    allow_auto_merge: bool = False
    merge_methods: list[str] = field(default_factory=lambda: ["merge", "squash", "rebase"])
    most_per_page: int = MOST_PER_PAGE  # fewer, so that a test needs no hundred of anything
    actions_permissions: Json = field(default_factory=lambda: {"enabled": True, "allowed_actions": "all"})
    default_workflow_permissions: str = "read"
    secrets: list[str] = field(default_factory=list)  # names
    organization_secrets: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)  # names
    environments: list[Json] = field(default_factory=list)  # name, guarded (bool), secrets (names)
    artifacts: list[Json] = field(default_factory=list)  # name, run, url (where the zip lies)
    strangers: list[str] = field(default_factory=list)  # who is no member
    teams: dict[str, list[str]] = field(default_factory=dict)  # members, by name as in acme/ml
    created_at: str = field(default_factory=now)
    issues: dict[int, Issue] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    check_runs: dict[int, CheckRun] = field(default_factory=dict)
    releases: dict[int, Release] = field(default_factory=dict)
    deployments: dict[int, Deployment] = field(default_factory=dict)
    runs: dict[int, WorkflowRun] = field(default_factory=dict)
    signed_commits: set[str] = field(default_factory=set)
    known_refs: dict[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


class World:
    """All repositories, tokens and events of one server; `lock` is held while a request is worked on."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        self.lock = threading.RLock()
        self.tokens: dict[str, Token] = {}
        self.apps: dict[int, App] = {}
        self.clock_is_ahead = 0.0  # seconds
        self.tokens_last = 3600.0  # seconds, those of an App's installation
        self.repositories: dict[str, Repository] = {}
        self.events: list[Json] = []
        self._numbers = count(1001)

    def next_id(self) -> int:
        """A number that no other object of this server has."""
        return next(self._numbers)

    def logins(self) -> set[str]:
        """Everybody the server knows: who holds a token, and who owns a repository."""
        people = {token.login for token in self.tokens.values()} | {r.owner for r in self.repositories.values()}
        return people | {app.login for app in self.apps.values()}

    def time(self) -> float:
        """What this server's clock says, in Unix time."""
        return time.time() + self.clock_is_ahead
