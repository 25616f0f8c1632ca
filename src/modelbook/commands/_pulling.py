"""Bringing a verified version onto the disk: whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from modelbook.commands._fetching import fetch_all, whole_folder
from modelbook.commands._workspace import Workspace
from modelbook.core.findings import Finding, blocks
from modelbook.core.layout import version_folder
from modelbook.core.storage import key_in
from modelbook.core.verifying.verification import verify_version
from modelbook.errors import BadInput, Refused


def refuse(name: str, findings: tuple[Finding, ...]) -> None:
    """Raise Refused with every error among the findings, if there is one."""
    if blocks(findings):
        raise Refused(
            f"{name} does not verify, so it is not used:\n" + "\n".join(f"  {finding}" for finding in findings)
        )


def pull_version(
    workspace: Workspace, model: str, version: int, target: Path, *, also: Mapping[str, bytes] | None = None
) -> None:
    """Write the files of a version to the new folder `target`, with card.yaml and model.sig beside them.

    `also` are further files, by path. Raises BadInput where the version has a file of such a path, Refused where it
    does not verify, IntegrityError where the bytes in the store are others.
    """
    registry = workspace.registry
    verdict = verify_version(registry, model, version)
    refuse(f"{model}@{version}", verdict.findings)
    card = registry.card(model, version)
    store = workspace.store
    own = {artifact.path.casefold() for artifact in card.artifacts}
    if twins := sorted(path for path in also or {} if path.casefold() in own):
        raise BadInput(f"{model}@{version} has a file {twins[0]} of its own, which would be in the way")
    files = [(key_in(store.uri, artifact.uri), artifact) for artifact in card.artifacts]
    with whole_folder(target) as scratch:
        fetch_all(
            store,
            f"pulling {model}@{version}",
            [(key, one.path, one.digest, one.size) for key, one in files],
            scratch,
        )
        for name in ("card.yaml", "model.sig"):
            (scratch / name).write_bytes(registry.files[f"{version_folder(model, version)}/{name}"])
        for path, data in (also or {}).items():
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            (scratch / path).write_bytes(data)
