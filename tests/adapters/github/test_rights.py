"""A token without a right, at each call that a proposal makes: what it lacks is named, and nothing is half done."""

from dataclasses import replace
from typing import Any

import pytest

from modelbook.errors import ForgeError
from tests.adapters.github.place import CHANGES, Place
from tests.parts.github import routes
from tests.parts.github.endpoints import register_all

NOT_ACCESSIBLE = {"message": "Resource not accessible by integration"}


def permissions(place: Place, kind: str) -> list[tuple[tuple[str, str], ...]]:
    """Of each call that a proposal of this kind makes, in order: the permissions of which it needs one."""
    register_all()
    place.forge().submit(CHANGES[kind](place))
    found = [routes.find(method, f"/repos/{place.name}{path.partition('?')[0]}") for method, path in place.requests()]
    return [one[0].needs for one in found if one]


@pytest.mark.parametrize(("kind", "named"), [("fact", True), ("decision", False)])
def test_at_each_call_it_is_named_with_where_to_grant_it_and_nothing_is_half_done(
    place: Place, kind: str, named: bool
) -> None:
    """GitHub names what is missing in a header, or an old GitHub Enterprise Server does not."""
    wanted = permissions(place, kind)
    assert len(wanted) == len(place.requests())
    main = place.git("rev-parse", "main")
    # What a repository is, everybody may know who sees it at all.
    for step, needs in [one for one in enumerate(wanted, 1) if one[1][0][0] != "metadata"]:
        change = replace(CHANGES[kind](place), branch=f"register/step-{step}")
        headers = {"X-Accepted-GitHub-Permissions": "; ".join(f"{scope}={level}" for scope, level in needs)}
        more: dict[str, Any] = {"status": 403, "headers": headers if named else {}, "body": NOT_ACCESSIBLE}
        place.fail("*", "", nth=step, times=1000, **more)
        with pytest.raises(ForgeError) as error:
            place.forge().submit(change)
        place.server.clear_faults()
        said = {f"{scope.replace('_', '-')}: {level}" for scope, level in needs}
        (lacks,) = [one for one in said if f"(a job's own token) lacks `{one}`" in str(error.value)]
        assert f"Write `{lacks}` under `permissions:` of the job" in str(error.value)
        head = place.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{change.branch}")
        held = place.git("diff", "--name-only", "main", head).split() if head else []
        assert held in ([], sorted(change.files)), "a branch holds all of it, or is not there"
    assert place.git("rev-parse", "main") == main
