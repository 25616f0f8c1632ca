"""Checks the mathematics of keyless signatures with sigstore-python, by one trusted root and without a network.

sigstore is imported only where there is such a signature: a registry whose signers hold keys never needs it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from modelbook.core.signing.keyless import KeylessError, Logged

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

INSTALL = "Install what checks it: `pip install 'modelbook[sigstore]'`."
# What a trusted root lists, and where in each it says how long it is valid.
_TRUSTED = {"tlogs": "publicKey", "ctlogs": "publicKey", "certificateAuthorities": "", "timestampAuthorities": ""}
_FULCIO = "1.3.6.1.4.1.57264.1."


@lru_cache(maxsize=32)  # that of a version is asked for again with each of its evaluations
def check_keyless(bundle: bytes, trusted_root: bytes) -> Logged:
    """Verify a keyless bundle: chain, certificate log, log of signatures, times, and the signature. A `KeylessCheck`.

    Raises KeylessError for anything else, also where sigstore-python is not installed.
    """
    check_trusted_root(trusted_root)
    try:
        from sigstore.models import Bundle

        read = Bundle.from_json(bundle)
        verifier = check_trusted_root(_valid_at(trusted_root, _times(read)))
        _, payload = verifier.verify_dsse(read, _AnyIdentity())
        return _logged(read, payload)
    except KeylessError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a hostile bundle breaks in a parser is a refusal
        raise KeylessError(_words(error)) from None


class _AnyIdentity:
    """Whose certificate it is, is judged by the core, which says what differs."""

    def verify(self, cert: "Certificate") -> None:
        """Any."""


@lru_cache(maxsize=8)
def check_trusted_root(trusted_root: bytes) -> "Verifier":
    """What verifies by this root alone. Raises KeylessError where it is none, or sigstore-python is not installed."""
    try:
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier
        from sigstore_models.trustroot.v1 import TrustedRoot as RootFile
    except ImportError:
        raise KeylessError("sigstore-python, which checks it, is not installed", INSTALL) from None
    try:
        return Verifier(trusted_root=TrustedRoot(RootFile.from_json(trusted_root)))
    except Exception as error:  # noqa: BLE001 - as above, of the root
        reason = f"trusted_root.json is no trusted root of Sigstore: {_words(error)}"
        raise KeylessError(reason, "Fetch it anew: `modelbook trust refresh`.") from None


def _valid_at(trusted_root: bytes, times: Sequence[datetime]) -> bytes:
    """The root without the logs and authorities that it does not trust at all of these times.

    sigstore-python takes each for as long as it stands there, so a retired log could still say that it was long ago.
    """
    root = json.loads(trusted_root)
    for name, at in _TRUSTED.items():
        there = [each for each in root.get(name, []) if _covers(each.get(at, each)["validFor"], times)]
        if root.get(name) and not there and name != "timestampAuthorities":  # of these there may be none
            raise KeylessError(f"none of the {name} in trusted_root.json is valid at {max(times):%Y-%m-%dT%H:%M:%SZ}")
        root[name] = there
    return json.dumps(root).encode()


def _covers(valid: Mapping[str, str], times: Sequence[datetime]) -> bool:
    begins = datetime.fromisoformat(valid["start"])
    ends = datetime.fromisoformat(valid["end"]) if valid.get("end") else None
    return all(begins <= time and (ends is None or time <= ends) for time in times)


def _logged(bundle: "Bundle", payload: bytes) -> Logged:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    certificate = bundle.signing_certificate
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    values = {}
    for extension in certificate.extensions:
        prefix, _, number = extension.oid.dotted_string.rpartition(".")
        # Those before .8 are the same again in an older form, which is not needed.
        if f"{prefix}." == _FULCIO and int(number) >= 8 and isinstance(extension.value, x509.UnrecognizedExtension):
            values[int(number)] = _der_text(extension.value.value)
    return Logged(
        payload=payload,
        certificate=certificate.public_bytes(Encoding.DER),
        time=max(_times(bundle)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        identities=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
        values=values,
    )


def _times(bundle: "Bundle") -> list[datetime]:
    """When the signature was seen. The log's time counts with its promise, by which it was verified."""
    entry = bundle.log_entry._inner  # there is no public name for it
    times = []
    if entry.integrated_time and entry.inclusion_promise:
        times.append(datetime.fromtimestamp(entry.integrated_time, tz=UTC))
    stamps = bundle.verification_material.timestamp_verification_data
    if stamps:
        times += [stamp.tst_info.gen_time for stamp in stamps.rfc3161_timestamps]
    return times


def _der_text(value: bytes) -> str:
    """The text in a DER UTF8String. Raises ValueError for anything else."""
    if len(value) < 2 or value[0] != 0x0C:
        raise ValueError("a certificate's value is not a UTF8String")
    size, start = value[1], 2
    if size & 0x80:
        start = 2 + (size & 0x7F)
        size = int.from_bytes(value[2:start], "big")
    if len(value) != start + size:
        raise ValueError("a certificate's value has another length than it says")
    return value[start:].decode()


def _words(error: Exception) -> str:
    """One line of what sigstore says; pydantic would tell a page."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
