"""Tags on GitHub. One is moved by the only call that says from where, so that of two jobs none undoes the other.

That is a mutation of the GraphQL API: REST moves a tag forwards, or from wherever it is.
"""

from collections.abc import Collection, Mapping

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_errors import Refusal
from modelbook.adapters.github_objects import GitHubObjects
from modelbook.adapters.tags import Standing
from modelbook.core.stages.tags import Relation
from modelbook.errors import ForgeError

LOOK_BACK = 50  # commits that may have been merged while a job was at work; each takes a call
_RELATIONS: Mapping[str, Relation] = {"identical": "same", "ahead": "before", "behind": "after", "diverged": "apart"}
_HINT = (
    "If the commit's workflow files are others than those of the default branch, a job's own token may not tag it: run "
    "`modelbook tag --forge github` once by hand, with the token of somebody who may change workflows."
)


class GitHubTags:
    """The tags of one repository. Every method may raise ForgeError."""

    def __init__(self, api: GitHubApi) -> None:
        self._api = api

    def standing(self, wanted: Collection[str]) -> Mapping[str, Standing]:
        """See Tags."""
        found = self._api.pages("list tags", "/git/matching-refs/tags")
        refs = {str(pick(one, "ref")).removeprefix("refs/tags/"): pick(one, "object") for one in found}
        return {name: self._standing(one, look=name in wanted) for name, one in refs.items()}

    def _standing(self, found: Json, *, look: bool) -> Standing:
        oid = commit = str(pick(found, "sha"))
        if look and found.get("type") == "tag":  # somebody made it with a message; it may lead to another tag
            found = self._api.get("read a tag", f"/git/tags/{oid}")
            commit = str(pick(found, "object", "sha"))
        return Standing(oid, commit)

    def _one(self, name: str) -> Standing | None:
        found = self._api.get_if_there("read a tag", f"/git/ref/tags/{name}")
        return self._standing(pick(found, "object"), look=False) if found else None

    def relation(self, standing: str, commit: str) -> Relation:
        """See Tags."""
        if standing == commit:
            return "same"
        found = self._api.get_if_there("compare two commits", f"/compare/{standing}...{commit}", per_page="1")
        return _RELATIONS.get(str(pick(found, "status")), "apart") if found else "apart"

    def behind(self, commit: str) -> int | None:
        """See Tags. It is the default branch; too far back is what LOOK_BACK commits do not lead to."""
        objects = GitHubObjects(self._api)
        at = objects.branch(str(pick(self._api.get("read the repository", ""), "default_branch")))
        for count in range(LOOK_BACK):
            if at is None or at == commit:
                return None if at is None else count
            at = next(iter(objects.commit(at).parents), None)
        return None

    def make(self, name: str, commit: str) -> bool:
        """See Tags."""
        body = {"ref": f"refs/tags/{name}", "sha": commit}
        try:
            self._api.post(f"set the tag {name}", "/git/refs", body, find=lambda: self._made(name, commit))
        except Refusal as error:
            if error.status == 422 and "already exists" in error.words:
                return False
            raise _explained(error) from None
        return True

    def _made(self, name: str, commit: str) -> Json | None:
        now = self._one(name)
        return {} if now and now.oid == commit else None

    def move(self, name: str, commit: str, standing: Standing) -> bool:
        """See Tags."""
        update = {"name": f"refs/tags/{name}", "beforeOid": standing.oid, "afterOid": commit, "force": True}
        given = {"repositoryId": pick(self._api.get("read the repository", ""), "node_id"), "refUpdates": [update]}
        try:
            self._api.mutate(f"move the tag {name}", "updateRefs", given, find=lambda: self._made(name, commit))
        except Refusal as error:
            now = self._one(name)
            if now is None or now.oid != standing.oid:
                return False
            raise _explained(error) from None
        return True


def _explained(error: Refusal) -> ForgeError:
    if error.lacks_permission:
        error.remedy = f"{error.remedy or ''} {_HINT}".strip()
    return error
