"""What counts as a root: every ref, history, parents, and the registries that share the store."""

from pathlib import Path

from modelbook.core.digests import digest_of
from tests.parts.desks import Desk
from tests.parts.prune_shop import Shop


def goes(shop_desk: Desk) -> set[str]:
    """The runs whose model's files would be deleted."""
    plan = shop_desk.json("prune", "plan")
    return {one["prefix"].split("/")[1] for one in plan["groups"] if one["prefix"].endswith("/artifacts/")}


def test_a_registry_that_shares_the_store_is_asked_too(shop: Shop, shop_desk: Desk, tmp_path: Path) -> None:
    assert goes(shop_desk) == {"lost"}
    other = Shop(tmp_path / "other", data=shop.data)
    other.made.dataset()
    other.version("fraud", 1, "lost")
    del other.made.files["datasets/digits/versions/1/card.yaml"]
    other.commit()
    shop.made.edit("policy.yaml", "{share: 1.0}", f"{{share: 1.0, registries: ['{other.origin}']}}")
    shop.commit()
    assert goes(shop_desk) == set()
    shop.made.edit("policy.yaml", str(other.origin), str(tmp_path / "gone"))
    shop.commit()
    code, text = shop_desk.run("prune", "plan")
    assert (code, "ls-remote failed" in text) == (3, True), text


def test_what_served_once_and_what_another_was_made_from_stay_though_their_cards_are_gone(
    shop: Shop, shop_desk: Desk
) -> None:
    for number, name in enumerate(("served-once", "parent", "never"), start=2):
        shop.run(name, 400)
        shop.version("digits", number, name)
    shop.made.pointer("digits", "production", 2)
    shop.commit()
    cards = {n: f"models/digits/versions/{n}/card.yaml" for n in (1, 2, 3, 4)}
    parent = {"model": "digits", "version": 3, "card": digest_of(shop.made.files[cards[3]])}
    shop.run("child", 400)
    lineage = shop.made.registry.card("digits", 1).lineage.model_dump(mode="json", exclude_none=True)
    shop.version("digits", 5, "child", lineage={**lineage, "parents": [parent]})
    kept = {
        path: data for path, data in shop.made.files.items() if "/versions/" not in path or "digits/versions/1/" in path
    }
    kept |= {path: data for path, data in shop.made.files.items() if "/versions/5/" in path}
    del kept["models/digits/stages/production.yaml"]
    shop.git("rm", "-rqf", "registry")
    shop.made.files = kept
    shop.commit()
    assert goes(shop_desk) == {"lost", "never"}


def test_a_detached_head_and_a_tag_are_roots(shop: Shop, shop_desk: Desk) -> None:
    for number, name in enumerate(("tag", "head"), start=2):
        shop.run(name, 400)
        shop.made = shop.made.copy()
        shop.git("switch", "-q", "--detach", "main")
        shop.version("digits", number, name)
        shop.commit(push=False)
        if name == "tag":
            shop.git("tag", "-a", "-m", "kept", "v1")
    assert goes(shop_desk) == {"lost"}
