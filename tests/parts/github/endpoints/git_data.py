"""Git objects read and written one by one: blobs, trees and commits."""

import base64
import binascii

from tests.parts.github import refusals
from tests.parts.github.answers.commits import git_commit, git_tree
from tests.parts.github.answers.people import api, email, node_id
from tests.parts.github.bare import GitRefused, Person
from tests.parts.github.noticing import GITHUB
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import Json, is_bot, now

_REPO = "/repos/{owner}/{repo}"


@endpoint("POST", _REPO + "/git/blobs", "contents:write")
def create_blob(call: Call) -> Answer:
    text, encoding = call.body["content"], call.body.get("encoding", "utf-8")
    if encoding not in ("utf-8", "base64"):
        raise refusals.unprocessable(f"{encoding} is not an encoding: use utf-8 or base64")
    try:
        content = base64.b64decode(text, validate=False) if encoding == "base64" else text.encode()
    except binascii.Error as error:
        raise refusals.unprocessable("content is not valid Base64") from error
    sha = call.repository.git.write_blob(content)
    return Answer(201, {"url": api(call.world, call.repository, f"/git/blobs/{sha}"), "sha": sha})


@endpoint("GET", _REPO + "/git/blobs/{file_sha}", "contents:read")
def get_blob(call: Call) -> Answer:
    git, sha = call.repository.git, call.arguments["file_sha"]
    if git.kind(sha) != "blob":
        raise refusals.not_found()
    content = git.blob(sha)
    shown = {
        "sha": sha,
        "node_id": node_id("Blob", sha),
        "size": len(content),
        "url": api(call.world, call.repository, f"/git/blobs/{sha}"),
        "content": base64.encodebytes(content).decode(),
        "encoding": "base64",
    }
    return Answer(200, shown)


@endpoint("POST", _REPO + "/git/trees", "contents:write")
def create_tree(call: Call) -> Answer:
    git, base = call.repository.git, call.body.get("base_tree")
    if base is not None and git.resolve(base, "tree") is None:
        raise refusals.not_found()
    changes = []
    for item in call.body["tree"]:
        if "path" not in item or "mode" not in item or ("sha" not in item and "content" not in item):
            raise refusals.unprocessable("tree.path, tree.mode and one of tree.sha and tree.content must be given")
        if "sha" in item and "content" in item:
            raise refusals.unprocessable("Must supply either tree.sha or tree.content.")
        if not _clean(item["path"]):
            raise refusals.unprocessable("tree.path contains a malformed path component")
        sha = git.write_blob(item["content"].encode()) if "content" in item else item["sha"]
        if sha is not None and item["mode"] != "160000" and git.kind(sha) is None:
            raise refusals.unprocessable(f"tree.sha {sha} is not a valid blob")
        changes.append((item["path"], item["mode"], sha))
    try:
        tree = git.write_tree(base, changes)
    except GitRefused as refused:
        raise refusals.unprocessable("GitRPC::BadObjectState") from refused
    return Answer(201, git_tree(call.world, call.repository, tree, git.entries(tree)))


@endpoint("GET", _REPO + "/git/trees/{tree_sha}", "contents:read")
def get_tree(call: Call) -> Answer:
    git = call.repository.git
    tree = git.resolve(call.arguments["tree_sha"], "tree")
    if tree is None:
        raise refusals.not_found()
    entries = git.entries(tree, recursive="recursive" in call.query)
    return Answer(200, git_tree(call.world, call.repository, tree, entries))


@endpoint("POST", _REPO + "/git/commits", "contents:write")
def create_commit(call: Call) -> Answer:
    """Without author and committer the commit is the token's owner's, and signed when that is an App."""
    git, body = call.repository.git, call.body
    tree = git.resolve(body["tree"], "tree")
    if tree is None:
        raise refusals.unprocessable("Tree SHA does not exist")
    for parent in body.get("parents", []):
        if git.resolve(parent) != parent:
            raise refusals.unprocessable("Parent SHA does not exist or is not a commit object")
    own = "author" not in body and "committer" not in body
    author = person(body.get("author", {}), call.login)
    committer = _committer(body, author) if not (own and is_bot(call.login)) else Person(*GITHUB, author.date)
    sha = git.write_commit(tree, body.get("parents", []), body["message"], author, committer)
    if own and is_bot(call.login):
        call.repository.signed_commits.add(sha)
    return Answer(201, git_commit(call.world, call.repository, git.commit(sha)))


@endpoint("GET", _REPO + "/git/commits/{commit_sha}", "contents:read")
def get_commit(call: Call) -> Answer:
    sha = call.arguments["commit_sha"]
    if call.repository.git.kind(sha) != "commit":
        raise refusals.not_found()
    return Answer(200, git_commit(call.world, call.repository, call.repository.git.commit(sha)))


@endpoint("GET", _REPO + "/git/tags/{tag_sha}", "contents:read")
def get_tag(call: Call) -> Answer:
    git, sha = call.repository.git, call.arguments["tag_sha"]
    if git.kind(sha) != "tag":
        raise refusals.not_found()
    head, _, message = git.git("cat-file", "tag", sha).decode().partition("\n\n")
    fields = dict(line.split(" ", 1) for line in head.splitlines())
    named, kind = fields["object"], fields["type"]
    shown = {
        "node_id": node_id("Tag", sha),
        "tag": fields["tag"],
        "sha": sha,
        "url": api(call.world, call.repository, f"/git/tags/{sha}"),
        "message": message,
        "tagger": {"name": "somebody", "email": "somebody@example.org", "date": now()},
        "object": {"type": kind, "sha": named, "url": api(call.world, call.repository, f"/git/{kind}s/{named}")},
    }
    return Answer(200, shown)


def person(given: Json, login: str) -> Person:
    """Who a body says wrote a commit; the token's owner, now, where it says nothing."""
    return Person(given.get("name", login), given.get("email", email(login)), given.get("date", now()))


def _committer(body: Json, author: Person) -> Person:
    given = body.get("committer", {})
    return Person(given.get("name", author.name), given.get("email", author.email), given.get("date", author.date))


def _clean(path: str) -> bool:
    return not any(part in ("", ".", "..", ".git") for part in path.split("/"))
