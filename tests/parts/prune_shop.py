"""A registry in a real repository with a remote, and a store in which runs, datasets and rubbish of any age lie."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.git import Repository
from modelbook.core import layout
from modelbook.core.digests import digest_of
from modelbook.core.documents import dump
from modelbook.core.revocation import Revocation, revocation_path
from modelbook.core.run_record import Code, Environment, Trial
from modelbook.core.runs.run_log import Event, RunEnded, RunStarted, encode
from modelbook.core.storage import blob_key, uri_of
from tests.made import POLICY, Made
from tests.made_fields import STORE, card_fields
from tests.parts.desks import Desk, quiet_environment, write

URI = "file:store"
KEEP = "keep: {share: 1.0}\n"
DAY = timedelta(days=1)


def policy(uri: str = URI, keep: str = KEEP) -> str:
    """A policy with rules of retention."""
    return POLICY.replace(STORE, uri) + keep


def log_of(
    run: str, *events: Event, status: str | None = "completed", tags: tuple[str, ...] = (), trial: Trial | None = None
) -> bytes:
    """The log of a run that was over at once; without `status`, of one that nobody saw the end of."""
    start = RunStarted(
        time="2026-03-01T12:00:00Z",
        run=run,
        attempt=1,
        experiment="e",
        job="j",
        user="u",
        host="h",
        pid=1,
        params={},
        tags=tags,
        code=Code(entry_point="train.py"),
        environment=Environment(python="3.11", platform="Linux"),
        trial=trial,
    )
    end: Any = [] if status is None else [RunEnded(time="2026-03-01T12:01:00Z", status=status)]  # type: ignore[arg-type]
    return encode([start, *events, *end])


class Shop:
    """`root` is a clone, `origin` its bare remote, `store` a folder; the registry is in memory until `commit`."""

    def __init__(self, folder: Path, *, uri: str = URI, keep: str = KEEP, data: Path | None = None) -> None:
        self.root, self.origin, self.uri = folder / "work", folder / "origin.git", uri
        self.made = Made(policy=policy(uri, keep))
        self.data = data or self.root / "store"
        self.store = DirectoryStore(self.data, uri)
        self.root.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        (self.root / ".gitignore").write_text("/store\n/plan.json\n")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.origin)], check=True)
        self.git("remote", "add", "origin", str(self.origin))

    def git(self, *arguments: str) -> str:
        settings = ["user.name=t", "user.email=t@example.org", "gc.auto=0", "core.fsync=none"]
        options = [word for each in settings for word in ("-c", each)]
        done = subprocess.run(["git", *options, *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def move(self, root: Path, origin: Path) -> None:
        """Be where all of it was copied to, the store included, which lies in the clone."""
        self.root, self.origin, self.data = root, origin, root / "store"
        self.store = DirectoryStore(self.data, self.uri)
        self.made = self.made.copy()

    @property
    def repository(self) -> Repository:
        """The clone."""
        return Repository.find(self.root)

    def commit(self, *, push: bool = True) -> str:
        """Commit the registry as it is now, on the branch at hand."""
        write(self.root, self.made)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "Change")
        if push:
            self.git("push", "-q", "-f", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")

    def push(self, what: str, ref: str, to: str = "../origin.git") -> None:
        """Let a repository have something at a ref, or nothing: as another clone does, this one hears nothing of it."""
        self.git("push", "-q", to, f"{what}:{ref}")

    def put(self, key: str, data: bytes, age: float) -> str:
        """An object that was written `age` days ago."""
        path = self.data / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        self.touch(key, age)
        return key

    def touch(self, key: str, age: float) -> None:
        """Let an object have been written `age` days ago."""
        then = (datetime.now(UTC) - age * DAY).timestamp()
        os.utime(self.data / key, (then, then))

    def run(self, run: str, age: float, *, status: str | None = "completed", tags: tuple[str, ...] = ()) -> list[str]:
        """A run with a model's files, a superseded checkpoint, a log and a record."""
        files = {
            "log/00000001.jsonl": log_of(run, status=status, tags=tags),
            "artifacts/model.safetensors": f"weights of {run}".encode() * 50,
            "artifacts/config/model.json": b"{}",
            "checkpoints/0000000001/state.bin": b"c" * 100,
            "run.json": b"{}",
        }
        return [self.put(f"runs/{run}/{name}", data, age) for name, data in files.items()]

    def dataset(self, name: str, files: dict[str, bytes], age: float, *, version: int = 1) -> list[str]:
        """A dataset version and its files; their keys."""
        lines = b"".join(
            json.dumps({"path": path, "size": len(data), "digest": digest_of(data)}).encode() + b"\n"
            for path, data in sorted(files.items())
        )
        keys = [self.put(blob_key(digest_of(data)), data, age) for data in (*files.values(), lines)]
        manifest = {"uri": uri_of(self.uri, blob_key(digest_of(lines))), "size": len(lines), "digest": digest_of(lines)}
        self.made.dataset(name, version, manifest=manifest, files=len(files), size=sum(map(len, files.values())))
        return keys

    def version(self, model: str, version: int, run: str, **more: Any) -> None:
        """A version that the run became."""
        fields = card_fields(model, version)
        artifacts = [
            one | {"uri": uri_of(self.uri, f"runs/{run}/artifacts/{one['path']}")} for one in fields["artifacts"]
        ]
        usual = {"tags": [], "artifacts": artifacts, "run": fields["run"] | {"id": run}}
        self.made.version(model, version, **(usual | more))

    def revoke(self, model: str, version: int) -> None:
        """A version that must not be used any more."""
        card = self.made.files[f"{layout.version_folder(model, version)}/card.yaml"]
        why = Revocation(
            model=model, version=version, card=digest_of(card), by="al", revoked="2026-03-02T12:00:00Z", reason="leaked"
        )
        self.made.put(revocation_path(model, version), dump(why))

    def drop(self, path: str) -> None:
        """Take a file from the registry."""
        self.made.drop(path)
        (self.root / "registry" / path).unlink()

    def present(self) -> set[str]:
        """The keys of all objects but those in the trash."""
        return {one.key for one in self.store.list() if not one.key.startswith("trash/")}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Old runs: `served` is a version, `lost` is nobody's, `tagged` is kept by a tag, `fresh` was written today."""
    quiet_environment(monkeypatch, tmp_path / "home")
    shop = Shop(tmp_path)
    monkeypatch.chdir(shop.root)
    shop.dataset("digits", {"a.csv": b"a", "b.csv": b"bb"}, age=400)
    shop.run("served", 400)
    shop.run("lost", 400)
    shop.run("tagged", 400, tags=("keep",))
    shop.run("fresh", 0.1)
    shop.put(blob_key(digest_of(b"nobody")), b"nobody", 400)
    shop.put("notes/of-somebody-else.txt", b"x", 4000)
    shop.version("digits", 1, "served")
    shop.commit()
    return shop


@pytest.fixture
def shop_desk(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(shop.root, tmp_path, capsys)
