"""A rollback leads only to what this very stage held before; a hold keeps promotions out until it is released."""

from typing import Any

import pytest

from modelbook.core.digests import digest_of
from modelbook.core.documents import DocumentError
from modelbook.core.layout import STAGE_SIGNATURES, place_of
from modelbook.core.pages.report import change_report, promotion_report
from modelbook.core.pointer import StagePointer
from modelbook.core.stages.history import Commit, History, Revision
from modelbook.core.stages.planning import Held, Plan, TakenBack, Todo, plan
from modelbook.core.stages.promotion import decide
from modelbook.core.stages.rollback import keep, previous, roll_back
from modelbook.core.stages.tenure import Tenures, no_older, tenures
from modelbook.core.verifying.changes import ChangeVerdict, check_change
from tests.made import POLICY, RULES, SIGNERS, Made, trust_yaml
from tests.made_fields import NOW, digest

STAGING, PRODUCTION = "models/digits/stages/staging.yaml", "models/digits/stages/production.yaml"
SUMMARY = "models/digits/stages/production.promoter.sigstore.json"
WHY: dict[str, Any] = {"kind": "rollback", "reason": "it declines Spain"}


def told(*states: Made, complete: bool = True) -> Tenures:
    """What git would tell if each state had been a commit, an hour after the one before."""
    revisions, blobs, before = [], dict[str, bytes](), dict[str, bytes]()
    for hour, state in enumerate(states):
        commit = Commit(
            f"{hour:040}", f"2026-03-02T{hour:02}:00:00Z", ("p" * 40,) * (hour > 0), "Al", "al@a.example", "x"
        )
        for path in sorted(before.keys() | state.files.keys()):
            place, data = place_of(path), state.files.get(path)
            if before.get(path) != data and place and place.kind in STAGE_SIGNATURES | {"stage"}:
                revisions.append(Revision(commit, path, "100644" if data else None, digest_of(data) if data else None))
        blobs |= {digest_of(data): data for data in state.files.values()}
        before = dict(state.files)
    line = [(one.commit.id, one.commit.time) for one in revisions]
    return tenures(History(tuple(revisions), complete), blobs, no_older(line, "9999-12-31T23:59:59Z"))


def life(*versions: int) -> list[Made]:
    """A registry in which production held these versions one after the other; each was better than the last."""
    made = Made().dataset()
    for version in range(1, max(versions) + 1):
        made.version("digits", version, {"accuracy": 0.90 + version / 100, "latency_ms": 10.0})
    states = [made]
    for version in versions:
        states.append(states[-1].copy().pointer("digits", "staging", version).pointer("digits", "production", version))
    return states


def check(states: list[Made], head: Made, known: Tenures | None = None) -> ChangeVerdict:
    past = told(*states) if known is None else known
    return check_change(states[-1].registry, head.registry, now=NOW, tenures=past)


def codes(verdict: ChangeVerdict) -> set[str]:
    return {finding.code for finding in verdict.findings}


def back(states: list[Made], version: int, **fields: Any) -> Made:
    return states[-1].copy().pointer("digits", "production", version, **(WHY | fields))


def test_a_stage_goes_back_to_what_it_held_before_though_its_gates_would_refuse_that() -> None:
    states = life(1, 2)
    head = back(states, 1)
    verdict = check(states, head)
    assert (verdict.passed, verdict.findings) == (True, ())
    assert verdict.does == ("rolls production of digits back to digits@1",)
    report = change_report(verdict, base="b", head="h")
    assert report.facts["production: away from"] == "digits@2"
    assert report.facts["production: reason"] == "it declines Spain"
    (decision,) = verdict.promotions
    assert promotion_report(decision).title == "Roll back digits production to digits@1"
    assert decision.pointer == head.registry.pointer("digits", "production")
    # The same without saying that it is a rollback is a promotion, and judged as one.
    plain = states[-1].copy().pointer("digits", "production", 1)
    assert codes(check(states, plain)) == {"skips-a-stage"}
    assert not check(states, plain).passed


def test_a_frozen_stage_and_a_soak_do_not_stop_it() -> None:
    frozen = "freeze:\n- {name: ever, begins: 2001-01-01T00:00, ends: 2101-01-01T00:00}\n"
    policy = POLICY.replace("- name: production\n", "- name: production\n  soak: 24h\n") + frozen
    states = life(1, 2)
    states.append(states[-1].copy().put("policy.yaml", policy))
    assert check(states, back(states, 1)).passed


def test_it_leads_nowhere_else() -> None:
    states = life(1, 2)
    never = states[-1].version("digits", 3, {"accuracy": 0.99, "latency_ms": 1.0})
    never.pointer("digits", "staging", 3)
    assert codes(check(states, back(states, 3))) == {"not-held-before"}  # it held another stage
    assert codes(check(states, back(states, 2))) == {"already"}
    assert codes(check(states, back(states, 1), Tenures())) == {"not-held-before"}  # nobody asked git
    assert "incomplete-history" in codes(check(states, back(states, 3), told(*states, complete=False)))


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_it_says_why_or_the_pointer_cannot_be_read(reason: str | None) -> None:
    states = life(1, 2)
    head = back(states, 1)
    head.edit(PRODUCTION, "reason: it declines Spain\n", "" if reason is None else f"reason: '{reason}'\n")
    assert any("a rollback needs a `reason`" in one.message for one in check(states, head).findings)


def test_a_revoked_version_does_not_come_back() -> None:
    states = life(1, 2)
    states[-1].put("models/digits/versions/1/revoked.yaml", "anything")
    assert "revoked" in codes(check(states, back(states, 1)))


def test_a_version_that_does_not_verify_any_more_does_not_come_back() -> None:
    states = life(1, 2)
    states[-1].edit("models/digits/versions/1/evaluations/default.yaml", "0.91", "0.99")
    assert "other-statement" in codes(check(states, back(states, 1)))


def test_it_is_signed_as_a_promotion_is() -> None:
    states = life(1, 2)
    for signer in ("mallory", "registrar", "grader"):
        assert codes(check(states, back(states, 1, signer=signer))) == {"bad-signature"}
    two = trust_yaml(({**RULES[-1], "threshold": 2}, *RULES[:-1]), SIGNERS, version=2)
    states.append(states[-1].copy().put("trust.yaml", two))
    assert codes(check(states, back(states, 1))) == {"too-few-signers"}
    assert check(states, back(states, 1).approve("digits", "production", "deputy")).passed


def test_what_stood_there_without_a_good_signature_was_never_promoted() -> None:
    """Somebody who may push put it there, and took it away; or copied the promotion into another stage."""
    states = life(1, 2)
    forged = states[1].copy().pointer("digits", "production", 1, signer="mallory")
    assert codes(check([states[0], forged, states[2]], back(states, 1))) == {"not-held-before"}
    copied = states[1].copy()
    copied.put(PRODUCTION, copied.files[STAGING]).put(SUMMARY, copied.files[STAGING.replace(".yaml", SUMMARY[-23:])])
    assert codes(check([states[0], copied, states[2]], back(states, 1))) == {"not-held-before"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"serial": 2}, "stale-serial"),
        ({"serial": 4}, "stale-serial"),
        ({"baseline": None}, "stale-baseline"),
        ({"policy": digest("another")}, "stale-policy"),
        ({"evidence": [{"path": "model.sig", "digest": digest("x")}]}, "stale-evidence"),
    ],
)
def test_it_is_bound_to_what_is_here_now(fields: dict[str, Any], code: str) -> None:
    states = life(1, 2)
    found = [one for one in check(states, back(states, 1, **fields)).findings if one.code == code]
    assert len(found) == 1
    assert "`modelbook rollback digits --stage production --to 1 --reason TEXT`" in str(found[0].remedy)


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ((1,), None),
        ((1, 2), 1),
        ((1, 2, 3), 2),
        ((1, 2, 1), 2),
        ((1, 2, 3, -2), 1),
        ((1, 2, 3, -1), None),
        ((1, -1), None),
    ],
)
def test_without_a_name_it_goes_back_by_one_and_never_to_what_was_rolled_back_from(
    versions: tuple[int, ...], expected: int | None
) -> None:
    """A negative number is a rollback to that version."""
    states = life(max(versions))[:1]
    for version in versions:
        more: dict[str, Any] = WHY if version < 0 else {}
        states.append(states[-1].copy().pointer("digits", "production", abs(version), **more))
    assert previous(states[-1].registry, "digits", "production", told(*states)) == expected


def test_a_revoked_version_is_passed_over() -> None:
    states = life(1, 2, 3)
    states[-1].put("models/digits/versions/2/revoked.yaml", "anything")
    assert previous(states[-1].registry, "digits", "production", told(*states)) == 1


def kept(states: list[Made], kind: str, version: int | None = None, **fields: Any) -> Made:
    """The pointer of a hold or release, as an honest one carries over what it is not about."""
    head = states[-1].copy()
    current = head.registry.pointer("digits", "production")
    assert current
    carried = current.model_dump(include={"policy", "gates", "baseline", "evidence"})
    return head.pointer("digits", "production", version or current.version, kind=kind, **(carried | fields))


def test_a_held_stage_is_left_alone_by_everybody_until_it_is_released() -> None:
    auto = POLICY.replace("- name: production\n", "- name: production\n  auto: true\n")
    states = life(1, 2)
    states[-1].put("policy.yaml", auto).pointer("digits", "staging", 2)
    states.append(back(states, 1))
    waits = Held(Todo("digits", 2, "production"), "alice", NOW, "it declines Spain")
    assert plan(states[-1].registry, now=NOW) == Plan((), (), held=(waits,))
    decision = decide(states[-1].registry, "digits", 2, "production", by="bob", now=NOW)
    (finding,) = decision.findings
    assert (decision.passed, finding.code) == (False, "held")
    assert f"alice holds production at digits@1 since {NOW}: it declines Spain" in finding.message
    assert "`modelbook release digits --stage production`" in str(finding.remedy)
    assert codes(check(states, states[-1].copy().pointer("digits", "production", 2))) == {"held"}
    # Nor does a promotion of what it holds lift the hold.
    twice = [*states, states[-1].copy().pointer("digits", "staging", 1)]
    assert "held" in codes(check(twice, twice[-1].copy().pointer("digits", "production", 1)))

    release = kept(states, "release")
    verdict = check(states, release)
    assert (verdict.passed, verdict.findings, verdict.does) == (True, (), ("releases production of digits",))
    states.append(release)
    assert [todo.version for todo in plan(release.registry, now=NOW).promotions] == [2]
    assert check(states, release.copy().pointer("digits", "production", 2)).passed
    assert codes(check(states, kept(states, "release"))) == {"already"}


def test_what_people_rolled_back_from_waits_for_them_until_there_is_new_evidence() -> None:
    auto = POLICY.replace("- name: production\n", "- name: production\n  auto: true\n")
    states = life(1, 2)
    states[-1].put("policy.yaml", auto).pointer("digits", "staging", 2)
    states.append(back(states, 1))

    def planned(head: Made) -> Plan:
        return plan(head.registry, now=NOW, tenures=told(*states))

    todo = Todo("digits", 2, "production")
    waits = TakenBack(todo, "alice", "2026-03-02T03:00:00Z", "it declines Spain")
    assert planned(states[-1]) == Plan((), (), taken_back=(waits,)), "no release alone lets it in"
    states.append(kept(states, "release"))
    assert planned(states[-1]) == Plan((), (), taken_back=(waits,))
    more = states[-1].copy().evaluation("digits", 2, {"spain": 0.9}, suite="spain")
    assert planned(more).promotions == (todo,), "somebody measured it anew"
    states.append(states[-1].copy().pointer("digits", "production", 2))  # a person's word is enough
    assert planned(states[-1]) == Plan((), ())
    states.append(states[-1].copy().pointer("digits", "production", 1))
    assert planned(states[-1]).promotions == (todo,), "that was no rollback"


def test_a_hold_changes_nothing_else() -> None:
    states = life(1, 2)
    why: dict[str, Any] = {"reason": "the audit"}
    verdict = check(states, kept(states, "hold", **why))
    assert (verdict.passed, verdict.findings, verdict.does) == (True, (), ("holds production of digits",))
    assert codes(check(states, kept(states, "hold", 1, **why))) >= {"stale-version"}
    assert codes(
        check(states, kept(states, "hold", **why, evidence=[{"path": "model.sig", "digest": digest("x")}]))
    ) > {"stale-evidence"}
    assert codes(check(states, kept(states, "hold", **why, signer="mallory"))) == {"bad-signature"}
    held = [*states, kept(states, "hold", **why)]
    assert codes(check(held, kept(held, "hold", reason="another"))) == {"already"}
    assert check(held, back(held, 1)).passed  # a rollback is no promotion
    empty = [life(1)[0]]
    head = empty[0].copy().pointer("digits", "production", 1, kind="hold", **why)
    assert codes(check(empty, head)) == {"stage-empty"}


def test_a_hold_gives_no_good_signature_to_a_pointer_that_has_none() -> None:
    states = life(1, 2)
    states[-1].pointer("digits", "production", 2, signer="mallory")
    decision = keep(states[-1].registry, "digits", "production", "hold", by="bob", now=NOW, reason="x")
    assert decision
    assert not decision.passed
    assert "bad-signature" in codes(check(states, kept(states, "hold", reason="x")))
    # Back to what was good is the way out.
    known = told(*states)
    assert roll_back(
        states[-1].registry, "digits", 1, "production", by="bob", now=NOW, reason="x", tenures=known
    ).passed


def test_a_revoked_version_is_held_and_released_like_any_other() -> None:
    """Or a held stage whose version is revoked could never be promoted into again."""
    states = life(1, 2)
    states.append(back(states, 1).put("models/digits/versions/1/revoked.yaml", "anything"))
    decision = keep(states[-1].registry, "digits", "production", "release", by="bob", now=NOW, reason=None)
    assert decision
    assert decision.passed


def test_a_rollback_overrides_no_window() -> None:
    states = life(1, 2)
    with pytest.raises(DocumentError, match="no window of `freeze` is asked of a rollback"):
        _ = (
            back(states, 1)
            .edit(PRODUCTION, "kind: rollback\n", "kind: rollback\noverrides: [x]\n")
            .registry.pointer("digits", "production")
        )


def test_a_pointer_of_former_days_has_no_kind() -> None:
    assert b"kind" not in life(1)[-1].files[PRODUCTION]
    assert StagePointer.model_fields["kind"].default is None
