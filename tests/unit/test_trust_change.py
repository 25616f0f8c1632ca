"""Who may change trust.yaml: the root of the version before lets the next one in, and the new root proves its keys."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.documents import DocumentError, load
from modelbook.core.registry import Registry
from modelbook.core.signing.signatures import hint_of
from modelbook.core.signing.statements import trust_statement
from modelbook.core.trust import Trust
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.trust_change import check_trust_change
from tests.made import RULES, SIGNERS, Made, key, trust_yaml
from tests.made_fields import EARLIER, LATER, NOW
from tests.made_trust import PEOPLE, signed, trust
from tests.parts.ssh_keys import ssh_key


def codes(base: Registry | None, head: Registry, now: str = NOW) -> set[str]:
    """What a change is refused for; a whole change says the same as the part that knows."""
    found = {one.code for one in check_trust_change(base, head, now=now).findings if one.level == "error"}
    if base is not None:
        whole = {one.code for one in check_change(base, head, now=now).findings if one.level == "error"}
        assert found <= whole
        assert bool(found) == bool(whole)
    return found


FIRST = signed(trust(), "alice")
TWO = signed(trust(root=PEOPLE, threshold=2), "alice", "bob")


def test_the_root_makes_the_next_version_and_nobody_else_does() -> None:
    later = trust(2, signers={**PEOPLE, "dave": {}})
    assert codes(FIRST, signed(later, "alice")) == set()
    assert codes(FIRST, signed(later)) == {"too-few-root-signers"}
    for stranger in ("bob", "mallory"):  # one who is trusted with other things, and one who is not
        assert codes(FIRST, signed(later, stranger)) == {"too-few-root-signers", "bad-signature"}


def test_what_is_missing_is_told_with_the_command_that_gives_it() -> None:
    verdict = check_trust_change(TWO, signed(trust(2, root=PEOPLE, threshold=2, signers=PEOPLE), "carol"), now=NOW)
    assert verdict.signed_by == ("carol",)
    told = [(one.message, one.remedy) for one in verdict.findings]
    said = "1 of 2 people of the {} root have signed this version: carol"
    waits = "It waits for 1 of alice, bob: `modelbook trust sign`."
    assert told == [(said.format("present"), waits), (said.format("new"), waits)]


@pytest.mark.parametrize("version", [1, 2, 4, 5])
def test_only_the_next_version_follows(version: int) -> None:
    """A lower or equal one is an old trust.yaml that comes back; a higher one hides what lay between."""
    base = signed(trust(3), "alice")
    other = trust(version, signers={**PEOPLE, "dave": {}})
    assert (codes(base, signed(other, "alice")) == set()) == (version == 4)
    without = signed(trust(3, root=None))
    assert (codes(without, signed(trust(version, root=None, signers={"bob": {}}))) == set()) == (version == 4)


def test_one_person_with_two_keys_counts_once() -> None:
    twice = {"alice": {}, "alice-2": {"person": "alice"}, "bob": {}}
    base = signed(trust(root=twice, threshold=2, signers=twice), "alice", "bob")
    later = trust(2, root=twice, threshold=2, signers=twice, revocations=[])
    assert codes(base, signed(later, "alice", "alice-2")) == {"too-few-root-signers"}
    assert codes(base, signed(later, "alice-2", "bob")) == set()


def test_a_new_version_cannot_split_a_person_in_two() -> None:
    """Who is who is said by the version before."""
    twice = {"alice": {}, "alice-2": {"person": "alice"}, "bob": {}}
    base = signed(trust(root=twice, threshold=2, signers=twice), "alice", "bob")
    split = {"alice": {}, "alice-2": {"person": "somebody"}, "bob": {}}
    head = signed(trust(2, root=twice, threshold=2, signers=split), "alice", "alice-2")
    verdict = check_trust_change(base, head, now=NOW)
    assert [one.message[:37] for one in verdict.findings] == ["1 of 2 people of the present root hav"]


def test_a_new_root_has_to_prove_its_keys() -> None:
    """Else one would lock the team out, with keys that nobody holds."""
    moved = trust(2, root=("bob", "carol"), threshold=2)
    assert codes(FIRST, signed(moved, "alice")) == {"too-few-root-signers"}
    assert codes(FIRST, signed(moved, "alice", "bob")) == {"too-few-root-signers"}
    assert codes(FIRST, signed(moved, "bob", "carol")) == {"too-few-root-signers"}
    assert codes(FIRST, signed(moved, "alice", "bob", "carol")) == set()


def test_a_key_that_joins_the_root_without_having_signed_is_told() -> None:
    people = {**PEOPLE, "dave": {}}
    joined = trust(2, root=("alice", "dave"), signers=people)
    (warning,) = check_trust_change(FIRST, signed(joined, "alice"), now=NOW).findings
    assert (warning.code, warning.level) == ("unproved-key", "warning")
    assert check_trust_change(FIRST, signed(joined, "alice", "dave"), now=NOW).findings == ()


def test_a_root_comes_by_its_own_signature_and_goes_by_that_of_the_old_one() -> None:
    bare = signed(trust(root=None))
    assert codes(bare, signed(trust(2), "alice")) == set()
    assert codes(bare, signed(trust(2))) == {"too-few-root-signers"}
    assert codes(bare, signed(trust(2, root=PEOPLE, threshold=2), "alice")) == {"too-few-root-signers"}
    gone = trust(2, root=None)
    assert codes(FIRST, signed(gone)) == {"too-few-root-signers"}
    assert codes(FIRST, signed(gone, "alice")) == set()
    assert codes(FIRST, signed(gone, "bob")) == {"too-few-root-signers", "bad-signature"}
    # They go with the next version, which needs none.
    assert codes(signed(gone, "alice"), signed(trust(3, root=None), "alice")) == {"no-root"}
    assert codes(signed(gone, "alice"), signed(trust(3, root=None))) == set()


def test_what_proves_a_version_is_not_taken_away_from_it() -> None:
    """Also the signature of somebody who is in the root no more: without it the whole registry would be refused."""
    moved = trust(2, root=("bob",))
    two = signed(moved, "alice", "bob")
    assert codes(two, signed(moved, "bob")) == {"immutable"}
    other = dict(two.files) | {"trust.alice.sigstore.json": two.files["trust.bob.sigstore.json"]}
    assert "immutable" in codes(two, Registry(other))
    # One more signature is welcome, and the next version has signatures of its own.
    more = signed(trust(2, root=("bob", "carol")), "alice", "bob")
    assert codes(more, signed(more.files["trust.yaml"], "carol", old=more)) == set()
    assert codes(two, signed(trust(3, root=("bob",), signers={**PEOPLE, "dave": {}}), "bob")) == set()


def test_a_signature_of_the_version_before_counts_for_nothing() -> None:
    """Neither left beside the new version, nor given another name."""
    later = trust(2, signers={**PEOPLE, "dave": {}})
    left = signed(later, old=FIRST)
    assert codes(FIRST, left) == {"too-few-root-signers", "stale-signature"}
    assert codes(FIRST, signed(later, "alice")) == set()
    base = signed(trust(root=("alice", "bob")), "alice")
    replayed = dict(signed(trust(2, root=("alice", "bob"))).files)
    replayed["trust.bob.sigstore.json"] = base.files["trust.alice.sigstore.json"]
    assert codes(base, Registry(replayed)) == {"too-few-root-signers", "other-statement"}


def test_a_signature_bears_the_name_of_its_signer() -> None:
    head = dict(signed(trust(2, signers={**PEOPLE, "dave": {}}), "alice").files)
    head["trust.bob.sigstore.json"] = head.pop("trust.alice.sigstore.json")
    assert codes(FIRST, Registry(head)) == {"too-few-root-signers", "other-signer"}


def test_an_expired_key_of_the_root_signs_nothing_new() -> None:
    people = {"alice": {"expires": NOW}, "bob": {}}
    base = signed(trust(root=people, signers=people), "alice")
    later = signed(trust(2, root=people, signers={**people, "carol": {}}), "alice")
    assert codes(base, later, now=NOW) == set()
    assert codes(base, later, now=LATER) == {"too-few-root-signers", "expired-key"}
    # A version that gives the old key more time does not help it.
    longer = signed(trust(2, root=people, signers={"alice": {}, "bob": {}}), "alice")
    assert "too-few-root-signers" in codes(base, longer, now=LATER)


@pytest.mark.parametrize("what", ["key", "identity", "person"])
def test_a_revoked_key_of_the_root_signs_nothing_new(what: str) -> None:
    people = {"alice": {"person": "alice-smith"}, "bob": {}}
    revoked = {
        "key": {"key": "sha256:" + hint_of(key("alice").public_pem)},
        "identity": {"identity": "alice"},
        "person": {"identity": "alice-smith"},
    }[what]
    base = signed(trust(root=people, signers=people, revocations=[{**revoked, "reason": "stolen"}]), "bob")
    later = trust(2, root=people, signers=people)
    assert codes(base, signed(later, "alice")) == {"too-few-root-signers"}  # the new version takes it back, for itself
    kept = trust(2, root=people, signers={**people, "carol": {}}, revocations=[{**revoked, "reason": "stolen"}])
    assert codes(base, signed(kept, "alice")) == {"too-few-root-signers", "revoked-signature"}
    assert codes(base, signed(later, "bob")) == set()


def test_who_is_revoked_by_the_new_version_does_not_count_for_it() -> None:
    revoked = [{"identity": "alice", "reason": "left"}]
    head = trust(2, root=("alice", "bob"), revocations=revoked)
    base = signed(trust(root=("alice", "bob")), "alice")
    assert codes(base, signed(head, "alice")) == {"too-few-root-signers"}
    assert codes(base, signed(head, "bob")) == set()


def test_people_sign_by_ssh_for_this_purpose_alone() -> None:
    people = {"alice": {"ssh": ssh_key("alice").line}, "bob": {}}
    base = signed(trust(root=people, threshold=2, signers=people), "alice", "bob")
    later = trust(2, root=people, threshold=2, signers={**people, "carol": {}})
    assert codes(base, signed(later, "alice", "bob")) == set()
    other = dict(signed(later, "bob").files)
    other["trust.alice.sshsig"] = ssh_key("alice").sign(later, "modelbook/stages/production")
    assert codes(base, Registry(other)) == {"too-few-root-signers", "other-namespace"}


def test_signatures_may_be_added_to_what_stands_and_not_taken_from_it() -> None:
    later = trust(2, root=PEOPLE, threshold=2)
    stands = signed(later, "alice", "bob")
    assert codes(stands, signed(later, "alice", "bob", "carol")) == set()
    assert codes(stands, signed(later, "alice")) == {"too-few-root-signers", "immutable"}
    assert codes(stands, signed(later, "alice", "bob", "mallory")) == {"bad-signature"}
    # The signature of one who was in the root before, and is not now, may lie there.
    moved = signed(trust(2, root=("bob",)), "alice", "bob")
    assert codes(FIRST, moved) == set()
    left = {path: held for path, held in moved.files.items() if path != "trust.bob.sigstore.json"}
    assert codes(moved, Registry(left)) == {"too-few-root-signers", "immutable"}


def test_trust_that_is_used_in_the_change_that_brings_it_is_refused() -> None:
    """Invariant 1: even where the root signed it."""

    def approved(made: Made) -> Made:
        statement = trust_statement(made.registry.trust, made.files["trust.yaml"])
        return made.sign("trust.promoter.sigstore.json", statement, "promoter")

    root = {"signers": ["promoter"]}
    base = approved(Made(trust=trust_yaml(root=root)).dataset().version())
    rule = {"models": "*", "stages": ["*"], "signers": ["mallory"]}
    data = trust_yaml((rule, *RULES[:2]), {**SIGNERS, "mallory": {}}, 2, root=root)
    head = approved(base.copy().put("trust.yaml", data))
    assert codes(base.registry, head.registry) == set()
    used = head.copy().pointer("digits", "staging", 1, signer="mallory")
    found = {one.code for one in check_change(base.registry, used.registry, now=NOW).findings}
    assert found == {"bad-signature", "rules-and-promotion"}


@pytest.mark.parametrize(
    "identity",
    [
        "*", "https://*", "https://github.com/acme/*", "https://github.com/acme/models/.github/workflows/*@refs/heads/main",
        "http://github.com/acme/models/.github/workflows/sign.yml@refs/heads/main", "github.com/acme/models", "",
    ],
)  # fmt: skip
def test_an_identity_that_is_no_exact_one_is_refused(identity: str) -> None:
    workflow = {"identity": identity, "repository_id": "1", "ref": "refs/heads/main"}
    told = json.dumps({"version": 1, "signers": [{"name": "ci", "workflow": workflow}]}).encode()
    with pytest.raises(DocumentError, match="identity"):
        load(Trust, told, "trust.yaml")


KEYS = {"a": {"person": "p"}, "b": {"person": "p"}, "c": {}, "d": {"expires": EARLIER}, "e": {}}
_SETS = st.sets(st.sampled_from(sorted(KEYS)), min_size=1)


_STEPS = st.tuples(_SETS, st.integers(1, 3), _SETS, st.sampled_from([1, 1, 1, 0, 2]), st.booleans())


@given(st.lists(_STEPS, max_size=6))
@settings(max_examples=50)
def test_no_sequence_of_changes_lets_anybody_outside_the_root_alone_change_trust(steps: list[Any]) -> None:
    """Each step is tried by some keys; it is accepted if, and only if, they are enough people of the root before and
    of the root that they want.
    """

    def people(names: Iterable[str]) -> int:
        return len({KEYS[name].get("person", name) for name in names if "expires" not in KEYS[name]})

    def whole(names: Iterable[str]) -> int:
        return len({KEYS[name].get("person", name) for name in names})

    root, threshold = {"a", "c"}, 2
    now = signed(trust(root=root, threshold=2, signers=KEYS), "a", "c")
    for wanted, number, actors, step, leftovers in steps:
        asked = min(number, whole(wanted))
        data = trust(now.trust.version + step, root=sorted(wanted), threshold=asked, signers=KEYS, revocations=[])
        head = signed(data, *sorted(actors & (root | wanted)), old=now if leftovers else None)
        fresh = [name for name in actors if name in root | wanted]
        enough = people(actors & root) >= threshold and people(actors & wanted) >= asked
        clean = all("expires" not in KEYS[name] for name in fresh)
        stale = leftovers and any(
            path.startswith("trust.") and path != "trust.yaml" and head.files.get(path) == held
            for path, held in now.files.items()
        )
        accepted = not codes(now, head)
        if accepted and head.files["trust.yaml"] != now.files["trust.yaml"]:
            assert enough
            assert step == 1
        if enough and clean and step == 1 and not stale:
            assert accepted
        if accepted:
            now, root, threshold = head, set(wanted), asked
