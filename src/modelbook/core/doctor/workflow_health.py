"""Whether a repository's workflows and code owners do what the registry's promises need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelbook.core.doctor.code_owners import CodeOwners
from modelbook.core.doctor.health import Check
from modelbook.core.doctor.workflow_files import FOLDER, Use, Workflow
from modelbook.core.listed import listed
from modelbook.core.policy import Policy

AREA = "workflows"
_INIT = "modelbook init --github OWNER/modelbook@COMMIT"
_OWN = f"{_INIT} --owner @ORGANISATION/TEAM"
_READS_HISTORY = (
    "verify",
    "gate",
    "plan",
    "promote",
    "rollback",
    "deploy",
    "prune-plan",
    "prune-apply",
    "online-check",
    "site-build",
)


@dataclass(frozen=True)
class WorkflowFacts:
    """The files of `.github/workflows`, and CODEOWNERS with the place where it lies, of one commit.

    `folder` is the registry's; `queue` says whether the default branch has a merge queue.
    """

    workflows: Sequence[Workflow]
    owners: tuple[str, str] | None
    folder: str
    policy: Policy | None
    queue: bool


def check_workflows(facts: WorkflowFacts) -> list[Check]:
    """All checks of what lies in the repository for GitHub."""
    return [*_pins(facts), *_verify(facts), *_depths(facts), *_owners(facts)]


def _pins(facts: WorkflowFacts) -> Iterator[Check]:
    uses = [use for workflow in facts.workflows for use in workflow.uses()]
    ours, others = [use for use in uses if use.modelbook], [use for use in uses if not use.modelbook]
    if loose := [use for use in ours if not use.pinned]:
        message = f"Modelbook is not pinned to a commit, so that others can change what signs here: {_listed(loose)}"
        yield Check(AREA, "pinned", "problem", message, _INIT)
    elif ours:
        pins = sorted({f"{use.modelbook}@{use.ref[:12]}" for use in ours})
        if len(pins) == 1:
            yield Check(AREA, "pinned", "ok", f"{len(ours)} call(s) of {pins[0]}")
        else:
            yield Check(AREA, "pinned", "problem", f"Modelbook is pinned to several commits: {', '.join(pins)}", _INIT)
    elif any("actions/verify" in use.what for use in others):
        yield Check(AREA, "pinned", "ok", "the workflows are this repository's own")
    else:
        yield Check(AREA, "pinned", "problem", "no workflow here calls one of Modelbook's", _INIT)
    if loose := [use for use in others if not use.pinned]:
        message = f"what a branch or a tag names may be another tomorrow: {_listed(loose)}"
        yield Check(AREA, "pinned-actions", "warning", message, "Write the commit: uses: owner/action@<40 hex> # v1")


def _listed(uses: Sequence[Use]) -> str:
    return listed([f"{use.path}:{use.line} ({use.what}@{use.ref})" for use in uses], 5)


def _verify(facts: WorkflowFacts) -> Iterator[Check]:
    path = f"{FOLDER}/verify.yml"  # by this name it is started where nothing else starts it
    workflow = next((each for each in facts.workflows if each.path == path), None)
    if workflow is None:
        yield Check(AREA, "verify", "problem", f"there is no {path}: nothing judges a pull request", _INIT)
        return
    if workflow.document is None:
        yield Check(
            AREA, "verify", "unknown", f"{path} is written in a way that is not read here", "Look at its `on:`."
        )
        return
    needed = {"pull_request": "judges no pull request", "workflow_dispatch": "cannot be started by another workflow"}
    if facts.queue:
        needed["merge_group"] = "says nothing in the merge queue, where every merge then waits for ever"
    lacking = [f"without `{event}:` it {why}" for event, why in needed.items() if event not in workflow.triggers]
    if lacking:
        yield Check(AREA, "verify", "problem", f"{path}: {'; '.join(lacking)}", f"Add it under `on:` of {path}.")
    else:
        yield Check(AREA, "verify", "ok", f"{path} judges pull requests" + (" and the queue" if facts.queue else ""))


def _depths(facts: WorkflowFacts) -> Iterator[Check]:
    """Our actions as steps of a team's own jobs: a soak and the history are counted by commits that must be there."""
    soaks = facts.policy is not None and any(stage.soak for stage in facts.policy.stages)
    found = []
    for workflow in facts.workflows:
        for name, job in workflow.jobs.items():
            steps = [step for step in job.get("steps") or () if isinstance(step, dict)]
            uses = [str(step.get("uses", "")).partition("@")[0] for step in steps]
            verbs = {each.rpartition("/")[2] for each in uses if "/actions/" in each}
            if not verbs.intersection(_READS_HISTORY if soaks else ("verify", "site-build")):
                continue
            given = [step.get("with") for step, use in zip(steps, uses, strict=True) if use == "actions/checkout"]
            if given and not any(isinstance(each, dict) and str(each.get("fetch-depth")) == "0" for each in given):
                found.append(f"{workflow.path}, job {name}")
    if found:
        message = f"a clone without history knows neither a soak nor what was taken back: {', '.join(found)}"
        yield Check(AREA, "fetch-depth", "problem", message, "Add `fetch-depth: 0` under `with:` of actions/checkout.")


def _owners(facts: WorkflowFacts) -> Iterator[Check]:
    if facts.owners is None:
        yield Check(AREA, "code-owners", "problem", "there is no CODEOWNERS: nobody has to approve anything", _OWN)
        return
    place, text = facts.owners
    owners = CodeOwners.read(text)
    paths = [f"{facts.folder}/policy.yaml", f"{facts.folder}/trust.yaml", f"{FOLDER}/verify.yml", place]
    stages = facts.policy.stages if facts.policy else ()
    paths += [f"{facts.folder}/models/any/stages/{stage.name}.yaml" for stage in stages if not stage.auto]
    if bare := [path for path in paths if not owners.of(path)]:
        message = f"{place} gives nobody {', '.join(bare)}"
        remedy = f"Write it at the end of {place}, as in: /{facts.folder}/ @ORGANISATION/TEAM"
        yield Check(AREA, "code-owners", "problem", message, remedy)
    else:
        who = sorted({owner for path in paths for owner in owners.of(path)})
        yield Check(AREA, "code-owners", "ok", f"{place}: {facts.folder}/ and .github/ belong to {', '.join(who)}")
