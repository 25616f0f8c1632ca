"""What a deployment brings to where it serves: the verified files, a manifest, and word of it to others."""

from pathlib import Path

from modelbook.adapters.file_errors import explained
from modelbook.adapters.model_folder import hash_files, list_folder, read_small
from modelbook.adapters.serving_folder import opened
from modelbook.adapters.whole_file import write_whole
from modelbook.commands._console import progress
from modelbook.commands._pulling import pull_version
from modelbook.commands._workspace import Workspace
from modelbook.core.card import ModelCard
from modelbook.core.layout import version_folder
from modelbook.core.signing.envelope import MAX_BUNDLE
from modelbook.core.stages.deployment import Deployment, Payload, event_payload
from modelbook.core.stages.manifests import manifest
from modelbook.core.verifying.folder import CARD, SIGNATURE, compare

EVENT = "modelbook-deploy"


def deliver(workspace: Workspace, payload: Payload, target: Path) -> bool:
    """Let `target` lead to a verified copy of a version. Gives whether it led elsewhere, or to a damaged one."""
    card = workspace.registry.card(payload.model, payload.version)
    with opened(target) as place:
        name = f"{payload.model}-{payload.version}"
        folder, whole = place.place(name, lambda found: _holds(workspace, card, found))
        if whole and place.serves(folder):
            return False
        if not whole:
            pull_version(workspace, payload.model, payload.version, folder)
        place.switch(folder)
    return True


def _holds(workspace: Workspace, card: ModelCard, folder: Path) -> bool:
    """Whether a folder holds exactly what the card lists, with the registry's own card and signature beside it."""
    files, above = workspace.registry.files, version_folder(card.model, card.version)
    if any(read_small(folder / name, MAX_BUNDLE) != files[f"{above}/{name}"] for name in (CARD, SIGNATURE)):
        return False
    listed = list_folder(folder)
    with progress("hashing", sum(one.size for one in listed.values())) as told:
        return not compare(card, hash_files(folder, listed, {one.size for one in card.artifacts}, told))


def write_manifest(
    workspace: Workspace, payload: Payload, kind: str, output: Path, *, model_format: str | None, target: Path | None
) -> None:
    """Write the manifest of a version. Raises BadInput where its store or its name is none for such a server."""
    card = workspace.registry.card(payload.model, payload.version)
    path = str(target.absolute()) if target else None
    data = manifest(kind, payload, card, model_format=model_format, path=path)
    with explained(output, "write"):
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, data)


def notify(workspace: Workspace, deployment: Deployment, commit: str, repository: str) -> None:
    """Tell a serving repository, by an event that starts its workflow. Raises ForgeError where it was not told.

    Nothing is left there to look for, so it is never told twice by one run; a run that is repeated tells it again,
    with the same `deployment`.
    """
    from modelbook.adapters.open_github import open_api

    own = open_api(workspace.repository)
    body = {"event_type": EVENT, "client_payload": event_payload(deployment, own.full_name, commit)}
    there = open_api(workspace.repository, repository, permissions={"contents": "write"})
    there.send(f"tell {repository} of a deployment", "/dispatches", body)
