"""People sign with the SSH keys that they have: files, an agent, a passphrase; and ssh-keygen agrees with us."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbook.adapters.ssh_signer import open_ssh_signer
from modelbook.core.signing.ssh_signature import check, key_blob, read_signature
from modelbook.core.trust import Signer
from modelbook.errors import BadInput, Refused
from tests.parts.ssh_by_hand import made
from tests.parts.ssh_keys import PASSPHRASE, SshKey, accepts, clean, ssh_key
from tests.parts.token_agent import token_agent

NAMESPACE = "modelbook/stages/production"
MESSAGE = b"format: modelbook/stage/v1\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's own keys: an empty home, no agent, no configuration of git."""
    for name in [each for each in os.environ if each.startswith(("SSH_", "GIT_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """An agent that holds bob's key, and no file of it in reach."""
    said = subprocess.run(["ssh-agent", "-s"], env=clean(), check=True, capture_output=True, text=True).stdout
    socket, process = re.findall(r"=([^;]+);", said)[:2]
    monkeypatch.setenv("SSH_AUTH_SOCK", socket)
    subprocess.run(["ssh-add", "-q", str(ssh_key("bob").file)], check=True, capture_output=True)
    yield socket
    subprocess.run(["ssh-agent", "-k"], env=clean() | {"SSH_AGENT_PID": process}, check=True, capture_output=True)


def signer(name: str, key: SshKey, person: str | None = None) -> Signer:
    return Signer(name=name, ssh=key.line, person=person)


def is_good(signature: bytes, key: SshKey, message: bytes = MESSAGE) -> bool:
    """By both: ours and ssh-keygen's own."""
    read = read_signature(signature)
    check(read, message)
    assert (read.key, read.namespace) == (key_blob(key.line), NAMESPACE)
    return accepts(f"me {key.line}", "me", NAMESPACE, signature, message)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("message", [b"", MESSAGE, bytes(range(256)) * 1000], ids=["empty", "text", "binary"])
def test_a_key_in_a_file_signs_what_ssh_keygen_accepts(kind: str, message: bytes, tmp_path: Path) -> None:
    key = ssh_key("alice", kind)
    mine = open_ssh_signer([signer("alice", key)], "it", key=str(key.file), folder=tmp_path)
    assert is_good(mine.sign(message, NAMESPACE), key, message)


def test_the_key_that_git_signs_with_is_taken_and_so_are_those_in_the_usual_place(home: Path, tmp_path: Path) -> None:
    key = ssh_key("alice")
    may = [signer("alice", key)]
    with pytest.raises(Refused, match=r"none was found in git's settings, in ~/\.ssh and in an agent"):
        open_ssh_signer(may, "it", key=None, folder=tmp_path)
    subprocess.run(["git", "config", "--global", "gpg.format", "ssh"], check=True)
    for told in (str(key.file), f"{key.file}.pub", f"key::{key.line}"):
        subprocess.run(["git", "config", "--global", "user.signingkey", told], check=True)
        mine = open_ssh_signer(may, "it", key=None, folder=tmp_path)
        if "::" not in told:  # such a key is an agent's, and there is none
            assert is_good(mine.sign(MESSAGE, NAMESPACE), key)
    (home / ".gitconfig").unlink()
    for end in ("", ".pub"):
        (home / f".ssh/id_ed25519{end}").write_bytes(Path(f"{key.file}{end}").read_bytes())
    (home / ".ssh/id_ed25519").chmod(0o600)
    (home / ".ssh/id_broken.pub").write_text("no key\n")
    assert is_good(open_ssh_signer(may, "it", key=None, folder=tmp_path).sign(MESSAGE, NAMESPACE), key)


@pytest.mark.usefixtures("agent")
def test_the_agent_signs_without_any_file(tmp_path: Path) -> None:
    mine = open_ssh_signer([signer("bob", ssh_key("bob"))], "it", key=None, folder=tmp_path)
    assert mine.file is None
    assert is_good(mine.sign(MESSAGE, NAMESPACE), ssh_key("bob"))
    public = tmp_path / "bob.pub"
    public.write_text(ssh_key("bob").line + "\n")
    named = open_ssh_signer([signer("bob", ssh_key("bob"))], "it", key=str(public), folder=tmp_path)
    assert is_good(named.sign(MESSAGE, NAMESPACE), ssh_key("bob"))


def test_of_several_keys_the_one_that_trust_yaml_names_is_taken(home: Path, tmp_path: Path) -> None:
    for name in ("alice", "bob"):
        (home / f".ssh/id_{name}.pub").write_text(ssh_key(name).line + "\n")
    may = [signer("bob-laptop", ssh_key("bob"), "bob"), signer("carol", ssh_key("carol"))]
    assert open_ssh_signer(may, "it", key=None, folder=tmp_path).signer.name == "bob-laptop"


def test_a_stranger_learns_who_may(tmp_path: Path) -> None:
    may = [signer("bob-laptop", ssh_key("bob"), "bob"), signer("carol", ssh_key("carol"))]
    with pytest.raises(Refused) as caught:
        open_ssh_signer(may, "the promotion", key=str(ssh_key("alice").file), folder=tmp_path)
    assert "none of your SSH keys to sign the promotion" in str(caught.value)
    assert "alice@example.org" in str(caught.value)
    assert "These may, by SSH: bob-laptop (bob), carol." in str(caught.value)
    with pytest.raises(Refused, match="No rule there names anybody with an SSH key"):
        open_ssh_signer([], "the promotion", key=str(ssh_key("alice").file), folder=tmp_path)


def test_what_is_no_key_is_said_so(tmp_path: Path) -> None:
    may = [signer("alice", ssh_key("alice"))]
    with pytest.raises(BadInput, match="there is no key here"):
        open_ssh_signer(may, "it", key=str(tmp_path / "none"), folder=tmp_path)
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(BadInput, match=r"ssh-keygen -y -f .*junk > .*junk\.pub"):
        open_ssh_signer(may, "it", key=str(tmp_path / "junk"), folder=tmp_path)


def test_without_ssh_keygen_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = open_ssh_signer([signer("alice", ssh_key("alice"))], "it", key=str(ssh_key("alice").file), folder=tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="ssh-keygen is not installed"):
        mine.sign(MESSAGE, NAMESPACE)


def test_a_public_key_that_is_of_another_private_one_is_noticed(tmp_path: Path) -> None:
    """Else the signature would be pushed, and refused there."""
    (tmp_path / "key").write_bytes(ssh_key("alice").file.read_bytes())
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "key.pub").write_text(ssh_key("bob").line + "\n")
    mine = open_ssh_signer([signer("bob", ssh_key("bob"))], "it", key=str(tmp_path / "key"), folder=tmp_path)
    with pytest.raises(BadInput):
        mine.sign(MESSAGE, NAMESPACE)


@pytest.mark.parametrize("kind", ["sk-ed25519", "sk-ecdsa"])
def test_a_hardware_key_signs_if_it_is_touched(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every key asks for a touch (`ssh-keygen -O no-touch-required`); such a signature says so."""
    may = [Signer(name="alice", ssh=made(kind).line)]
    for flags in (1, 0):
        with token_agent(made(kind), tmp_path / f"agent-{flags}", flags=flags) as place:
            monkeypatch.setenv("SSH_AUTH_SOCK", place)
            mine = open_ssh_signer(may, "it", key=None, folder=tmp_path)
            if flags:
                signature = mine.sign(MESSAGE, NAMESPACE)
                assert accepts(f"me {made(kind).line}", "me", NAMESPACE, signature, MESSAGE)
                continue
            with pytest.raises(BadInput, match=r"nobody touched the hardware key\n.*touch it when it blinks"):
                mine.sign(MESSAGE, NAMESPACE)
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(BadInput, match=r"ssh-keygen did not sign.*\n.*Plug the hardware key in"):
        mine.sign(MESSAGE, NAMESPACE)


def test_a_passphrase_needs_a_terminal(tmp_path: Path) -> None:
    key = ssh_key("alice", passphrase=PASSPHRASE)
    mine = open_ssh_signer([signer("alice", key)], "it", key=str(key.file), folder=tmp_path)
    with pytest.raises(BadInput, match="there is no terminal to ask for it: `ssh-add` it to an agent first"):
        mine.sign(MESSAGE, NAMESPACE)


def test_the_passphrase_is_asked_for_on_the_terminal(tmp_path: Path) -> None:
    key = ssh_key("alice", passphrase=PASSPHRASE)
    script = (
        "import sys; from pathlib import Path; from modelbook.adapters.ssh_signer import open_ssh_signer;"
        "from modelbook.core.trust import Signer;"
        "may = [Signer(name='alice', ssh=sys.argv[2])];"
        "mine = open_ssh_signer(may, 'it', key=sys.argv[1], folder=Path());"
        f"Path('signature').write_bytes(mine.sign({MESSAGE!r}, {NAMESPACE!r}))"
    )
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-c", script, str(key.file), key.line])  # noqa: S606 - the point is that no shell is between
    shown = b""
    while b"passphrase" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, PASSPHRASE.encode() + b"\n")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert (status, PASSPHRASE.encode() in shown) == (0, False)
    assert is_good((tmp_path / "signature").read_bytes(), key)
