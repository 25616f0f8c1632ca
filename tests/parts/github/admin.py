"""The tests' own paths under /_test/: seed, look inside, plan faults. Nothing here exists on GitHub."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tests.parts.github.answers.people import email
from tests.parts.github.bare import BareRepository, Person
from tests.parts.github.credentials import App, Token
from tests.parts.github.events import queued
from tests.parts.github.faults import Faults
from tests.parts.github.merging import Signature, merge
from tests.parts.github.noticing import GITHUB, notice
from tests.parts.github.oidc import Issuer
from tests.parts.github.world import Json, Repository, World, now

_SETTINGS = (
    "private",
    "default_branch",
    "actions_may_open_pulls",
    "mergeability_delay",
    "required_checks",
    "required_approvals",
    "rulesets",
    "protection",
    "allow_auto_merge",
    "merge_methods",
    "most_per_page",
    "actions_permissions",
    "default_workflow_permissions",
    "secrets",
    "organization_secrets",
    "variables",
    "environments",
    "strangers",
    "teams",
    "artifacts",
)


class Admin:
    """What tests may ask of one server."""

    def __init__(self, world: World, faults: Faults, issuer: Issuer) -> None:
        self.world, self.faults, self.issuer = world, faults, issuer

    def answer(self, what: str, order: Json) -> Any:
        """Do what the last part of the path says; an unknown word is a KeyError."""
        return {
            "state": self._state,
            "events": self._events,
            "tokens": self._add_token,
            "repositories": self._add_repository,
            "settings": self._set,
            "faults": self._plan_fault,
            "clear-faults": self._clear_faults,
            "claims": self._set_claims,
            "apps": self._add_app,
            "clock": self._set_clock,
            "queue": self._queue,
            "conclude": self._conclude,
        }[what](order)

    def _state(self, order: Json) -> Json:
        """Everything that is remembered, as JSON; tokens by name only."""
        self._look()
        tokens = [_shown(token) for token in self.world.tokens.values()]
        found = {name: _dumped(repository) for name, repository in self.world.repositories.items()}
        return {"tokens": tokens, "repositories": found}

    def _events(self, order: Json) -> list[Json]:
        self._look()
        return self.world.events

    def _add_token(self, order: Json) -> Json:
        self.world.tokens[order["secret"]] = Token(**order)
        return {}

    def _add_app(self, order: Json) -> Json:
        """Make an App, or change the one of that slug."""
        standing = next((app for app in self.world.apps.values() if app.slug == order["slug"]), None)
        app = App(
            id=standing.id if standing else self.world.next_id(),
            installation=standing.installation if standing else self.world.next_id(),
            **order,
        )
        self.world.apps[app.id] = app
        return {"id": app.id}

    def _set_clock(self, order: Json) -> Json:
        self.world.clock_is_ahead, self.world.tokens_last = order["ahead"], order["tokens_last"]
        return {}

    def _queue(self, order: Json) -> Json:
        """Do what a merge queue does first: try a pull request on top of its base, and ask for that to be checked."""
        repository, login = self.world.repositories[order["full_name"]], order["login"]
        pull = repository.pulls[order["number"]]
        by = Signature(Person(login, email(login), now()), Person(*GITHUB, now()))
        sha = merge(repository.git, pull.base_sha, pull.head_sha, f"Merge pull request #{pull.number}", by)
        ref = f"refs/heads/gh-readonly-queue/{pull.base_ref}/pr-{pull.number}-{pull.base_sha}"
        repository.git.create_ref(ref, sha)
        self._look()
        queued(self.world, repository, login, ref, sha, (f"refs/heads/{pull.base_ref}", pull.base_sha))
        return {"sha": sha}

    def _add_repository(self, order: Json) -> Json:
        """Take a new bare repository under the root, or one that already lies there, into the world."""
        owner, _, name = order["full_name"].partition("/")
        path = self.world.root / owner / f"{name}.git"
        git = BareRepository(path) if path.exists() else BareRepository.create(path)
        repository = Repository(owner, name, self.world.next_id(), git, fork_of=order.get("fork_of"))
        self._configure(repository, order.get("settings", {}))
        repository.known_refs = git.refs()
        self.world.repositories[repository.full_name] = repository
        return {"path": str(path)}

    def _set(self, order: Json) -> Json:
        self._configure(self.world.repositories[order["full_name"]], order["settings"])
        return {}

    def _configure(self, repository: Repository, settings: Json) -> None:
        for name, value in settings.items():
            if name not in _SETTINGS:
                raise KeyError(f"{name} is no setting; there are {', '.join(_SETTINGS)}")
            setattr(repository, name, value)

    def _plan_fault(self, order: Json) -> Json:
        self.faults.plan(order)
        return {}

    def _clear_faults(self, order: Json) -> Json:
        self.faults.clear()
        return {}

    def _set_claims(self, order: Json) -> Json:
        self.issuer.claims = order
        return {}

    def _conclude(self, order: Json) -> Json:
        run = self.world.repositories[order["full_name"]].runs[order["run_id"]]
        run.status, run.conclusion = "completed", order["conclusion"]
        return {}

    def _look(self) -> None:
        for repository in self.world.repositories.values():
            notice(self.world, repository, repository.owner)


def _dumped(repository: Repository) -> Json:
    special: dict[str, Callable[[], Any]] = {
        "git": lambda: str(repository.git.path),
        "known_refs": repository.git.refs,
        "signed_commits": lambda: sorted(repository.signed_commits),
        "issues": lambda: [
            asdict(issue) for number, issue in repository.issues.items() if number not in repository.pulls
        ],
    }
    result: Json = {}
    for name, value in vars(repository).items():
        if name in special:
            result["refs" if name == "known_refs" else name] = special[name]()
        elif name in ("actions_permissions", "protection", "teams"):
            result[name] = value
        elif isinstance(value, dict):
            result[name] = [asdict(record) for record in value.values()]
        elif name == "statuses":
            result[name] = [asdict(record) for record in value]
        else:
            result[name] = value
    return result


def _shown(token: Token) -> Json:
    shown = {name: getattr(token, name) for name in ("name", "login", "permissions", "repositories")}
    return {name: value for name, value in shown.items() if name != "repositories" or value is not None}
