"""moto's server, taught what AWS documents of KMS's Sign: with `MessageType=DIGEST` the message is the digest itself.

moto 5.2 hashes it a second time. Run as a program, by tests/parts/kms.py.
"""

import threading
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey
from moto.server import main

_asked = threading.local()
_respond, _sign = KmsResponse.sign, ECDSAPrivateKey.sign


def respond(self: Any) -> str:
    """Remember what kind of message this request holds."""
    _asked.kind = self._get_param("MessageType")
    return _respond(self)


def sign(self: Any, message: bytes, signing_algorithm: str) -> bytes:
    """Sign a digest as it is, and anything else as moto does."""
    if _asked.kind != "DIGEST":
        return bytes(_sign(self, message, signing_algorithm))
    if len(message) != 32:
        raise ValueError("Digest is invalid length for algorithm ECDSA_SHA_256.")
    return bytes(self.private_key.sign(message, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))


if __name__ == "__main__":
    taught: Any
    for taught, better in ((KmsResponse, respond), (ECDSAPrivateKey, sign)):
        taught.sign = better
    main()
