"""Desired against actual: what waits for a deployment, what serves though it should not, what others are told."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.layout import pointer_path
from modelbook.core.stages.deployment import (
    AHEAD,
    BEHIND,
    FAILED,
    IN_STEP,
    NEVER,
    REVOKED,
    Deployment,
    Payload,
    Standing,
    Trail,
    chat_message,
    event_payload,
    overtaken,
    payload_of,
    standings,
    trail_of,
)
from modelbook.errors import BadInput
from tests.made import Made
from tests.made_fields import digest
from tests.unit.test_revocation import revoked

STAGED = Made().dataset().version().version("digits", 2).pointer("digits", "staging", 1).pointer("digits", "staging", 2)


def payload(version: int = 2, serial: int = 2, **fields: object) -> Payload:
    usual = payload_of(STAGED.registry, "digits", "staging").model_dump()
    card = STAGED.registry.digest(STAGED.registry.card_path("digits", version))
    return Payload.model_validate(usual | {"version": version, "card": card, "serial": serial} | fields)


def deployed(state: str = "success", version: int = 2, serial: int = 2, **fields: object) -> Deployment:
    return Deployment("7", payload(version, serial, **fields), state)


def only(made: Made, trail: Trail) -> Standing:
    (found,) = standings(made.registry, ["digits"], {"staging": {"digits": trail}})
    return found


def test_a_payload_is_of_this_very_pointer() -> None:
    told = payload_of(STAGED.registry, "digits", "staging")
    assert (told.name, told.serial) == ("digits@2", 2)
    assert told.pointer == STAGED.registry.digest(pointer_path("digits", "staging"))
    assert told.card == STAGED.registry.digest(STAGED.registry.card_path("digits", 2))
    with pytest.raises(BadInput, match="no version of digits is in production"):
        payload_of(STAGED.registry, "digits", "production")


@pytest.mark.parametrize(
    ("trail", "state", "waits"),
    [
        (Trail(), NEVER, True),
        (Trail(None, deployed("in_progress")), NEVER, True),
        (Trail(None, deployed("failure")), FAILED, True),
        (Trail(deployed(), deployed()), IN_STEP, False),
        (Trail(deployed(version=1, serial=1), deployed()), BEHIND, True),
        (Trail(deployed(version=1, serial=3), deployed(version=1, serial=3)), AHEAD, False),
    ],
)
def test_desired_and_actual_are_compared(trail: Trail, state: str, waits: bool) -> None:
    found = only(STAGED, trail)
    assert (found.state, found.waits) == (state, waits)


def test_a_pointer_that_moves_to_the_same_version_as_a_hold_does_waits_for_nothing() -> None:
    held = STAGED.copy().pointer("digits", "staging", 2)
    assert payload_of(held.registry, "digits", "staging").serial == 3
    assert only(held, Trail(deployed(), deployed())).state == IN_STEP
    assert only(held, Trail(None, deployed("failure"))).state == FAILED


def test_a_stage_that_this_commit_does_not_know_of_yet_is_ahead() -> None:
    made = Made().dataset().version().version("digits", 2)
    assert only(made, Trail(deployed(), deployed())).state == AHEAD
    assert standings(made.registry, ["digits"], {}) == []
    assert standings(made.registry, ["digits"], {"staging": {"digits": Trail(None, deployed("failure"))}}) == []


def test_a_revoked_version_that_serves_is_said_first() -> None:
    made = revoked(Made().dataset().version().version("digits", 2).pointer("digits", "staging", 2))
    found = only(made, Trail(deployed(version=1), deployed(version=1)))
    assert (found.state, found.waits) == (REVOKED, True), "another one is promoted: that is what has to be deployed"
    still = revoked(Made().dataset().version().version("digits", 2).pointer("digits", "staging", 1))
    card = still.registry.digest(still.registry.card_path("digits", 1))
    found = only(still, Trail(deployed(version=1, card=card), None))
    assert (found.state, found.waits) == (REVOKED, False), "no deployment helps before another one is promoted"


@given(st.lists(st.sampled_from(["pending", "in_progress", "success", "failure", "error"])))
def test_what_serves_is_the_newest_that_succeeded_whatever_came_after(states: list[str]) -> None:
    newest_first = [Deployment(str(n), payload(), state) for n, state in enumerate(states)]
    trail = trail_of(newest_first)
    assert trail.last == (newest_first[0] if states else None)
    good = [one for one in newest_first if one.succeeded]
    assert trail.serves == (good[0] if good else None)


def test_an_older_promotion_never_comes_back_by_a_run_that_is_repeated() -> None:
    serving = Trail(deployed(serial=3), deployed("failure", serial=4))
    assert [overtaken(payload(serial=serial), serving) for serial in (1, 2, 3, 4)] == [True, True, False, False]
    assert not overtaken(payload(), Trail())


def test_a_serving_repository_is_told_what_it_needs_in_ten_fields_at_most() -> None:
    told: Mapping[str, object] = event_payload(deployed(), "acme/registry", "c" * 40)
    assert told == {
        "deployment": "7",
        "repository": "acme/registry",
        "commit": "c" * 40,
        "serial": 2,
        "model": "digits",
        "version": 2,
        "stage": "staging",
        "card": payload().card,
    }


def test_words_of_others_are_inert_in_a_chat() -> None:
    said = chat_message(payload(), failure="revoked by <!channel> & co:\nleaked", url="https://acme.example/")
    wanted = "digits@2 was NOT deployed to staging: revoked by &lt;!channel&gt; &amp; co: leaked https://acme.example/"
    assert said == wanted
    assert chat_message(payload(pointer=digest("x"))) == "digits@2 is deployed to staging"
