"""The Croissant metadata of a dataset version, read by the reference implementation of the format."""

import hashlib
import json
from pathlib import Path

import mlcroissant
import pytest

from modelbook.commands.data import croissant
from tests.commands.workbench import Workbench

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # mlcroissant's own


def described(bench: Workbench, reference: str, output: Path) -> mlcroissant.Dataset:
    """What the reference implementation makes of the document; it raises for one that is not valid."""
    bench.ok("data", "croissant", reference, "-o", str(output))
    return mlcroissant.Dataset(jsonld=output)


def test_the_reference_implementation_finds_nothing_to_say_and_every_file(bench: Workbench, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub dir").mkdir(parents=True)
    (folder / "path").write_text("a file may be called as a field is")
    (folder / "sub dir/ü (1).csv").write_text("x,y\n1,2\n")
    (folder / "same.csv").write_text("x,y\n1,2\n")
    told = {"license": "CC-BY-4.0", "citation": "Doe 2026", "creator": "Jo Doe", "source": "https://example.org/n"}
    options = [word for name, value in told.items() for word in (f"--{name}", value)]
    bench.ok("data", "add", "odd", str(folder), "--description", "Odd names", "--tag", "small", *options)
    dataset = described(bench, "odd@1", tmp_path / "out/croissant.json")
    assert (dataset.metadata.ctx.issues.errors, dataset.metadata.ctx.issues.warnings) == (set(), set())
    assert (dataset.metadata.version, dataset.metadata.url) == ("1.0.0", "https://example.org/n")
    manifest, *files = dataset.metadata.file_objects
    assert {file.name: file.encoding_formats for file in files} == {
        "path": ["application/octet-stream"],
        "same.csv": ["text/csv"],
        "sub dir/ü (1).csv": ["text/csv"],
    }
    for file in (manifest, *files):
        data = (tmp_path / "out" / str(file.content_url)).read_bytes()
        assert file.sha256 == hashlib.sha256(data).hexdigest()
        assert file.content_size == f"{len(data)} B"
    listed = {record["files/path"].decode(): record["files/size"] for record in dataset.records("files")}
    assert listed == {"path": 34, "same.csv": 8, "sub dir/ü (1).csv": 8}


def test_many_files_are_in_the_manifest_alone(bench: Workbench, tmp_path: Path) -> None:
    count = croissant.DESCRIBED + 1
    (tmp_path / "many").mkdir()
    for number in range(count):
        (tmp_path / f"many/{number:05d}").write_text("x")
    bench.ok("data", "add", "many", str(tmp_path / "many"))
    dataset = described(bench, "many", tmp_path / "croissant.json")
    assert [file.name for file in dataset.metadata.file_objects] == ["manifest.jsonl"]
    assert sum(1 for _ in dataset.records("files")) == count
    assert (tmp_path / "croissant.json").stat().st_size < 5000


def test_it_is_printed_where_no_file_is_named(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(bench.ok("data", "croissant", "numbers@1"))
    monkeypatch.chdir(bench.root)
    assert [Path(file["contentUrl"]).is_file() for file in document["distribution"]] == [True, True]


def test_a_version_that_does_not_verify_is_not_described(bench: Workbench, tmp_path: Path) -> None:
    card = "registry/datasets/numbers/versions/1/card.yaml"
    bench.commit({card: (bench.root / card).read_text().replace("tags: []", "tags: [fine]")})
    assert bench.run("data", "croissant", "numbers", "-o", str(tmp_path / "c.json")).code == 1
    assert not (tmp_path / "c.json").exists()
