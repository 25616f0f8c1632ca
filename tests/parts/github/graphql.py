"""What clients use of the GraphQL API here: auto-merge, refs moved from where they are, many deployments at once.

What they take is GitHub's published schema (npm @octokit/graphql-schema 15.26.1), copied by hand; how
it refuses is what GitHub answers: status 200, and a list of errors.
"""

import base64
import json
import re

from tests.parts.github.answers.people import node_id
from tests.parts.github.answers.pulls import mergeable_state
from tests.parts.github.credentials import Token
from tests.parts.github.moving_refs import update_refs
from tests.parts.github.rest import token_of
from tests.parts.github.routes import Answer, Request
from tests.parts.github.world import Deployment, Json, Pull, Repository, World

MUTATION = re.compile(r"mutation(?: \w+)?\(\$input: (\w+)!\) ?\{ ?(\w+)\(input: \$input\) ?\{([\w\s{}]+)\} ?\}")
# EnablePullRequestAutoMergeInput: every field is a string, or its enumeration; only the first must be given.
FIELDS = {
    "pullRequestId", "authorEmail", "clientMutationId", "commitBody", "commitHeadline", "expectedHeadOid",
    "mergeMethod",
}  # fmt: skip
LATEST = re.compile(
    r"query\(\$ids: \[ID!\]!\) \{nodes\(ids: \$ids\) \{\.\.\. on Deployment \{id latestStatus \{([\w ]+)\}\}\}\}"
)
STATUS_FIELDS = {"state", "description", "createdAt", "environmentUrl", "logUrl", "updatedAt"}
MOST_NODES = 100
METHODS = {"MERGE", "REBASE", "SQUASH"}
OUTPUTS = {"actor", "clientMutationId", "pullRequest"}


def answer(world: World, request: Request) -> Answer:
    """Run the query or the mutation, or refuse it."""
    token = token_of(world, request)
    body = json.loads(request.body)
    if looked := LATEST.fullmatch(body["query"].strip()):
        return _latest(world, token, looked[1].split(), body["variables"]["ids"])
    asked = MUTATION.fullmatch(body["query"].strip())
    if asked and asked.groups()[:2] == ("UpdateRefsInput", "updateRefs"):
        return update_refs(world, token, body["variables"]["input"])
    if asked is None or asked[2] != "enablePullRequestAutoMerge" or asked[1] != "EnablePullRequestAutoMergeInput":
        return _refused("undefinedField", f"Field is not served here: {body['query'][:100]}")
    if unknown := set(asked[3].split()) - OUTPUTS:
        return _refused("undefinedField", f"Field '{min(unknown)}' doesn't exist on this payload")
    given: Json = body["variables"]["input"]
    if unknown := given.keys() - FIELDS:
        return _refused(
            "argumentNotAccepted", f"Field is not defined on EnablePullRequestAutoMergeInput: {min(unknown)}"
        )
    if given.get("mergeMethod", "MERGE") not in METHODS or not isinstance(given.get("pullRequestId"), str):
        return _refused("argumentLiteralsIncompatible", "Variable $input was provided invalid value")
    found = _pull(world, given["pullRequestId"])
    if token is None or found is None:
        return _refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{given['pullRequestId']}'")
    repository, pull = found
    may = token.allows("contents", "write") and token.allows("pull_requests", "write")
    if not (may and token.reaches(repository.full_name)):
        return _refused("FORBIDDEN", "Resource not accessible by integration")
    if reason := _unfit(repository, pull, given):
        return _refused("UNPROCESSABLE", reason)
    pull.auto_merge = {"login": token.login, "method": given.get("mergeMethod", "MERGE").lower()}
    return Answer(200, {"data": {"enablePullRequestAutoMerge": {"clientMutationId": given.get("clientMutationId")}}})


def _unfit(repository: Repository, pull: Pull, given: Json) -> str | None:
    state = mergeable_state(repository, pull)
    if not repository.allow_auto_merge:
        return "Pull request Auto merge is not allowed for this repository"
    if not (repository.required_checks or repository.required_approvals or repository.rulesets):
        return "Pull request Protected branch rules not configured for this branch"
    if given.get("mergeMethod", "MERGE").lower() not in repository.merge_methods:
        return "Pull request Merge method is not allowed for this repository"
    if given.get("expectedHeadOid", pull.head_sha) != pull.head_sha:
        return "Head branch was modified. Review and try the merge again."
    if pull.issue.state != "open":
        return "Pull request is closed"
    if state in ("clean", "unstable"):
        return f"Pull request Pull request is in {state} status"
    return None


def _latest(world: World, token: Token | None, fields: list[str], ids: list[str]) -> Answer:
    """The last status of each deployment, null for what is none or may not be seen."""
    if unknown := set(fields) - STATUS_FIELDS:
        return _refused("undefinedField", f"Field '{min(unknown)}' doesn't exist on type 'DeploymentStatus'")
    if len(ids) > MOST_NODES:
        return _refused("ARGUMENT_LIMIT", f"You may not provide more than {MOST_NODES} node ids")
    found = {
        node_id("Deployment", deployment.id): deployment
        for repository in world.repositories.values()
        for deployment in repository.deployments.values()
        if token and token.allows("deployments", "read") and token.reaches(repository.full_name)
    }
    nodes = [{"id": one, "latestStatus": _status(found[one], fields)} if one in found else None for one in ids]
    return Answer(200, {"data": {"nodes": nodes}})


def _status(deployment: Deployment, fields: list[str]) -> Json | None:
    if not deployment.statuses:
        return None
    last = deployment.statuses[-1]
    shown: Json = {"state": last.state.upper(), "description": last.description, "createdAt": last.created_at}
    shown |= {"environmentUrl": last.environment_url or None, "logUrl": last.log_url, "updatedAt": last.created_at}
    return {name: shown[name] for name in fields}


def _pull(world: World, node: str) -> tuple[Repository, Pull] | None:
    kind, _, number = base64.b64decode(node).decode().partition(":")
    return next(
        (
            (repository, pull)
            for repository in world.repositories.values()
            for pull in repository.pulls.values()
            if (kind, number) == ("PullRequest", str(pull.id))
        ),
        None,
    )


def _refused(kind: str, message: str) -> Answer:
    error = {"type": kind, "path": ["enablePullRequestAutoMerge"], "message": message}
    return Answer(200, {"data": {"enablePullRequestAutoMerge": None}, "errors": [error]})
