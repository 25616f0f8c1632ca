"""Whether a repository's settings on GitHub let the workflows do their work, and no more than that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelbook.core.doctor.health import Check, Unseen, unknown
from modelbook.core.doctor.workflow_files import Workflow
from modelbook.core.policy import Policy
from modelbook.core.trust import Trust

Json = Mapping[str, Any]
AREA = "settings"
KEY, TOKEN = "MODELBOOK_SIGNING_KEY", "MODELBOOK_TOKEN"
APP_ID, APP_KEY = "MODELBOOK_APP_ID", "MODELBOOK_APP_PRIVATE_KEY"
_OPTIONAL = {
    TOKEN: "jobs ask by an App's token, or by their own and start what has to follow themselves",
    APP_KEY: f"jobs ask by {TOKEN}, or by their own token",
    "MODELBOOK_WEBHOOK": "nobody but GitHub is told of a deployment",
    "MODELBOOK_DELETE_ACCESS_KEY_ID": "what a merged plan lists is not deleted",
    "MODELBOOK_DELETE_SECRET_ACCESS_KEY": "what a merged plan lists is not deleted",
}
_STORE = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True)
class SettingsFacts:
    """The settings as GitHub's API shows them; what the token may not see is Unseen.

    `head` is the commit that was looked at here, `tip` that of the default branch. `secrets` are names, those of the
    organisation that the repository may use included, and so are `variables`; `environment_secrets` names by
    environment. `owner_errors` are GitHub's complaints about CODEOWNERS.
    """

    page: str
    branch: str
    head: str
    tip: str | Unseen
    auto_merge: bool | Unseen
    actions: Json | Unseen
    token: Json | Unseen
    secrets: frozenset[str] | Unseen
    variables: frozenset[str] | Unseen
    environments: Sequence[Json] | Unseen
    environment_secrets: frozenset[str] | Unseen
    owner_errors: Sequence[str] | Unseen


def check_settings(
    facts: SettingsFacts, workflows: Sequence[Workflow], policy: Policy | None, trust: Trust | None
) -> list[Check]:
    """All checks of the settings."""
    return [
        *_tip(facts),
        *_owners(facts),
        *_auto(facts, policy),
        *_actions(facts),
        *_secrets(facts, {name for each in workflows for name in each.secrets()}, policy, trust),
        *_app(facts),
        *_environments(facts, {name for each in workflows for name in each.environments()}),
    ]


def _tip(facts: SettingsFacts) -> Iterator[Check]:
    if isinstance(facts.tip, Unseen):
        yield unknown(AREA, "default-branch", f"whether {facts.branch} is what was looked at here", facts.tip)
    elif facts.tip == facts.head:
        yield Check(AREA, "default-branch", "ok", f"{facts.branch} on GitHub is the commit that was looked at")
    else:
        message = f"HEAD is {facts.head[:12]}, {facts.branch} on GitHub is {facts.tip[:12]}: files were read from HEAD"
        yield Check(AREA, "default-branch", "warning", message, f"git switch {facts.branch} && git pull")


def _owners(facts: SettingsFacts) -> Iterator[Check]:
    if isinstance(facts.owner_errors, Unseen):
        yield unknown(AREA, "code-owners", "whether the code owners exist and may write", facts.owner_errors)
    elif facts.owner_errors:
        message = f"GitHub does not go by CODEOWNERS: {'; '.join(facts.owner_errors[:5])}"
        remedy = "Name people and teams that may write to the repository, on the default branch."
        yield Check(AREA, "code-owners", "problem", message, remedy)
    else:
        yield Check(AREA, "code-owners", "ok", "GitHub finds every code owner")


def _auto(facts: SettingsFacts, policy: Policy | None) -> Iterator[Check]:
    stages = [stage.name for stage in policy.stages if stage.auto] if policy else []
    if not stages:
        return
    listed = ", ".join(stages)
    if isinstance(facts.auto_merge, Unseen):
        yield unknown(
            AREA, "auto-merge", f"whether what is proposed for {listed} may be merged by itself", facts.auto_merge
        )
    elif facts.auto_merge:
        yield Check(AREA, "auto-merge", "ok", f"auto-merge is allowed, as `auto: true` of {listed} needs it")
    else:
        message = f"{listed} is `auto: true`, and auto-merge is not allowed: somebody merges each by hand"
        yield Check(AREA, "auto-merge", "warning", message, "gh repo edit --enable-auto-merge")


def _actions(facts: SettingsFacts) -> Iterator[Check]:
    place = f"{facts.page}/settings/actions"
    if isinstance(facts.actions, Unseen):
        yield unknown(AREA, "actions", "whether Actions may run what is called", facts.actions)
    elif not facts.actions.get("enabled"):
        yield Check(AREA, "actions", "problem", "GitHub Actions is switched off here", place)
    elif (allowed := facts.actions.get("allowed_actions")) == "local_only":
        yield Check(AREA, "actions", "problem", "only actions of this owner may run: actions/checkout may not", place)
    elif allowed == "selected":
        message = "only selected actions may run: are Modelbook's and actions/checkout among them?"
        yield Check(AREA, "actions", "warning", message, place)
    else:
        yield Check(AREA, "actions", "ok", "Actions may run what is called")
    if isinstance(facts.token, Unseen):
        yield unknown(AREA, "default-token", "what a job's token may do that names no permissions", facts.token)
        return
    if facts.token.get("default_workflow_permissions") == "write":
        message = "a workflow that names no `permissions:` may write everything"
        yield Check(AREA, "default-token", "warning", message, f"{place}, Workflow permissions: read")
    else:
        yield Check(AREA, "default-token", "ok", "a workflow that names no `permissions:` may only read")
    if not isinstance(facts.secrets, Unseen) and {TOKEN, APP_KEY} & facts.secrets:
        return
    if not facts.token.get("can_approve_pull_request_reviews"):
        message = "without an App, Actions must be allowed to open pull requests, and is not"
        remedy = f"{place}, Workflow permissions: allow it; or give an App's {APP_ID} and {APP_KEY} (docs/github.md)"
        yield Check(
            AREA,
            "open-pull-requests",
            "problem" if not isinstance(facts.secrets, Unseen) else "warning",
            message,
            remedy,
        )
    else:
        yield Check(AREA, "open-pull-requests", "ok", "Actions may open pull requests")


def _secrets(facts: SettingsFacts, asked: set[str], policy: Policy | None, trust: Trust | None) -> Iterator[Check]:
    if isinstance(facts.secrets, Unseen):
        yield unknown(AREA, "secrets", f"whether {', '.join(sorted(asked)) or 'secrets'} are there", facts.secrets)
        return
    there = facts.secrets | (
        facts.environment_secrets if not isinstance(facts.environment_secrets, Unseen) else frozenset()
    )
    hidden = None if not isinstance(facts.environment_secrets, Unseen) else facts.environment_secrets
    keyless = trust is not None and any(signer.workflow for signer in trust.signers)
    lacking = asked - there
    for name in sorted(asked):
        if name not in lacking:
            if name == KEY and name in facts.secrets:
                message = f"{KEY} is a secret of the repository: whoever may push a branch can reach it"
                remedy = (
                    "Keep it in an environment that only the default branch may use, or sign keyless (docs/signing.md)."
                )
                yield Check(AREA, "secrets", "warning", message, remedy)
            else:
                yield Check(AREA, "secrets", "ok", f"{name} is there")
        elif name in _OPTIONAL:
            yield Check(AREA, "secrets", "ok", f"{name} is not there: {_OPTIONAL[name]}")
        elif name == KEY and keyless:
            yield Check(AREA, "secrets", "ok", f"{KEY} is not there: workflows sign keyless, and trust.yaml names some")
        elif hidden:
            yield unknown(AREA, "secrets", f"{name} is no secret of the repository, perhaps of an environment", hidden)
        elif name == KEY:
            message = f"{KEY} is not there, and trust.yaml names no workflow that could sign without it"
            yield Check(AREA, "secrets", "problem", message, f"gh secret set {KEY} < signing-key.pem")
        elif name in _STORE:
            needed = policy is not None and policy.store.startswith("s3:")
            message = f"{name} is not there" + (": jobs need a runner with a role" if needed else ", nor needed")
            yield Check(
                AREA, "secrets", "warning" if needed else "ok", message, f"gh secret set {name}" if needed else None
            )
        else:
            yield Check(AREA, "secrets", "problem", f"{name} is asked for and not there", f"gh secret set {name}")


def _app(facts: SettingsFacts) -> Iterator[Check]:
    """An App is a variable and a secret: jobs stop where there is but one of them."""
    if isinstance(facts.secrets, Unseen):
        return
    if isinstance(facts.variables, Unseen):
        if APP_KEY in facts.secrets:
            yield unknown(AREA, "app", f"whether the variable {APP_ID} is there, as {APP_KEY} is", facts.variables)
    elif APP_KEY in facts.secrets and APP_ID in facts.variables:
        yield Check(AREA, "app", "ok", "jobs that propose make a token of the App for themselves, and end it")
    elif APP_KEY in facts.secrets or APP_ID in facts.variables:
        lacks, has = (APP_ID, APP_KEY) if APP_KEY in facts.secrets else (APP_KEY, APP_ID)
        remedy = f"gh variable set {APP_ID}" if lacks == APP_ID else f"gh secret set {APP_KEY} < key.pem"
        yield Check(AREA, "app", "problem", f"{has} is there, and {lacks} is not: no job can propose", remedy)


def _environments(facts: SettingsFacts, asked: set[str]) -> Iterator[Check]:
    if not asked:
        return
    if isinstance(facts.environments, Unseen):
        yield unknown(AREA, "environments", f"whether {', '.join(sorted(asked))} are guarded", facts.environments)
        return
    there = {str(each.get("name")): each for each in facts.environments}
    for name in sorted(asked):
        place = f"{facts.page}/settings/environments"
        if name not in there:
            message = f"the environment {name!r} is not there: the first run would make one that any branch may use"
            yield Check(AREA, "environments", "problem", message, place)
        elif there[name].get("deployment_branch_policy") is None:
            message = f"any branch may use the environment {name!r}, and its secrets"
            yield Check(AREA, "environments", "warning", message, f"{place}: deployment branches")
        else:
            yield Check(AREA, "environments", "ok", f"only some branches may use the environment {name!r}")
