"""Whether an SSH signature is good and of whom, for what purpose: what `ssh-keygen -Y verify` refuses, and more."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.digests import digest_of
from modelbook.core.findings import Finding
from modelbook.core.signing.signatures import Authority, check_approval
from modelbook.core.signing.ssh_signature import MAX_SIGNATURE, SshError, check, key_blob, key_digest, read_signature
from modelbook.core.trust import Signer, Withdrawal
from tests.made_fields import EARLIER, LATER, NOW
from tests.parts.ssh_by_hand import Handmade, armor, integer, made, text

STRONG = ["ed25519", "ecdsa", "rsa", "sk-ed25519", "sk-ecdsa"]
NAMESPACE = "modelbook/stages/production"
MESSAGE = b"format: modelbook/stage/v1\nmodel: fraud\n"


def verdict(file: bytes, message: bytes = MESSAGE) -> str:
    """`good`, or why it is not."""
    try:
        check(read_signature(file), message)
    except SshError as error:
        return str(error)
    return "good"


def signed(kind: str, **options: Any) -> bytes:
    return armor(made(kind).blob(MESSAGE, NAMESPACE, **options))


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
@pytest.mark.parametrize("kind", STRONG)
def test_a_signature_is_good_for_its_message_alone(kind: str, hash_name: str) -> None:
    file = signed(kind, hash_name=hash_name)
    assert verdict(file) == "good"
    assert read_signature(file).key == key_blob(made(kind).line) == made(kind).public
    assert read_signature(file).namespace == NAMESPACE
    for other in (b"", MESSAGE[:-1], MESSAGE + b"\n", MESSAGE.replace(b"fraud", b"fraus")):
        assert verdict(file, other) != "good"


@given(st.binary(max_size=300), st.data())
@settings(max_examples=60)
def test_no_other_message_is_signed(message: bytes, data: st.DataObject) -> None:
    file = armor(made("ed25519").blob(message, NAMESPACE))
    assert verdict(file, message) == "good"
    other = data.draw(st.binary(max_size=300).filter(lambda one: one != message))
    assert verdict(file, other) != "good"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "sk-ed25519"])
def test_every_bit_of_the_signature_file_counts(kind: str) -> None:
    """A signature has one spelling, so that not even a bit of padding carries anything."""
    file = signed(kind)
    for at in range(len(file)):
        for bit in range(8):
            changed = bytearray(file)
            changed[at] ^= 1 << bit
            assert verdict(bytes(changed)) != "good", (at, bit)


@pytest.mark.parametrize("kind", STRONG)
def test_what_is_cut_or_followed_by_anything_is_refused(kind: str) -> None:
    file = signed(kind)
    assert verdict(file.rstrip(b"\n")) == "good"
    assert [cut for cut in range(len(file) - 1) if verdict(file[:cut]) == "good"] == []
    for more in (b"\n", b" ", b"x", file):
        assert verdict(file + more) != "good"
    blob = made(kind).blob(MESSAGE, NAMESPACE)
    assert verdict(armor(blob + b"\0")) == "something follows its end"
    assert {verdict(armor(blob[:cut])) for cut in range(1, len(blob))} <= {
        "it ends too early",
        "it is not an SSH signature of version 1",
    }
    assert verdict(signed(kind, extra=b"\0")) == "something follows its end"


def test_the_armor_is_that_of_ssh_keygen() -> None:
    file = signed("ed25519")
    assert verdict(armor(made("ed25519").blob(MESSAGE, NAMESPACE), width=40)) == "good"
    for other in (
        b"\n" + file,
        file.replace(b"\n", b"\r\n"),
        file.replace(b"SSH SIGNATURE", b"PGP SIGNATURE"),
        file.replace(b"-----END", b"\n-----END").replace(b"U1NI", b"U1NI="),
        file.replace(b"U1NI", b" U1NI"),
        "-----BEGIN SSH SIGNATURE-----\né\n-----END SSH SIGNATURE-----\n".encode(),
        b"-----BEGIN SSH SIGNATURE-----",
        b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        b"",
    ):
        assert verdict(other) != "good"
    assert "more than the" in verdict(b"x" * (MAX_SIGNATURE + 1))


def test_what_another_version_might_mean_is_refused() -> None:
    for changed in ({"reserved": b"x"}, {"hash_name": "sha1"}, {"hash_name": "sha384"}):
        assert verdict(signed("ed25519", **changed)) == "it holds what this version of Modelbook does not know"
    for version in (0, 2):
        assert "not an SSH signature of version 1" in verdict(signed("ed25519", version=version))
    other = made("ed25519").blob(MESSAGE, NAMESPACE).replace(b"SSHSIG", b"SSHSIX", 1)
    assert "not an SSH signature of version 1" in verdict(armor(other))


def test_rsa_is_signed_with_sha_2_by_keys_of_2048_bits() -> None:
    assert verdict(signed("rsa", algorithm="rsa-sha2-256")) == "good"
    assert verdict(signed("rsa", algorithm="ssh-rsa")) == "an RSA signature must be made with SHA-2"
    assert verdict(signed("weak")) == "an RSA key of 1024 bits is too short; 2048 are needed"
    with pytest.raises(SshError, match="too short"):
        key_blob(made("weak").line)


@pytest.mark.parametrize("kind", ["sk-ed25519", "sk-ecdsa"])
def test_a_hardware_key_has_to_be_touched(kind: str) -> None:
    for flags in (0x01, 0x05, 0x81):
        assert verdict(signed(kind, flags=flags)) == "good"
    for flags in (0x00, 0x04, 0x80, 0xFE):
        assert verdict(signed(kind, flags=flags)) == "nobody touched the hardware key"


@pytest.mark.parametrize("kind", ["sk-ed25519", "sk-ecdsa"])
def test_the_touch_and_the_application_are_signed(kind: str) -> None:
    untouched = made(kind).blob(MESSAGE, NAMESPACE, flags=0)
    forged = untouched.replace(b"\0\0\0\0\7", b"\1\0\0\0\7")
    assert forged != untouched
    assert verdict(armor(forged)) == "it is not what this key makes of these bytes"
    mine = made(kind)
    other = Handmade(mine.kind, mine.private, application="ssh:elsewhere")
    swapped = mine.blob(MESSAGE, NAMESPACE).replace(text(mine.public), text(other.public))
    assert verdict(armor(swapped)) == "it is not what this key makes of these bytes"


def test_a_signature_of_one_kind_is_none_by_a_key_of_another() -> None:
    plain, token = made("ed25519"), made("sk-ed25519")
    swapped = plain.blob(MESSAGE, NAMESPACE).replace(text(plain.public), text(token.public))
    assert verdict(armor(swapped)) != "good"
    assert verdict(signed("ed25519", algorithm="ssh-rsa")) == "the signature is of another kind than the key"


def test_a_key_has_one_spelling() -> None:
    """Else one person could stand in trust.yaml as two."""
    good = made("ecdsa")
    assert isinstance(good.private, ec.EllipticCurvePrivateKey)
    point = good.private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    rsa_key = made("rsa")
    exponent, modulus = integer(65537), rsa_key.public[len(text("ssh-rsa") + integer(65537)) :]
    assert text("ssh-rsa") + exponent + modulus == rsa_key.public
    for kind, blob, why in (
        (good.kind, text(good.kind) + text("nistp256") + text(point), "compressed"),
        (good.kind, text(good.kind) + text("nistp384") + text(point), "another curve"),
        ("ssh-rsa", text("ssh-rsa") + text(b"\0\1\0\1") + modulus, "more zeros"),
        ("ssh-rsa", text("ssh-rsa") + text(b"\x81") + modulus, "negative"),
        ("ssh-ed25519", made("ed25519").public + b"\0", "follows its end"),
        ("ssh-ed25519", made("ed25519").public[:-1], "too early"),
        ("ssh-ed25519", text("ssh-ed25519") + text(b"short"), "none of the kind"),
        ("ssh-rsa", made("ed25519").public, "not of the kind ssh-rsa"),
        ("ssh-dss", text("ssh-dss"), "not known"),
    ):
        with pytest.raises(SshError, match=why):
            key_blob(f"{kind} {base64.b64encode(blob).decode()}")
    letters = made("ed25519").line
    for line in (letters[:-1], letters + "=", letters[:-1] + "é", letters.replace(" ", "  ", 1), "ssh-ed25519", ""):
        with pytest.raises(SshError):
            key_blob(line)
    assert key_blob(letters + " alice at home") == made("ed25519").public


def test_a_key_is_named_by_its_digest() -> None:
    assert key_digest(made("ed25519").public) == digest_of(made("ed25519").public)


@given(st.binary(max_size=400))
@settings(max_examples=150)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for file in (data, armor(data), armor(b"SSHSIG\0\0\0\1" + data)):
        assert verdict(file) != "good"


# --- who signed, and for what: check_approval

ALICE = Signer(name="alice", ssh=made("ed25519").line + " alice@example.org")
BOB = Signer(name="bob", ssh=made("ecdsa", "bob").line)
ROBOT = Signer(name="robot", key="-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


def approval(
    file: bytes, *signers: Signer, message: bytes = MESSAGE, made: str = NOW, withdrawn: tuple[Withdrawal, ...] = ()
) -> tuple[Signer | None, list[Finding]]:
    who = Authority(signers, withdrawn)
    return check_approval(file, message, NAMESPACE, who, path="registry/x.sshsig", what="promotion", made=made)


def code(found: tuple[Signer | None, list[Finding]]) -> str:
    assert found[0] is None
    (finding,) = found[1]
    assert finding.path == "registry/x.sshsig"
    return finding.code


def test_an_approval_names_its_signer() -> None:
    assert approval(signed("ed25519"), BOB, ROBOT, ALICE) == (ALICE, [])


def test_an_approval_by_nobody_who_may_is_refused() -> None:
    """Invariant 1."""
    assert code(approval(signed("ed25519"), BOB)) == "bad-signature"
    assert code(approval(signed("ed25519"), ROBOT)) == "bad-signature"
    assert code(approval(signed("ed25519"))) == "nobody-allowed"
    assert code(approval(b"junk", ALICE)) == "bad-bundle"
    weak = Signer(name="weak", ssh=made("weak").line)
    assert code(approval(signed("weak"), weak)) == "bad-signature"


def test_an_approval_of_other_bytes_is_refused_with_the_reason() -> None:
    found = approval(signed("ed25519"), ALICE, message=MESSAGE + b"x")
    assert code(found) == "bad-signature"
    assert "it is not what this key makes of these bytes" in found[1][0].message
    token = Signer(name="alice", ssh=made("sk-ed25519").line)
    assert "nobody touched" in approval(signed("sk-ed25519", flags=0), token)[1][0].message


@pytest.mark.parametrize("namespace", ["modelbook/stages/staging", "git", "", "modelbook/trust", NAMESPACE + "2"])
def test_a_signature_for_one_purpose_is_none_for_another(namespace: str) -> None:
    found = approval(armor(made("ed25519").blob(MESSAGE, namespace)), ALICE)
    assert code(found) == "other-namespace"
    assert NAMESPACE in found[1][0].message


def test_an_expired_key_approves_nothing_later() -> None:
    old = ALICE.model_copy(update={"expires": NOW})
    assert approval(signed("ed25519"), old, made=EARLIER)[0] == old
    assert code(approval(signed("ed25519"), old, made=LATER)) == "expired-key"


def test_what_trust_yaml_revokes_approves_nothing() -> None:
    key, told = key_digest(made("ed25519").public), {"reason": "lost laptop"}
    person = ALICE.model_copy(update={"person": "alice-a"})
    for withdrawn in (
        Withdrawal(key=key, **told),
        Withdrawal(key=key, since=EARLIER, **told),
        Withdrawal(identity="alice", **told),
        Withdrawal(identity="alice-a", **told),
        Withdrawal(payload=digest_of(MESSAGE), **told),
    ):
        assert code(approval(signed("ed25519"), person, withdrawn=(withdrawn,))) == "revoked-signature"
    for withdrawn in (
        Withdrawal(key=key, since=LATER, **told),
        Withdrawal(key=key_digest(made("ecdsa", "bob").public), **told),
        Withdrawal(identity="bob", **told),
    ):
        assert approval(signed("ed25519"), person, withdrawn=(withdrawn,))[0] == person
