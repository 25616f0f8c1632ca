"""What was signed once verifies for ever: registries of released formats, as tests/data/make.py wrote them then."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from modelbook.adapters.git import Repository
from modelbook.adapters.registry_files import read_registry
from modelbook.adapters.sigstore_check import check_keyless
from modelbook.adapters.trust_files import trust_history
from modelbook.core.documents import DocumentError
from modelbook.core.registry import Registry
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.trust_change import check_trust_change, verify_trust_history
from modelbook.core.verifying.verification import verify_dataset, verify_stage, verify_version
from tests.commands.workbench import Workbench, clean_environment

DATA = Path(__file__).parents[1] / "data"
# Nobody who has not changed the format has a reason to change one of these.
DIGESTS = {
    "registry-0.1": "589d2cdb6a72d233101544435a42722bb3a01541e981e16e4523927de5f77f84",
}
# Nobody signs these: who may change them is said by who may merge.
UNSIGNED = {"policy.yaml", "models/digits/model.yaml", "models/digits/versions/3/revoked.yaml"}


@pytest.fixture(scope="module", params=sorted(DIGESTS))
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """A clone with the history of one of them."""
    folder = tmp_path_factory.mktemp(request.param)
    bench = Workbench(folder / "clone", clean_environment(folder))
    subprocess.run(["git", "init", "-q", "-b", "main", str(bench.root)], check=True, env=bench.env)
    stream = (DATA / request.param / "history.fast-export").read_bytes()
    subprocess.run(["git", "fast-import", "--quiet"], input=stream, cwd=bench.root, check=True, env=bench.env)
    bench.git("reset", "-q", "--hard")
    return bench


def registry_at(bench: Workbench, commit: str) -> Registry:
    registry, findings = read_registry(Repository.find(bench.root), "registry", commit)
    assert findings == []
    return registry


def findings(registry: Registry) -> set[str]:
    """The codes of all that is wrong with the versions, the dataset version and the stages."""
    try:
        found = [one for version in (1, 2, 3, 4) for one in verify_version(registry, "digits", version).findings]
        found += check_trust_change(None, registry, now="2026-03-02T12:30:00Z").findings
        for stage in ("staging", "production"):
            found += verify_stage(registry, "digits", stage).findings
        found += verify_dataset(registry, "digits", 1)[1]
    except DocumentError as error:  # the rules themselves
        found = list(error.findings)
    return {one.code for one in found}


def test_not_one_byte_of_it_is_another() -> None:
    assert {folder.name for folder in DATA.glob("registry-*")} == DIGESTS.keys()
    for name, digest in DIGESTS.items():
        assert hashlib.sha256((DATA / name / "history.fast-export").read_bytes()).hexdigest() == digest


def test_an_old_registry_verifies(old: Workbench) -> None:
    old.ok("verify")
    for reference in ("digits@1", "digits@2", "digits@4", "digits@staging", "digits@production"):
        old.ok("verify", reference)
    revoked = old.run("verify", "digits@3")
    assert (revoked.code, "leaked labels" in revoked.text) == (1, True)
    assert json.loads(old.ok("show", "digits@production", "--json"))["card"]["version"] == 2


def test_an_old_registry_holds_one_of_everything(old: Workbench) -> None:
    """Every kind of file that the format has, and a signer whose time is over, whose signatures stand."""
    registry = registry_at(old, "HEAD")
    kinds = {place.kind for place in registry.places.values()}
    assert kinds >= {
        *("policy", "trust", "model", "card", "signature", "provenance", "evaluation", "evaluation signature"),
        *("reproduction", "reproduction signature", "revocation", "stage", "verification summary", "approval"),
        *("dataset", "dataset signature", "trust signature", "trusted root"),
    }
    contractor = registry.trust.signer("contractor")
    assert contractor.expires
    assert verify_version(registry, "digits", 2).signed_by == "contractor"
    assert verify_version(registry, "digits", 4).signed_by == "ci"
    assert registry.trust.revocations
    assert set(verify_stage(registry, "digits", "production").signatures.values()) == {"paula", "promoter"}


def test_every_commit_of_an_old_registry_is_a_change_that_may_be_made(old: Workbench) -> None:
    commits = [line.split() for line in old.git("log", "--reverse", "--format=%H %ct").splitlines()]
    assert len(commits) > 10
    base = Registry({})
    for commit, _ in commits:
        head = registry_at(old, commit)
        verdict = check_change(base, head, now="2026-03-02T12:30:00Z")
        assert (verdict.passed, verdict.findings) == (True, ()), commit
        base = head
    repository = Repository.find(old.root)
    history = repository.history(commits[-1][0], ["registry"]).below("registry")
    versions = trust_history(repository, history, "registry")
    assert len(versions) == 3
    assert verify_trust_history(versions).findings == ()


def test_nothing_that_is_signed_in_an_old_registry_can_be_changed(old: Workbench) -> None:
    """Not one bit in the middle of any file, nor a byte at its end."""
    registry = registry_at(old, "HEAD")
    assert findings(registry) == set()
    for path, data in registry.files.items():
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        for changed in (flipped, data + b"#"):
            found = findings(Registry({**registry.files, path: changed}, keyless=check_keyless))
            assert found or path in UNSIGNED, path
