"""An old registry and its store, with one thing for each reason to stay: each would go if that alone did not count."""

import atexit
import copy
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from modelbook.core.digests import digest_of
from modelbook.core.keep import Keep, KeepRule
from modelbook.core.records import StoredFile
from modelbook.core.run_record import Trial
from modelbook.core.runs.run_log import CheckpointStored, Ending, MetricsLogged
from modelbook.core.storage import blob_key, examples_key, uri_of
from tests.made_fields import digest
from tests.parts.prune_shop import Shop, log_of

AGE = 1000.0  # days: older than all days of a rule
PULL = 900  # an open pull request
MODEL = "kept"
TAGGED = '"keep" in tags'
KEEP = Keep(
    share=1.0,
    versions=KeepRule(days=30, unless=(TAGGED, "metrics.accuracy > 0.99")),
    best_checkpoints=KeepRule(days=30, unless=(TAGGED, "size(stages) > 0", 'status == "failed"')),
)


@dataclass
class Archive:
    """`keys` are what stays, by the reason; `pulls` the open pull requests; `shared` another registry's address."""

    shop: Shop
    keys: dict[str, set[str]]
    pulls: dict[int, str]
    shared: str

    def copied(self, folder: Path) -> "Archive":
        """The same in another folder, which does not exist yet."""
        home = self.shop.root.parent
        shutil.copytree(home, folder, symlinks=True)
        shop = copy.copy(self.shop)
        shop.move(folder / "work", folder / "origin.git")
        keys = {why: set(those) for why, those in self.keys.items()}
        return Archive(shop, keys, dict(self.pulls), str(folder / "other/origin.git"))


@cache
def archive() -> Archive:
    """It is made once a process; `copied` gives one that may be changed."""
    home = tempfile.mkdtemp(prefix="modelbook-archive-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return _Archivist(Path(home) / "archive").made()


class _Archivist:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shop = Shop(folder)
        self.shop.git("remote", "set-url", "origin", "../origin.git")
        self.keys: dict[str, set[str]] = {}
        self.number = 0

    def made(self) -> Archive:
        self.what_no_card_names()
        self.what_main_names()
        self.what_history_names()
        pulls, shared = self.what_other_refs_name(), self.what_others_name()
        for repository in ("work", "origin.git", "mirror.git", "other/origin.git"):
            self.shop.git("-C", str(self.folder / repository), "repack", "-adq")  # few files, which are copied soon
        return Archive(self.shop, self.keys, pulls, shared)

    # Runs, each of which stays for one reason.

    def run(
        self,
        run: str,
        *,
        model: bool = True,
        best: bool = False,
        status: Ending = "completed",
        tags: tuple[str, ...] = (),
        trial: Trial | None = None,
    ) -> set[str]:
        """An old run: its log, and where they are wanted a model and its best checkpoint; their keys."""
        file = StoredFile(path="state.bin", size=1, digest=digest_of(b"c"))
        saved = CheckpointStored(time="2026-03-01T12:00:30Z", step=1, files=(file,))
        found = MetricsLogged(time="2026-03-01T12:00:30Z", values={"accuracy": 0.5})  # not what the suite measures
        files = {_log(run): log_of(run, found, saved, status=status, tags=tags, trial=trial)}
        files |= {f"runs/{run}/artifacts/model.safetensors": b"w", f"runs/{run}/run.json": b"{}"} if model else {}
        files |= {_best(run): b"c"} if best else {}
        return {self.shop.put(key, data, AGE) for key, data in files.items()}

    def version(self, why: str, *, best: bool = False, **more: Any) -> int:
        """A version whose run stays for one reason; gives its number."""
        self.number += 1
        self.keys[why] = self.run(run := why.replace(" ", "-"), best=best)
        self.shop.version(MODEL, self.number, run, **more)
        return self.number

    def what_no_card_names(self) -> None:
        shop, keys = self.shop, self.keys
        keys["a tag in its log"] = self.run("tagged", best=True, tags=("keep",))
        keys["a condition, and the log of what it keeps"] = self.run("failed", model=False, best=True, status="failed")
        keys["a log that cannot be read"] = self.run("unread", best=True)
        shop.put(_log("unread"), b"{", AGE)
        trial = Trial(sweep="tuned", file=digest("tuned"), number=1)
        tuned = self.run("tuned-0001", model=False, trial=trial)
        keys["what a sweep found"] = tuned | {shop.put("sweeps/tuned/sweep.yaml", b"", AGE)}
        others = ("notes/of-somebody-else.txt", "runs/failed/notes.txt", "datasets/blobs/notes.txt")
        keys["somebody else's"] = {shop.put(key, b"x", AGE) for key in others}
        # These are not among the keys: they go by a clock that is wrong.
        self.run("alive")
        shop.put("runs/alive/log/00000002.jsonl", b"", 1.0)
        shop.put(blob_key(digest_of(b"uploaded")), b"uploaded", 1.0)

    def data(self, why: str) -> str:
        """A dataset version that stays, and its files."""
        name = why.replace(" ", "-")
        self.keys[why] = set(self.shop.dataset(name, {"a.csv": why.encode()}, AGE))
        return name

    # What is named, by whom.

    def what_main_names(self) -> None:
        shop = self.shop
        shop.dataset("digits", {"a.csv": b"a"}, AGE)
        self.half = self.version("revoked on one of two branches")
        shop.commit()
        shop.push("HEAD", "refs/heads/release")
        self.version("a card on main")
        found = b'{"id":1}\n'
        shop.made.evaluation(MODEL, self.number, examples={"size": len(found), "digest": digest_of(found)})
        self.keys["results of an evaluation"] = {shop.put(examples_key(digest_of(found)), found, AGE)}
        self.data("a dataset on main")
        self.keys["a run where a file of a version lies"] = self.run("elsewhere", best=True)
        self.keys["the run of a version whose file lies elsewhere"] = self.run("trained", model=False)
        self.number += 1
        lies = {"path": "state.bin", "uri": uri_of(shop.uri, _best("elsewhere")), "size": 1, "digest": digest("c")}
        shop.version(MODEL, self.number, "trained", artifacts=[lies])
        moved = self.data("a dataset of another store")
        card = f"datasets/{moved}/versions/1/card.yaml"
        shop.made.edit(card, f"uri: {shop.uri}/", "uri: file:before/")

    def what_history_names(self) -> None:
        """What was revoked, superseded or taken away, and stays all the same."""
        shop = self.shop
        shop.run("first", 100.0)
        shop.version("digits", 1, "first")
        served = self.version("revoked and served once")
        serves = self.version("revoked and serves", best=True)
        gone = self.version("served once and taken away")
        parent, gone_parent = self.version("revoked parent"), self.version("parent that was taken away")
        trained_on, measured_on = self.data("trained on and taken away"), self.data("measured on and taken away")
        lineage = shop.made.registry.card("digits", 1).lineage.model_dump(mode="json", exclude_none=True)
        cards = {one: digest_of(shop.made.files[_card(one)]) for one in (parent, gone_parent)}
        lineage["parents"] = [{"model": MODEL, "version": one, "card": card} for one, card in cards.items()]
        lineage["datasets"] = [shop.made.use(trained_on, 1)]
        child = self.version("child", lineage=lineage)
        shop.made.evaluation(MODEL, child, dataset=shop.made.use(measured_on, 1))
        twice = self.version("one of two versions of a run")
        self.number += 1
        shop.version(MODEL, self.number, "one-of-two-versions-of-a-run")
        tagged = self.version("revoked and tagged", tags=["keep"])
        measured = self.version("revoked and good", metrics={"accuracy": 0.999})
        shop.made.pointer(MODEL, "staging", served).pointer(MODEL, "canary", gone)
        shop.commit()
        shop.made.pointer(MODEL, "staging", serves)
        self.theirs = self.version("revoked and not where another registry has it")
        for version in (self.half, self.theirs, served, serves, parent, twice, tagged, measured):
            shop.revoke(MODEL, version)
        self.take_away(_card(gone), _card(gone_parent), f"datasets/{trained_on}/", f"datasets/{measured_on}/")
        self.what_merges_hide()

    def take_away(self, *parts: str) -> None:
        """Let main have no file any more whose path has one of these parts, and nothing in the stage canary."""
        for path in [path for path in self.shop.made.files if any(one in path for one in (*parts, "stages/canary"))]:
            self.shop.drop(path)
        self.shop.commit()

    def what_merges_hide(self) -> None:
        """What served where no first parent leads, and in no commit but a merge."""
        git, ours = self.shop.git, ("merge", "-q", "-s", "ours")
        git(*ours, "-m", "Ours", self.at_ref("served on a side that a merge threw away", stage="canary"))
        git(*ours, "--no-commit", git("commit-tree", "-p", "HEAD~1", "-m", "Theirs", "HEAD^{tree}"))
        served = self.version("served in a merge alone")
        self.shop.made.pointer(MODEL, "canary", served)
        self.shop.commit()
        self.take_away(_card(served))

    def what_other_refs_name(self) -> dict[int, str]:
        """What one ref alone has, of every kind. Gives the open pull requests."""
        shop = self.shop
        shop.git("init", "-q", "--bare", "../mirror.git")
        shop.git("remote", "add", "upstream", "../origin.git")
        shop.git("remote", "set-url", "--push", "upstream", "../mirror.git")
        self.at_ref("a branch of the remote", "../origin.git", "refs/heads/proposed")
        self.at_ref("a tag of the remote", "../origin.git", "refs/tags/kept", tag=True)
        pull = self.at_ref("an open pull request", "../origin.git", f"refs/pull/{PULL}/head")
        self.at_ref("a branch of where a remote is written", "../mirror.git", "refs/heads/main")
        self.at_ref("a proposal to where nobody knows what is open", "../mirror.git", "refs/pull/3/head")
        shop.git("branch", "local", self.at_ref("a branch of the clone"))
        beside = self.at_ref("another working tree")
        shop.git("worktree", "add", "-q", "--detach", "--no-checkout", "../beside", beside)
        return {PULL: pull}

    def at_ref(self, why: str, to: str = "", ref: str = "", *, tag: bool = False, stage: str = "") -> str:
        """Let one ref alone have a version, or none; gives the commit."""
        shop = self.shop
        made, shop.made = shop.made, shop.made.copy()
        shop.git("switch", "-q", "--detach")
        version = self.version(why)
        if stage:
            shop.made.pointer(MODEL, stage, version)
        commit = shop.commit(push=False)
        if tag:
            shop.git("tag", "-a", "-m", "kept", "kept")
        if to:
            shop.push("kept" if tag else commit, ref, to)
        if tag:
            shop.git("tag", "-d", "kept")
        shop.git("switch", "-q", "main")
        shop.made = made
        return commit

    def what_others_name(self) -> str:
        """Another registry that shares the store; gives its address."""
        own, self.shop = self.shop, Shop(self.folder / "other", data=self.shop.data)
        self.shop.made.dataset()
        self.shop.made.put(_card(self.theirs), own.made.files[_card(self.theirs)])
        self.version("a registry that shares the store")
        self.data("a dataset of a registry that shares the store")
        self.shop.commit()
        self.at_ref("a proposal to a registry that shares the store", "../origin.git", "refs/merge-requests/5/head")
        other, self.shop = self.shop, own
        shutil.rmtree(other.root)
        return str(other.origin)


def _log(run: str) -> str:
    return f"runs/{run}/log/00000001.jsonl"


def _best(run: str) -> str:
    return f"runs/{run}/checkpoints/0000000001/state.bin"


def _card(version: int) -> str:
    return f"models/{MODEL}/versions/{version}/card.yaml"
