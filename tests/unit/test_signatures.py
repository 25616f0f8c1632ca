"""Whether a signature is good, whose it is, and whether it speaks of the thing at hand."""

import base64
import json
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from modelbook.core.findings import Finding
from modelbook.core.signing.envelope import key_hint, read_bundle, statement
from modelbook.core.signing.signatures import Authority, check_signature, hint_of, is_good, load_public_key
from modelbook.core.trust import Signer, Withdrawal
from tests.made import key
from tests.made_fields import EARLIER, LATER, NOW

SAID = statement("https://example.com/v1", [{"name": "x", "digest": {"sha256": "a" * 64}}], {"n": 1})
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


def signer(name: str, expires: str | None = None) -> Signer:
    return Signer(name=name, key=key(name).public_pem, expires=expires)


def check(
    bundle: bytes, *signers: Signer, made: str = NOW, expected: object = SAID
) -> tuple[Signer | None, list[Finding]]:
    assert isinstance(expected, dict)
    return check_signature(bundle, expected, Authority(signers), path="registry/x.sig", what="card of x@1", made=made)


def code(found: tuple[Signer | None, list[Finding]]) -> str:
    assert found[0] is None
    (finding,) = found[1]
    assert (finding.path, finding.level) == ("registry/x.sig", "error")
    return finding.code


def pem(public: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form).decode()


def test_the_signer_who_is_allowed_is_named() -> None:
    alice, bob = signer("alice"), signer("bob")
    assert check(key("bob").sign(SAID), alice, bob) == (bob, [])


def test_nobody_allowed_is_a_refusal_and_not_a_pass() -> None:
    """Invariant 1: default deny."""
    found = check(key("alice").sign(SAID))
    assert code(found) == "nobody-allowed"
    assert "Add a rule to trust.yaml" in str(found[1][0].remedy)


def test_a_wrong_key_is_refused_and_both_are_named() -> None:
    """Invariant 1."""
    found = check(key("mallory").sign(SAID), signer("alice"), signer("bob"))
    assert code(found) == "bad-signature"
    (finding,) = found[1]
    assert "(alice, bob)" in finding.message
    assert hint_of(key("mallory").public_pem)[:16] in str(finding.remedy)


def test_the_hint_of_a_bundle_is_a_hint_and_proves_nothing() -> None:
    """Invariant 1: it picks a key of trust.yaml, and that key decides. One that names another key is no mistake."""
    bundle = key("mallory").sign(SAID)
    theirs, ours = (hint_of(key(name).public_pem).encode() for name in ("mallory", "alice"))
    assert code(check(bundle.replace(theirs, ours), signer("alice"))) == "bad-signature"
    honest = key("alice").sign(SAID)
    assert code(check(honest.replace(ours, theirs), signer("alice"))) == "bad-signature"


def test_a_good_signature_over_something_else_is_refused_with_the_place() -> None:
    """Invariant 1: verification proves meaning, not only mathematics."""
    other = statement("https://example.com/v1", [{"name": "x", "digest": {"sha256": "b" * 64}}], {"n": 1})
    found = check(key("alice").sign(other), signer("alice"))
    assert code(found) == "other-statement"
    assert "subject[0].digest.sha256 differs from the card of x@1" in found[1][0].message


@pytest.mark.parametrize("extra", ["", "a", "predicate2"])
def test_a_statement_with_something_more_in_it_is_another_statement(extra: str) -> None:
    assert code(check(key("alice").sign(SAID | {extra: 1}), signer("alice"))) == "other-statement"


def test_what_is_no_bundle_is_refused_even_where_nobody_is_asked() -> None:
    for bundle in (b"", b"{}", b"\xff", key("alice").sign(SAID) * 2):
        assert code(check(bundle, signer("alice"))) == "bad-bundle"
        assert code(check(bundle)) == "bad-bundle"


def test_an_expired_key_is_refused_for_what_was_made_later_and_not_for_what_was_made_before() -> None:
    bundle = key("alice").sign(SAID)
    assert check(bundle, signer("alice", expires=NOW), made=EARLIER)[0]
    assert check(bundle, signer("alice", expires=NOW), made=NOW)[0]
    found = check(bundle, signer("alice", expires=NOW), made=LATER)
    assert code(found) == "expired-key"
    assert f"the key of 'alice' expired on {NOW}; the card of x@1 is of {LATER}" in found[1][0].message


def test_half_a_second_after_it_expired_a_key_has_expired() -> None:
    """As texts, times with and without a fraction do not sort by time."""
    bundle, expires = key("alice").sign(SAID), "2026-03-02T12:00:00Z"
    assert code(check(bundle, signer("alice", expires=expires), made="2026-03-02T12:00:00.5Z")) == "expired-key"
    assert check(bundle, signer("alice", expires="2026-03-02T12:00:00.5Z"), made="2026-03-02T12:00:00Z")[0]
    assert check(bundle, signer("alice", expires="2026-03-02T12:00:00.50Z"), made="2026-03-02T12:00:00.500000Z")[0]
    since = Withdrawal(key="sha256:" + key("alice").hint, since=expires, reason="lost")
    lost = Authority([signer("alice")], [since])
    for made, refused in (("2026-03-02T12:00:00.000001Z", True), ("2026-03-02T11:59:59.9Z", False)):
        verdict = check_signature(bundle, SAID, lost, path="registry/x.sig", what="card of x@1", made=made)
        assert (verdict[0] is None) is refused


def test_a_malleated_signature_is_another_signature_of_the_same_statement() -> None:
    """Whoever has (r, s) can compute (r, n - s), which is as good: so a signature's bytes identify nothing.

    What identifies a statement is the digest of its payload; the statement itself cannot be changed this way.
    """
    bundle = key("alice").sign(SAID)
    envelope = read_bundle(bundle)
    r, s = decode_dss_signature(envelope.signature)
    twin = base64.b64encode(encode_dss_signature(r, ORDER - s)).decode()
    raw = json.loads(bundle)
    raw["dsseEnvelope"]["signatures"][0]["sig"] = twin
    malleated = json.dumps(raw).encode()
    assert malleated != bundle
    assert check(malleated, signer("alice"))[0] == signer("alice")
    assert read_bundle(malleated).payload == envelope.payload


@pytest.mark.parametrize(
    "signature", [b"", b"\x00", b"x" * 64, b"x" * 72, encode_dss_signature(0, 0), encode_dss_signature(1, 1)]
)
def test_what_is_no_signature_is_not_good(signature: bytes) -> None:
    raw = json.loads(key("alice").sign(SAID))
    raw["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    assert not is_good(read_bundle(json.dumps(raw).encode()), signer("alice"))


@cache
def strange_keys() -> dict[str, str]:
    good = key("alice").public_pem
    lines = good.splitlines()
    return {
        "ed25519": pem(ed25519.Ed25519PrivateKey.generate().public_key()),
        "rsa": pem(rsa.generate_private_key(65537, 2048).public_key()),
        "p384": pem(ec.generate_private_key(ec.SECP384R1()).public_key()),
        "secp256k1": pem(ec.generate_private_key(ec.SECP256K1()).public_key()),
        "a curve that nobody knows": good.replace("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQc", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAWc"),
        "a kind that nobody knows": good.replace("MFkwEwYHKoZIzj0CAQ", "MFkwEwYHKoZIzj0CZQ"),
        "cut": "\n".join([lines[0], lines[1][:40], lines[-1]]) + "\n",
        "empty": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    }


@pytest.mark.parametrize("kind", sorted(strange_keys()))
def test_a_key_that_is_not_p_256_signs_nothing_and_breaks_nothing(kind: str) -> None:
    strange = Signer(name="strange", key=strange_keys()[kind])
    with pytest.raises(ValueError, match=r"."):
        load_public_key(strange.key)
    with pytest.raises(ValueError, match=r"."):
        hint_of(strange.key)
    bundle = key("alice").sign(SAID)
    assert code(check(bundle, strange)) == "bad-signature"
    assert check(bundle, strange, signer("alice"))[0] == signer("alice")


def test_the_hint_does_not_depend_on_how_the_pem_is_wrapped() -> None:
    good = key("alice").public_pem
    body = "".join(good.splitlines()[1:-1])
    wrapped = "-----BEGIN PUBLIC KEY-----\n" + "\n".join([body[:30], body[30:]]) + "\n-----END PUBLIC KEY-----\n"
    assert hint_of(wrapped) == hint_of(good) == key_hint(good.encode())
