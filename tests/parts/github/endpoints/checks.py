"""Commit statuses and check runs."""

from tests.parts.github import refusals
from tests.parts.github.answers.checks import annotation as annotation_shape
from tests.parts.github.answers.checks import check_run as run_shape
from tests.parts.github.answers.checks import combined_status
from tests.parts.github.answers.checks import status as status_shape
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import CheckRun, Status, is_bot, now

_REPO = "/repos/{owner}/{repo}"


@endpoint("POST", _REPO + "/statuses/{sha}", "statuses:write")
def create_status(call: Call) -> Answer:
    sha, body = call.arguments["sha"], call.body
    if call.repository.git.resolve(sha) != sha:
        raise refusals.unprocessable(f"No commit found for SHA: {sha}")
    refusals.too_long("Status", "description", body.get("description"), 140)
    context, text, target = body.get("context", "default"), body.get("description"), body.get("target_url")
    status = Status(call.world.next_id(), sha, context, body["state"], text, target, call.login, now())
    call.repository.statuses.append(status)
    return Answer(201, status_shape(call.world, call.repository, status))


@endpoint("GET", _REPO + "/commits/{ref}/statuses", "statuses:read")
def list_statuses(call: Call) -> Answer:
    sha = call.commit("ref")
    found = [status for status in reversed(call.repository.statuses) if status.sha == sha]
    return call.paged(found, lambda status: status_shape(call.world, call.repository, status))


@endpoint("GET", _REPO + "/commits/{ref}/status", "statuses:read")
def combined(call: Call) -> Answer:
    sha = call.commit("ref")
    latest = list({s.context: s for s in call.repository.statuses if s.sha == sha}.values())
    chosen, headers = call.slice(latest)
    return Answer(200, combined_status(call.world, call.repository, sha, latest, list(chosen)), headers)


@endpoint("POST", _REPO + "/check-runs", "checks:write")
def create_check_run(call: Call) -> Answer:
    body = call.body
    _refuse_people(call)
    if call.repository.git.resolve(body["head_sha"]) != body["head_sha"]:
        raise refusals.unprocessable(f"No commit found for SHA: {body['head_sha']}")
    run = CheckRun(
        id=call.world.next_id(),
        login=call.login,
        head_sha=body["head_sha"],
        name=body["name"],
        status="queued",
        conclusion=None,
        started_at=body.get("started_at", now()),
        completed_at=None,
        details_url=None,
        external_id="",
    )
    _write(call, run)
    call.repository.check_runs[run.id] = run
    return Answer(201, run_shape(call.world, call.repository, run))


@endpoint("GET", _REPO + "/check-runs/{check_run_id}", "checks:read")
def get_check_run(call: Call) -> Answer:
    return Answer(200, run_shape(call.world, call.repository, _found(call)))


@endpoint("PATCH", _REPO + "/check-runs/{check_run_id}", "checks:write")
def update_check_run(call: Call) -> Answer:
    run = _found(call)
    _refuse_people(call)
    if run.login != call.login:
        raise refusals.Refusal(403, "Invalid app_id `check_run` was not created by this App.")
    _write(call, run)
    return Answer(200, run_shape(call.world, call.repository, run))


@endpoint("GET", _REPO + "/check-runs/{check_run_id}/annotations", "checks:read")
def list_annotations(call: Call) -> Answer:
    run = _found(call)
    return call.paged(run.annotations, lambda given: annotation_shape(call.world, call.repository, run, given))


@endpoint("GET", _REPO + "/commits/{ref}/check-runs", "checks:read")
def list_check_runs(call: Call) -> Answer:
    sha, name, status = call.commit("ref"), call.query.get("check_name"), call.query.get("status")
    found = [
        run
        for run in call.repository.check_runs.values()
        if run.head_sha == sha and name in (None, run.name) and status in (None, run.status)
    ]
    if call.query.get("filter", "latest") == "latest":
        found = list({(run.login, run.name): run for run in found}.values())
    chosen, headers = call.slice(found)
    shown = [run_shape(call.world, call.repository, run) for run in chosen]
    return Answer(200, {"total_count": len(found), "check_runs": shown}, headers)


def _found(call: Call) -> CheckRun:
    run = call.repository.check_runs.get(call.number("check_run_id"))
    if run is None:
        raise refusals.not_found()
    return run


def _refuse_people(call: Call) -> None:
    if not is_bot(call.login):  # check runs belong to Apps; a person's token may only set statuses
        raise refusals.Refusal(403, "You must authenticate via a GitHub App.")


def _write(call: Call, run: CheckRun) -> None:
    """Take over what the body says; a conclusion completes the run, annotations are added."""
    body = call.body
    for name in ("name", "status", "details_url", "external_id", "conclusion", "started_at", "completed_at"):
        setattr(run, name, body.get(name, getattr(run, name)))
    if run.conclusion is not None:
        run.status = "completed"
        run.completed_at = run.completed_at or now()
    output = body.get("output", {})
    for name in ("title", "summary", "text"):
        refusals.too_long("CheckRun", name, output.get(name), 65535)
        setattr(run, name, output.get(name, getattr(run, name)))
    run.annotations += output.get("annotations", [])
