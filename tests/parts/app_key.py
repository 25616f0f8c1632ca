"""The private keys of GitHub Apps, made once a session."""

from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_PRIVATE, _PUBLIC = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PublicFormat.SubjectPublicKeyInfo


@cache
def app_key(name: str) -> tuple[str, str]:
    """(private, public) in PEM, as an App's settings give the private one to whoever asks."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, _PRIVATE, serialization.NoEncryption())
    return private.decode(), key.public_key().public_bytes(pem, _PUBLIC).decode()
