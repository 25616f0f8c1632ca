"""Datasets from DVC's pointer files: a repository as DVC leaves it, without DVC itself."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.commands.workbench import Workbench

FILES = {"a.txt": b"1\n", "sub/b.txt": b"x\r\ny\r\n", "empty": b""}


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def tracked(bench: Workbench, *, old: bool = False, cache: str = ".dvc/cache") -> Path:
    """The pointer of a folder of FILES that `dvc add` put into the cache; `old` as DVC before 3.0 did it."""
    top = bench.root / "data"
    names = {path: md5(data.replace(b"\r\n", b"\n") if old else data) for path, data in FILES.items()}
    listing = json.dumps([{"md5": names[path], "relpath": path} for path in sorted(names)]).encode()
    objects = {names[path]: data for path, data in FILES.items()} | {md5(listing) + ".dir": listing}
    for name, data in objects.items():
        target = top / cache / ("" if old else "files/md5") / name[:2] / name[2:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (top / ".dvc").mkdir(exist_ok=True)
    (top / ".dvc/config").write_text(f"[core]\n    analytics = false\n[cache]\n    dir = {top / cache}\n")
    hashed = "" if old else "  hash: md5\n"
    pointer = top / "images.dvc"
    pointer.write_text(f"outs:\n- md5: {md5(listing)}.dir\n  size: 8\n  nfiles: 3\n{hashed}  path: images\n")
    return pointer


def checked_out(pointer: Path) -> Path:
    """The folder of FILES beside its pointer."""
    for path, data in FILES.items():
        target = pointer.parent / "images" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return pointer.parent / "images"


def without_cache(pointer: Path) -> Path:
    (pointer.parent / ".dvc/cache").rename(pointer.parent / "away")
    return pointer


@pytest.mark.parametrize("old", [False, True], ids=["now", "before 3.0"])
@pytest.mark.parametrize("where", ["cache", "workspace", "shared cache"])
def test_what_the_pointer_names_is_added_and_named_in_the_card(
    bench: Workbench, tmp_path: Path, old: bool, where: str
) -> None:
    pointer = tracked(bench, old=old, cache="../shared" if where == "shared cache" else ".dvc/cache")
    if where == "workspace":
        checked_out(without_cache(pointer))
    bench.ok("data", "add", "images", str(pointer))
    card = json.loads(bench.ok("data", "show", "images", "--json"))["card"]
    assert card["dvc"]["pointer"] == "data/images.dvc"
    assert card["dvc"]["path"] == "images"
    assert card["dvc"]["md5"] in pointer.read_text()
    bench.ok("data", "pull", "images", str(tmp_path / "pulled"))
    found = {path.relative_to(tmp_path / "pulled").as_posix(): path for path in (tmp_path / "pulled").rglob("*")}
    assert {name: path.read_bytes() for name, path in found.items() if path.is_file()} == FILES


def test_the_pointer_counts_and_not_what_became_of_the_folder(bench: Workbench) -> None:
    pointer = tracked(bench)
    (checked_out(pointer) / "a.txt").write_text("changed since")
    bench.ok("data", "add", "images", str(pointer))
    assert json.loads(bench.ok("data", "show", "images", "--json"))["card"]["size"] == 8


def test_data_of_another_machine_are_to_be_pulled_first(bench: Workbench) -> None:
    pointer = without_cache(tracked(bench))
    done = bench.run("data", "add", "images", str(pointer))
    assert done.code == 2
    assert "not on this machine" in done.err
    assert f"dvc pull {pointer}" in done.err
    (pointer.parent / "away").rename(pointer.parent / ".dvc/cache")
    next((pointer.parent / ".dvc/cache").glob("files/md5/b0/*")).unlink()
    done = bench.run("data", "add", "images", str(pointer))
    assert done.code == 2
    assert "a.txt is not on this machine" in done.err
    assert "images" not in bench.ok("data", "list")


@pytest.mark.parametrize("what", ["a file", "the listing", "the folder"])
def test_other_data_than_those_that_were_tracked_are_refused(bench: Workbench, what: str) -> None:
    pointer = tracked(bench)
    if what == "the folder":
        (checked_out(without_cache(pointer)) / "a.txt").write_text("2\n")
    else:
        place = next((pointer.parent / ".dvc/cache").glob("files/md5/b0/*" if what == "a file" else "**/*.dir"))
        place.write_bytes(b"2\n" if what == "a file" else place.read_bytes().replace(b"a.txt", b"b.txt"))
    done = bench.run("data", "add", "images", str(pointer))
    assert done.code == 2
    assert "is not" in done.err
    assert "images" not in bench.ok("data", "list")


def test_one_file(bench: Workbench) -> None:
    pointer = tracked(bench).with_name("numbers.csv.dvc")
    (pointer.parent / "numbers.csv").write_text("x,y\n")
    pointer.write_text(f"outs:\n- md5: {md5(b'x,y' + bytes([10]))}\n  size: 4\n  hash: md5\n  path: numbers.csv\n")
    bench.ok("data", "add", "one", str(pointer))
    assert [file["path"] for file in json.loads(bench.ok("data", "show", "one", "--json"))["files"]] == ["numbers.csv"]
    (pointer.parent / "numbers.csv").write_text("x,z\n")
    assert "its md5 is" in bench.run("data", "add", "one", str(pointer)).err


def test_a_pointer_leads_nowhere_outside_its_repository(bench: Workbench, tmp_path: Path) -> None:
    pointer = tracked(bench)
    (tmp_path / "copy/secret").write_text("x")
    pointer.write_text(f"outs:\n- md5: {md5(b'x')}\n  hash: md5\n  path: ../../secret\n")
    done = bench.run("data", "add", "images", str(pointer))
    assert done.code == 2
    assert "outside its repository" in done.err
