"""A registry on disk and the real command line on it: real git, a real folder as the store, real child processes."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.parts.command_line import Done, run_modelbook
from tests.parts.desks import Desk, quiet_environment
from tests.parts.github.client import GitHubServer
from tests.parts.office import Office

POLICY = """\
format: modelbook/policy/v1
store: "file:.modelbook/store"
stages:
  - name: staging
    auto: true
    gates:
      - metrics.accuracy >= 0.5
  - name: production
    first: accept
    gates:
      - metrics.accuracy > baseline.metrics.accuracy
"""
MODEL = """\
format: modelbook/model/v1
model: toy
suites:
  default: {entry_point: evaluate.py, dataset: numbers@1}
"""
TRAIN = """\
import json
import numpy
from safetensors.numpy import save
import modelbook

run = modelbook.run()
skill = run.param("skill", 0.8)
run.log({"loss": 1 - skill}, step=1)
run.log_artifact("model.safetensors", save({"weight": numpy.full((4, 4), skill, dtype=numpy.float32)}))
run.log_artifact("config.json", json.dumps({"skill": skill}).encode())
run.finish()
"""
EVALUATE = """\
import json, os, pathlib
task = json.loads(pathlib.Path(os.environ["MODELBOOK_EVALUATION"]).read_text())
config = json.loads((pathlib.Path(task["model"]) / "config.json").read_text())
assert (pathlib.Path(task["dataset"]) / "numbers.csv").read_text().startswith("x,y")
pathlib.Path(task["output"]).write_text(json.dumps({"metrics": {"accuracy": {"value": config["skill"], "n": 100}}}))
"""


@dataclass
class Workbench:
    """A repository with a registry, and the command line in it.

    `shelf` is a folder of the session: what was trained there once is copied for the next who trains it in the same
    place.
    """

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    shelf: Path | None = None

    def run(self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Done:
        """Run `modelbook args` as a process of its own, whatever comes of it. Never a traceback."""
        done = run_modelbook(args, cwd=cwd or self.root, env=self.env | dict(env or {}))
        assert "Traceback" not in done.err, done.err
        return done

    def ok(self, *args: str) -> str:
        """Run a command that must succeed; what it printed."""
        done = self.run(*args)
        assert done.code == 0, done.text
        return done.out

    def git(self, *args: str) -> str:
        return subprocess.run(
            ["git", *args], cwd=self.root, env=self.env, check=True, capture_output=True, text=True
        ).stdout

    def commit(self, files: Mapping[str, str | bytes], message: str = "Change") -> str:
        """Write files, commit them, and return the commit."""
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def train(self, skill: float, *more: str) -> str:
        """Train a toy; its run id."""
        settings = ("train.py", "--data", "numbers@1", "--param", f"skill={skill}", *more)
        return self._once(" ".join(settings), lambda: self.ok("train", *settings).rsplit("--run ", 1)[1].split()[0])

    def version(self, skill: float) -> str:
        """Train, register and evaluate a toy; its version."""
        return self._once(f"version {skill}", lambda: self._version(skill))

    def _version(self, skill: float) -> str:
        version = self.ok("register", "toy", "--run", self.train(skill)).partition(":")[0]
        self.ok("evaluate", version)
        return version

    def _once(self, what: str, make: Callable[[], str]) -> str:
        """What `make` gives; where that was made before from the very same state, a copy of what it left."""
        if self.shelf is None:
            return make()
        kept = self.shelf / hashlib.sha256(f"{what}\n{self._state()}".encode()).hexdigest()
        if kept.exists():
            # The folder itself stays: whoever works in this process may stand in it.
            for path in self.root.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            shutil.copytree(kept / "root", self.root, symlinks=True, dirs_exist_ok=True)
        else:
            made = make()
            shutil.copytree(self.root, kept / "root", symlinks=True)
            (kept / "made").write_text(made)
        return (kept / "made").read_text()

    def _state(self) -> str:
        """All that what is made here may depend on: refs, changes, settings, ignored files, environment."""
        ignored = [path for path in (self.root / ".modelbook").rglob("*") if path.is_file()]
        files = sorted(f"{path.relative_to(self.root)} {path.stat().st_mtime_ns}" for path in ignored)
        config, env = (self.root / ".git/config").read_text(), repr(sorted(self.env.items()))
        asked = (["show-ref", "--head"], ["status", "--porcelain"], ["diff"])
        state = "\n".join([*(self.git(*each) for each in asked), config, env, *files])
        return state.replace(str(self.root.parent), "")

    def promote(self, version: str, stage: str) -> None:
        """Promote a version, and merge the promotion."""
        self.ok("promote", version, "--to", stage)
        self.git("merge", "--quiet", "--ff-only", f"promote/{version.replace('@', '-')}-to-{stage}")

    def weights(self, run: str) -> Path:
        """Where the store keeps a run's weights."""
        return self.root / ".modelbook/store/runs" / run / "artifacts/model.safetensors"


def clean_environment(home: Path) -> dict[str, str]:
    """An environment in which nothing of the caller's git, GitHub or AWS is left."""
    env = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    who = {f"GIT_{role}_{part}": "t" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    return env | who | {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "MODELBOOK_SIGNER": f"file:{home}/key.pem"}


def make_workbench(folder: Path) -> Workbench:
    """A registry with a policy, a trained-by-script model `toy` and the dataset version numbers@1."""
    home, root = folder / "home", folder / "registry-repo"
    home.mkdir(parents=True)
    bench = Workbench(root, clean_environment(home))
    root.mkdir()
    bench.ok("init", ".", "--key", str(home / "key.pem"))
    files = {"registry/policy.yaml": POLICY, "registry/models/toy/model.yaml": MODEL}
    bench.commit(files | {"train.py": TRAIN, "evaluate.py": EVALUATE}, "A toy")
    (folder / "numbers.csv").write_text("x,y\n1,2\n")
    bench.ok("data", "add", "numbers", str(folder / "numbers.csv"))
    return bench


@pytest.fixture
def bench(tmp_path: Path, _template: Path, _shelf: Path) -> Workbench:
    """A fresh copy of one registry that was made once: no test sees what another did."""
    shutil.copytree(_template, tmp_path / "copy", symlinks=True)
    return Workbench(tmp_path / "copy/registry-repo", clean_environment(tmp_path / "copy/home"), _shelf)


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    make_workbench(folder)
    return folder


@pytest.fixture(scope="session")
def _shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def staged(tmp_path: Path, _staged: Path) -> Workbench:
    """As `bench`, with toy@1 (skill 0.7) in staging, and toy@2 (skill 0.9) that may follow."""
    shutil.copytree(_staged, tmp_path / "copy", symlinks=True)
    return Workbench(tmp_path / "copy/registry-repo", clean_environment(tmp_path / "copy/home"))


@pytest.fixture(scope="session")
def _staged(tmp_path_factory: pytest.TempPathFactory, _template: Path) -> Path:
    folder = tmp_path_factory.mktemp("staged") / "copy"
    shutil.copytree(_template, folder, symlinks=True)
    bench = Workbench(folder / "registry-repo", clean_environment(folder / "home"))
    bench.promote(bench.version(0.7), "staging")
    bench.version(0.9)
    return folder


@pytest.fixture
def workshop(
    office_server: GitHubServer, bench: Workbench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Office]:
    """The same with GitHub behind it, and the command line in this process."""
    quiet_environment(monkeypatch, bench.root.parent / "home")
    for name, value in bench.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(bench.root)
    office_server.clear_log()
    yield Office(Desk(bench.root, bench.root.parent, capsys), office_server, monkeypatch)
    office_server.clear_faults()
