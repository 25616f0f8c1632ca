"""The rules of a branch as GitHub's rulesets and its classic protection say them, brought together.

Both hold at once, and the stricter of two decides: what one of them asks for is asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

Json = Mapping[str, Any]
_ROLES = {2: "everybody who may write", 4: "maintainers", 5: "administrators"}
_ACTORS = {"OrganizationAdmin": "the organisation's owners", "DeployKey": "deploy keys"}


@dataclass(frozen=True)
class RequiredCheck:
    """A status check that a merge needs. `app` is the number of the only App that may set it, or None for anybody."""

    context: str
    app: int | None


@dataclass(frozen=True)
class BranchRules:
    """What a branch asks for. `approvals` counts reviews; `up_to_date`: a pull request has the branch's tip in it."""

    pull_request: bool = False
    approvals: int = 0
    code_owners: bool = False
    dismiss_stale: bool = False
    checks: tuple[RequiredCheck, ...] = ()
    up_to_date: bool = False
    queue: bool = False
    no_force_push: bool = False
    no_deletion: bool = False

    def __or__(self, other: "BranchRules") -> "BranchRules":
        """What both ask for together."""
        mine, theirs = vars(self), vars(other)
        joined = {one.name: mine[one.name] or theirs[one.name] for one in fields(self)}
        joined["approvals"] = max(self.approvals, other.approvals)
        joined["checks"] = tuple(dict.fromkeys((*self.checks, *other.checks)))
        return BranchRules(**joined)


def from_rulesets(rules: Iterable[Json]) -> BranchRules:
    """The rules that `GET /repos/{owner}/{repo}/rules/branches/{branch}` lists: those of every active ruleset."""
    found = BranchRules()
    for rule in rules:
        found |= _from_rule(str(rule.get("type")), rule.get("parameters") or {})
    return found


def _from_rule(kind: str, given: Json) -> BranchRules:
    match kind:
        case "pull_request":
            return BranchRules(
                pull_request=True,
                approvals=given.get("required_approving_review_count") or 0,
                code_owners=bool(given.get("require_code_owner_review")),
                dismiss_stale=bool(given.get("dismiss_stale_reviews_on_push")),
            )
        case "required_status_checks":
            checks = [
                RequiredCheck(str(each.get("context")), each.get("integration_id"))
                for each in given.get("required_status_checks", ())
            ]
            strict = bool(given.get("strict_required_status_checks_policy"))
            return BranchRules(checks=tuple(checks), up_to_date=strict)
        case "merge_queue":
            return BranchRules(queue=True)
        case "non_fast_forward":
            return BranchRules(no_force_push=True)
        case "deletion":
            return BranchRules(no_deletion=True)
    return BranchRules()


def from_protection(protection: Json) -> BranchRules:
    """What `GET /repos/{owner}/{repo}/branches/{branch}/protection` says: the classic way."""
    reviews, checks = protection.get("required_pull_request_reviews"), protection.get("required_status_checks") or {}
    return BranchRules(
        pull_request=reviews is not None,
        approvals=(reviews or {}).get("required_approving_review_count") or 0,
        code_owners=bool((reviews or {}).get("require_code_owner_reviews")),
        dismiss_stale=bool((reviews or {}).get("dismiss_stale_reviews")),
        # An App of -1 is GitHub's word for any.
        checks=tuple(
            RequiredCheck(str(each.get("context")), each.get("app_id") if each.get("app_id") != -1 else None)
            for each in checks.get("checks", ())
        ),
        up_to_date=bool(checks.get("strict")),
        no_force_push=not (protection.get("allow_force_pushes") or {}).get("enabled", False),
        no_deletion=not (protection.get("allow_deletions") or {}).get("enabled", False),
    )


def who_may_bypass(actors: Iterable[Json]) -> list[str]:
    """The `bypass_actors` of a ruleset, in words."""
    return sorted({_actor(actor) for actor in actors})


def _actor(actor: Json) -> str:
    kind, number = str(actor.get("actor_type")), actor.get("actor_id")
    who = _ACTORS.get(kind) or (_ROLES.get(number or 0) if kind == "RepositoryRole" else None)
    who = who or {"Integration": "App", "RepositoryRole": "role"}.get(kind, kind.lower()) + f" {number}"
    return f"{who} (in pull requests)" if actor.get("bypass_mode") == "pull_request" else who


def who_may_bypass_protection(protection: Json) -> list[str]:
    """Who need not keep to a classic protection, in words."""
    found = [] if (protection.get("enforce_admins") or {}).get("enabled") else ["administrators"]
    allowed = (protection.get("required_pull_request_reviews") or {}).get("bypass_pull_request_allowances") or {}
    named: Sequence[tuple[str, str]] = (("users", "login"), ("teams", "slug"), ("apps", "slug"))
    return found + [f"{each.get(key)} (in pull requests)" for kind, key in named for each in allowed.get(kind, ())]
