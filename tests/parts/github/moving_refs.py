"""The mutation `updateRefs`: refs move together or not at all, each only from where its caller says that it stands.

Its input is GitHub's published schema, copied by hand. In which words GitHub refuses is not published: these are ours.
"""

from tests.parts.github.answers.people import node_id
from tests.parts.github.credentials import Token
from tests.parts.github.noticing import notice
from tests.parts.github.routes import Answer
from tests.parts.github.world import Json, Repository, World

FIELDS = {"clientMutationId", "refUpdates", "repositoryId"}
UPDATE = {"afterOid", "beforeOid", "force", "name"}
ZEROS = "0" * 40


def update_refs(world: World, token: Token | None, given: Json) -> Answer:
    """Run the mutation, or refuse it whole."""
    found = [one for one in world.repositories.values() if node_id("Repository", one.id) == given.get("repositoryId")]
    if unknown := given.keys() - FIELDS:
        return _refused("argumentNotAccepted", f"Field is not defined on UpdateRefsInput: {min(unknown)}")
    if token is None or not found:
        return _refused("NOT_FOUND", "Could not resolve to a node with this global id")
    if not token.allows("contents", "write"):
        return _refused("FORBIDDEN", "Resource not accessible by integration")
    (repository,) = found
    for update in given["refUpdates"]:
        if problem := _unfit(repository, update):
            return _refused("UNPROCESSABLE", problem)
    for update in given["refUpdates"]:
        repository.git.force_ref(update["name"], update["afterOid"])
    notice(world, repository, token.login)
    return Answer(200, {"data": {"updateRefs": {"clientMutationId": given.get("clientMutationId")}}})


def _unfit(repository: Repository, update: Json) -> str | None:
    git = repository.git
    if unknown := update.keys() - UPDATE:
        return f"Field is not defined on RefUpdate: {min(unknown)}"
    if not str(update.get("name")).startswith("refs/") or git.resolve(update["afterOid"]) is None:
        return "Variable $input was provided invalid value"
    standing = git.refs().get(update["name"], ZEROS)
    if update.get("beforeOid", standing) != standing:
        return f"Reference {update['name']} is at {standing}, and not at {update['beforeOid']}"
    forwards = standing == ZEROS or git.is_ancestor(standing, update["afterOid"])
    return None if forwards or update.get("force") else "Update is not a fast forward"


def _refused(kind: str, message: str) -> Answer:
    error = {"type": kind, "path": ["updateRefs"], "message": message}
    return Answer(200, {"data": {"updateRefs": None}, "errors": [error]})
