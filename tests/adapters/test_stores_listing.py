"""The contract of every store, continued: what is listed, what is deleted, and which keys are refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelbook.core.digests import digest_of
from modelbook.errors import BadInput
from tests.parts.stores import BODY, KEY, BucketPlace, FolderPlace, Place, source


class TestListing:
    keys = ("a-b", "a.b/c", "a/.hidden", "a/b", "a/c/d", "a0", "ab", "runs/r1/run.json", "runs/r10/run.json")

    def test_objects_come_in_the_order_of_their_keys(self, place: Place) -> None:
        for key in reversed(self.keys):
            place.plant(key, key.encode())
        found = list(place.store.list())
        assert [each.key for each in found] == sorted(self.keys)
        assert all(each.size == len(each.key) and each.modified.tzinfo for each in found)

    def test_a_prefix_is_the_beginning_of_a_key(self, place: Place) -> None:
        for key in self.keys:
            place.plant(key, b"x")
        one_object = ("a/c", "runs/r1/run.json")
        for prefix in ("a", "a/", "runs/r1", "runs/r1/", "b", "../", "/a", "a//", "runs/../a", *one_object):
            found = [each.key for each in place.store.list(prefix)]
            assert found == [key for key in sorted(self.keys) if key.startswith(prefix)], prefix

    def test_an_empty_store_lists_nothing(self, place: Place) -> None:
        assert list(place.store.list()) == []
        assert list(place.store.list("runs/")) == []

    def test_what_belongs_to_others_is_never_seen(self, place: Place) -> None:
        place.plant("../team/models-of-others/a", b"x")
        place.plant("../b", b"x")
        place.plant("with space/c", b"x")
        place.plant("runs/r1/d#e", b"x")
        place.plant(KEY, b"x")
        assert [each.key for each in place.store.list()] == [KEY]

    def test_what_is_being_written_is_not_listed(self, place: Place, tmp_path: Path) -> None:
        seen: list[list[str]] = []
        path = source(tmp_path, BODY)
        place.store.put_file(KEY, path, progress=lambda _: seen.append([o.key for o in place.store.list()]))
        assert seen
        assert not any(seen)
        assert [each.key for each in place.store.list()] == [KEY]

    @pytest.mark.parametrize("place", ["folder", "rclone"], indirect=True)
    def test_more_objects_than_a_page_holds(self, place: Place) -> None:
        names = [f"log/{number:04d}" for number in range(1001)]
        assert isinstance(place, FolderPlace | BucketPlace)
        (place.folder / "log").mkdir(parents=True)
        for name in names:
            (place.folder / name).write_bytes(b"x")
        assert [each.key for each in place.store.list("log/")] == names
        place.store.put_bytes("log/kept", b"x")
        place.store.delete(iter(names))
        assert [each.key for each in place.store.list()] == ["log/kept"]


class TestDeleting:
    def test_deleted_objects_are_gone_and_others_stay(self, place: Place) -> None:
        for key in ("a/b", "a/c", "d"):
            place.store.put_bytes(key, b"x")
        place.store.delete(["a/b", "d", "never/was"])
        assert place.present() == {"a/c": b"x"}
        place.store.delete(["a/b", "d"])
        place.store.delete([])
        assert place.present() == {"a/c": b"x"}

    def test_a_deleted_key_may_be_written_anew(self, place: Place) -> None:
        place.store.put_bytes("a/b", b"old")
        place.store.delete(["a/b"])
        place.store.put_bytes("a/b", b"new")
        assert place.present() == {"a/b": b"new"}

    def test_a_fresh_unfinished_write_is_left_alone(self, place: Place, tmp_path: Path) -> None:
        counts = []
        before = datetime.now(UTC) - timedelta(days=365 * 50)
        path = source(tmp_path, BODY)
        place.store.put_file(KEY, path, progress=lambda _: counts.append(place.store.discard_unfinished(before)))
        assert counts
        assert not any(counts)
        assert place.present() == {KEY: BODY}


class TestKeys:
    def test_a_key_that_leads_elsewhere_is_bad_input(self, place: Place, tmp_path: Path) -> None:
        path = source(tmp_path, b"x")
        for key in ("../up", "a//b", "/a", "a/", "", "a b", "a#b", ".tmp~/x", "a/../b", "x" * 901):
            for use in (
                lambda key=key: place.store.put_file(key, path),
                lambda key=key: place.store.put_bytes(key, b"x"),
                lambda key=key: place.store.read_bytes(key, limit=1),
                lambda key=key: next(place.store.stream(key)),
                lambda key=key: place.store.fetch(key, tmp_path / "t", digest=digest_of(b"x"), size=1),
                lambda key=key: place.store.stat(key),
                lambda key=key: place.store.delete([key]),
            ):
                with pytest.raises(BadInput):
                    use()
        assert place.present() == {}
        assert not (tmp_path / "t").exists()
