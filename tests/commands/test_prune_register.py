"""Registering and deleting at the same time, and a plan as a pull request, by the whole command line."""

from pathlib import Path

import pytest

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.prune_journal import Journal
from modelbook.core.layout import PRUNE
from modelbook.core.pruning.prune_plan import Planner, PrunePlan
from modelbook.core.pruning.retention import Verdict
from tests.commands.workbench import POLICY, Workbench
from tests.parts.desks import Desk, onto_github, quiet_environment
from tests.parts.github.client import GitHubServer
from tests.parts.prune_shop import Shop


def begun(bench: Workbench, run: str) -> tuple[Journal, str]:
    """A plan to delete the files of a run, whose process was killed before the first of them went."""
    store = DirectoryStore(bench.root / ".modelbook/store", "file:.modelbook/store")
    prefix = f"runs/{run}/artifacts/"
    objects = list(store.list(prefix))
    from modelbook.core.keep import Keep

    planner = Planner(Keep(share=1.0))
    planner.add(Verdict(prefix, "nobody registered it", objects, "runs"))
    plan: PrunePlan = planner.plan(store=store.uri, commit="a" * 40, policy="sha256:" + "0" * 64, refs=1)
    journal = Journal(store, plan.id)
    journal.begin(plan, ((one.key, one.size) for one in objects))
    return journal, plan.id


def test_what_is_being_deleted_is_not_registered(bench: Workbench) -> None:
    run = bench.train(0.7)
    journal, name = begun(bench, run)
    done = bench.run("register", "toy", "--run", run)
    assert (done.code, f"the plan {name} is deleting" in done.err) == (1, True), done.text
    assert f"modelbook prune restore {name}" in done.err
    # The card is on the branch, so that whoever deletes sees it; asked again, it is refused again.
    assert bench.run("register", "toy", "--run", run).code == 1
    bench.ok("prune", "restore", name)
    assert journal.ended()
    assert bench.ok("register", "toy", "--run", run).startswith("toy@1")
    # A file that went all the same is missed.
    bench.weights(run).unlink()
    done = bench.run("register", "toy", "--run", run)
    assert (done.code, "deleted meanwhile: 1 file, " in done.err) == (1, True), done.text


def test_without_rules_nothing_is_deleted_and_it_says_what_to_write(bench: Workbench) -> None:
    done = bench.run("prune", "plan")
    assert (done.code, "Write `keep: {}`" in done.err) == (2, True)
    bench.commit({"registry/policy.yaml": POLICY + "keep: {}\n"})
    assert "Nothing is to be deleted" in bench.ok("prune", "plan")


@pytest.fixture
def hub(
    github: GitHubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Shop, Desk]:
    quiet_environment(monkeypatch, tmp_path / "home")
    shop = Shop(tmp_path)
    shop.git("remote", "remove", "origin")
    shop.dataset("digits", {"a.csv": b"a"}, 400)
    shop.run("served", 400)
    shop.run("lost", 400)
    shop.run("proposed", 400)
    shop.version("digits", 1, "served")
    shop.commit(push=False)
    monkeypatch.chdir(shop.root)
    desk = Desk(shop.root, tmp_path, capsys)
    shop.origin = onto_github(desk, github, "acme/registry", monkeypatch)
    return shop, desk


def test_a_plan_is_one_pull_request_and_open_ones_are_roots(hub: tuple[Shop, Desk], github: GitHubServer) -> None:
    shop, desk = hub
    made = shop.made
    shop.made = made.copy()
    shop.git("switch", "-q", "-c", "register/digits-2")
    shop.version("digits", 2, "proposed")
    shop.commit()
    shop.git("switch", "-q", "main")
    shop.git("branch", "-q", "-D", "register/digits-2")
    first = desk.json("prune", "plan", "--propose")
    assert {one["prefix"].split("/")[1] for one in first["groups"] if "/artifacts/" in one["prefix"]} == {"lost"}
    again = desk.json("prune", "plan", "--propose")
    assert again["groups"] == first["groups"]
    branches = [line.split("/", 2)[2] for line in desk.git("ls-remote", "origin", "refs/heads/prune/*").splitlines()]
    assert branches == ["prune/plan"]
    desk.git("fetch", "-q", "origin")
    desk.git("merge", "-q", "--ff-only", "origin/prune/plan")
    told = desk.ok("prune", "apply", f"registry/{PRUNE}", "--yes")
    assert "objects renamed" in told
    assert not any(key.startswith("runs/lost/") for key in shop.present())
    assert "runs/proposed/artifacts/model.safetensors" in shop.present()
    assert [entry for entry in github.log() if "failure" in entry] == []
