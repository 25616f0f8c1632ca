"""The tests' own paths under /_test/: seed, look inside, plan faults. Nothing here exists on GitHub."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tests.parts.github.bare import BareRepository
from tests.parts.github.faults import Faults
from tests.parts.github.noticing import notice
from tests.parts.github.oidc import Issuer
from tests.parts.github.world import Json, Repository, Token, World

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
    "environments",
    "strangers",
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
            "conclude": self._conclude,
        }[what](order)

    def _state(self, order: Json) -> Json:
        """Everything that is remembered, as JSON; tokens by name only."""
        self._look()
        tokens = [{"name": t.name, "login": t.login, "permissions": t.permissions} for t in self.world.tokens.values()]
        found = {name: _dumped(repository) for name, repository in self.world.repositories.items()}
        return {"tokens": tokens, "repositories": found}

    def _events(self, order: Json) -> list[Json]:
        self._look()
        return self.world.events

    def _add_token(self, order: Json) -> Json:
        self.world.tokens[order["secret"]] = Token(**order)
        return {}

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
        elif name in ("actions_permissions", "protection"):
            result[name] = value
        elif isinstance(value, dict):
            result[name] = [asdict(record) for record in value.values()]
        elif name == "statuses":
            result[name] = [asdict(record) for record in value]
        else:
            result[name] = value
    return result
