"""Our verifier and `ssh-keygen -Y verify` agree: on signatures, and on who may sign by trust.yaml."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from modelbook.core.signing.allowed_signers import allowed_signers
from modelbook.core.signing.signatures import Authority, check_approval
from modelbook.core.signing.ssh_signature import SshError, check, key_blob, key_digest, read_signature
from modelbook.core.trust import Rule, Signer, Trust, Withdrawal, allowed
from tests.made_fields import NOW
from tests.parts.ssh_by_hand import armor, made
from tests.parts.ssh_keys import SshKey, accepts, ssh_key

NAMESPACE = "modelbook/stages/production"
MESSAGE = b"format: modelbook/stage/v1\n"


def ours(file: bytes, message: bytes = MESSAGE) -> bool:
    try:
        check(read_signature(file), message)
    except SshError:
        return False
    return True


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_what_ssh_keygen_signs_both_accept_and_nothing_else(kind: str, hash_name: str) -> None:
    key = ssh_key("alice", kind)
    file = key.sign(MESSAGE, NAMESPACE, "-O", f"hashalg={hash_name}")
    assert ours(file)
    assert accepts(f"alice {key.line}", "alice", NAMESPACE, file, MESSAGE)
    other = ssh_key("bob", kind)
    for line, principal, namespace, message in (
        (f"alice {other.line}", "alice", NAMESPACE, MESSAGE),
        (f"alice {key.line}", "bob", NAMESPACE, MESSAGE),
        (f"alice {key.line}", "alice", "modelbook/stages/staging", MESSAGE),
        (f"alice {key.line}", "alice", NAMESPACE, MESSAGE + b"\n"),
    ):
        name, _, public = line.partition(" ")
        who = [Signer(name=name, ssh=public)] if name == principal else []
        found = check_approval(file, message, namespace, Authority(who), path="x", what="it", made=NOW)
        assert found[0] is None
        assert not accepts(line, principal, namespace, file, message)


@pytest.mark.parametrize("kind", ["weak", "other-curve"])
def test_weak_and_unknown_keys_are_refused_though_ssh_keygen_takes_them(kind: str) -> None:
    key = ssh_key("alice", kind)
    file = key.sign(MESSAGE, NAMESPACE)
    assert accepts(f"alice {key.line}", "alice", NAMESPACE, file, MESSAGE)
    assert not ours(file)


# What is done to a signature, and whether ssh-keygen still takes it. We may be stricter, and never laxer.
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda file: file,
    "no last line end": lambda file: file.rstrip(b"\n"),
    "wrapped otherwise": lambda file: armor(blob_of(file), width=33),
    "carriage returns": lambda file: file.replace(b"\n", b"\r\n"),
    "a line before": lambda file: b"\n" + file,
    "a line after": lambda file: file + b"\n",
    "text after": lambda file: file + b"more\n",
    "cut in the middle": lambda file: file[: len(file) // 2],
    "cut before the end": lambda file: file[:-30],
    "a byte after the signature": lambda file: armor(blob_of(file) + b"\0"),
    "a byte less": lambda file: armor(blob_of(file)[:-1]),
    "twice": lambda file: file + file,
    "nothing": lambda file: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_we_accept_ssh_keygen_accepts(damage: str) -> None:
    key = ssh_key("alice")
    file = DAMAGES[damage](key.sign(MESSAGE, NAMESPACE))
    assert ours(file) == (damage in {"none", "no last line end", "wrapped otherwise"})
    assert accepts(f"alice {key.line}", "alice", NAMESPACE, file, MESSAGE) or not ours(file)


def test_a_changed_byte_is_refused_by_both() -> None:
    """Ours refuses each bit of it (tests/unit/test_ssh_signature.py); here they are seen to agree, field by field."""
    key = ssh_key("alice")
    blob = blob_of(key.sign(MESSAGE, NAMESPACE))
    for at in range(0, len(blob), 7):
        changed = armor(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :])
        assert not ours(changed)
        assert not accepts(f"alice {key.line}", "alice", NAMESPACE, changed, MESSAGE), at


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa", "sk-ed25519", "sk-ecdsa"])
def test_signatures_made_by_hand_are_those_of_the_protocol(kind: str) -> None:
    """So that what the unit tests say of hardware keys is said of real ones."""
    key = made(kind)
    file = armor(key.blob(MESSAGE, NAMESPACE))
    assert ours(file)
    assert accepts(f"alice {key.line}", "alice", NAMESPACE, file, MESSAGE)


@pytest.mark.parametrize(
    ("kind", "options", "theirs"),
    [
        ("sk-ed25519", {"flags": 0}, True),  # ssh-keygen asks for a touch when it signs, and not when it verifies
        ("sk-ecdsa", {"flags": 0}, True),
        ("rsa", {"algorithm": "ssh-rsa"}, False),
        ("ed25519", {"version": 2}, False),
        ("ed25519", {"extra": b"\0"}, False),
    ],
)
def test_what_a_forger_might_make_is_refused(kind: str, options: dict[str, Any], theirs: bool) -> None:
    key = made(kind)
    file = armor(key.blob(MESSAGE, NAMESPACE, **options))
    assert not ours(file)
    assert accepts(f"alice {key.line}", "alice", NAMESPACE, file, MESSAGE) == theirs


def approves(trust: Trust, key: SshKey, namespace: str, made: str) -> bool:
    """By us: anybody whom a rule of the stage allows."""
    who = allowed(trust, "fraud", stage=namespace.rpartition("/")[2])
    signature = key.sign(MESSAGE, namespace)
    authority = Authority(who, trust.revocations)
    return check_approval(signature, MESSAGE, namespace, authority, path="x", what="it", made=made)[0] is not None


def test_exported_to_ssh_keygen_trust_yaml_says_the_same() -> None:
    people: dict[str, Any] = {
        "alice": {},
        "bob": {"expires": "2026-06-01T12:00:00Z"},
        "carol": {},
        "dave": {"person": "david"},
        "erin": {},
        "frank": {},
    }
    trust = Trust(
        version=3,
        signers=tuple(Signer(name=name, ssh=ssh_key(name).line, **fields) for name, fields in people.items()),
        rules=(
            Rule(models="*", stages=("production",), signers=("alice", "bob", "dave", "erin"), threshold=2),
            Rule(models="*", stages=("*",), signers=("carol",)),
        ),
        revocations=(
            Withdrawal(key=key_digest(key_blob(ssh_key("erin").line)), since="2026-06-01T12:00:00Z", reason="lost"),
            Withdrawal(identity="david", reason="left"),
        ),
    )
    text = allowed_signers(trust)
    assert "dave" not in text, "revoked"
    assert "frank" not in text, "may nothing"
    for name in people:
        for stage in ("production", "staging"):
            for made_at, told in (
                ("2026-06-01T11:59:59Z", "20260601115959Z"),
                ("2026-06-01T12:00:00Z", "20260601120000Z"),
                ("2026-06-01T12:00:01Z", "20260601120001Z"),
            ):
                space = f"modelbook/stages/{stage}"
                signature = ssh_key(name).sign(MESSAGE, space)
                theirs = accepts(text, name, space, signature, MESSAGE, "-O", f"verify-time={told}")
                may = approves(trust, ssh_key(name), space, made_at)
                assert theirs == may, (name, stage, made_at)


def test_a_key_revoked_here_is_one_that_ssh_keygen_can_be_told_to_refuse() -> None:
    key = ssh_key("alice")
    file = key.sign(MESSAGE, NAMESPACE)
    withdrawn = Withdrawal(key=key_digest(key_blob(key.line)), reason="lost")
    authority = Authority([Signer(name="alice", ssh=key.line)], [withdrawn])
    assert check_approval(file, MESSAGE, NAMESPACE, authority, path="x", what="it", made=NOW)[0] is None
    assert not accepts(f"alice {key.line}", "alice", NAMESPACE, file, MESSAGE, revoked=key.line + "\n")
    assert accepts(f"alice {key.line}", "alice", NAMESPACE, file, MESSAGE, revoked=ssh_key("bob").line + "\n")


def blob_of(file: bytes) -> bytes:
    return base64.b64decode(b"".join(file.splitlines()[1:-1]))
