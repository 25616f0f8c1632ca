"""A registry made in memory, laid into a real repository, and the command line used in it by people with SSH keys.

The stage `staging` takes three people: `promoter` has a P-256 key, alice two SSH keys, bob one; `deputy` a P-256 key.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from modelbook import cli
from tests.made import POLICY, RULES, Made, key
from tests.made_fields import EARLIER
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer
from tests.parts.ssh_keys import ssh_key

STAGE = {"models": "*", "stages": ["staging"], "threshold": 3}
PEOPLE = ("promoter", "alice", "alice-token", "bob", "deputy")


def trust_of_people(**stage: Any) -> bytes:
    """A trust file with SSH keys; `stage` changes the rule for `staging`."""
    signers: list[Mapping[str, Any]] = [
        {"name": name, "key": key(name).public_pem} for name in ("registrar", "grader", "promoter", "deputy")
    ]
    signers += [
        {"name": "alice", "ssh": ssh_key("alice").line},
        {"name": "alice-token", "person": "alice", "ssh": ssh_key("alice", "ecdsa").line},
        {"name": "bob", "ssh": ssh_key("bob").line},
        {"name": "carol", "ssh": ssh_key("carol").line, "expires": EARLIER},
    ]
    rules = [*RULES[:2], STAGE | {"signers": [*PEOPLE, "carol"]} | stage]
    return json.dumps({"version": 1, "signers": signers, "rules": rules}).encode()


def made_for_people(**stage: Any) -> Made:
    """Two versions of digits, both good enough for staging."""
    return Made(policy=POLICY, trust=trust_of_people(**stage)).dataset().version("digits", 1).version("digits", 2)


@dataclass
class Desk:
    """A clone, and the command line in it."""

    root: Path
    keys: Path
    capture: pytest.CaptureFixture[str]
    extra: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit status, and all that was printed."""
        code = cli.run(list(arguments))
        told = self.capture.readouterr()
        return code, told.out + told.err

    def ok(self, *arguments: str) -> str:
        """What a command printed that must succeed."""
        code, text = self.run(*arguments)
        assert code == 0, text
        return text

    def json(self, *arguments: str) -> dict[str, Any]:
        """What a command printed for a program, whatever its exit status."""
        cli.run([*arguments, "--json"])
        found: dict[str, Any] = json.loads(self.capture.readouterr().out)
        return found

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, made: Made) -> None:
        """Let the registry on the branch at hand be this one."""
        write(self.root, made)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "Change")

    def signer(self, name: str) -> str:
        """The URI of somebody's P-256 key."""
        file = self.keys / f"{name}.pem"
        if not file.exists():
            kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
            file.write_bytes(key(name).key.private_bytes(kind, form, serialization.NoEncryption()))
        return f"file:{file}"


def write(root: Path, made: Made) -> None:
    """The registry as files below `root`."""
    for path, data in made.files.items():
        target = root / "registry" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def quiet_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Nobody's own keys, agent, git configuration, workflow and registry."""
    for name in [each for each in os.environ if each.startswith(("SSH_", "GIT_", "GITHUB_", "MODELBOOK_"))]:
        monkeypatch.delenv(name)
    (home / ".ssh").mkdir(parents=True, exist_ok=True)
    identity = {f"GIT_{role}_{part}": "t" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    for name, value in {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", **identity}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def empty_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    """A desk with a repository that has no registry yet, and nothing of the caller's environment."""
    quiet_environment(monkeypatch, tmp_path / "home")
    root = make_worktree(tmp_path / "work", {"README.md": "hello\n"})
    monkeypatch.chdir(root)
    return Desk(root, tmp_path, capsys)


def onto_github(desk: Desk, server: GitHubServer, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put what is committed at the desk on GitHub as `name`, and work there as alice. Gives the bare repository."""
    token = "ghp_" + "a" * 36
    server.add_token(token, "alice")
    bare = server.add_repository(name, from_worktree=desk.root)
    desk.git("remote", "add", "origin", str(bare))
    for variable, value in {
        "GITHUB_TOKEN": token,
        "GITHUB_REPOSITORY": name,
        "GITHUB_API_URL": server.api_url,
        "MODELBOOK_GITHUB_PAUSE": "0",
        "MODELBOOK_FORGE": "github",
    }.items():
        monkeypatch.setenv(variable, value)
    return bare
