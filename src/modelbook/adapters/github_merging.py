"""Merging by itself: GitHub's auto-merge, for a stage that policy.yaml calls `auto`.

Auto-merge waits for what the branch requires, and for nothing else. So it is asked for only where the branch requires
the commit status of the verification: elsewhere GitHub would merge what the verification refuses.
"""

from typing import Any, Final

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_errors import Refusal

METHODS: Final = ("merge", "squash", "rebase")


class GitHubMerging:
    """Asks GitHub to merge pull requests. Every method may raise ForgeError."""

    def __init__(self, api: GitHubApi) -> None:
        self._api = api

    def when_green(self, number: int, head: str, base: str, *, status: str) -> str | None:
        """Have a pull request merged once it is green, as long as its branch holds `head`.

        Gives None, or what a person has to do since GitHub will not. `status` is what has to be green.
        """
        by_hand = "Merge it yourself once it is green: "
        found = self._pull(number)
        if found.get("auto_merge"):
            return None
        if not self._requires(base, status):
            return f"{by_hand}{base} does not require the commit status `{status}`, so a red one would be merged too."

        def standing() -> Json | None:
            pull = self._pull(number)
            return pull if pull.get("auto_merge") else None

        wanted = {
            "pullRequestId": pick(found, "node_id"),
            "expectedHeadOid": head,
            "mergeMethod": self._method().upper(),
        }
        try:
            self._api.mutate("merge it by itself", "enablePullRequestAutoMerge", wanted, find=standing)
        except Refusal as error:
            allow = " Allow auto-merge in the repository's settings (General, Pull Requests)."
            return f"{by_hand}GitHub says: {error.words}.{allow if 'not allowed' in error.words else ''}"
        return None

    def _pull(self, number: int) -> Json:
        found: Json = self._api.get("read a pull request", f"/pulls/{number}")
        return found

    def _requires(self, base: str, status: str) -> bool:
        """Whether a branch takes nothing without this commit status: by a ruleset, or a protection of the old kind."""
        branch = self._api.get("read the rules of a branch", f"/branches/{base}")
        old = (branch.get("protection") or {}).get("required_status_checks") or {}
        if status in old.get("contexts", ()) and old.get("enforcement_level") != "off":
            return True
        rules = self._api.get_if_there("read the rules of a branch", f"/rules/branches/{base}") or ()
        return any(status == check.get("context") for rule in rules for check in _checks(rule))

    def _method(self) -> str:
        """How the repository merges; GitHub shows it to whoever may push."""
        repository = self._api.get("read the repository", "")
        allowed = {
            "merge": repository.get("allow_merge_commit"),
            "squash": repository.get("allow_squash_merge"),
            "rebase": repository.get("allow_rebase_merge"),
        }
        return next((method for method in METHODS if allowed[method]), METHODS[0])


def _checks(rule: Any) -> list[Json]:
    """The status checks that a rule of a branch asks for."""
    if rule.get("type") != "required_status_checks":
        return []
    checks: list[Json] = (rule.get("parameters") or {}).get("required_status_checks") or []
    return checks
