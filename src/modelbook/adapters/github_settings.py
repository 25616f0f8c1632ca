"""A repository's rules and settings on GitHub, read and never written; what the token may not see is said to be so."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_errors import Refusal
from modelbook.core.doctor.branch_health import BranchFacts
from modelbook.core.doctor.health import Unseen
from modelbook.core.doctor.settings_health import SettingsFacts
from modelbook.errors import ForgeError

Fact = TypeVar("Fact")
_ADMIN = "administration: read"
_NOBODY_LACKS = "metadata: read"


class GitHubSettings:
    """Reads what `modelbook doctor` judges. Raises ForgeError only where the repository itself cannot be read."""

    def __init__(self, api: GitHubApi) -> None:
        self._api = api
        self._repository: Json = api.get("read the repository", "")
        self.branch = str(pick(self._repository, "default_branch"))

    def rules(self) -> BranchFacts:
        """The rules of the default branch."""
        api = self._api
        rules = self._look(_NOBODY_LACKS, self._rules)
        return BranchFacts(
            name=self.branch,
            rules=rules,
            rulesets=self._rulesets(rules) if not isinstance(rules, Unseen) else rules,
            protection=self._protection(),
            actions_app=self._look(_NOBODY_LACKS, lambda: int(pick(api.app("github-actions"), "id"))),
        )

    def _rules(self) -> list[Json]:
        try:
            return list(self._api.pages("read a branch's rules", f"/rules/branches/{self.branch}"))
        except Refusal as error:
            if error.beyond_plan:
                return []
            raise

    def _rulesets(self, rules: Sequence[Json]) -> list[Json] | Unseen:
        numbers = sorted({rule["ruleset_id"] for rule in rules if isinstance(rule.get("ruleset_id"), int)})

        def read() -> list[Json]:
            return [self._api.get("read a ruleset", f"/rulesets/{number}") for number in numbers]

        return self._look(_NOBODY_LACKS, read)

    def _protection(self) -> Json | Unseen | None:
        """The classic protection, which an administrator alone may read; that there is none, everybody may."""
        branch = self._look("contents: read", lambda: self._api.get("read a branch", f"/branches/{self.branch}"))
        if not isinstance(branch, Unseen) and not branch.get("protected"):
            return None
        path = f"/branches/{self.branch}/protection"
        try:
            found: Json = self._api.get("read a branch's protection", path)
        except Refusal as error:
            if error.beyond_plan or "not protected" in error.words.lower():
                return None
            return self._unseen(error, _ADMIN)
        except ForgeError as error:
            return Unseen(error.message, error.remedy)
        return found

    def settings(self, head: str) -> SettingsFacts:
        """The settings of the repository, beside the commit `head` that was looked at."""
        api = self._api
        environments = self._look(
            "actions: read", lambda: list(api.pages("list environments", "/environments", "environments"))
        )
        return SettingsFacts(
            page=str(pick(self._repository, "html_url")),
            branch=self.branch,
            head=head,
            tip=self._look(
                "contents: read",
                lambda: str(pick(api.get("read a branch", f"/branches/{self.branch}"), "commit", "sha")),
            ),
            auto_merge=self._auto_merge(),
            actions=self._look(_ADMIN, lambda: api.get("read the settings of Actions", "/actions/permissions")),
            token=self._look(_ADMIN, lambda: api.get("read the settings of Actions", "/actions/permissions/workflow")),
            secrets=self._look("secrets: read", lambda: self._of_both("secrets")),
            variables=self._look("variables: read", lambda: self._of_both("variables")),
            environments=environments,
            environment_secrets=self._environment_secrets(environments),
            owner_errors=self._look("contents: read", self._owner_errors),
        )

    def _auto_merge(self) -> bool | Unseen:
        allowed = self._repository.get("allow_auto_merge")
        if isinstance(allowed, bool):
            return allowed
        return Unseen("GitHub shows that only to a token that may write", self._api.how_to_get("contents: write"))

    def _of_both(self, kind: str) -> frozenset[str]:
        """The names of the `secrets` or `variables` of the repository, and of those of its organisation."""
        own = self._names(f"/actions/{kind}", kind)
        try:
            return frozenset([*own, *self._names(f"/actions/organization-{kind}", kind)])
        except Refusal as error:
            if error.status == 404:  # the owner is a person, not an organisation
                return frozenset(own)
            raise

    def _environment_secrets(self, environments: Sequence[Json] | Unseen) -> frozenset[str] | Unseen:
        if isinstance(environments, Unseen):
            return environments
        paths = [f"/environments/{pick(each, 'name')}/secrets" for each in environments]
        return self._look("environments: read", lambda: frozenset(name for path in paths for name in self._names(path)))

    def _names(self, path: str, kind: str = "secrets") -> list[str]:
        return [str(pick(each, "name")) for each in self._api.pages(f"list the names of {kind}", path, kind)]

    def _owner_errors(self) -> list[str]:
        found = self._api.get_if_there("read what is wrong with CODEOWNERS", "/codeowners/errors")
        if found is None:
            return [f"there is none on {self.branch}"]
        shown = [(each, str(each.get("source") or "").strip()) for each in pick(found, "errors")]
        return [f"{each.get('path')}:{each.get('line')}: {each.get('kind')}: {source}" for each, source in shown]

    def _look(self, permission: str, read: Callable[[], Fact]) -> Fact | Unseen:
        try:
            return read()
        except Refusal as error:
            return self._unseen(error, permission)
        except ForgeError as error:
            return Unseen(error.message, error.remedy)

    def _unseen(self, error: Refusal, permission: str) -> Unseen:
        """Of what a token may not see GitHub says 403, or 404 as if it were not there."""
        if error.lacks_permission and permission != _NOBODY_LACKS:
            return Unseen(f"the token lacks `{permission}`", self._api.how_to_get(permission))
        return Unseen(error.message, error.remedy)
