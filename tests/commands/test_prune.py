"""Retention from end to end: real git with a remote, a real folder as the store, the command line."""

import json
from pathlib import Path

import pytest

from modelbook import cli
from modelbook.core.digests import digest_of
from modelbook.core.pruning.prune_plan import digest_of_plan, read_plan, write_plan
from modelbook.core.storage import blob_key
from tests.parts.desks import Desk
from tests.parts.prune_shop import Shop

LOST = {
    "runs/lost/log/00000001.jsonl",
    "runs/lost/artifacts/model.safetensors",
    "runs/lost/artifacts/config/model.json",
    "runs/lost/checkpoints/0000000001/state.bin",
    "runs/lost/run.json",
    "runs/served/checkpoints/0000000001/state.bin",
    "runs/tagged/checkpoints/0000000001/state.bin",
    blob_key(digest_of(b"nobody")),
}


def test_a_plan_says_what_goes_and_what_stays_and_why(shop: Shop, shop_desk: Desk) -> None:
    before = shop.present()
    plan = shop_desk.json("prune", "plan", "-o", "plan.json")
    assert {one["prefix"] for one in plan["groups"]} == {
        "runs/lost/",
        "runs/lost/artifacts/",
        "runs/lost/checkpoints/0000000001/",
        "runs/served/checkpoints/0000000001/",
        "runs/tagged/checkpoints/0000000001/",
        blob_key(digest_of(b"nobody"))[:-64],
    }
    assert plan["objects"] == len(LOST)
    stays = {one["why"]: one["objects"] for one in plan["stays"]}
    assert stays["a card on a branch, tag or pull request names it"] == 4
    assert stays["kept by `size(tags) > 0`"] == 4
    assert stays["written to in the last 7d"] == 5
    assert stays["a dataset version names it"] == 3
    assert stays["no object of a store: somebody else's"] == 1
    assert shop.present() == before


def test_it_is_deleted_restored_and_purged(shop: Shop, shop_desk: Desk) -> None:
    before = shop.present()
    plan = shop_desk.json("prune", "plan", "-o", "plan.json")
    assert "nothing was changed" in shop_desk.ok("prune", "apply", "plan.json")
    assert shop.present() == before
    told = shop_desk.ok("prune", "apply", "plan.json", "--yes")
    assert f"{len(LOST)} objects renamed" in told
    assert shop.present() == before - LOST
    assert "applied already" in shop_desk.ok("prune", "apply", "plan.json", "--yes")
    name = read_plan(Path("plan.json").read_bytes(), "plan.json").id
    assert plan["digest"][7:19] == name
    assert f"{len(LOST)} objects back where they were" in shop_desk.ok("prune", "restore", name)
    assert shop.present() == before
    for one in shop.store.list("trash/ended/"):
        shop.touch(one.key, 15)
    shop_desk.ok("prune", "apply", "--yes")
    assert not list(shop.store.list("trash/"))
    assert shop.present() == before
    code, text = shop_desk.run("prune", "restore", name)
    assert (code, "was begun in this store" in text) == (2, True)


def test_what_somebody_named_since_stays(shop: Shop, shop_desk: Desk) -> None:
    shop_desk.ok("prune", "plan", "-o", "plan.json")
    shop.git("switch", "-q", "-c", "register/digits-2")
    shop.version("digits", 2, "lost")
    shop.commit()
    shop.git("switch", "-q", "main")
    shop.git("branch", "-q", "-D", "register/digits-2")  # the remote alone has it
    shop_desk.ok("prune", "apply", "plan.json", "--yes")
    assert {key for key in LOST if key.startswith("runs/lost/")} - shop.present() == {
        "runs/lost/checkpoints/0000000001/state.bin"
    }


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        ("no-keep", 2, "says nothing of retention"),
        ("edited", 2, "was changed since it was made"),
        ("other-store", 1, "is of the store"),
        ("other-commit", 1, "none before this one"),
        ("other-policy", 1, "another one than the plan was made by"),
        ("no-plan", 2, "is no plan"),
        ("bad-condition", 2, "there is no 'colour'"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(shop: Shop, shop_desk: Desk, spoil: str, code: int, words: str) -> None:
    shop_desk.ok("prune", "plan", "-o", "plan.json")
    plan = read_plan(Path("plan.json").read_bytes(), "plan.json")
    changed = {
        "other-store": {"store": "s3://another"},
        "other-commit": {"commit": "0" * 40},
    }.get(spoil)
    if changed:
        other = plan.model_copy(update=changed)
        Path("plan.json").write_bytes(write_plan(other.model_copy(update={"digest": digest_of_plan(other)})))
    elif spoil == "edited":
        text = json.loads(Path("plan.json").read_text())
        text["groups"][0]["prefix"] = "runs/served/artifacts/"
        Path("plan.json").write_text(json.dumps(text))
    elif spoil == "no-plan":
        Path("plan.json").write_text("{}")
    else:
        old, new = (
            "keep: {share: 1.0}\n",
            {"no-keep": "", "other-policy": "keep: {share: 0.9}\n"}.get(
                spoil, "keep: {share: 1.0, runs: {days: 30, unless: ['colour == 1']}}\n"
            ),
        )
        shop.made.edit("policy.yaml", old, new)
        shop.commit()
    before = shop.present()
    found, text_ = shop_desk.run("prune", "apply", "plan.json", "--yes")
    assert words in text_
    assert found == code
    assert shop.present() == before


def test_a_plan_forged_for_what_is_named_deletes_nothing(shop: Shop, shop_desk: Desk) -> None:
    shop_desk.ok("prune", "plan", "-o", "plan.json")
    plan = read_plan(Path("plan.json").read_bytes(), "plan.json")
    groups = tuple(one.model_copy(update={"prefix": one.prefix.replace("lost", "served")}) for one in plan.groups)
    forged = plan.model_copy(update={"groups": groups})
    Path("plan.json").write_bytes(write_plan(forged.model_copy(update={"digest": digest_of_plan(forged)})))
    shop_desk.ok("prune", "apply", "plan.json", "--yes")
    assert {key for key in shop.present() if key.startswith("runs/served/")} >= {
        "runs/served/artifacts/model.safetensors",
        "runs/served/log/00000001.jsonl",
    }


def test_incomplete_knowledge_deletes_nothing(shop: Shop, shop_desk: Desk) -> None:
    shop_desk.ok("prune", "plan", "-o", "plan.json")
    before = shop.present()

    def refused(words: str) -> None:
        code, text = shop_desk.run("prune", "apply", "plan.json", "--yes")
        assert words in text
        assert code in {1, 2, 3}
        assert shop.present() == before

    # A card that nobody can read, on some branch of the remote.
    shop.git("switch", "-q", "-c", "broken")
    shop.made.put("models/digits/versions/7/card.yaml", "format: [")
    shop.commit()
    shop.git("switch", "-q", "main")
    refused("card.yaml")
    shop.git("push", "-q", "origin", ":broken")
    shop.git("branch", "-q", "-D", "broken")
    # The remote cannot be asked.
    shop.git("remote", "set-url", "origin", str(shop.root / "nowhere"))
    refused("ls-remote failed")
    shop.git("remote", "set-url", "origin", str(shop.origin))
    # A manifest is gone: nobody knows what the dataset's files are.
    manifest = next(
        path for path in (shop.data / "datasets").rglob("*") if path.is_file() and b"a.csv" in path.read_bytes()
    )
    data = manifest.read_bytes()
    manifest.unlink()
    before = shop.present()
    refused("no such object")
    manifest.write_bytes(data)
    before = shop.present()
    # A clone with the latest commits alone.
    (shop.root / ".git/shallow").write_text(shop.git("rev-parse", "HEAD") + "\n")
    refused("no more than the latest commits")


def test_without_a_single_card_everything_would_go_so_nothing_does(shop: Shop, shop_desk: Desk) -> None:
    shop.git("checkout", "-q", "--orphan", "empty")
    shop.git("rm", "-rqf", "registry/models", "registry/datasets")
    shop.git("commit", "-q", "-m", "Start over")
    for ref in shop.git("ls-remote", "origin").splitlines():
        name = ref.partition("\t")[2]
        if name.startswith("refs/heads/") and name != "refs/heads/empty":
            shop.git("update-ref", "-d", "refs/remotes/origin/main")
    shop.git("branch", "-M", "empty", "main")
    shop.git("push", "-qf", "origin", "main")
    shop.git("fetch", "-q", "--prune")
    code, text = shop_desk.run("prune", "plan")
    assert "not one card" in text or "has a single card" in text
    assert code == 2


def test_limits_and_dry_runs(shop: Shop, shop_desk: Desk) -> None:
    shop.made.edit("policy.yaml", "{share: 1.0}", "{share: 1.0, bytes: 150}")
    shop.commit()
    plan = shop_desk.json("prune", "plan", "-o", "plan.json")
    assert 0 < plan["bytes"] <= 150
    assert plan["waits"]["objects"] > 0
    assert cli.run(["prune", "apply", "plan.json", "--yes"]) == 0


def test_doctor_compares_store_and_registry_both_ways_and_repairs_what_it_can(shop: Shop, shop_desk: Desk) -> None:
    shop.run("died", 400, status=None)
    # The cards of these registries are made in memory: their sizes are not those of the store.
    sizes = {"model.safetensors": len(b"weights of served" * 50), "config/model.json": 2}
    fields = [
        {
            "path": path,
            "uri": f"file:store/runs/served/artifacts/{path}",
            "size": size,
            "digest": digest_of(path.encode()),
        }
        for path, size in sizes.items()
    ]
    shop.version("digits", 1, "served", artifacts=fields)
    shop.commit()
    told = shop_desk.ok("doctor", "store")
    assert "every file that a card names is there" in told
    assert "1 run whose process died: died" in told
    assert "1 object of no store" in told
    # Somebody deleted a named file by hand, and a plan had put it aside before.
    shop_desk.ok("prune", "plan", "-o", "plan.json")
    shop_desk.ok("prune", "apply", "plan.json", "--yes")
    (name,) = {one.key.split("/")[-1][:12] for one in shop.store.list("trash/plans/")}
    key = "runs/served/artifacts/model.safetensors"
    place = shop.data / f"trash/{name}/objects/{key}"
    place.parent.mkdir(parents=True)
    (shop.data / key).rename(place)
    found = shop_desk.json("doctor", "store")
    assert not found["healthy"]
    assert any(f"1 file named and not there: {key} (digits@1)" in one["message"] for one in found["checks"])
    found = shop_desk.json("doctor", "store", "--repair")
    assert found["healthy"]
    assert any("1 file of a card brought back" in one["message"] for one in found["checks"])
    assert (shop.data / key).exists()
    shop_desk.ok("doctor", "store")
    # A manifest was put aside by a plan of long ago.
    manifest = shop.made.registry.dataset_card("digits", 1).manifest.uri.removeprefix("file:store/")
    place = shop.data / f"trash/{name}/objects/{manifest}"
    place.parent.mkdir(parents=True)
    (shop.data / manifest).rename(place)
    code, text = shop_desk.run("doctor", "store")
    assert (code, "1 manifest of dataset versions not there" in " ".join(text.split())) == (1, True)
    assert shop_desk.json("doctor", "store", "--repair")["healthy"]
    assert (shop.data / manifest).exists()
