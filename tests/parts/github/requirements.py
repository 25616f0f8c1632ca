"""What the rules of the default branch ask of a pull request: checks, approvals, code owners, no lag behind it."""

from collections.abc import Iterator

from tests.parts.github.answers.people import app_id
from tests.parts.github.changes import changed_files
from tests.parts.github.starting import matches
from tests.parts.github.world import Json, Pull, Repository, is_bot

CODE_OWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_CHECKS = "required_status_checks"
OUT_OF_DATE = "Head branch is out of date. Update it, and try the merge again."


def missing(repository: Repository, record: Pull) -> str | None:
    """What is asked for and the pull request has not, in GitHub's words."""
    return next((lack for lack in (_check(repository, record), _review(repository, record)) if lack), None)


def is_behind(repository: Repository, record: Pull) -> bool:
    """Whether it lags behind a base that it has to be up to date with."""
    strict = any(each.get("strict_required_status_checks_policy") for each in _rules(repository, _CHECKS))
    return strict and not repository.git.is_ancestor(record.base_sha, record.head_sha)


def _check(repository: Repository, record: Pull) -> str | None:
    statuses = [status for status in repository.statuses if status.sha == record.head_sha]
    latest = {status.context: status for status in statuses}.values()
    green = {(status.context, app_id(status.login)) for status in latest if status.state == "success"}
    green |= {
        (run.name, app_id(run.login))
        for run in repository.check_runs.values()
        if run.head_sha == record.head_sha and run.conclusion in ("success", "neutral", "skipped")
    }
    required = [(name, None) for name in repository.required_checks]
    for parameters in _rules(repository, _CHECKS):
        required += [(check["context"], check.get("integration_id")) for check in parameters[_CHECKS]]
    for name, app in required:
        if not any(found == name and app in (None, by) for found, by in green):
            return f'Required status check "{name}" is expected.'
    return OUT_OF_DATE if is_behind(repository, record) else None


def _review(repository: Repository, record: Pull) -> str | None:
    rules = _rules(repository, "pull_request")
    count = max([repository.required_approvals, *(rule["required_approving_review_count"] for rule in rules)])
    approvals = _approvals(record, stale_count=not any(rule.get("dismiss_stale_reviews_on_push") for rule in rules))
    if len(approvals) < count:
        return f"At least {count} approving review is required by reviewers with write access."
    if any(rule.get("require_code_owner_review") for rule in rules):
        for owners in _owners(repository, record):
            if not owners & approvals:
                return f"Waiting on code owner review from {' and/or '.join(sorted(owners))}."
    return None


def _approvals(record: Pull, *, stale_count: bool) -> set[str]:
    """Who approves: what somebody said last counts, and what was said of an older head only where that is kept."""
    last = {review.login: review for review in record.reviews if review.state != "COMMENTED"}
    return {
        login
        for login, review in last.items()
        if review.state == "APPROVED" and (stale_count or review.commit_id == record.head_sha)
    }


def _owners(repository: Repository, record: Pull) -> Iterator[set[str]]:
    """The owners of each changed file that has any, by the file of the base: of its lines the last that fits counts."""
    git = repository.git
    entry = next((found for path in CODE_OWNERS if (found := git.entry(record.base_sha, path))), None)
    lines = git.blob(entry.sha).decode().splitlines() if entry else []
    rules = [words for line in lines if (words := line.partition("#")[0].split())]
    merge_base = git.merge_base(record.base_sha, record.head_sha) or record.base_sha
    for change in changed_files(git, merge_base, record.head_sha):
        fitting = [owners for pattern, *owners in rules if _fits(pattern, change.path)]
        # GitHub ignores an owner who is not there; a team's members are those whom a test says there are.
        named = (owner.removeprefix("@") for owner in (fitting[-1] if fitting else ()))
        people = {member for name in named for member in repository.teams.get(name, [name])}
        if people := {login for login in people if not is_bot(login) and login not in repository.strangers}:
            yield people


def _fits(pattern: str, path: str) -> bool:
    """Whether a pattern of CODEOWNERS, which are much as those of .gitignore, covers a path."""
    body = pattern.strip("/")
    ways = [f"{body}/**"] if pattern.endswith("/") else [body] if body.endswith("*") else [body, f"{body}/**"]
    return matches(ways if "/" in pattern.rstrip("/") else [f"**/{way}" for way in ways], path)


def _rules(repository: Repository, kind: str) -> list[Json]:
    """What the rules of one kind in active rulesets ask for; each holds for the default branch here."""
    rules = [rule for one in repository.rulesets if one["enforcement"] == "active" for rule in one.get("rules", ())]
    return [rule["parameters"] for rule in rules if rule["type"] == kind]
