"""What signs, refused before any work if trust.yaml would not believe it, and what it signed, if nobody would."""

from collections.abc import Mapping, Sequence

from modelbook.adapters.clock import now
from modelbook.adapters.forge import Change
from modelbook.adapters.signer import StatementSigner, open_signer
from modelbook.commands._workspace import Workspace
from modelbook.core.findings import Finding
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


def arriving(base: Workspace, files: Mapping[str, bytes]) -> Registry:
    """The registry as it would be with `files`, by their paths inside of it, each judged as something new."""
    known, keyless = base.registry.files, base.registry.keyless
    return Registry({**known, **files}, base.folder, arriving=frozenset(files), now=now(), keyless=keyless)


def refuse_unverified(base: Workspace, change: Change, model: str, version: int) -> None:
    """Raise Refused where a file that `change` brings of `model@version` would not verify."""
    inside = {path.removeprefix(f"{base.folder}/"): data for path, data in change.files.items() if data is not None}
    found = verify_version(arriving(base, inside), model, version).findings
    refuse_unmergeable([each for each in found if each.path in change.files])


def refuse_unmergeable(findings: Sequence[Finding]) -> None:
    """Raise Refused with `findings`, where there are any."""
    if findings:
        listed = "\n".join(f"  {finding}" for finding in findings)
        raise Refused(f"it could never be merged, so it is not proposed:\n{listed}")
