"""`modelbook verify FOLDER`: a pulled folder, checked without the registry that it came from."""

from pathlib import Path

from modelbook.adapters.model_folder import hash_files, list_folder, read_small
from modelbook.adapters.sigstore_check import check_keyless
from modelbook.commands._console import progress
from modelbook.core.documents import dump, load
from modelbook.core.findings import Finding
from modelbook.core.layout import TRUST, TRUSTED_ROOT
from modelbook.core.pages.report import Report, findings_report
from modelbook.core.signing.envelope import MAX_BUNDLE
from modelbook.core.signing.signatures import plain_pem
from modelbook.core.strict_yaml import MAX_BYTES
from modelbook.core.trust import Rule, Signer, Trust
from modelbook.core.verifying.folder import CARD, SIGNATURE, compare, read_claim
from modelbook.errors import BadInput


def folder_of(reference: str) -> Path | None:
    """The folder that REF names: written as a path, or a folder with a card.yaml. None where it is a reference.

    Raises BadInput where it can only be a path, and no such folder is here.
    """
    folder = Path(reference)
    if (folder / CARD).exists() or (folder / CARD).is_symlink():
        return folder
    if "/" not in reference and reference not in {".", ".."}:
        return None
    if folder.is_dir():
        return folder
    raise BadInput("no such folder", where=reference, remedy="A version is written without a slash, as in fraud@5.")


def verify_folder(folder: Path, key: Path | None, trust: Path | None) -> Report:
    """Check who signed the card in `folder`, and every file against it."""
    rules, whose = _rules(key, trust)
    title, facts = f"Verify the folder {folder}", {"folder": str(folder.absolute()), "trusted": whose}
    listed = list_folder(folder)
    card, signature = read_small(folder / CARD, MAX_BYTES), read_small(folder / SIGNATURE, MAX_BUNDLE)
    if card is None:
        no_card = Finding(str(folder / CARD), None, "missing", "is not a plain file, so nothing here can be checked")
        return findings_report(title, facts, [no_card])
    claim = read_claim(card, signature, rules, check_keyless)
    findings = list(claim.findings)
    if claim.card:
        sizes = {one.size for one in claim.card.artifacts}
        total = sum(one.size for one in listed.values() if one.kind == "file" and one.size in sizes)
        with progress("hashing", total) as told:
            findings += compare(claim.card, hash_files(folder, listed, sizes, told))
        facts["the card says"] = f"{claim.card.model}@{claim.card.version}, made {claim.card.created}"
        facts["files"] = f"{len(claim.card.artifacts)}, {sum(one.size for one in claim.card.artifacts):,} bytes"
        facts["signed by"] = claim.signed_by or "nobody whom you trust"
    shown = (Finding(str(folder / one.path), one.line, one.code, one.message, one.remedy) for one in findings)
    return findings_report(title, facts, shown)


def _rules(key: Path | None, trust: Path | None) -> tuple[dict[str, bytes], str]:
    """What stands for trust.yaml and trusted_root.json, and whose signature that lets count, in words."""
    if key is not None:
        pem = _read(key, 10_000)
        try:
            text = plain_pem(pem.decode())
        except ValueError as error:
            remedy = "Name the public half, as it stands in the registry's trust.yaml."
            raise BadInput(f"this is no P-256 public key in PEM: {error}", where=str(key), remedy=remedy) from None
        signer = Signer(name="key", key=text)
        rule = Rule(models="*", statements=("model",), signers=("key",))
        return {TRUST: dump(Trust(version=1, signers=(signer,), rules=(rule,)))}, f"the key in {key}"
    if trust is None:
        raise BadInput("whose signature counts is not said, and a folder cannot vouch for itself")
    data = _read(trust, MAX_BYTES)
    load(Trust, data, str(trust))
    root = read_small(trust.parent / TRUSTED_ROOT, MAX_BUNDLE)
    return {TRUST: data} | ({TRUSTED_ROOT: root} if root is not None else {}), f"whom {trust} allows"


def _read(path: Path, limit: int) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path), remedy="Check the path.") from None
    if len(data) > limit:
        raise BadInput(f"{len(data):,} bytes is too large for this file", where=str(path), remedy="Check the path.")
    return data
