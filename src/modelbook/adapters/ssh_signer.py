"""Signs as a person, with the SSH key that he has anyway: by `ssh-keygen -Y sign`.

It is ssh-keygen that signs, so that an agent, a passphrase and a hardware key that wants to be touched work as they do
for git and ssh. What it made is checked here before anybody gets it.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelbook.adapters.git_process import run_git
from modelbook.core.signing.ssh_signature import SshError, check, key_blob, read_signature
from modelbook.core.trust import Signer
from modelbook.errors import BadInput, Refused

# What leads to the person: his agent, his terminal, the window that asks for a passphrase, the library for his token.
_KEPT = (
    *("HOME", "PATH", "LANG", "TERM", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_SK_PROVIDER"),
    *("SSH_SK_HELPER", "SSH_PKCS11_HELPER", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"),
)
_HARDWARE = "sk-"
_NAME_ONE = "Name one with --key PATH, or set it for git: `git config user.signingkey PATH`."


@dataclass(frozen=True)
class SshSigner:
    """A person's key. `signer` is what trust.yaml calls it; `file` its private key, or its public one for an agent."""

    signer: Signer
    file: Path | None

    def sign(self, data: bytes, namespace: str) -> bytes:
        """An SSH signature file over `data`, for `namespace` alone. May ask for a passphrase, or for a touch.

        Raises BadInput where it cannot be made.
        """
        line = self.signer.ssh or ""
        with tempfile.TemporaryDirectory(prefix="modelbook-") as scratch:
            message = Path(scratch) / "message"
            message.write_bytes(data)
            file = self.file
            if file is None:  # the agent is asked by the public key
                file = Path(scratch) / "key.pub"
                file.write_text(line + "\n")
            words = _ssh_keygen(["-q", "-Y", "sign", "-f", str(file), "-n", namespace, str(message)])
            made = message.with_name("message.sig")
            if not made.exists():
                raise BadInput(f"ssh-keygen did not sign: {words}", where=self._where, remedy=self._remedy(words))
            signature = made.read_bytes()
        try:
            read = read_signature(signature)
            if read.key != key_blob(line):
                raise SshError("it was made with another key than the public key beside it says")
            check(read, data)
        except SshError as error:
            raise BadInput(
                f"what ssh-keygen signed is of no use: {error}", where=self._where, remedy=self._remedy(str(error))
            ) from None
        return signature

    @property
    def _where(self) -> str:
        return str(self.file) if self.file else f"the agent's key of {self.signer.name}"

    def _remedy(self, words: str) -> str:
        if (self.signer.ssh or "").startswith(_HARDWARE):
            return "Plug the hardware key in, touch it when it blinks, and run it again."
        if "passphrase" in words and not _has_terminal():
            return "The key has a passphrase and there is no terminal to ask for it: `ssh-add` it to an agent first."
        return "Check the key: `ssh-keygen -Y sign` has to work with it."


def open_ssh_signer(may: Sequence[Signer], what: str, *, key: str | None, folder: Path) -> SshSigner:
    """The key of the person at work: the one at `key`, or the first of his that is among `may`, who may sign `what`.

    His keys are git's `user.signingkey` in `folder` (where `gpg.format` is ssh), those in ~/.ssh, and the agent's.
    Raises BadInput where there is no such key file or no ssh-keygen, Refused where trust.yaml knows none of the keys.
    """
    known = {blob: signer for signer in may if signer.ssh and (blob := _blob(signer.ssh))}
    candidates = [_named(key)] if key else _of_the_person(folder)
    seen = []
    for line, file in candidates:
        blob = _blob(line)
        if blob in known:
            return SshSigner(known[blob], file)
        seen.append(f"{file or 'the agent'} ({' '.join(line.split(' ')[2:]) or line.split(' ')[0]})")
    people = ", ".join(f"{signer.name} ({signer.who})" if signer.person else signer.name for signer in known.values())
    who = f"These may, by SSH: {people}." if people else "No rule there names anybody with an SSH key for it."
    tried = "; ".join(dict.fromkeys(seen)) or "none was found in git's settings, in ~/.ssh and in an agent"
    raise Refused(
        f"trust.yaml allows none of your SSH keys to sign {what} (looked at: {tried})",
        remedy=f"{who} {'' if key else _NAME_ONE}".rstrip(),
    )


def _named(text: str) -> tuple[str, Path]:
    """The public key that belongs to a file, and the file. Raises BadInput."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise BadInput("there is no key here", where=str(path), remedy="Name the file of a private or a public key.")
    line = _public(path)
    if line is None:
        raise BadInput(
            "this is not an SSH key, or its public half is not beside it",
            where=str(path),
            remedy=f"Write it there: `ssh-keygen -y -f {path} > {path}.pub`.",
        )
    return line, path


def _public(path: Path) -> str | None:
    """The line of the public key in a file, or in the one beside it."""
    for file in (path, path.with_name(path.name + ".pub")):
        with suppress(OSError, UnicodeDecodeError):
            line = file.read_text().strip()
            if "\n" not in line and _blob(line):
                return line
    return None


def _blob(line: str) -> bytes | None:
    try:
        return key_blob(line)
    except SshError:
        return None


def _of_the_person(folder: Path) -> Iterator[tuple[str, Path | None]]:
    """His keys: each public key, and its file; None for one that only an agent has."""
    if _git_says(folder, "gpg.format") == "ssh" and (told := _git_says(folder, "user.signingkey", "--type=path")):
        literal = told.removeprefix("key::")
        if _blob(literal):
            yield literal, None
        elif public := _public(Path(told)):
            yield public, Path(told)
    for path in sorted((Path.home() / ".ssh").glob("id_*.pub")):
        if public := _public(path):
            yield public, path
    for public in _agent():
        yield public, None


def _git_says(folder: Path, name: str, *options: str) -> str:
    return run_git(["config", *options, "--get", name], folder).stdout.decode(errors="replace").strip()


def _agent() -> list[str]:
    """The public keys that an agent holds; none where there is no agent."""
    if "SSH_AUTH_SOCK" not in os.environ:
        return []
    with suppress(OSError):
        command = ["ssh-add", "-L"]
        done = subprocess.run(command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode == 0:
            return [line for line in done.stdout.decode(errors="replace").splitlines() if _blob(line)]
    return []


def _ssh_keygen(arguments: Sequence[str]) -> str:
    """Run it and return what it said. On a terminal it speaks for itself, as it must to ask for a touch."""
    talks = sys.stderr.isatty()
    try:
        done = subprocess.run(
            ["ssh-keygen", *arguments],
            env=_environment(),
            stdin=None if _has_terminal() else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if talks else subprocess.PIPE,
            check=False,
        )
    except FileNotFoundError:
        raise BadInput("ssh-keygen is not installed", remedy="Install OpenSSH 8.2 or newer.") from None
    words = (done.stderr or b"").decode(errors="replace").strip().replace("\r", "")
    return "; ".join(words.splitlines()) or f"exit status {done.returncode}"


def _has_terminal() -> bool:
    return sys.stdin.isatty()


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"LC_ALL": "C"}
