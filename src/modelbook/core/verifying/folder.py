"""Whether a folder, far from any registry, is the model that its card says: nothing missing, nothing more.

A pulled folder holds card.yaml and model.sig beside the files. Whose signature counts is for the caller to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modelbook.core import layout
from modelbook.core.card import ModelCard
from modelbook.core.documents import DocumentError
from modelbook.core.findings import Finding
from modelbook.core.registry import Registry
from modelbook.core.signing.keyless import KeylessCheck, Origin
from modelbook.core.signing.statements import model_statement
from modelbook.core.verifying.found import Found
from modelbook.core.verifying.signed_files import signed

CARD, SIGNATURE = "card.yaml", "model.sig"


@dataclass(frozen=True)
class FolderVerdict:
    """What the card claims to be, who signed that, and all that is wrong."""

    card: ModelCard | None
    signed_by: str | None
    findings: tuple[Finding, ...]


def read_claim(
    card: bytes, signature: bytes | None, rules: Mapping[str, bytes], keyless: KeylessCheck
) -> FolderVerdict:
    """Who signed the card, by `rules`: trust.yaml, and trusted_root.json where there is one.

    The signature covers the digests of all files, so what remains is to compare them.
    """
    try:
        claimed = Registry({CARD: card}, "").load(ModelCard, CARD)
    except DocumentError as error:
        return FolderVerdict(None, None, error.findings)
    # At the place that it claims: what a rule allows depends on the model's name.
    place = layout.version_folder(claimed.model, claimed.version)
    files = {**rules, f"{place}/{CARD}": card} | ({f"{place}/{SIGNATURE}": signature} if signature is not None else {})
    registry = Registry(files, "", keyless=keyless)
    signer, findings = signed(
        registry,
        f"{place}/{SIGNATURE}",
        model_statement(claimed, card),
        claimed.model,
        "model",
        what=f"card of {claimed.model}@{claimed.version}",
        made=claimed.created,
        origin=Origin(claimed.run.job, claimed.lineage.code),
    )
    return FolderVerdict(claimed, signer, tuple(_here(finding, f"{place}/") for finding in findings))


def _here(finding: Finding, place: str) -> Finding:
    path = finding.path.removeprefix(place)
    return Finding(path, finding.line, finding.code, finding.message, finding.remedy, finding.level)


def compare(card: ModelCard, found: Mapping[str, Found]) -> list[Finding]:
    """What differs between the files that the card lists and those that are there, each by its name."""
    wanted = {one.path: one for one in card.artifacts}
    findings = [_not_a_file(path, one) for path, one in sorted(found.items()) if one.kind != "file"]
    extra = {path: one for path, one in sorted(found.items()) if path not in {*wanted, CARD, SIGNATURE}}
    moved: set[str] = set()
    for path, artifact in sorted(wanted.items()):
        here = found.get(path)
        if here is None:
            twin = next((name for name, one in extra.items() if one.digest == artifact.digest), None)
            if twin is None:
                findings.append(Finding(path, None, "missing", "the card lists this file, and it is not here"))
                continue
            moved.add(twin)
            message = f"this file was renamed: it is here as {twin}"
            findings.append(Finding(path, None, "renamed", message, "Give it back its name."))
        elif here.kind == "file" and here.size != artifact.size:
            message = f"the file was changed: it has {here.size:,} bytes, and the card says {artifact.size:,}"
            findings.append(Finding(path, None, "other-bytes", message))
        elif here.kind == "file" and here.digest != artifact.digest:
            message = f"the file was changed: its digest is {here.digest}, and the card says {artifact.digest}"
            findings.append(Finding(path, None, "other-bytes", message))
    findings += [
        Finding(path, None, "extra", "the card does not list this file, so nobody signed it", "Remove it.")
        for path, one in extra.items()
        if path not in moved and one.kind == "file"
    ]
    return findings


def _not_a_file(path: str, one: Found) -> Finding:
    if one.kind == "link":
        message = "is a symbolic link, and none is followed: what it leads to may be another thing at any moment"
        return Finding(path, None, "not-a-file", message, "Put the file itself in its place.")
    return Finding(path, None, "not-a-file", "is neither a file nor a folder", "Remove it.")
