"""The chain of trust.yaml in git: each version followed from the one before, and none came back."""

from collections.abc import Mapping
from typing import Any

from modelbook.core.registry import Registry
from modelbook.core.stages.history import Commit
from modelbook.core.verifying.trust_change import TrustAt, verify_trust_history
from tests.made_fields import EARLIER, LATER, NOW
from tests.made_trust import signed, trust

FIRST = signed(trust(), "alice")


def states(*versions: Registry, times: Mapping[int, str] | None = None) -> list[TrustAt]:
    told = times or {}
    return [
        TrustAt(Commit(f"{number:040x}", told.get(number, NOW), (), "a", "a@example.org", ""), registry)
        for number, registry in enumerate(versions)
    ]


def history(*versions: Registry, times: Mapping[int, str] | None = None) -> set[tuple[str, str]]:
    return {(one.code, one.level) for one in verify_trust_history(states(*versions, times=times)).findings}


def test_a_history_of_signed_versions_is_one() -> None:
    """Three rotations, and each is proved by the root before it, whatever became of that since."""
    versions = [FIRST]
    for number, (old, new) in enumerate([("alice", "b"), ("b", "c"), ("c", "d")], start=2):
        people: Mapping[str, Mapping[str, Any]] = {old: {"person": "alice", "expires": NOW}, new: {"person": "alice"}}
        versions.append(signed(trust(number, root=(old, new), signers=people), old, new))
    times = dict(enumerate([EARLIER, EARLIER, NOW, NOW]))
    assert history(*versions, times=times) == set()
    assert verify_trust_history(states(*versions, times=times)).signed_by == ("c", "d")
    assert ("too-few-root-signers", "error") in history(
        versions[0], versions[1], signed(trust(3), "alice"), times={2: LATER}
    )
    assert history(versions[0], versions[2]) == {("trust-version", "error")}
    assert history(versions[0], versions[1], versions[0]) == {("trust-version", "error")}


def test_a_history_with_a_version_that_nobody_signed_is_refused_until_it_is_put_right() -> None:
    forged = signed(trust(2, root=("mallory",), signers={"mallory": {}}), "mallory")
    third = signed(trust(3, root=("mallory",), signers={"mallory": {}}, revocations=[]), "mallory")
    refused = {("too-few-root-signers", "error"), ("bad-signature", "error")}
    assert ("too-few-root-signers", "error") in history(FIRST, forged)
    assert ("too-few-root-signers", "error") in history(FIRST, forged, third)
    right = {(code, "warning") for code, _ in history(FIRST, forged)}
    assert history(FIRST, forged, signed(trust(3, revocations=[]), "alice")) == right
    assert history(FIRST, forged, FIRST) == right
    assert {code for code, _ in right} <= {code for code, _ in refused}


def test_a_history_cannot_be_begun_again_by_removing_trust() -> None:
    other = signed(trust(2, root=("mallory",), signers={"mallory": {}}), "mallory")
    assert ("rules-removed", "error") in history(FIRST, Registry({}), other)
    assert ("too-few-root-signers", "error") in history(FIRST, Registry({}), other)


def test_signatures_may_come_in_a_later_commit_than_the_version_and_must_stay() -> None:
    later = trust(2)
    assert history(FIRST, signed(later), signed(later, "alice")) == set()
    assert ("too-few-root-signers", "error") in history(FIRST, signed(later, "alice"), signed(later))
