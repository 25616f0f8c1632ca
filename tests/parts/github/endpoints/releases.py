"""Releases. A release of a tag that is not there makes the tag."""

from tests.parts.github import refusals
from tests.parts.github.answers.deliveries import release as release_shape
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import Release, now

_RELEASES = "/repos/{owner}/{repo}/releases"


@endpoint("GET", _RELEASES, "contents:read")
def list_releases(call: Call) -> Answer:
    found = list(reversed(call.repository.releases.values()))
    return call.paged(found, lambda release: release_shape(call.world, call.repository, release))


@endpoint("POST", _RELEASES, "contents:write")
def create_release(call: Call) -> Answer:
    git, body = call.repository.git, call.body
    tag, target = body["tag_name"], body.get("target_commitish", call.repository.default_branch)
    if any(release.tag_name == tag and not release.draft for release in call.repository.releases.values()):
        raise refusals.validation_failed("Release", "already_exists", "tag_name")
    commit = git.resolve(target)
    if commit is None:
        raise refusals.validation_failed("Release", "invalid", "target_commitish")
    draft = body.get("draft", False)
    ref = f"refs/tags/{tag}"
    if not draft and ref not in git.refs():
        git.create_ref(ref, commit)
    release = Release(
        id=call.world.next_id(),
        login=call.login,
        tag_name=tag,
        target=target,
        name=body.get("name"),
        body=body.get("body"),
        draft=draft,
        prerelease=body.get("prerelease", False),
        created_at=now(),
    )
    call.repository.releases[release.id] = release
    return Answer(201, release_shape(call.world, call.repository, release))


@endpoint("GET", _RELEASES + "/{release_id}", "contents:read")
def get_release(call: Call) -> Answer:
    release = call.repository.releases.get(call.number("release_id"))
    if release is None:
        raise refusals.not_found()
    return Answer(200, release_shape(call.world, call.repository, release))


@endpoint("GET", _RELEASES + "/tags/{tag}", "contents:read")
def release_of_tag(call: Call) -> Answer:
    for release in call.repository.releases.values():
        if release.tag_name == call.arguments["tag"] and not release.draft:
            return Answer(200, release_shape(call.world, call.repository, release))
    raise refusals.not_found()


@endpoint("PATCH", _RELEASES + "/{release_id}", "contents:write")
def update_release(call: Call) -> Answer:
    release = call.repository.releases.get(call.number("release_id"))
    if release is None:
        raise refusals.not_found()
    for name in ("name", "body", "draft", "prerelease", "tag_name"):
        if name in call.body:
            setattr(release, name, call.body[name])
    return Answer(200, release_shape(call.world, call.repository, release))
