"""A generated registry of many versions, signed for real: each is the living example's version under another name."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from modelbook.adapters.key_signer import KeySigner
from modelbook.core import layout
from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard
from modelbook.core.digests import digest_of
from modelbook.core.documents import dump, load
from modelbook.core.evaluation import Evaluation
from modelbook.core.pointer import Evidence, Holder, StagePointer
from modelbook.core.signing.statements import (
    dataset_statement,
    evaluation_statement,
    model_statement,
    provenance_statement,
    summary_statement,
)
from modelbook.core.trust import Rule, Signer, Trust

EXAMPLE = Path(__file__).parents[1] / "registry"
VERSIONS_A_MODEL = 50
EACH = 5  # every so many versions one goes to production
_EVIDENCE = (
    "model.sig",
    "provenance.sigstore.json",
    "evaluations/default.yaml",
    "evaluations/default.sigstore.json",
)


class _Templates(NamedTuple):
    """The example's card and evaluation, as records and as files, and the signer of everything."""

    card: ModelCard
    card_bytes: bytes
    evaluation: Evaluation
    evaluation_bytes: bytes
    signer: KeySigner


def generate(root: Path, versions: int, *, versions_a_model: int = VERSIONS_A_MODEL) -> None:
    """A repository at the new folder `root` whose registry has `versions` model versions: one commit for each."""
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(root)], check=True)
    importing = ["git", "fast-import", "--quiet", "--date-format=raw"]
    stream = b"".join(commit_of(number, files) for number, files in enumerate(_commits(versions, versions_a_model)))
    subprocess.run(importing, cwd=root, input=stream, check=True)
    subprocess.run(["git", "reset", "--quiet", "--hard"], cwd=root, check=True)


def commit_of(number: int, files: dict[str, bytes]) -> bytes:
    """A commit on main for git fast-import, which writes these files of the registry."""
    who = f"committer bench <bench@example.org> {1_790_000_000 + 60 * number} +0000"
    message = f"Commit {number}".encode()
    parts = [f"commit refs/heads/main\n{who}\ndata {len(message)}\n".encode(), message, b"\n"]
    for path, data in files.items():
        parts += [f"M 100644 inline registry/{path}\ndata {len(data)}\n".encode(), data, b"\n"]
    return b"".join(parts)


def _commits(versions: int, versions_a_model: int) -> Iterator[dict[str, bytes]]:
    signer = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    rule = Rule(models="*", statements=("model", "provenance", "evaluation", "dataset"), stages=("*",), signers=("o",))
    trust = Trust(version=1, signers=(Signer(name="o", key=signer.public_pem),), rules=(rule,))
    data = (EXAMPLE / "datasets/digits/versions/1/card.yaml").read_bytes()
    dataset = dataset_statement(load(DatasetCard, data, "card.yaml"), data)
    folder = layout.dataset_folder("digits", 1)
    rules = {layout.POLICY: (EXAMPLE / layout.POLICY).read_bytes(), layout.TRUST: dump(trust)}
    yield rules | {f"{folder}/card.yaml": data, f"{folder}/dataset.sig": signer.sign(dataset)}
    example = EXAMPLE / "models/digits/versions/2"
    card, evaluation = ((example / name).read_bytes() for name in ("card.yaml", "evaluations/default.yaml"))
    templates = _Templates(
        load(ModelCard, card, "card.yaml"), card, load(Evaluation, evaluation, "default.yaml"), evaluation, signer
    )
    for number in range(versions):
        model, version = f"model-{number // versions_a_model:04d}", number % versions_a_model + 1
        if version == 1:
            held: StagePointer | None = None
        files = _version(templates, model, version)
        yield files
        if version % EACH == 0:
            held = _pointer(model, version, held, files)
            written = dump(held)
            statement = summary_statement(held, written, {one.path: one.digest for one in held.evidence}, passed=True)
            path = layout.pointer_path(model, "production")
            yield {path: written, layout.summary_path(model, "production", "o"): signer.sign(statement)}


def _version(templates: _Templates, model: str, version: int) -> dict[str, bytes]:
    folder = layout.version_folder(model, version)
    names = {"model": model, "version": version}
    data = renamed(templates.card_bytes, model, version)
    card = templates.card.model_copy(update=names)
    update = names | {"card": digest_of(data)}
    measured = renamed(templates.evaluation_bytes, model, version)
    measured = measured.replace(templates.evaluation.card.encode(), digest_of(data).encode(), 1)
    evaluation = templates.evaluation.model_copy(update=update)
    sign = templates.signer.sign
    return {
        f"{folder}/card.yaml": data,
        f"{folder}/model.sig": sign(model_statement(card, data)),
        f"{folder}/provenance.sigstore.json": sign(provenance_statement(card, data)),
        f"{folder}/evaluations/default.yaml": measured,
        f"{folder}/evaluations/default.sigstore.json": sign(evaluation_statement(evaluation, measured)),
    }


def renamed(data: bytes, model: str, version: int) -> bytes:
    """The file as it would be written for another version: writing it anew would take most of the time."""
    return data.replace(b"\nmodel: digits\nversion: 2\n", f"\nmodel: {model}\nversion: {version}\n".encode(), 1)


def _pointer(model: str, version: int, held: StagePointer | None, files: dict[str, bytes]) -> StagePointer:
    folder = layout.version_folder(model, version)
    return StagePointer(
        model=model,
        stage="production",
        version=version,
        card=digest_of(files[f"{folder}/card.yaml"]),
        serial=held.serial + 1 if held else 1,
        decided="2026-11-24T01:00:00Z",
        by="bench",
        policy=digest_of((EXAMPLE / layout.POLICY).read_bytes()),
        baseline=Holder(version=held.version, card=held.card) if held else None,
        evidence=tuple(Evidence(path=one, digest=digest_of(files[f"{folder}/{one}"])) for one in _EVIDENCE),
    )
