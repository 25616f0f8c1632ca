"""What people do to a registry and its store while things are deleted from it: half of a state machine."""

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
)

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.prune_guard import check_dataset_kept, check_model_kept
from modelbook.core.dataset import Manifest
from modelbook.core.digests import digest_of
from modelbook.core.pruning.prune_plan import PrunePlan
from modelbook.core.storage import blob_key, uri_of
from modelbook.errors import Refused
from tests.made import Made
from tests.parts.reasons_to_stay import archive
from tests.parts.unsteady_store import Unsteady

OLD = 100.0  # days
POOL = [b"one", b"two", b"three"]  # data that were uploaded once, and that no version names at first


class People(RuleBasedStateMachine):
    """Who trains, pushes, registers, merges, promotes and revokes, and what each may count on then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="modelbook-prune-"))
        self.archive = archive().copied(self.folder / "all")
        self.shop = self.archive.shop
        self.disk = DirectoryStore(self.shop.data, self.shop.uri)
        self.store = Unsteady(self.shop.data, self.shop.uri)
        self.runs: list[str] = []
        self.needs: dict[str, set[str]] = {"main": self.files("first")}  # by ref: what it names, looked at by its maker
        self.main = {"first": 1}  # runs on main, and their versions
        self.served: set[str] = set()
        self.revoked: set[str] = set()
        self.branches: dict[str, tuple[str, Made]] = {}  # by ref: the run, or "" for a dataset
        self.pulls = self.archive.pulls
        self.plans: list[PrunePlan] = []
        self.lists: dict[str, set[str]] = {}  # by plan: the keys that it lists
        self.gone: dict[str, set[str]] = {}  # by plan: what it deleted, until that is purged
        self.taken_up = set[str]()  # files of a run that somebody took up while a plan was carried out
        self.late: Callable[[], None] | None = None  # what counts of one who looked no more, once his ref was read
        self.seen = False  # whether it was
        self.whole = False  # whether a plan was restored while it was carried out
        self.number = 1

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    # What people do.

    @rule(
        age=st.sampled_from([OLD, OLD, 3.0, 0.01]),
        tagged=st.sampled_from([False, False, True]),
        status=st.sampled_from(["completed", None]),
    )
    def train(self, age: float, tagged: bool, status: str | None) -> None:
        name = f"r{len(self.runs)}"
        self.runs.append(name)
        self.shop.run(name, age, tags=("keep",) if tagged else (), status=status)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """A run that was silent for long writes again."""
        self.take_up(data.draw(st.sampled_from(self.runs)))

    def take_up(self, run: str) -> None:
        self.shop.put(f"runs/{run}/log/{self.number:08d}.jsonl", b"", 0.0)
        self.number += 1

    def opened(self) -> dict[int, str]:
        """The open pull requests, as the forge tells them."""
        return dict(self.pulls)

    def files(self, run: str) -> set[str]:
        return {f"runs/{run}/artifacts/{name}" for name in ("model.safetensors", "config/model.json")}

    def there(self, keys: set[str]) -> bool:
        return all((self.shop.data / key).exists() for key in keys)

    def propose(self, name: str, what: str, change: Callable[[], None], *, fork: bool) -> str:
        """A branch or a fork's pull request that the remote alone has; gives its ref."""
        made, self.shop.made = self.shop.made, self.shop.made.copy()
        change()
        self.shop.git("switch", "-q", "--detach")
        ref = f"refs/pull/{self.number}/head" if fork else f"refs/heads/{name}"
        commit = self.shop.commit(push=False)
        self.shop.push(commit, ref)
        if fork:
            self.pulls[self.number] = commit
        self.branches[ref] = what, self.shop.made
        self.shop.git("switch", "-q", "main")
        self.shop.made = made
        return ref

    def register(self, run: str, *, fork: bool = False, meanwhile: Callable[[], None] = lambda: None) -> None:
        """As `register` does: read the bytes, make the branch, look for intents and bytes once more."""
        if not self.there(self.files(run)) or run in self.main:
            return
        sizes = {key.partition("/artifacts/")[2]: (self.shop.data / key).stat().st_size for key in self.files(run)}
        meanwhile()
        ref = self.name(run, fork=fork)
        with suppress(Refused):  # else told to wait or to restore: not accepted, so nobody merges it
            check_model_kept(self.disk, run, sizes)
            self.needs[ref] = self.files(run)

    def name(self, run: str, *, fork: bool = False) -> str:
        """Let a branch have a card that names the files of a run; gives its ref."""
        self.number += 1
        version = self.number
        return self.propose(
            f"register/digits-{version}", run, lambda: self.shop.version("digits", version, run), fork=fork
        )

    def push(self, files: list[bytes], *, fork: bool = False) -> None:
        """As `data add` does: what the store has is not sent again; then the branch; then intents and bytes."""
        self.number += 1
        version = self.number
        lines = b"".join(
            json.dumps({"path": f"{at}.csv", "size": len(data), "digest": digest_of(data)}).encode() + b"\n"
            for at, data in enumerate(files)
        )
        for data in (*files, lines):
            self.disk.put_bytes(blob_key(digest_of(data)), data)
        manifest = Manifest(
            uri=uri_of(self.shop.uri, blob_key(digest_of(lines))), size=len(lines), digest=digest_of(lines)
        )
        fields: dict[str, Any] = {"manifest": manifest.model_dump(mode="json"), "files": len(files), "size": 1}

        def change() -> None:
            self.shop.made.dataset("extra", version, **fields)

        ref = self.propose(f"dataset/extra-{version}", "", change, fork=fork)
        with suppress(Refused):
            check_dataset_kept(self.disk, manifest)
            self.needs[ref] = {blob_key(digest_of(data)) for data in (*files, lines)}

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), fork=st.booleans())
    def register_a_run(self, data: st.DataObject, fork: bool) -> None:
        self.register(data.draw(st.sampled_from(self.runs)), fork=fork)

    @rule(files=st.lists(st.sampled_from([*POOL, b"new"]), min_size=1, max_size=2, unique=True), fork=st.booleans())
    def push_data(self, files: list[bytes], fork: bool) -> None:
        self.push(files, fork=fork)

    @precondition(lambda self: self.branches)
    @rule(data=st.data(), then=st.sampled_from(["merge", "merge", "close", "tag"]))
    def settle(self, data: st.DataObject, then: str) -> None:
        """Merge what was accepted, throw it away, or let nothing but a tag hold it."""
        ref = data.draw(st.sampled_from(sorted(self.branches)))
        run, made = self.branches.pop(ref)
        kept = self.needs.pop(ref, None)
        if then == "merge" and kept is not None and run not in self.main:
            new = {path: data for path, data in made.files.items() if path not in self.shop.made.files}
            self.shop.made.files |= new
            if run:
                (card,) = (path for path in new if path.endswith("card.yaml"))
                self.main[run] = int(card.split("/")[3])
            else:
                self.needs["main"] |= kept
            self.shop.commit()
        elif then == "tag" and kept is not None:
            self.shop.git("fetch", "-q", "origin", f"+{ref}:refs/tags/kept-{self.number}")
            self.shop.push(f"refs/tags/kept-{self.number}", f"refs/tags/kept-{self.number}")
            self.shop.git("tag", "-d", f"kept-{self.number}")
            self.needs[f"tag {self.number}"] = kept
            self.number += 1
        self.pulls.pop(int(ref.split("/")[2]) if "pull" in ref else 0, None)
        self.shop.push("", ref)

    @rule(data=st.data(), mistaken=st.booleans())
    def promote_or_roll_back(self, data: st.DataObject, mistaken: bool) -> None:
        """A version serves; it may turn out to have been a mistake."""
        may = sorted(set(self.main) - self.revoked)
        if may:
            run = data.draw(st.sampled_from(may))
            self.shop.made.pointer("digits", "production", self.main[run], kind=None)
            self.shop.commit()
            self.served.add(run)
            if mistaken:
                self.revoke(run)

    def mistake(self) -> str:
        """A version that main alone has, that never served, and is revoked; gives its run."""
        self.train(OLD, tagged=False, status="completed")
        self.number += 1
        self.main[run := self.runs[-1]] = self.number
        self.shop.version("digits", self.number, run)
        self.revoke(run)
        return run

    @rule(data=st.data())
    def revoke_one(self, data: st.DataObject) -> None:
        self.revoke(data.draw(st.sampled_from(sorted(self.main))))

    def revoke(self, run: str) -> None:
        self.shop.revoke("digits", self.main[run])
        self.shop.commit()
        self.revoked.add(run)

    # What each may count on.

    def named(self) -> set[str]:
        """The keys of all that must stay, at any time and by any clock."""
        free = {key for run in self.revoked - self.served for key in self.files(run)}
        on_main = {key for run in self.main for key in self.files(run)}
        return set().union(on_main, *self.needs.values()) - free | set().union(*self.archive.keys.values())

    def young(self) -> set[str]:
        return {one.key for one in self.disk.list() if datetime.now(UTC) - one.modified < timedelta(days=7)}

    def alive(self) -> tuple[str, ...]:
        """The folders of runs that were written to lately."""
        return tuple({f"runs/{key.split('/')[1]}/" for key in self.young() if key.startswith("runs/")})
