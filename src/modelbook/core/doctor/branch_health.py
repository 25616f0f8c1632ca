"""Whether the default branch on GitHub is guarded as the registry's promises need it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelbook.core.doctor.branch_rules import (
    BranchRules,
    from_protection,
    from_rulesets,
    who_may_bypass,
    who_may_bypass_protection,
)
from modelbook.core.doctor.health import Check, Unseen, Verdict, unknown

Json = Mapping[str, Any]
STATUS = "modelbook"
"""The commit status that says whether a change may be merged."""

SCRIPT = "bash .github/branch-rules.sh"
AREA = "branch"


@dataclass(frozen=True)
class BranchFacts:
    """The default branch as GitHub's API shows it; what the token may not see is Unseen.

    `rules` are those of active rulesets; `rulesets` those that hold any of them, whole; `protection` is the classic
    one, None where there is none. `actions_app` is the number of GitHub Actions' own App there.
    """

    name: str
    rules: Sequence[Json] | Unseen
    rulesets: Sequence[Json] | Unseen
    protection: Json | Unseen | None
    actions_app: int | Unseen


def has_queue(facts: BranchFacts) -> bool:
    """Whether the branch is known to have a merge queue."""
    return not isinstance(facts.rules, Unseen) and from_rulesets(facts.rules).queue


def check_branch(facts: BranchFacts) -> list[Check]:
    """All checks of the branch's rules."""
    return list(_checks(facts))


def _checks(facts: BranchFacts) -> Iterator[Check]:
    known = BranchRules()
    hidden: Unseen | None = None
    if isinstance(facts.rules, Unseen):
        hidden = facts.rules
    else:
        known |= from_rulesets(facts.rules)
    if isinstance(facts.protection, Unseen):
        hidden = hidden or facts.protection
    elif facts.protection is not None:
        known |= from_protection(facts.protection)
    name = facts.name
    for key, held, good, bad in (
        ("pull-request", known.pull_request, f"{name} changes by pull request only", f"anybody may push to {name}"),
        ("force-push", known.no_force_push, f"{name} cannot be rewritten", f"{name} can be rewritten (force push)"),
        ("deletion", known.no_deletion, f"{name} cannot be deleted", f"{name} can be deleted"),
    ):
        yield _held(key, held, good, bad, hidden)
    yield from _status(known, facts.actions_app, hidden)
    yield _held(
        "up-to-date",
        known.up_to_date or known.queue,
        "a merge queue judges what is merged as it will be" if known.queue else "what is merged was judged on the tip",
        "a pull request may be merged that was judged before the branch moved",
        hidden,
    )
    yield _held(
        "reviews",
        known.approvals > 0 or known.code_owners,
        f"{known.approvals} approval(s) needed" if known.approvals else "code owners have to approve",
        "nobody has to review a pull request",
        hidden,
    )
    yield _held(
        "code-owner-review",
        known.code_owners,
        "the owners of what is changed have to approve",
        "CODEOWNERS is only a suggestion: no code owner has to approve",
        hidden,
    )
    if known.approvals or known.code_owners:
        yield _held(
            "stale-reviews",
            known.dismiss_stale,
            "an approval ends with the next push",
            "an approval holds for what is pushed after it",
            hidden,
            worst="warning",
        )
    yield from _bypass(facts)


def _held(key: str, held: bool, good: str, bad: str, hidden: Unseen | None, *, worst: Verdict = "problem") -> Check:
    """A rule that must hold. Where a part of the rules is hidden, it may stand there."""
    if held:
        return Check(AREA, key, "ok", good)
    if hidden:
        return unknown(AREA, key, f"perhaps {bad}", hidden)
    return Check(AREA, key, worst, bad, SCRIPT)


def _status(known: BranchRules, app: int | Unseen, hidden: Unseen | None) -> Iterator[Check]:
    key, found = "status-check", [check for check in known.checks if check.context == STATUS]
    if not found:
        near = sorted(check.context for check in known.checks if STATUS in check.context.lower())
        instead = f"; {near[0]!r} is another: a status is required by its exact name" if near else ""
        yield _held(key, False, "", f"the commit status {STATUS!r} is not required{instead}", hidden)
        return
    apps = {check.app for check in found} - {None}
    if not apps:
        message = f"the commit status {STATUS!r} is required, and whoever may set a status may set it"
        yield Check(AREA, key, "warning", message, f"{SCRIPT}   # lets only GitHub Actions set it")
    elif isinstance(app, Unseen):
        yield unknown(AREA, key, f"whether the App that must set {STATUS!r} is GitHub Actions", app)
    elif apps == {app}:
        yield Check(AREA, key, "ok", f"the commit status {STATUS!r} is required, of GitHub Actions")
    else:
        listed = ", ".join(map(str, sorted(each for each in apps if each != app and each is not None)))
        message = f"the commit status {STATUS!r} must come from App {listed}, and GitHub Actions ({app}) sets it"
        yield Check(AREA, key, "problem", message, SCRIPT)


def _bypass(facts: BranchFacts) -> Iterator[Check]:
    who: list[str] = []
    hidden = facts.rulesets if isinstance(facts.rulesets, Unseen) else None
    for ruleset in () if isinstance(facts.rulesets, Unseen) else facts.rulesets:
        if "bypass_actors" in ruleset:
            who += who_may_bypass(ruleset["bypass_actors"])
        else:
            hidden = hidden or Unseen(
                f"GitHub shows those of the ruleset {ruleset.get('name')!r} only to who may change it",
                "Ask an administrator to run this.",
            )
    if isinstance(facts.protection, Unseen):
        hidden = hidden or facts.protection
    elif facts.protection is not None:
        who += who_may_bypass_protection(facts.protection)
    if who:
        message = f"these may merge or push in spite of the rules: {', '.join(sorted(set(who)))}"
        everybody = any(each.startswith("everybody") for each in who)
        yield Check(AREA, "bypass", "problem" if everybody else "warning", message, SCRIPT)
    if hidden:
        yield unknown(AREA, "bypass", "who may bypass the rules", hidden)
    elif not who:
        yield Check(AREA, "bypass", "ok", "nobody may bypass the rules")
