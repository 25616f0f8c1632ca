"""`verify --all`: many versions, in one process or in several, with the very same findings."""

import json
from pathlib import Path

import pytest

from bench.many_versions import generate
from modelbook.adapters.workers import WORTH
from tests.commands.workbench import Workbench, clean_environment

VERSIONS = "registry/models/model-{:04d}/versions/{}"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """A registry of so many versions that several processes are worth it, some of them damaged."""
    folder = tmp_path_factory.mktemp("many")
    bench = Workbench(folder / "repo", clean_environment(folder))
    generate(bench.root, 2 * WORTH)
    assert json.loads(bench.ok("verify", "--all", "--json"))["facts"]["versions"] == str(2 * WORTH)
    for number, version, name in [(0, 1, "card.yaml"), (3, 7, "model.sig"), (7, 50, "evaluations/default.yaml")]:
        file = bench.root / VERSIONS.format(number, version) / name
        data = file.read_bytes()
        file.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    (bench.root / VERSIONS.format(5, 5) / "provenance.sigstore.json").unlink()
    (bench.root / "registry/models/model-0000/notes.txt").write_text("no place for this")
    bench.git("commit", "--quiet", "-a", "-m", "Damage")
    bench.commit({}, "More")
    return bench


def test_serial_and_parallel_find_the_same_in_the_same_order(many: Workbench) -> None:
    reports = []
    for more in (["--jobs", "1"], ["--jobs", "2", "--all"]):
        done = many.run("verify", *more, "--json")
        assert done.code == 1
        reports.append(json.loads(done.out))
    assert reports.count(reports[0]) == len(reports)
    paths = {Path(finding["path"]).name for finding in reports[0]["findings"]}
    assert {"card.yaml", "model.sig", "default.yaml", "provenance.sigstore.json", "notes.txt"} <= paths


def test_everything_is_not_one_thing_more(many: Workbench) -> None:
    refused = many.run("verify", "--all", "model-0000@1")
    assert refused.code == 2
    assert "one of REF, --all and --change" in refused.err
