"""Digests are written `sha256:<64 hex>`: the prefix names the algorithm and keeps YAML from reading a number."""

import hashlib
import re
from typing import NewType

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
Hex = NewType("Hex", str)


def digest_of(data: bytes) -> str:
    """The digest of `data`: `sha256:` and 64 lower-case hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def hex_of(digest: str) -> Hex:
    """The 64 hex digits of a prefixed digest. Raises ValueError for anything else."""
    if not re.fullmatch(DIGEST_PATTERN[1:-1], digest):
        raise ValueError(f"not a digest: {digest!r} (expected sha256: and 64 lower-case hex digits)")
    return Hex(digest.removeprefix("sha256:"))


def prefixed(hex_digits: str) -> str:
    """`hex_digits` with the algorithm in front."""
    return f"sha256:{hex_digits}"
