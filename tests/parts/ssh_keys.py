"""SSH keys of people, made by ssh-keygen once a process, and what ssh-keygen itself says of a signature."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

KINDS: dict[str, Sequence[str]] = {
    "ed25519": ("-t", "ed25519"),
    "ecdsa": ("-t", "ecdsa", "-b", "256"),
    "rsa": ("-t", "rsa", "-b", "3072"),
    "weak": ("-t", "rsa", "-b", "1024"),
    "other-curve": ("-t", "ecdsa", "-b", "384"),
}
PASSPHRASE = "correct horse"


@dataclass(frozen=True)
class SshKey:
    """A key of somebody: its private file, with the public one beside it."""

    file: Path

    @property
    def line(self) -> str:
        """The public key, as trust.yaml holds it."""
        return self.file.with_name(self.file.name + ".pub").read_text().strip()

    def sign(self, message: bytes, namespace: str, *options: str) -> bytes:
        """What `ssh-keygen -Y sign` makes of `message`."""
        command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(self.file), "-n", namespace, *options]
        return subprocess.run(command, input=message, env=clean(), check=True, capture_output=True).stdout


def ssh_key(name: str, kind: str = "ed25519", passphrase: str = "") -> SshKey:
    """The key of `name`; the same each time."""
    file = _folder() / f"{name}-{kind}{'-locked' if passphrase else ''}"
    if not file.exists():
        command = ["ssh-keygen", "-q", "-N", passphrase, "-C", f"{name}@example.org", "-f", str(file), *KINDS[kind]]
        subprocess.run(command, env=clean(), check=True, capture_output=True)
    return SshKey(file)


def accepts(
    allowed: str, principal: str, namespace: str, signature: bytes, message: bytes, *options: str, revoked: str = ""
) -> bool:
    """Whether `ssh-keygen -Y verify` accepts it; `allowed` is the text of an allowed_signers file."""
    folder = _folder()
    (folder / "allowed").write_text(allowed)
    (folder / "sig").write_bytes(signature)
    command = ["ssh-keygen", "-Y", "verify", "-f", str(folder / "allowed"), "-I", principal, "-n", namespace]
    command += ["-s", str(folder / "sig"), *options]
    if revoked:
        (folder / "revoked").write_text(revoked)
        command += ["-r", str(folder / "revoked")]
    return subprocess.run(command, input=message, env=clean(), check=False, capture_output=True).returncode == 0


def clean() -> dict[str, str]:
    """An environment in which ssh-keygen meets nobody's agent and asks nobody."""
    return {"PATH": os.environ["PATH"], "HOME": str(_folder()), "LC_ALL": "C", "TZ": "UTC"}


@cache
def _folder() -> Path:
    return Path(mkdtemp(prefix="modelbook-ssh-"))


def fingerprint_of(key: SshKey) -> str:
    """What `ssh-keygen -l` shows of it: `SHA256:…`."""
    command = ["ssh-keygen", "-l", "-f", f"{key.file}.pub"]
    return subprocess.run(command, env=clean(), check=True, capture_output=True, text=True).stdout.split()[1]
