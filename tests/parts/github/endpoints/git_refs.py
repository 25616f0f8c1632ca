"""Refs: read, found by prefix, made, moved and taken away."""

from tests.parts.github import refusals
from tests.parts.github.answers.commits import git_ref
from tests.parts.github.bare import GitRefused
from tests.parts.github.routes import Answer, Call, endpoint

_REPO = "/repos/{owner}/{repo}"


@endpoint("GET", _REPO + "/git/ref/{ref}", "contents:read")
def get_ref(call: Call) -> Answer:
    ref = f"refs/{call.arguments['ref']}"
    sha = call.repository.git.refs().get(ref)
    if sha is None:
        raise refusals.not_found()
    return Answer(200, git_ref(call.world, call.repository, ref, sha))


@endpoint("GET", _REPO + "/git/matching-refs/{ref}", "contents:read")
def matching_refs(call: Call) -> Answer:
    prefix = f"refs/{call.arguments['ref']}"
    found = [(ref, sha) for ref, sha in call.repository.git.refs().items() if ref.startswith(prefix)]
    return call.paged(found, lambda each: git_ref(call.world, call.repository, *each))


@endpoint("POST", _REPO + "/git/refs", "contents:write")
def create_ref(call: Call) -> Answer:
    git, ref, sha = call.repository.git, call.body["ref"], call.body["sha"]
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise refusals.unprocessable("Reference name must start with 'refs/' and have at least two slashes.")
    if ref.startswith("refs/pull/") or git.answers("check-ref-format", ref) is None:
        raise refusals.unprocessable(f"{ref} is not a valid ref name.")
    if ref in git.refs():
        raise refusals.unprocessable("Reference already exists")
    if git.kind(sha) is None:
        raise refusals.unprocessable("Object does not exist")
    try:
        git.create_ref(ref, sha)
    except GitRefused as refused:  # a branch `a` stands in the way of `a/b`
        raise refusals.unprocessable("Reference update failed") from refused
    return Answer(201, git_ref(call.world, call.repository, ref, sha))


@endpoint("PATCH", _REPO + "/git/refs/{ref}", "contents:write")
def update_ref(call: Call) -> Answer:
    git, ref, sha = call.repository.git, f"refs/{call.arguments['ref']}", call.body["sha"]
    old = git.refs().get(ref)
    if old is None:
        raise refusals.unprocessable("Reference does not exist")
    if git.resolve(sha) is None:
        raise refusals.unprocessable("Object does not exist")
    if not call.body.get("force", False) and not git.is_ancestor(old, sha):
        raise refusals.unprocessable("Update is not a fast forward")
    git.update_ref(ref, sha, old)
    return Answer(200, git_ref(call.world, call.repository, ref, sha))


@endpoint("DELETE", _REPO + "/git/refs/{ref}", "contents:write")
def delete_ref(call: Call) -> Answer:
    ref = f"refs/{call.arguments['ref']}"
    if ref not in call.repository.git.refs():
        raise refusals.unprocessable("Reference does not exist")
    if ref == f"refs/heads/{call.repository.default_branch}":
        raise refusals.unprocessable("Cannot delete the default branch")
    call.repository.git.delete_ref(ref)
    return Answer(204)
