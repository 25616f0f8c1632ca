"""Signs keyless: as the workflow that this job is of, by a certificate that lives for minutes and a public log.

`sigstore:` is Sigstore's public good instance, `sigstore:PATH` the one that a client trust config (JSON) describes.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbook.core.signing.envelope import Statement, payload_of, read_bundle
from modelbook.core.trust import GITHUB, Signer
from modelbook.errors import BadInput, SigningError

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken

_GITHUB = "https://github.com"
INSTALL = "Install it: `pip install 'modelbook[sigstore]'`."
_PERMISSION = (
    "It works in a job of GitHub Actions that has `permissions: { id-token: write }`; elsewhere, sign with a key."
)


@dataclass(frozen=True)
class SigstoreSigner:
    """The workflow of this job, as the `claims` of its identity token name it."""

    config: "ClientTrustConfig"
    claims: dict[str, Any]

    @property
    def identity(self) -> str:
        """The address that a certificate will bear: on github.com, or where this job's GitHub Enterprise is."""
        server = _GITHUB if self.claims["iss"] == GITHUB else os.environ.get("GITHUB_SERVER_URL", _GITHUB)
        return f"{server}/{self.claims['job_workflow_ref']}"

    @property
    def claim(self) -> str:
        """See StatementSigner."""
        told = self.claims
        return f"the workflow {self.identity} of repository {told['repository_id']} on {told['ref']}"

    def is_signer(self, signer: Signer) -> bool:
        """See StatementSigner."""
        told, workflow = self.claims, signer.workflow
        return workflow is not None and (
            (workflow.issuer, workflow.identity, workflow.repository_id, workflow.ref)
            == (told["iss"], self.identity, told["repository_id"], told["ref"])
        )

    def sign(self, content: Statement) -> bytes:
        """See StatementSigner. A token is asked for each time: what was done since the last may have taken longer."""
        from sigstore.dsse import Statement as DsseStatement
        from sigstore.sign import SigningContext

        payload = payload_of(content)
        token = _identity()
        try:
            with SigningContext.from_trust_config(self.config).signer(token) as signer:
                bundle = signer.sign_dsse(DsseStatement(payload)).to_json().encode() + b"\n"
        except Exception as error:  # noqa: BLE001 - sigstore's own errors, requests', pydantic's: nothing was signed
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            remedy = "Run it again; if it goes on, see https://status.sigstore.dev, or look after your own instance."
            raise SigningError(f"Sigstore did not sign: {reason}", remedy=remedy) from None
        if read_bundle(bundle).payload != payload:
            raise SigningError("Sigstore signed other bytes than were to be signed")
        return bundle


def open_sigstore(path: str) -> SigstoreSigner:
    """The signer of this job's workflow, at the instance that the file at `path` describes; empty for the public one.

    Raises BadInput where there is no such file, no identity of a GitHub workflow, or no sigstore-python.
    """
    try:
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig
    except ImportError:
        raise BadInput("sigstore-python is not installed, so nothing can sign keyless", remedy=INSTALL) from None
    claims = _claims(_identity())
    if not path:
        try:
            return SigstoreSigner(ClientTrustConfig.production(), claims)
        except Error as error:
            raise SigningError(f"Sigstore's public instance cannot be reached: {error}") from None
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
        return SigstoreSigner(ClientTrustConfig.from_json(text), claims)
    except FileNotFoundError:
        raise BadInput("there is no client trust config here", where=path, remedy="Name it: sigstore:PATH.") from None
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise BadInput(f"this is no client trust config of Sigstore: {first}", where=path) from None


def _identity() -> "IdentityToken":
    """This job's identity token, for Sigstore alone. Raises BadInput where the job has none."""
    from sigstore.oidc import IdentityError, IdentityToken, detect_credential

    try:
        raw = detect_credential()
        token = IdentityToken(raw) if raw else None
    except IdentityError as error:
        raise BadInput(f"this job gets no identity token: {error}", remedy=_PERMISSION) from None
    if token is None:
        raise BadInput("there is no identity here that could sign keyless", remedy=_PERMISSION)
    return token


def _claims(token: "IdentityToken") -> dict[str, Any]:
    import jwt

    # Whoever issues the certificate verifies the token; here it only tells who will have signed.
    claims: dict[str, Any] = jwt.decode(str(token), options={"verify_signature": False})
    needed = ("iss", "job_workflow_ref", "repository_id", "ref")
    if missing := [name for name in needed if not isinstance(claims.get(name), str)]:
        message = f"the identity token does not name its {missing[0]}, so it is not of a GitHub workflow"
        raise BadInput(message, remedy=_PERMISSION)
    return claims
