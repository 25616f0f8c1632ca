"""Workflows started by hand or from outside, and their runs: a test reads the event, and runs it or not."""

import re
import zlib

from tests.parts.github import events, refusals
from tests.parts.github.answers.deliveries import workflow as workflow_shape
from tests.parts.github.answers.deliveries import workflow_run as run_shape
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.starting import make_run, triggers, workflows
from tests.parts.github.world import Json

_REPO = "/repos/{owner}/{repo}"
_WORKFLOW = _REPO + "/actions/workflows/{workflow_id}"
MOST_INPUTS = 25


@endpoint("GET", _WORKFLOW, "actions:read")
def get_workflow(call: Call) -> Answer:
    path, document = _found(call, call.repository.default_branch)
    return Answer(200, workflow_shape(call.world, call.repository, path, document.get("name", path)))


@endpoint("POST", _WORKFLOW + "/dispatches", "actions:write")
def dispatch(call: Call) -> Answer:
    git, given = call.repository.git, {str(k): v for k, v in call.body.get("inputs", {}).items()}
    _found(call, call.repository.default_branch)  # GitHub knows only workflows that the default branch has
    ref = next((name for name in _names(call.body["ref"]) if name in git.refs()), None)
    if ref is None:
        raise refusals.unprocessable(f"No ref found for: {call.body['ref']}")
    path, document = _found(call, ref)
    named = triggers(document)
    if "workflow_dispatch" not in named:
        raise refusals.unprocessable("Workflow does not have 'workflow_dispatch' trigger")
    inputs = _inputs(named["workflow_dispatch"].get("inputs") or {}, given)
    sha = git.resolve(ref)
    assert sha is not None
    title = _title(document, inputs, path)
    run = make_run(call.world, call.repository, call.login, path, "workflow_dispatch", ref, sha, inputs, title)
    events.workflow_dispatched(call.world, call.repository, run)
    if not call.body.get("return_run_details"):
        return Answer(204)
    shown = run_shape(call.world, call.repository, run)
    return Answer(200, {"workflow_run_id": run.id, "run_url": shown["url"], "html_url": shown["html_url"]})


@endpoint("GET", _WORKFLOW + "/runs", "actions:read")
def list_runs(call: Call) -> Answer:
    path, _ = _found(call, call.repository.default_branch)
    branch, event = call.query.get("branch"), call.query.get("event")
    found = [
        run
        for run in reversed(call.repository.runs.values())
        if run.path == path and branch in (None, run.ref.removeprefix("refs/heads/")) and event in (None, run.event)
    ]
    chosen, headers = call.slice(found)
    shown = [run_shape(call.world, call.repository, run) for run in chosen]
    return Answer(200, {"total_count": len(found), "workflow_runs": shown}, headers)


@endpoint("GET", _REPO + "/actions/runs/{run_id}", "actions:read")
def get_run(call: Call) -> Answer:
    run = call.repository.runs.get(call.number("run_id"))
    if run is None:
        raise refusals.not_found()
    return Answer(200, run_shape(call.world, call.repository, run))


@endpoint("POST", _REPO + "/dispatches", "contents:write")
def repository_dispatch(call: Call) -> Answer:
    payload = call.body.get("client_payload", {})
    events.repository_dispatched(call.world, call.repository, call.login, call.body["event_type"], payload)
    return Answer(204)


def _names(ref: str) -> list[str]:
    return [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]


def _found(call: Call, ref: str) -> tuple[str, Json]:
    """The path and the document of the workflow that the call names, by file name or number, as of `ref`."""
    git, name = call.repository.git, call.arguments["workflow_id"]
    commit = git.resolve(ref)
    for path, document in workflows(git, commit) if commit else []:
        if name in (path.rpartition("/")[2], path, str(zlib.crc32(path.encode()))):
            return path, document
    raise refusals.not_found()


def _title(document: Json, inputs: Json, path: str) -> str:
    """The run's name: `run-name`, with each expression that begins with an input replaced by it, `format` included."""

    def filled(found: re.Match[str]) -> str:
        value = str(inputs.get(found[1], ""))
        form = re.fullmatch(r" && format\('([^']*)', inputs\.[\w-]+\) *", found[2])
        return form[1].format(value) if form and value else value

    template = document.get("run-name", document.get("name", path))
    return re.sub(r"\$\{\{ *inputs\.([\w-]+)(.*?)\}\}", filled, str(template))


def _inputs(declared: Json, given: Json) -> Json:
    """The inputs of a run, as text: what was given, and the defaults; wrong ones are refused."""
    if len(given) > MOST_INPUTS:
        raise refusals.unprocessable(f"Too many inputs: at most {MOST_INPUTS}")
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise refusals.unprocessable(f"Unexpected inputs provided: {unknown}")
    result: Json = {}
    for name, about in declared.items():
        about = about or {}
        value = given.get(name, about.get("default"))
        if value is None:
            if about.get("required"):
                raise refusals.unprocessable(f"Required input '{name}' not provided")
            value = False if about.get("type") == "boolean" else ""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if about.get("type") == "choice" and text not in map(str, about.get("options", [])):
            raise refusals.unprocessable(
                f"Provided value '{text}' for input '{name}' not in the list of allowed values"
            )
        result[name] = text
    return result
