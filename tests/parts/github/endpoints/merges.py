"""Merging: a pull request by each of the three methods, or one branch into another."""

from tests.parts.github.answers.commits import commit as commit_shape
from tests.parts.github.answers.people import email
from tests.parts.github.answers.pulls import mergeable_state
from tests.parts.github.bare import GitRefused, Person
from tests.parts.github.credentials import Token
from tests.parts.github.endpoints.pulls import found_pull
from tests.parts.github.merging import MergeConflict, Signature, merge, rebase, squash
from tests.parts.github.noticing import GITHUB, merged, notice
from tests.parts.github.refusals import Refusal
from tests.parts.github.requirements import missing
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import Pull, Repository, World, now

_REPO = "/repos/{owner}/{repo}"
_CALLED = {"merge": "Merge commits", "squash": "Squash merges", "rebase": "Rebase merges"}
BASE_MODIFIED = "Base branch was modified. Review and try the merge again."


@endpoint("GET", _REPO + "/pulls/{pull_number}/merge", "pull_requests:read")
def is_merged(call: Call) -> Answer:
    return Answer(204 if found_pull(call).merged_at else 404)


@endpoint("PUT", _REPO + "/pulls/{pull_number}/merge", "contents:write")
def merge_pull(call: Call) -> Answer:
    pull, git = found_pull(call), call.repository.git
    _refuse_unready(call, pull)
    base = pull.base_sha
    try:
        sha = _merge_commit(call, pull, base)
    except MergeConflict as conflict:
        raise Refusal(405, "Pull Request is not mergeable") from conflict
    try:
        git.update_ref(f"refs/heads/{pull.base_ref}", sha, base)
    except GitRefused as refused:
        raise Refusal(405, BASE_MODIFIED) from refused
    merged(call.world, call.repository, pull, call.login, sha)
    return Answer(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def merge_what_waits(world: World, repository: Repository) -> None:
    """Merge each pull request that was to be merged by itself, if all that the branch requires is there now."""
    for pull in list(repository.pulls.values()):
        if pull.auto_merge is None or pull.issue.state != "open" or mergeable_state(repository, pull) != "clean":
            continue
        token = Token("", pull.auto_merge["login"], "")  # in whose name it is, whatever became of the token that asked
        body = {"merge_method": pull.auto_merge["method"]}
        merge_pull(Call(world, token, repository, {"pull_number": str(pull.number)}, {}, body, ""))
        notice(world, repository, token.login)


@endpoint("POST", _REPO + "/merges", "contents:write")
def merge_branches(call: Call) -> Answer:
    git, base_ref = call.repository.git, f"refs/heads/{call.body['base']}"
    base, head = git.resolve(base_ref), git.resolve(call.body["head"])
    if base is None or head is None:
        raise Refusal(404, "Base does not exist" if base is None else "Head does not exist")
    if git.is_ancestor(head, base):
        return Answer(204)
    message = call.body.get("commit_message", f"Merge {call.body['head']} into {call.body['base']}")
    try:
        sha = merge(git, base, head, message, _signature(call))
    except MergeConflict as conflict:
        raise Refusal(409, "Merge conflict") from conflict
    call.repository.signed_commits.add(sha)
    git.update_ref(base_ref, sha, base)
    return Answer(201, commit_shape(call.world, call.repository, git.commit(sha)))


def _refuse_unready(call: Call, pull: Pull) -> None:
    if pull.issue.state == "closed" or pull.draft:
        reason = "Pull Request is still a draft" if pull.draft else "Pull Request is not mergeable"
        raise Refusal(405, reason)
    if call.body.get("sha", pull.head_sha) != pull.head_sha:
        raise Refusal(409, "Head branch was modified. Review and try the merge again.")
    if pull.unanswered:  # a side moved, and GitHub has not looked at the pull request again yet
        pull.unanswered -= 1
        raise Refusal(405, BASE_MODIFIED)
    if pull.base_ref != call.repository.default_branch:
        return
    if (lacking := missing(call.repository, pull)) is not None:
        raise Refusal(405, lacking)


def _merge_commit(call: Call, pull: Pull, base: str) -> str:
    git, by, issue = call.repository.git, _signature(call), pull.issue
    method = call.body.get("merge_method", "merge")
    if method not in call.repository.merge_methods:
        raise Refusal(405, f"{_CALLED[method]} are not allowed on this repository.")
    if method == "rebase":
        return rebase(git, base, pull.head_sha, by)
    if method == "squash":
        title = call.body.get("commit_title", f"{issue.title} (#{pull.number})")
        text = call.body.get("commit_message", "")
        sha = squash(git, base, pull.head_sha, f"{title}\n\n{text}".strip(), by)
    else:
        owner = call.world.repositories[pull.head_repository].owner
        title = call.body.get("commit_title", f"Merge pull request #{pull.number} from {owner}/{pull.head_ref}")
        text = call.body.get("commit_message", issue.title)
        sha = merge(git, base, pull.head_sha, f"{title}\n\n{text}".strip(), by)
    call.repository.signed_commits.add(sha)
    return sha


def _signature(call: Call) -> Signature:
    return Signature(Person(call.login, email(call.login), now()), Person(*GITHUB, now()))
