"""`modelbook doctor`: whether repository, settings and machine are as the promises need them. It only reads."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

import click

from modelbook.adapters.clock import now
from modelbook.adapters.machine import look_at_machine
from modelbook.adapters.open_store import open_store
from modelbook.commands._console import console, print_json, say
from modelbook.commands._workflows import TEMPLATES, own_templates
from modelbook.commands._workspace import Workspace, forge_option, json_option, open_workspace, registry_option
from modelbook.core.doctor.branch_health import BranchFacts, check_branch, has_queue
from modelbook.core.doctor.caller_health import check_callers
from modelbook.core.doctor.code_owners import PLACES
from modelbook.core.doctor.health import Check, Verdict, healthy
from modelbook.core.doctor.local_health import check_machine, check_registry, check_store
from modelbook.core.doctor.settings_health import SettingsFacts, check_settings
from modelbook.core.doctor.workflow_files import FOLDER, Workflow
from modelbook.core.doctor.workflow_health import WorkflowFacts, check_workflows
from modelbook.core.policy import Policy
from modelbook.core.trust import Trust
from modelbook.core.unseen import plain
from modelbook.errors import BadInput, Exit, ForgeError

_MARKS: dict[Verdict, tuple[str, str]] = {
    "ok": ("✓ ok", "green"),
    "warning": ("! warning", "yellow"),
    "problem": ("✗ problem", "red"),
    "unknown": ("? not known", "cyan"),
}


@click.group(
    name="doctor",
    short_help="Check that repository, settings and machine are as they must be.",
    invoke_without_command=True,
)
@click.option("--store", is_flag=True, help="Look at the store too. Leaves one object of a few bytes in it.")
@registry_option
@json_option
@click.pass_context
def command(context: click.Context, store: bool, registry_folder: str | None, as_json: bool) -> int:
    """Check what the promises rest upon: GitHub's rules and settings, workflows, code owners, keys, this machine.

    It changes nothing. What the token may not see is not known, and it says which permission that needs. Exit status 1
    if there is a problem.

    \b
    Example:
      GITHUB_TOKEN=$(gh auth token) modelbook doctor --store
    """
    if context.invoked_subcommand:
        return Exit.YES
    workspace = open_workspace(registry_folder)
    policy, trust = _documents(workspace)
    files = workspace.repository.entries(workspace.commit, [])
    workflows, owners = _github_files(workspace)
    branch, settings, missed = _from_github(workspace)
    queue = branch is not None and has_queue(branch)
    checks = [
        *check_machine(look_at_machine(workspace.repository.root)),
        *check_registry(workspace.registry, files, now()),
        *check_workflows(WorkflowFacts(workflows, owners, workspace.folder, policy, queue)),
        *_callers(workspace, workflows),
        *(check_branch(branch) if branch else ()),
        *(check_settings(settings, workflows, policy, trust) if settings else ()),
        *missed,
        *_by_the_app(workspace),
        *(_look_at_store(workspace, policy) if store else ()),
    ]
    _print(checks, as_json=as_json)
    return Exit.YES if healthy(checks) else Exit.NO


@command.command(name="store")
@click.option("--repair", is_flag=True, help="Put right what can be: see above.")
@forge_option
@registry_option
@json_option
def compare(repair: bool, forge_name: str, registry_folder: str | None, as_json: bool) -> int:
    """Compare store and registry both ways: files that a card names and that are gone, files that nothing names.

    With --repair, named files that a plan deleted come back from the trash, and uploads that were broken off before
    the grace period are discarded. What nothing names is for `modelbook prune plan`.

    \b
    Example:
      modelbook doctor store --repair
    """
    from modelbook.commands._store_doctor import compare_store

    checks = compare_store(open_workspace(registry_folder), forge_name, repair=repair)
    _print(checks, as_json=as_json)
    return Exit.YES if healthy(checks) else Exit.NO


def _documents(workspace: Workspace) -> tuple[Policy | None, Trust | None]:
    """policy.yaml and trust.yaml, as far as they can be read; what is wrong with them is a check of its own."""
    policy, trust = None, None
    with suppress(BadInput):
        policy = workspace.registry.policy
    with suppress(BadInput):
        trust = workspace.registry.trust
    return policy, trust


def _github_files(workspace: Workspace) -> tuple[list[Workflow], tuple[str, str] | None]:
    """The workflow files of the commit, and its CODEOWNERS with the place where that lies."""
    repository = workspace.repository
    there = repository.entries(workspace.commit, [FOLDER, *PLACES])
    blobs = repository.blobs(entry.oid for entry in there.values())
    texts = {path: blobs[entry.oid].decode(errors="replace") for path, entry in there.items()}
    workflows = [Workflow(path, text) for path, text in texts.items() if path.endswith((".yml", ".yaml"))]
    place = next((place for place in PLACES if place in texts), None)
    return workflows, (place, texts[place]) if place else None


def _callers(workspace: Workspace, workflows: Sequence[Workflow]) -> list[Check]:
    """Callers beside those that the pinned commit would write, or, where that cannot be read, this modelbook."""
    pins = {(use.modelbook, use.ref) for workflow in workflows for use in workflow.uses() if use.modelbook}
    if len(pins) != 1:
        return []  # none, or several, which is told already
    ((repository, commit),) = pins
    found: Mapping[str, bytes] = {}
    with suppress(BadInput, ForgeError):
        from modelbook.adapters.github_objects import GitHubObjects
        from modelbook.adapters.open_github import open_api

        found = GitHubObjects(open_api(workspace.repository, repository)).folder(commit, TEMPLATES)
    files = found or own_templates()
    templates = {path.rpartition("/")[2]: Workflow(path, data.decode(errors="replace")) for path, data in files.items()}
    return check_callers(workflows, templates, pinned=bool(found))


def _from_github(workspace: Workspace) -> tuple[BranchFacts | None, SettingsFacts | None, list[Check]]:
    """What GitHub says, or a check that says why it was not asked."""
    from modelbook.adapters.github_settings import GitHubSettings
    from modelbook.adapters.open_github import open_api

    try:
        github = GitHubSettings(open_api(workspace.repository))
        return github.rules(), github.settings(workspace.commit), []
    except (BadInput, ForgeError) as error:
        # Who has no token asks about the rest; who has one that does not work believes that GitHub was asked.
        verdict: Verdict = "unknown" if isinstance(error, BadInput) else "problem"
        place = f"{error.where}: " if error.where else ""
        return None, None, [Check("github", "asked", verdict, f"{place}{error.message}", error.remedy)]


def _by_the_app(workspace: Workspace) -> list[Check]:
    """Whether a token can be made of the App that the environment names, if it does, as the jobs make it."""
    from modelbook.adapters.open_github import PROPOSES, open_api
    from modelbook.core.doctor.settings_health import APP_ID, APP_KEY

    if not os.environ.get(APP_ID) and not os.environ.get(APP_KEY):
        return []
    try:
        open_api(workspace.repository, permissions=PROPOSES).get("read the repository", "")
    except (BadInput, ForgeError) as error:
        place = f"{error.where}: " if error.where else ""
        return [Check("github", "app", "problem", f"{place}{error.message}", error.remedy)]
    return [Check("github", "app", "ok", "a token of the App can be made, and may do what jobs need it for")]


def _look_at_store(workspace: Workspace, policy: Policy | None) -> list[Check]:
    from modelbook.adapters.store_probe import probe_store

    if policy is None:
        return [Check("store", "reachable", "unknown", "policy.yaml, which names the store, cannot be read")]
    return check_store(probe_store(open_store(policy.store, base=workspace.repository.main_root)))


def _print(checks: Sequence[Check], *, as_json: bool) -> None:
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in _MARKS}
    if as_json:
        print_json({"healthy": healthy(checks), "counts": counts, "checks": [check.as_json() for check in checks]})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("verdict", "check", "what"):
        table.add_column(heading, no_wrap=heading != "what", overflow="fold")
    for check in checks:
        mark, colour = _MARKS[check.verdict]
        said = Text(plain(check.message))
        if check.remedy:
            said.append(f"\n→ {plain(check.remedy)}", style="cyan")
        table.add_row(Text(mark, style=colour), Text(f"{check.area}: {check.name}"), said)
    console().print(table)
    told: dict[Verdict, str] = {
        "problem": "problem(s)",
        "warning": "warning(s)",
        "unknown": "not known with this token",
        "ok": "in order",
    }
    say(", ".join(f"{counts[verdict]} {words}" for verdict, words in told.items() if counts[verdict]))
