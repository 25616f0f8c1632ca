"""What signs a statement, and the one that a URI names: a key in a file, a variable or a KMS, or a workflow itself."""

from typing import Protocol

from modelbook.adapters.key_signer import open_key
from modelbook.core.signing.envelope import Statement
from modelbook.core.trust import Signer
from modelbook.errors import BadInput


class StatementSigner(Protocol):
    """Signs statements. Every method may raise ModelbookError."""

    @property
    def claim(self) -> str:
        """Whose signatures they will be, for a person: `the key sha256:1a2b…`."""
        ...

    def is_signer(self, signer: Signer) -> bool:
        """Whether this is the one whom trust.yaml means by `signer`."""
        ...

    def sign(self, content: Statement) -> bytes:
        """The bundle that holds `content` and its signature."""
        ...


def open_signer(uri: str) -> StatementSigner:
    """The signer that `uri` names. Raises BadInput where there is none, or it is of no use."""
    scheme, _, rest = uri.partition(":")
    if scheme in {"file", "env"} and rest:
        return open_key(scheme, rest)
    if scheme == "awskms" and rest:
        from modelbook.adapters.kms_signer import open_kms

        return open_kms(rest)
    if scheme == "sigstore" and uri != scheme:
        from modelbook.adapters.sigstore_signer import open_sigstore

        signer: StatementSigner = open_sigstore(rest)
        return signer
    remedy = "Signers are file:PATH, env:VARIABLE, awskms:KEY, and in a workflow sigstore:"
    raise BadInput(f"{uri!r} names no signer", remedy=remedy)
