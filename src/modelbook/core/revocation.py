"""A revocation: a version that may never be promoted, pulled by stage or deployed again."""

from typing import Annotated, Literal

from pydantic import Field

from modelbook.core import layout
from modelbook.core.documents import DocumentError
from modelbook.core.findings import Finding
from modelbook.core.names import Name, Version
from modelbook.core.records import Digest, Frozen, Text, Timestamp
from modelbook.core.registry import Registry


class Revocation(Frozen):
    """`models/<model>/versions/<n>/revoked.yaml`. Nobody signs it: it takes away, and grants nothing."""

    format: Literal["modelbook/revocation/v1"] = "modelbook/revocation/v1"
    model: Name
    version: Version
    card: Digest
    by: Annotated[str, Field(min_length=1, max_length=200)]
    revoked: Timestamp
    reason: Annotated[Text, Field(min_length=1)]


def revocation_path(model: str, version: int) -> str:
    """`models/<model>/versions/<n>/revoked.yaml`."""
    return f"{layout.version_folder(model, version)}/revoked.yaml"


def is_revoked(registry: Registry, model: str, version: int) -> bool:
    """Whether the file is there: one that cannot be read revokes as well."""
    return revocation_path(model, version) in registry.files


def revocation_of(registry: Registry, model: str, version: int) -> Revocation | None:
    """The revocation of a version, None where there is none. Raises DocumentError where it cannot be read."""
    path = revocation_path(model, version)
    return registry.load(Revocation, path) if path in registry.files else None


def in_use(registry: Registry, model: str, version: int) -> list[Finding]:
    """The finding that a revoked version is used, or is about to be; none where it is not revoked."""
    if not is_revoked(registry, model, version):
        return []
    try:
        told = revocation_of(registry, model, version)
    except DocumentError:
        told = None
    why = f" by {told.by} on {told.revoked}: {told.reason}" if told else ""
    path = registry.shown(revocation_path(model, version))
    held = [name for name, pointer in registry.stages_of(model).items() if pointer.version == version]
    remedy = f"Promote another version to {' and '.join(held)} now." if held else "Take another version."
    return [Finding(path, None, "revoked", f"{model}@{version} was revoked{why}", remedy)]


def check_revocation(registry: Registry, model: str, version: int) -> list[Finding]:
    """What is wrong with the file itself: it speaks of another version or card than that beside it."""
    path = revocation_path(model, version)
    shown = registry.shown(path)
    try:
        told = revocation_of(registry, model, version)
    except DocumentError as error:
        return list(error.findings)
    if told is None:
        return []
    card = registry.card_path(model, version)
    if (told.model, told.version) != (model, version):
        message = f"the revocation is of {told.model}@{told.version}, but its path says {model}@{version}"
        return [Finding(shown, None, "other-name", message)]
    if card not in registry.files or registry.digest(card) != told.card:
        return [
            Finding(shown, None, "other-card", f"the revocation speaks of another card than that of {model}@{version}")
        ]
    return []
