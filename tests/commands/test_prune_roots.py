"""What counts as a root: every ref, history, parents, and the registries that share the store."""

import subprocess
from pathlib import Path

import pytest

from modelbook.core.digests import digest_of
from tests.parts.desks import Desk
from tests.parts.prune_shop import Shop, policy


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


def propose(shop: Shop, number: int, run: str, ref: str, *, to: str = "origin") -> str:
    """Let a remote alone have a version, at `ref`. Gives its commit."""
    shop.run(run, 400)
    made, shop.made = shop.made, shop.made.copy()
    shop.git("switch", "-q", "--detach", "main")
    shop.version("digits", number, run)
    commit = shop.commit(push=False)
    shop.git("push", "-q", to, f"{commit}:{ref}")
    shop.git("switch", "-q", "main")
    shop.made = made
    return commit


def bare(path: Path) -> str:
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
    return str(path)


def test_every_remote_is_asked_and_every_proposal_counts_where_nobody_says_which_are_open(
    shop: Shop, shop_desk: Desk, tmp_path: Path
) -> None:
    propose(shop, 2, "fork", "refs/pull/7/head")
    propose(shop, 3, "merge-request", "refs/merge-requests/3/head")
    propose(shop, 4, "upstream", "refs/heads/x", to=bare(tmp_path / "upstream.git"))
    propose(shop, 5, "pushed", "refs/heads/x", to=bare(tmp_path / "pushed.git"))
    beside = propose(shop, 6, "beside", "refs/heads/gone")
    shop.git("push", "-q", "origin", ":refs/heads/gone")
    shop.git("worktree", "add", "-q", "--detach", str(tmp_path / "beside"), beside)
    assert goes(shop_desk) == {"lost", "upstream", "pushed"}
    shop.git("remote", "add", "upstream", str(tmp_path / "upstream.git"))
    shop.git("remote", "set-url", "--push", "origin", str(tmp_path / "pushed.git"))
    assert goes(shop_desk) == {"lost"}
    shop.git("remote", "add", "dead", str(tmp_path / "dead.git"))
    code, text = shop_desk.run("prune", "plan")
    assert (code, "nobody knows what dead names" in text) == (3, True), text


def test_what_stood_in_a_stage_counts_though_a_merge_threw_it_away_or_a_copy_of_it_comes_first(
    shop: Shop, shop_desk: Desk
) -> None:
    first, start = shop.made.copy(), shop.git("rev-parse", "HEAD")
    for number, name in enumerate(("thrown-away", "copied"), start=2):
        shop.run(name, 400)
        shop.version("digits", number, name)
        shop.made.pointer("digits", "production", number)
        for path, data in list(shop.made.files.items()):
            if name == "copied" and path.startswith("models/digits/"):
                shop.made.files[path.replace("models/digits/", "models/digits-OLD/")] = data
        shop.commit()
        shop.git("rm", "-rqf", "registry")
        shop.made = first.copy()
        if name == "copied":
            shop.commit()
            continue
        shop.git("reset", "-q", "--hard")
        main = shop.git("rev-parse", "HEAD")
        shop.git("reset", "-q", "--hard", start)
        shop.git("merge", "-q", "-s", "ours", "-m", "The other way round", main)
    shop.git("push", "-q", "-f", "origin", "main")
    assert goes(shop_desk) == {"lost"}


def test_a_registry_that_is_not_where_it_should_be_or_is_not_whole_is_no_registry(
    shop: Shop, shop_desk: Desk, tmp_path: Path
) -> None:
    other = Shop(tmp_path / "other", data=shop.data)
    other.made.dataset()
    other.version("fraud", 1, "lost")
    for _ in range(2):
        other.commit()
    cut = tmp_path / "cut"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{other.origin}", str(cut)], check=True)
    for spelling, words in (
        (f"{other.origin}#ml/registry", "has no registry in"),
        (cut, "does not give what it lists"),
    ):
        shop.made.put("policy.yaml", policy(keep=f"keep: {{share: 1.0, registries: ['{spelling}']}}\n"))
        shop.commit()
        code, text = shop_desk.run("prune", "plan")
        assert (code, words in text) == (1, True), text


def test_in_a_clone_whose_policy_is_out_of_date_nothing_is_deleted(shop: Shop, shop_desk: Desk, tmp_path: Path) -> None:
    """By now it may name one more registry, or keep what it did not."""
    shop_desk.ok("prune", "plan", "-o", "plan.json")
    before, old = shop.present(), shop.git("rev-parse", "HEAD")
    shop.made.edit("policy.yaml", "{share: 1.0}", "{share: 1.0, runs: {days: 4000}}")
    shop.commit()
    shop.git("reset", "-q", "--hard", old)
    code, text = shop_desk.run("prune", "apply", "plan.json", "--yes")
    assert (code, "policy.yaml is another one at origin HEAD" in text) == (1, True), text
    assert shop.present() == before
    shop.git("push", "-q", "-f", "origin", f"{old}:main")
    shop.made.put("policy.yaml", policy(keep=f"keep: {{share: 1.0, registries: ['{shop.origin}']}}\n"))
    shop.commit(push=False)  # ahead of the remote, with rules of its own, and a registry whose rules are other ones
    shop_desk.ok("prune", "plan", "-o", "plan.json")
    shop_desk.ok("prune", "apply", "plan.json", "--yes")
    assert shop.present() < before


def test_a_clone_with_one_branch_and_files_on_demand_knows_all_the_same(
    shop: Shop, shop_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run("once", 400)
    first = shop.made.copy()
    shop.version("digits", 2, "once")
    shop.made.pointer("digits", "production", 2)
    shop.commit()
    shop.git("rm", "-rqf", "registry")
    shop.made = first
    shop.commit()
    propose(shop, 3, "proposed", "refs/heads/register/digits-3")
    shop.git("-C", str(shop.origin), "config", "uploadpack.allowFilter", "true")
    shop.git("-C", str(shop.origin), "config", "uploadpack.allowAnySHA1InWant", "true")
    clone = tmp_path / "clone"
    address = f"url.file://{shop.origin.parent}/.insteadOf=corp:"
    options = ["--filter=blob:none", "--single-branch", "--no-tags", "--config", address]
    subprocess.run(["git", "clone", "-q", *options, "corp:origin.git", str(clone)], check=True)
    (clone / "store").symlink_to(shop.data)
    monkeypatch.chdir(clone)
    assert goes(shop_desk) == {"lost"}
