"""What every workflow and action of this repository must keep, one rule a function.

A rule takes one document and the whole tree and yields a sentence for each breach. Neither `act` nor GitHub
holds these before harm is done, and a linter that knows the general case does not know ours.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.lint.documents import Document, Tree, local_target, mappings, steps_of, verbs

Rule = Callable[[Document, Tree], Iterator[str]]

OWN = ("$/", "./")
# True where the workspace is that of this repository itself.
AT_HOME = "github.repository == job.workflow_repository"
DEFAULT_BRANCH = "${{ github.event.repository.default_branch }}"
HANDED_ON = "${{ inputs.signer }}"
SIGNER = "${{ inputs.signer || (secrets.MODELBOOK_SIGNING_KEY && 'env:MODELBOOK_SIGNING_KEY' || 'sigstore:') }}"
PINNED = re.compile(r"@[0-9a-f]{40}$")
PUBLISHING = re.compile(r"^actions/deploy-pages@[0-9a-f]{40}$")  # GitHub's own: Pages asks who publishes them
PINNED_IMAGE = re.compile(r"^docker://.+@sha256:[0-9a-f]{64}$")
GITHUB_HOSTED = re.compile(r"^(ubuntu|windows|macos)-[a-z0-9.-]+$")
# Events that somebody without write access can cause.
OUTSIDE_EVENTS = {
    "pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment",
    "issues", "issue_comment", "discussion", "discussion_comment", "fork", "watch",
}  # fmt: skip
TRAINING = {"train", "sweep", "sweep-trial", "reproduce"}
MEASURING = TRAINING | {"evaluate"}
# What the training job must leave to other jobs: measuring, signing, moving stages, deleting.
JUDGING = {"evaluate", "record", "register", "promote", "rollback", "hold", "release", "retention", "online-add"}
SIGNING = {"record", "register", "promote", "rollback", "hold", "release", "online-add"}
SIGNING_SECRET = re.compile(r"secrets\.\w*(SIGN|PRIVATE)", re.IGNORECASE)
RETENTION_WORKFLOW = ".github/workflows/retention.yml"
DELETING = re.compile(
    r"s3 rm\b|s3api (abort|delete)-|rclone (delete|purge)|-X DELETE|--method DELETE|push\b.*--delete"
    r"|secrets\.\w*(DELETE|RETENTION)",
    re.IGNORECASE,
)


def every_job_has_a_timeout(document: Document, tree: Tree) -> Iterator[str]:
    """A hung job holds a GPU for six hours. A job that calls a workflow has its callee's timeouts."""
    for name, job in document.jobs.items():
        if "uses" not in job and "timeout-minutes" not in job:
            yield f"job {name} has no timeout-minutes"


def permissions_are_explicit(document: Document, tree: Tree) -> Iterator[str]:
    """Nothing at the top, so that a job has only what it names itself."""
    if not document.is_workflow:
        return
    if document.data.get("permissions") != {}:
        yield "the workflow does not begin with `permissions: {}`"
    for name, job in document.jobs.items():
        if not isinstance(job.get("permissions"), dict):
            yield f"job {name} does not list its own permissions, scope by scope"


def third_parties_are_pinned(document: Document, tree: Tree) -> Iterator[str]:
    """A tag moves; a commit does not. The comment tells people and dependabot which version it is."""
    for where, caller in document.uses:
        uses = caller["uses"]
        if uses.startswith(OWN) or PINNED_IMAGE.match(uses):
            continue
        if not PINNED.search(uses):
            yield f"{where}: {uses} is not pinned to a commit's 40 hex digits"
        elif not re.search(re.escape(uses) + r"['\"]?\s+#\s*v?\d", document.text):
            yield f"{where}: {uses} has no comment that names its version (# v1.2.3)"


def no_expression_in_a_script(document: Document, tree: Tree) -> Iterator[str]:
    """An expression is pasted into the script before it runs; a value from env: never becomes code."""
    for where, step in document.steps:
        script = (step.get("with") or {}).get("script", "")
        for key, text in (("run", step.get("run", "")), ("with.script", script)):
            if "${{" in text:
                yield f"{where}: {key} holds an expression: pass it by env:"


def composite_steps_name_their_shell(document: Document, tree: Tree) -> Iterator[str]:
    """GitHub refuses a composite action whose step names no shell; act runs it."""
    if document.is_workflow:
        return
    for where, step in document.steps:
        if "run" in step and "shell" not in step:
            yield f"{where} does not state its shell"


def own_files_are_those_of_the_commit(document: Document, tree: Tree) -> Iterator[str]:
    """`./x` is whatever lies in the workspace, which is the caller's; `$/x` is ours, at this file's own commit."""
    for where, caller in document.uses:
        if caller["uses"].startswith("./") and caller.get("if") != AT_HOME:
            yield f"{where}: {caller['uses']} would be looked up in the calling repository: write $/"


def no_privileged_pull_request_trigger(document: Document, tree: Tree) -> Iterator[str]:
    """pull_request_target gives a stranger's code the repository's secrets."""
    if "pull_request_target" in document.triggers:
        yield "pull_request_target is a trigger"


def checkouts_leave_no_credentials(document: Document, tree: Tree) -> Iterator[str]:
    """A token left in .git/config is readable by every later step, training code included."""
    for where, step in document.steps:
        if step.get("uses", "").startswith("actions/checkout@"):
            options = step.get("with") or {}
            if options.get("persist-credentials") != "false":
                yield f"{where}: checkout does not say persist-credentials: false"


def strangers_reach_no_own_machine(document: Document, tree: Tree) -> Iterator[str]:
    """What a pull request can start runs on GitHub's machines only, through called workflows too."""
    events = document.triggers & OUTSIDE_EVENTS
    if events:
        for where, label in own_machines(document, tree, frozenset()):
            yield f"{where} runs on {label} and {', '.join(sorted(events))} can start it"


def own_machines(document: Document, tree: Tree, seen: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Jobs that do not certainly run on GitHub's machines: default deny, so an expression counts."""
    for name, job in document.jobs.items():
        where = f"{document.path}, job {name}"
        if "uses" in job:
            called = local_target(job["uses"], tree)
            if called is None:
                yield where, f"whatever {job['uses']} chooses"
            elif called.path not in seen:
                yield from own_machines(called, tree, seen | {document.path})
            continue
        runs_on = job.get("runs-on")
        labels = [runs_on] if isinstance(runs_on, str) else runs_on
        hosted = isinstance(labels, list) and labels and all(GITHUB_HOSTED.match(label) for label in labels)
        if not hosted:
            yield where, json.dumps(runs_on)


def local_calls_match(document: Document, tree: Tree) -> Iterator[str]:
    """Inputs and secrets given to a file of this repository are those it declares, and all it requires."""
    for where, caller in document.uses:
        uses = caller["uses"]
        if not uses.startswith(OWN):
            continue
        target = local_target(uses, tree)
        if target is None:
            yield f"{where}: {uses} does not exist"
            continue
        interface = target.data
        if target.is_workflow:
            interface = (interface.get("on") or {}).get("workflow_call") or {}
            if caller.get("secrets") != "inherit":
                secrets = interface.get("secrets") or {}
                yield from mismatches(f"{where}: {uses}", "secret", caller.get("secrets") or {}, secrets)
        inputs = interface.get("inputs") or {}
        yield from mismatches(f"{where}: {uses}", "input", caller.get("with") or {}, inputs)


def mismatches(where: str, kind: str, given: dict[str, Any], declared: dict[str, Any]) -> Iterator[str]:
    for name in sorted(given.keys() - declared.keys()):
        yield f"{where} declares no {kind} {name}"
    for name in sorted(declared.keys() - given.keys()):
        meta = declared[name] or {}
        if meta.get("required") == "true" and "default" not in meta:
            yield f"{where} requires the {kind} {name}"


def training_has_no_power(document: Document, tree: Tree) -> Iterator[str]:
    """The job that trains or measures cannot write, sign, or say who it is."""
    for name, job in document.jobs.items():
        measured = verbs(job) & MEASURING
        if not measured:
            continue
        scopes = job.get("permissions")
        powers = (
            {k: v for k, v in scopes.items() if v != "none"} if isinstance(scopes, dict) else {"everything": "default"}
        )
        for scope, level in powers.items():
            if level != "read":
                yield f"job {name} runs {', '.join(sorted(measured))} and holds {scope}: {level}"
        if SIGNING_SECRET.search(json.dumps(job)):
            yield f"job {name} runs {', '.join(sorted(measured))} and sees a signing secret"


def training_judges_nothing(document: Document, tree: Tree) -> Iterator[str]:
    """The job that grades, signs or promotes is not the job that trained."""
    for name, job in document.jobs.items():
        found = verbs(job)
        if found & TRAINING and found & JUDGING:
            yield f"job {name} runs {', '.join(sorted(found & (TRAINING | JUDGING)))} in one job"


def our_name_is_for_our_code(document: Document, tree: Tree) -> Iterator[str]:
    """A job that may say who it is signs, and runs nothing but the actions of its own commit on a GitHub machine.

    Whatever else ran there could sign in the name of this workflow: a script, a caller's file, a ref or a machine that
    a caller chose.
    """
    for name, job in document.jobs.items():
        scopes = job.get("permissions")
        publishes = all(PUBLISHING.match(str(step.get("uses"))) for step in job.get("steps") or [{}])
        if not isinstance(scopes, dict) or "id-token" not in scopes or publishes:
            continue
        if "uses" in job:
            if not job["uses"].startswith("$/"):
                yield f"job {name} gives our name to {job['uses']}"
            continue
        if not verbs(job) & SIGNING:
            yield f"job {name} may say who it is and signs nothing"
        if not GITHUB_HOSTED.match(str(job.get("runs-on"))) or "container" in job or "services" in job:
            yield f"job {name} may say who it is on a machine that is not GitHub's"
        for where, step in steps_of(f"job {name}", job):
            uses, given = step.get("uses", ""), step.get("with") or {}
            if uses.startswith("actions/checkout@"):
                if given.keys() & {"repository", "path"} or given.get("ref", DEFAULT_BRANCH) != DEFAULT_BRANCH:
                    yield f"{where} checks out what a caller may choose"
            elif not uses.startswith("$/actions/"):
                yield f"{where} could sign in our name: it is no action of this commit"


def signers_are_chosen_alike(document: Document, tree: Tree) -> Iterator[str]:
    """Where something is signed, the caller's signer counts, then the key in the secrets, then the workflow's name."""
    for where, caller in document.uses:
        target = local_target(caller["uses"], tree)
        if not document.is_workflow or target is None:
            continue
        given = caller.get("with") or {}
        if target.is_workflow and "signer" in workflow_inputs(target) and given.get("signer") != HANDED_ON:
            yield f"{where} does not hand its signer on as {HANDED_ON}"
        if "signer" in given and not target.is_workflow and given["signer"] != SIGNER:
            yield f"{where} does not choose its signer as {SIGNER}"


def an_app_goes_before_a_token(document: Document, tree: Tree) -> Iterator[str]:
    """What is given a token may ask by the team's App as well: who has set one up expects it everywhere."""
    for given in mappings(document.data):
        lacks = {"MODELBOOK_APP_PRIVATE_KEY"} - given.keys() if "MODELBOOK_TOKEN" in given else set()
        if "GITHUB_TOKEN" in given and "MODELBOOK_TOKEN" in given:  # of a step: the App's number is a variable
            lacks |= {"MODELBOOK_APP_ID"} - given.keys()
        if lacks:
            yield f"MODELBOOK_TOKEN is handed on without {', '.join(sorted(lacks))}"


def workflow_inputs(document: Document) -> dict[str, Any]:
    """What a called workflow may be given."""
    called = (document.data.get("on") or {}).get("workflow_call") or {}
    return called.get("inputs") or {}


def only_retention_deletes(document: Document, tree: Tree) -> Iterator[str]:
    """One workflow holds delete rights, nobody outside can start it, and it deletes what a merged plan lists."""
    if document.path.endswith("retention.yml"):
        for event in sorted(document.triggers - {"schedule", "workflow_dispatch", "workflow_call", "push"}):
            yield f"{event} starts the workflow that deletes"
        push = (document.data.get("on") or {}).get("push") if "push" in document.triggers else None
        if "push" in document.triggers and not str((push or {}).get("paths", "")).endswith("/prune.json']"):
            yield "a push starts the workflow that deletes, and none of a plan"
        for name, job in document.jobs.items():
            if "push" not in str(job.get("if", "")) and any(map(_carries_out, job.get("steps", ()))):
                yield f"job {name} deletes, and no merged plan started it"
        return
    for name, job in document.jobs.items():
        found = DELETING.search(json.dumps(job))
        if found or "retention" in verbs(job):
            yield f"job {name} deletes ({found.group() if found else 'retention'})"


def _carries_out(step: dict[str, Any]) -> bool:
    """Whether a step carries out a plan. Without one `prune apply` purges what merged ones put aside long ago."""
    purges = str(step.get("uses", "")).endswith("/prune-apply") and "plan" not in step.get("with", {})
    return not purges and re.search("prune.apply", json.dumps(step)) is not None


RULES: tuple[Rule, ...] = (
    every_job_has_a_timeout,
    permissions_are_explicit,
    third_parties_are_pinned,
    no_expression_in_a_script,
    composite_steps_name_their_shell,
    own_files_are_those_of_the_commit,
    no_privileged_pull_request_trigger,
    checkouts_leave_no_credentials,
    strangers_reach_no_own_machine,
    local_calls_match,
    training_has_no_power,
    training_judges_nothing,
    our_name_is_for_our_code,
    signers_are_chosen_alike,
    an_app_goes_before_a_token,
    only_retention_deletes,
)


def breaches(tree: Tree, rule: Rule) -> list[str]:
    """Every breach of one rule in the tree, each led by its file."""
    return [f"{path}: {breach}" for path, document in tree.items() for breach in rule(document, tree)]
