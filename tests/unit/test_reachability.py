"""What cards, pointers and evaluations name, wherever they stand: the pure part of what is never deleted."""

from typing import Any

import pytest

from modelbook.core.digests import digest_of
from modelbook.core.keep import Keep, KeepRule
from modelbook.core.pruning.reachability import Reach, RootFile, reach_of
from modelbook.core.storage import blob_key, examples_key
from modelbook.errors import BadInput
from tests.made import Made
from tests.made_fields import STORE, card_fields
from tests.unit.test_retention import old, swept

CARD = "models/digits/versions/1/card.yaml"
REVOKED = """\
format: modelbook/revocation/v1
model: digits
version: 1
card: {card}
by: alice
revoked: '2026-03-02T12:00:00Z'
reason: leaked
"""


def roots(made: Made, *refs: str, registry: str = "") -> list[RootFile]:
    return [RootFile(path, data, refs, registry) for path, data in made.files.items()]


def reached(*files: RootFile) -> Reach:
    return reach_of([*files, *roots(Made().dataset().version("digits", 9), "main")], STORE)


def digits(key: str, **more: Any) -> Made:
    """A version with one file, which lies at `key`."""
    fields = card_fields("digits", 1)
    artifact = fields["artifacts"][0] | {"uri": f"{STORE}/{key}"}
    return Made().dataset().version("digits", 1, artifacts=[artifact], **more)


@pytest.mark.parametrize(
    "key",
    [
        "runs/other/artifacts/m.safetensors",
        "runs/other/checkpoints/0000000001/m.safetensors",
        "runs/other/log/00000001.jsonl",
        blob_key(digest_of(b"x")),
        examples_key(digest_of(b"x")),
    ],
)
def test_a_file_of_a_model_is_kept_wherever_it_lies(key: str) -> None:
    assert swept(old(key, 4000)) == {key: swept(old(key, 4000))[key]}
    assert swept(old(key, 4000), reach=reached(*roots(digits(key), "main"))) == {}


def test_a_dataset_that_a_version_was_trained_on_stays_though_its_card_is_gone() -> None:
    made = Made().dataset("gone", manifest={"uri": f"{STORE}/x", "size": 1, "digest": digest_of(b"list")})
    (card,) = (one for one in roots(made) if one.path.startswith("datasets/gone/") and one.path.endswith("card.yaml"))
    lineage = card_fields()["lineage"]
    assert "x" not in reached(card).manifests  # history alone has it, and nothing was made of it
    user = Made().dataset().version("digits", 1, lineage=lineage | {"datasets": [made.use("gone", 1)]})
    assert reached(card, *roots(user, "main")).manifests["x"].digest == digest_of(b"list")


def test_what_was_copied_from_another_store_is_its_cards_still() -> None:
    manifest = {"uri": "s3://before/registry/x", "size": 1, "digest": digest_of(b"list")}
    reach = reached(*roots(Made().dataset("moved", manifest=manifest), "main"))
    assert swept(old(blob_key(digest_of(b"list")), 4000), reach=reach) == {}
    assert [one.digest for one in reach.moved] == [digest_of(b"list")]


def test_a_version_that_two_registries_have_is_revoked_when_both_say_so() -> None:
    keep = Keep(versions=KeepRule(days=30))
    made = digits("runs/both/artifacts/m.safetensors")
    revoked = made.copy().put("models/digits/versions/1/revoked.yaml", REVOKED.format(card=digest_of(made.files[CARD])))
    model = old("runs/both/artifacts/m.safetensors", 4000)
    for theirs, goes in ((made, False), (revoked, True)):
        for first, second in (("", "theirs "), ("theirs ", "")):
            here = roots(revoked, "main", registry=first)
            there = roots(theirs, "theirs/main", registry=second)
            assert bool(swept(model, reach=reached(*here, *there), keep=keep)) is goes


def test_what_nobody_can_read_any_more_lets_go_only_of_what_it_cannot_have_named() -> None:
    """A broken file in history cannot be mended; it must neither stop retention for ever nor be taken for nothing."""
    made = digits("runs/served/artifacts/m.safetensors")
    card = made.files[CARD]
    broken = RootFile("models/digits/versions/7/card.yaml", b"format: [", ())
    assert reached(broken).runs.keys() == reached().runs.keys()
    with pytest.raises(BadInput, match=r"7/card\.yaml"):  # a branch has it
        reached(RootFile(broken.path, broken.data, ("main",)))
    pointer = RootFile("models/digits/stages/production.yaml", b"card: " + digest_of(broken.data).encode(), ())
    with pytest.raises(BadInput, match=r"7/card\.yaml"):  # it stood in a stage
        reached(broken, pointer)
    pointer = RootFile(pointer.path, b"was: {card: " + digest_of(card).encode() + b"} ]", ())
    assert "production" in reached(RootFile(CARD, card, ()), pointer).runs["run-digits-1"].stages
    with pytest.raises(BadInput, match=r"production\.yaml"):
        reached(RootFile(pointer.path, pointer.data, ("main",)))


def test_a_registry_whose_cards_name_nothing_in_this_store_says_nothing_of_it() -> None:
    with pytest.raises(BadInput, match="all of it would go"):
        reach_of(roots(Made().dataset().version("digits", 1), "main"), "s3://mistaken")
