"""What signs, refused before any work if trust.yaml would not believe it, and what it signed, if nobody would."""

from modelbook.adapters.clock import now
from modelbook.adapters.forge import Change
from modelbook.adapters.signer import StatementSigner, open_signer
from modelbook.commands._workspace import Workspace
from modelbook.core.registry import Registry
from modelbook.core.trust import Signer, allowed
from modelbook.core.verifying.verification import verify_version
from modelbook.errors import Refused


def open_allowed_signer(
    workspace: Workspace, uri: str, name: str, *, statement: str | None = None, stage: str | None = None
) -> tuple[StatementSigner, str]:
    """The signer at `uri`, and what trust.yaml calls it.

    Raises Refused unless trust.yaml allows it to make `statement` about `name`, or to promote `name` into `stage`.
    """
    key = open_signer(uri)
    for signer in allowed(workspace.registry.trust, name, statement=statement, stage=stage):
        if key.is_signer(signer):
            refuse_expired(workspace, signer)
            if signer.workflow and (problem := workspace.registry.trusted_root.problem()):
                raise Refused(problem[0], where=workspace.path("trusted_root.json"), remedy=problem[1])
            return key, signer.name
    what = f"promote {name} into {stage}" if stage else f"sign the {statement} of {name}"
    grant = f"stages: [{stage}]" if stage else f"statements: [{statement}]"
    raise Refused(
        f"trust.yaml does not allow {key.claim} to {what}",
        where=workspace.path("trust.yaml"),
        remedy=f"Sign with another key (--signer), or add a rule with `{grant}` for its owner.",
    )


def refuse_expired(workspace: Workspace, signer: Signer) -> None:
    """Raise Refused where the signer's key has expired, before anybody is asked for a passphrase."""
    if signer.expires and signer.expires < now():
        message = f"the key of {signer.name!r} expired on {signer.expires}"
        raise Refused(message, where=workspace.path("trust.yaml"), remedy="Sign with a key that is valid now.")


def refuse_unverified(base: Workspace, change: Change, model: str, version: int) -> None:
    """Raise Refused where a file that `change` brings of `model@version` would not verify: it could never be merged."""
    inside = {path.removeprefix(f"{base.folder}/"): data for path, data in change.files.items() if data is not None}
    registry = Registry({**base.registry.files, **inside}, base.folder, keyless=base.registry.keyless)
    found = [each for each in verify_version(registry, model, version).findings if each.path in change.files]
    if found:
        listed = "\n".join(f"  {finding}" for finding in found)
        raise Refused(f"what was signed would not verify, so it is not proposed:\n{listed}")
