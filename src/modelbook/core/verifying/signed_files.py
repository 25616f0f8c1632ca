"""A file of the registry and the signature beside it: what verification asks of every kind of file."""

from modelbook.core import layout
from modelbook.core.findings import Finding
from modelbook.core.registry import Registry
from modelbook.core.signing.envelope import Statement
from modelbook.core.signing.keyless import Origin
from modelbook.core.signing.signatures import Authority, check_signature, signing_run
from modelbook.core.trust import allowed


def problem(registry: Registry, path: str, code: str, message: str, remedy: str | None = None) -> Finding:
    """A finding about the file at `path`, named as a person would."""
    return Finding(registry.shown(path), None, code, message, remedy)


def authority(registry: Registry, name: str, *, statement: str | None = None, stage: str | None = None) -> Authority:
    """Whose signature counts for a statement about `name`, or for its promotion into `stage`."""
    who = allowed(registry.trust, name, statement=statement, stage=stage)
    return Authority(who, registry.trust.revocations, registry.trusted_root)


def signed(
    registry: Registry,
    path: str,
    expected: Statement,
    name: str,
    statement: str,
    *,
    what: str,
    made: str,
    origin: Origin | None = None,
) -> tuple[str | None, list[Finding]]:
    """Whose signature at `path` holds `expected`: the signer's name in trust.yaml, or findings.

    `name` is the model or dataset that rules speak of, `what` the thing for a person, `made` and `origin` the time and
    the job that it claims.
    """
    if path not in registry.files:
        remedy = "Whoever made it signs it: it was never signed, or the signature was removed."
        return None, [problem(registry, path, "unsigned", f"the signature of the {what} is missing", remedy)]
    signer, findings = check_signature(
        registry.files[path],
        expected,
        authority(registry, name, statement=statement),
        path=registry.shown(path),
        what=what,
        made=registry.signed_at(path, made),
        origin=origin,
    )
    return (signer.name if signer else None), findings


def registrars(registry: Registry, model: str, version: int) -> frozenset[str]:
    """The addresses of the workflow runs that signed the version's card or provenance keyless."""
    if registry.trust.sigstore is None:  # no keyless signature counts here
        return frozenset()
    folder = layout.version_folder(model, version)
    bundles = (registry.files.get(f"{folder}/{name}") for name in ("model.sig", "provenance.sigstore.json"))
    return frozenset(run for bundle in bundles if bundle and (run := signing_run(bundle, registry.trusted_root)))


def no_such(registry: Registry, path: str, name: str) -> Finding:
    """That `name` has no card."""
    return problem(registry, path, "no-such-version", f"{name} is not in the registry")
