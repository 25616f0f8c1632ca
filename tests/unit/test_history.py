"""What the commits say of a registry: which lives of a pointer and of a card are honest."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.findings import Finding, blocks
from modelbook.core.stages.history import Commit, History, Revision, check_history

POINTER = "models/digits/stages/production.yaml"
CARD = "models/digits/versions/1/card.yaml"
# One pointer as (serial, version), or None where it is gone.
Life = list[tuple[int, int] | None]


def commit(number: int, parents: int = 1) -> Commit:
    return Commit(f"{number:040x}", "2026-11-25T00:00:00Z", ("p" * 40,) * parents, "Ada", "ada@example.org", "Change")


def judged(life: Life, *, complete: bool = True, merges: frozenset[int] = frozenset()) -> list[Finding]:
    blobs: dict[str, bytes] = {}
    revisions = []
    for number, state in enumerate(life):
        by = commit(number, 2 if number in merges else 1)
        if state is None:
            revisions.append(Revision(by, POINTER, None, None))
            continue
        data = f"serial: {state[0]}\nversion: {state[1]}\n".encode()
        oid = hashlib.sha256(data).hexdigest()
        blobs[oid] = data
        revisions.append(Revision(by, POINTER, "100644", oid))
    return check_history(History(tuple(revisions), complete), blobs, "registry")


def codes(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.level) for finding in findings]


@given(st.lists(st.integers(1, 9), max_size=20))
def test_a_stage_that_takes_one_serial_after_the_other_is_honest(versions: list[int]) -> None:
    assert judged([(serial, version) for serial, version in enumerate(versions, 1)]) == []


@given(st.integers(2, 9), st.data())
def test_an_older_pointer_that_came_back_is_refused_whichever_it_is(length: int, data: st.DataObject) -> None:
    life: Life = [(serial, serial % 3 + 1) for serial in range(1, length + 1)]
    old = data.draw(st.integers(0, length - 2))
    found = judged([*life, life[old]])
    assert codes(found) == [("serial-went-back", "error")]
    assert f"git checkout {length - 1:012x}"[:20] in (found[0].remedy or "")


def test_the_same_serial_for_another_version_is_refused() -> None:
    assert codes(judged([(1, 1), (2, 2), (2, 3)])) == [("serial-went-back", "error")]


def test_what_vanished_is_refused_also_when_it_came_back_older() -> None:
    assert codes(judged([(1, 1), (2, 2), None])) == [("stage-emptied", "error")]
    assert codes(judged([(1, 1), (2, 2), None, (1, 1)])) == [("stage-emptied", "error"), ("serial-went-back", "error")]


def test_what_was_put_right_is_told_and_blocks_no_more() -> None:
    put_back = judged([(1, 1), (2, 2), (1, 1), (2, 2), (3, 1)])
    assert codes(put_back) == [("serial-went-back", "warning")]
    assert not blocks(put_back)
    assert codes(judged([(1, 1), None, (1, 1), (2, 2)])) == [("stage-emptied", "warning")]


def test_a_serial_that_was_skipped_means_promotions_that_history_lost() -> None:
    assert codes(judged([(1, 1), (3, 2), (4, 1)])) == [("serial-jumped", "error")]
    assert codes(judged([(1, 1), (3, 2), (4, 1)], merges=frozenset({1}))) == []  # they are on the merged branch
    assert codes(judged([(4, 2), (5, 1)])) == [("serial-begins-late", "warning")]


def test_a_pointer_whose_serial_cannot_be_read_counts_as_no_pointer() -> None:
    blobs = {"a" * 40: b"serial: 1\n", "b" * 40: b"serial: true\n", "c" * 40: b"\xff", "d" * 40: b"- 1\n"}
    for bad in "bcd":
        revisions = (
            Revision(commit(1), POINTER, "100644", "a" * 40),
            Revision(commit(2), POINTER, "100644", bad * 40),
        )
        assert codes(check_history(History(revisions), blobs, "registry")) == [("no-serial", "error")]


def test_history_that_was_cut_off_is_said_to_be() -> None:
    [finding] = judged([(4, 2), (5, 1)], complete=False)
    assert (finding.code, finding.level) == ("incomplete-history", "warning")
    assert "git fetch --unshallow" in (finding.remedy or "")
    assert ("serial-went-back", "error") in codes(judged([(4, 2), (3, 1)], complete=False))


def test_what_was_registered_neither_changed_nor_went() -> None:
    def card(*oids: str | None) -> list[tuple[str, str]]:
        revisions = [Revision(commit(n), CARD, oid and "100644", oid) for n, oid in enumerate(oids)]
        return codes(check_history(History(tuple(revisions)), {}, "registry"))

    assert card("a") == []
    assert card("a", "b") == [("immutable", "error")]
    assert card("a", None) == [("immutable", "error")]
    assert card("a", None, "b") == [("immutable", "error")] * 2
    assert card("a", "b", "a") == [("immutable", "warning")]


def test_only_what_lies_in_the_registry_is_looked_at() -> None:
    revisions = (
        Revision(commit(1), f"registry/{CARD}", "100644", "a"),
        Revision(commit(2), f"registry-old/{CARD}", "100644", "b"),
    )
    assert [one.path for one in History(revisions).below("registry").revisions] == [CARD]
