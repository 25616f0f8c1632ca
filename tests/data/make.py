"""Makes the signed registry of a released format: `python -m tests.data.make tests/data/registry-0.1`.

Run once for each format, when it is released, and never again: the private keys are drawn anew each time and thrown
away, so nobody can make such a registry a second time. What it writes is git's own stream of the whole history. See
tests/commands/test_old_registries.py, which pins its digest.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from modelbook.core import layout
from modelbook.core.digests import digest_of
from modelbook.core.documents import dump, load
from modelbook.core.revocation import Revocation, revocation_path
from modelbook.core.signing.envelope import read_bundle
from modelbook.core.signing.statements import (
    TRUST_NAMESPACE,
    model_statement,
    provenance_statement,
    stage_namespace,
    trust_statement,
)
from modelbook.core.trust import Trust
from tests.made import RULES, Made, record, trust_yaml
from tests.made_fields import NOW, card_fields
from tests.parts.sigstore.server import SigstoreServer
from tests.parts.sigstore.signing import WORKFLOW, sign
from tests.parts.ssh_keys import ssh_key

FIRST_COMMIT = 1772452800  # NOW, in seconds; one minute for each commit
EXPIRY = "2026-03-02T18:00:00Z"
BETTER = {"accuracy": {"value": 0.97, "n": 360, "stderr": 0.009}, "latency_ms": 10.0}
MODEL = """\
format: modelbook/model/v1
model: digits
description: scanned digits
suites:
  default: {entry_point: evaluate.py, dataset: digits@1}
"""
CALLED_BY = {"repository_id": "4711", "ref": "refs/heads/main"}
STATEMENTS = ["model", "provenance", "dataset"]
# The contractor may register as well; production needs a key and a person.
ALLOWED = (
    {"models": "*", "statements": STATEMENTS, "signers": ["registrar", "contractor", "ci"]},
    RULES[1],
    {"models": "*", "stages": ["production"], "signers": ["promoter", "paula"], "threshold": 2},
    {"models": "*", "stages": ["*"], "signers": ["promoter", "deputy"]},
)


@cache
def sigstore() -> SigstoreServer:
    """An instance of Sigstore of its own, which is gone with its keys afterwards."""
    return SigstoreServer()


def ruled(made: Made, version: int, contractor: Mapping[str, Any] | None = None, **more: Any) -> Made:
    """With trust.yaml as it reads at one time, in YAML as a person would write it, and signed by its root."""
    names = ("registrar", "grader", "promoter", "deputy")
    signers: dict[str, Mapping[str, Any]] = {name: {} for name in names} | {"contractor": contractor or {}}
    fields = load(Trust, trust_yaml((), signers, version), "trust.yaml").model_dump(mode="json", exclude_defaults=True)
    fields["signers"] += [
        {"name": "paula", "description": "signs by SSH", "ssh": ssh_key("paula").line},
        {"name": "ci", "workflow": {"identity": f"https://github.com/{WORKFLOW}"} | CALLED_BY},
    ]
    root = {"signers": ["deputy", "paula"], "threshold": 2}
    trusted = sigstore().trusted_root()
    data = dump(record(Trust, fields | {"rules": ALLOWED, "root": root, "sigstore": digest_of(trusted)} | more))
    made.put(layout.TRUST, data).put(layout.TRUSTED_ROOT, trusted)
    made.sign("trust.deputy.sigstore.json", trust_statement(made.registry.trust, data), "deputy")
    return made.put("trust.paula.sshsig", ssh_key("paula").sign(data, TRUST_NAMESPACE))


def steps() -> Iterator[tuple[str, Made]]:
    """What each commit says, and the registry as it leaves it."""
    gone = {"expires": EXPIRY}
    made = ruled(Made(), 1).put("models/digits/model.yaml", MODEL)
    yield "Begin a registry", made
    yield "Add digits@1, the data", made.dataset()
    yield "Register and evaluate digits@1", made.version()
    yield "Promote digits@1 to staging", made.pointer("digits", "staging", 1)
    yield "Promote digits@1 to production", approved(made.pointer("digits", "production", 1))
    yield "Register digits@2", made.version("digits", 2, metrics=None, signer="contractor")
    yield "Evaluate digits@2", made.evaluation("digits", 2, BETTER)
    yield "Train digits@2 again", made.reproduction("digits", 2)
    yield "Promote digits@2 to staging", made.pointer("digits", "staging", 2)
    yield "Promote digits@2 to production", approved(made.pointer("digits", "production", 2, reason="better"))
    yield "Register and evaluate digits@3", made.version("digits", 3, BETTER)
    yield "Revoke digits@3", revoked(made, 3)
    yield "The contractor is gone", ruled(made, 2, gone)
    yield "Take back one statement", ruled(made, 3, gone, revocations=[taken_back(made)])
    yield "Register digits@4 by the workflow", keyless(made, 4)


def keyless(made: Made, version: int) -> Made:
    """With a version that a workflow signed, which holds no key."""
    run = card_fields("digits", version)["run"] | {"job": "github:acme/models/1001/train"}
    made.version("digits", version, metrics=None, run=run)
    card, folder = made.registry.card("digits", version), layout.version_folder("digits", version)
    data = made.files[f"{folder}/card.yaml"]
    made.put(f"{folder}/model.sig", sign(sigstore(), model_statement(card, data), at=NOW))
    return made.put(f"{folder}/provenance.sigstore.json", sign(sigstore(), provenance_statement(card, data), at=NOW))


def approved(made: Made) -> Made:
    """With the signature of a person beside that of the key."""
    pointer = made.files[layout.pointer_path("digits", "production")]
    signature = ssh_key("paula").sign(pointer, stage_namespace("production"))
    return made.put(layout.approval_path("digits", "production", "paula"), signature)


def revoked(made: Made, version: int) -> Made:
    """With a version that nobody may use."""
    card = digest_of(made.files[f"{layout.version_folder('digits', version)}/card.yaml"])
    fields = {
        "model": "digits",
        "version": version,
        "card": card,
        "by": "alice",
        "revoked": NOW,
        "reason": "leaked labels",
    }
    return made.put(revocation_path("digits", version), dump(record(Revocation, fields)))


def taken_back(made: Made) -> Mapping[str, Any]:
    """The revocation of a statement that stands nowhere: digits@3 as another signer might have registered it."""
    other = made.copy().version("digits", 3, metrics=None, signer="contractor", tags=["other"])
    path = f"{layout.version_folder('digits', 3)}/model.sig"
    return {"payload": digest_of(read_bundle(other.files[path]).payload), "reason": "registered by mistake"}


def write(target: Path) -> None:
    """Make the registry, and write its history into the folder `target`."""
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # the SSH keys of people are drawn in it, and go with it
        root = Path(folder) / "repository"
        root.mkdir()
        who = {f"GIT_{role}_{part}": "modelbook" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        env = {"PATH": os.environ["PATH"], "HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"} | who

        def git(*command: str, **dates: str) -> bytes:
            return subprocess.run(
                ["git", *command], cwd=root, env=env | dates, check=True, stdout=subprocess.PIPE
            ).stdout

        git("init", "-q", "-b", "main")
        (root / ".gitattributes").write_text("registry/** -text\n")
        for number, (message, made) in enumerate(steps()):
            git("rm", "-rfq", "--ignore-unmatch", "registry")
            for path, data in made.files.items():
                file = root / "registry" / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            git("add", "-A")
            when = f"{FIRST_COMMIT + 60 * number} +0000"
            git("commit", "-qm", message, GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when)
        target.mkdir(parents=True)
        (target / "history.fast-export").write_bytes(git("fast-export", "main"))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
