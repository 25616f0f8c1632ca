"""Dataset versions on the command line: added, shown, compared, pulled."""

import json
import os
from pathlib import Path

import pytest

from tests.commands.workbench import Workbench


def folder_of(tmp_path: Path, files: dict[str, str], name: str = "folder") -> Path:
    """A folder with these files."""
    for path, text in files.items():
        target = tmp_path / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return tmp_path / name


def blobs(bench: Workbench) -> dict[Path, int]:
    """The dataset files in the store, and when each was written."""
    found = (bench.root / ".modelbook/store/datasets/blobs").rglob("*")
    return {path: path.stat().st_mtime_ns for path in found if path.is_file()}


def test_a_version_is_shown_with_its_signer_its_files_and_who_used_it(bench: Workbench) -> None:
    version = bench.version(0.8)
    shown = json.loads(bench.ok("data", "show", "numbers", "--json"))
    assert (shown["dataset"], shown["signed_by"]) == ("numbers@1", "owner")
    assert shown["digest"].startswith("sha256:")
    assert [file["path"] for file in shown["files"]] == ["numbers.csv"]
    assert shown["used_by"] == [
        {"version": version, "as": "train"},
        {"version": version, "as": "evaluation default"},
    ]
    assert json.loads(bench.ok("show", "numbers@1", "--json"))["used_by"] == shown["used_by"]
    assert "8  numbers.csv" in bench.ok("data", "show", "numbers@1")
    assert [row["dataset"] for row in json.loads(bench.ok("data", "list", "numbers", "--json"))] == ["numbers@1"]
    assert bench.run("data", "show", "numbers@7").code == 2


def test_a_version_that_does_not_verify_is_shown_as_such(bench: Workbench) -> None:
    card = "registry/datasets/numbers/versions/1/card.yaml"
    bench.commit({card: (bench.root / card).read_text().replace("tags: []", "tags: [fine]")})
    done = bench.run("data", "show", "numbers", "--json")
    assert done.code == 1
    shown = json.loads(done.out)
    assert shown["signed_by"] is None
    assert "card.yaml" in "".join(shown["problems"]) or "dataset.sig" in "".join(shown["problems"])


def test_only_ten_files_are_listed_unless_all_are_asked_for(bench: Workbench, tmp_path: Path) -> None:
    bench.ok("data", "add", "many", str(folder_of(tmp_path, {f"{n:02d}.txt": str(n) for n in range(12)})))
    few = bench.ok("data", "show", "many")
    assert "09.txt" in few
    assert "10.txt" not in few
    assert "and 2 more" in few
    assert "11.txt" in bench.ok("data", "show", "many", "--files")


def test_what_a_card_says_of_the_data_is_kept(bench: Workbench, tmp_path: Path) -> None:
    told = {"license": "CC-BY-4.0", "citation": "Doe 2026", "creator": "Jo Doe", "source": "https://example.org/n"}
    options = [word for name, value in told.items() for word in (f"--{name}", value)]
    bench.ok("data", "add", "told", str(folder_of(tmp_path, {"a": "1"})), *options)
    card = json.loads(bench.ok("data", "show", "told", "--json"))["card"]
    assert {name: card[name] for name in told} == told


def test_unchanged_files_are_not_uploaded_again(bench: Workbench, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"a": "1", "b/c": "2", "b/empty": "", "b/empty too": ""})
    bench.ok("data", "add", "d", str(folder))
    before = blobs(bench)
    assert "nothing to do" in bench.ok("data", "add", "d", str(folder))
    (folder / "new").write_text("3")
    bench.ok("data", "add", "d", str(folder))
    after = blobs(bench)
    assert len(after) == len(before) + 2  # the new file, and the new manifest
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize("name", ["line\nbreak", "back\\slash", b"latin-\xe9"], ids=["line", "backslash", "latin-1"])
def test_a_name_that_no_manifest_can_hold_is_told_before_anything_is_stored(
    bench: Workbench, tmp_path: Path, name: str | bytes
) -> None:
    folder = folder_of(tmp_path, {"a": "1"})
    before = blobs(bench)
    Path(os.fsdecode(os.path.join(os.fsencode(folder), os.fsencode(name)))).write_text("x")  # noqa: PTH118 - bytes
    done = bench.run("data", "add", "odd", str(folder))
    assert done.code == 2
    assert "name" in done.err
    assert "Rename it" in done.err
    assert blobs(bench) == before


@pytest.mark.parametrize("what", ["nothing", "pipe", "link to a folder", "no such path"])
def test_what_is_no_folder_of_regular_files_is_refused(bench: Workbench, tmp_path: Path, what: str) -> None:
    folder = tmp_path / "odd"
    if what != "no such path":
        folder.mkdir()
    if what == "pipe":
        os.mkfifo(folder / "pipe")
    if what == "link to a folder":
        (folder / "link").symlink_to(tmp_path)
    done = bench.run("data", "add", "odd", str(folder))
    assert done.code == 2
    assert str(folder) in done.err


def test_a_pull_moves_nothing_that_is_there(bench: Workbench, tmp_path: Path) -> None:
    bench.ok("data", "add", "d", str(folder_of(tmp_path, {"a": "1", "b/c": "22", "b/d": "333"})))
    target = tmp_path / "pulled"
    first = json.loads(bench.ok("data", "pull", "d", str(target), "--json"))
    assert (first["files"], first["fetched"], first["bytes"]) == (3, 3, 6)
    for blob in blobs(bench):
        if blob.stat().st_size < 10:
            blob.unlink()  # nothing can be fetched now
    again = json.loads(bench.ok("data", "pull", "d", str(target), "--json"))
    assert (again["fetched"], again["bytes"]) == (0, 0)


def test_a_pull_fetches_what_is_missing_and_touches_nothing_of_somebody_else(bench: Workbench, tmp_path: Path) -> None:
    bench.ok("data", "add", "d", str(folder_of(tmp_path, {"a": "1", "b/c": "22"})))
    target = tmp_path / "pulled"
    bench.ok("data", "pull", "d", str(target))
    (target / "b/c").unlink()
    assert json.loads(bench.ok("data", "pull", "d", str(target), "--json"))["fetched"] == 1
    (target / "a").write_text("2")
    (target / "b/c").unlink()
    (target / "mine").write_text("x")
    done = bench.run("data", "pull", "d", str(target))
    assert done.code == 2
    assert "a (has other bytes), mine (is not in it)" in done.err
    assert sorted(path.name for path in target.iterdir()) == ["a", "b", "mine"]
    assert not (target / "b/c").exists()


def test_a_pull_that_was_cut_short_goes_on(bench: Workbench, tmp_path: Path) -> None:
    bench.ok("data", "add", "d", str(folder_of(tmp_path, {f"{n}": str(n) * 5 for n in range(6)})))
    lost = next(blob for blob in blobs(bench) if blob.read_text() == "33333")
    data = lost.read_bytes()
    lost.unlink()
    target = tmp_path / "pulled"
    assert bench.run("data", "pull", "d", str(target)).code == 3
    assert not target.exists()
    unfinished = tmp_path / ".pulled.unfinished"
    arrived = len(list(unfinished.iterdir()))
    (unfinished / "of a killed writer.part").write_text("x")
    if arrived:
        next(unfinished.glob("[0-9]")).write_text("other")
    lost.write_bytes(data)
    pulled = json.loads(bench.ok("data", "pull", "d", str(target), "--json"))
    assert pulled["fetched"] == 6 - max(arrived - 1, 0)
    assert {path.name: path.read_text() for path in target.iterdir()} == {f"{n}": str(n) * 5 for n in range(6)}
    assert not unfinished.exists()
