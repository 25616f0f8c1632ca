"""Files and folders by path, at any ref; and one file written as a commit."""

import base64
import binascii
from typing import Any

from tests.parts.github import refusals
from tests.parts.github.answers.commits import git_commit
from tests.parts.github.answers.people import api, page
from tests.parts.github.bare import Entry, GitRefused
from tests.parts.github.endpoints.git_data import person
from tests.parts.github.noticing import GITHUB
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import Json, is_bot

_LARGEST = 1024 * 1024  # bytes; GitHub gives no content of larger files here
_TEMPLATE = "/repos/{owner}/{repo}/contents/{path}"


@endpoint("GET", _TEMPLATE, "contents:read")
def get_contents(call: Call) -> Answer:
    git, path = call.repository.git, call.arguments["path"].strip("/")
    ref = call.query.get("ref", call.repository.default_branch)
    commit = git.resolve(ref)
    if commit is None:
        raise refusals.Refusal(404, f"No commit found for the ref {ref}")
    entry = git.entry(commit, path) if path else None
    if path and entry is None:
        raise refusals.not_found()
    if entry is None or entry.kind == "tree":
        children = git.entries(entry.sha if entry else commit)
        prefix = f"{path}/" if path else ""
        return Answer(200, [_shown(call, ref, prefix + child.path, child) for child in children])
    content = git.blob(entry.sha)
    encoded = base64.encodebytes(content).decode() if len(content) <= _LARGEST else ""
    body = {"content": encoded, "encoding": "base64" if encoded or not content else "none"}
    return Answer(200, _shown(call, ref, path, entry) | body)


@endpoint("PUT", _TEMPLATE, "contents:write")
def put_contents(call: Call) -> Answer:
    git, body, path = call.repository.git, call.body, call.arguments["path"]
    branch = body.get("branch", call.repository.default_branch)
    ref = f"refs/heads/{branch}"
    tip = git.resolve(ref)
    if tip is None:
        raise refusals.Refusal(404, f"Branch {branch} not found")
    standing = git.entry(tip, path)
    if standing and "sha" not in body:
        raise refusals.unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
    if (standing.sha if standing else None) != body.get("sha"):
        raise refusals.Refusal(409, f"{path} does not match {body.get('sha')}")
    try:
        blob = git.write_blob(base64.b64decode(body["content"], validate=False))
    except binascii.Error as error:
        raise refusals.unprocessable("content is not valid Base64") from error
    signed = is_bot(call.login) and "author" not in body and "committer" not in body
    author = person(body.get("author") or body.get("committer") or {}, call.login)
    committer = person({"name": GITHUB[0], "email": GITHUB[1], "date": author.date}, call.login) if signed else author
    try:
        tree = git.write_tree(tip, [(path, standing.mode if standing else "100644", blob)])
    except GitRefused as refused:
        raise refusals.unprocessable(f"path contains a malformed path component: {refused}") from refused
    commit = git.write_commit(tree, [tip], body["message"], author, committer)
    if signed:
        call.repository.signed_commits.add(commit)
    git.update_ref(ref, commit, tip)
    entry = git.entry(commit, path)
    assert entry is not None
    shown = {
        "content": _shown(call, branch, path, entry),
        "commit": git_commit(call.world, call.repository, git.commit(commit)),
    }
    return Answer(200 if standing else 201, shown)


def _shown(call: Call, ref: str, path: str, entry: Entry) -> Json:
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.kind, "symlink" if entry.mode == "120000" else "file")
    address = api(call.world, call.repository, f"/contents/{path}?ref={ref}")
    git_address = api(call.world, call.repository, f"/git/{entry.kind}s/{entry.sha}")
    html = page(call.world, call.repository, f"/{'tree' if kind == 'dir' else 'blob'}/{ref}/{path}")
    shown: dict[str, Any] = {
        "type": kind,
        "size": entry.size or 0,
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry.sha,
        "url": address,
        "git_url": git_address,
        "html_url": html,
        "download_url": None if kind == "dir" else page(call.world, call.repository, f"/raw/{ref}/{path}"),
        "_links": {"self": address, "git": git_address, "html": html},
    }
    if kind == "symlink":
        shown["target"] = call.repository.git.blob(entry.sha).decode(errors="replace")
    return shown
