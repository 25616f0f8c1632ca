"""One contract, every store: a folder, and a bucket on two S3 servers that differ in what they check."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from modelbook.core.digests import digest_of
from modelbook.errors import BadInput, Exit, IntegrityError, ObjectExists, ObjectMissing, StoreError
from tests.parts.stores import BODY, KEY, PART, BucketPlace, Place, source


def open_files() -> int:
    """How many descriptors this process holds."""
    return len(list(Path("/dev/fd").iterdir()))


class TestWriting:
    def test_what_is_written_is_there_with_its_digest_and_size(self, place: Place, tmp_path: Path) -> None:
        moved: list[int] = []
        stored = place.store.put_file(KEY, source(tmp_path, BODY), progress=moved.append)
        assert stored == (digest_of(BODY), len(BODY))
        assert place.present() == {KEY: BODY}
        assert sum(moved) == len(BODY)
        assert place.unfinished() == []

    def test_bytes_in_memory_are_written_like_a_file(self, place: Place) -> None:
        assert place.store.put_bytes("runs/r1/run.json", b"{}") == (digest_of(b"{}"), 2)
        assert place.present() == {"runs/r1/run.json": b"{}"}

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(size=st.integers(0, 3 * PART + 2), seed=st.binary(min_size=1, max_size=7))
    @example(size=0, seed=b"a")
    @example(size=PART - 1, seed=b"ab")
    @example(size=PART, seed=b"ab")
    @example(size=PART + 1, seed=b"ab")
    @example(size=2 * PART, seed=b"ab")
    def test_every_size_comes_back_as_it_went_in(self, place: Place, tmp_path: Path, size: int, seed: bytes) -> None:
        data = (seed * (size // len(seed) + 1))[:size]
        key = f"runs/size-{size}/artifacts/{seed.hex()}"
        stored = place.store.put_file(key, source(tmp_path, data))
        assert stored == (digest_of(data), size)
        place.store.fetch(key, tmp_path / "back", digest=stored.digest, size=size)
        assert (tmp_path / "back").read_bytes() == data

    def test_the_same_bytes_again_are_accepted(self, place: Place, tmp_path: Path) -> None:
        moved: list[int] = []
        first = place.store.put_file(KEY, source(tmp_path, BODY))
        assert place.store.put_file(KEY, source(tmp_path, BODY), progress=moved.append) == first
        assert place.store.put_bytes(KEY, BODY) == first
        assert sum(moved) == len(BODY)  # a progress bar reaches its end, whoever sent the bytes
        assert place.present() == {KEY: BODY}

    @pytest.mark.parametrize("other", [BODY[:-1] + b"!", BODY + b"!", b""], ids=["same size", "more", "none"])
    def test_other_bytes_under_a_key_are_refused(self, place: Place, tmp_path: Path, other: bytes) -> None:
        place.store.put_bytes(KEY, BODY)
        with pytest.raises(ObjectExists, match="holds other bytes already") as refused:
            place.store.put_file(KEY, source(tmp_path, other))
        assert refused.value.where == f"{place.store.uri}/{KEY}"
        assert refused.value.exit_code == Exit.NO
        with pytest.raises(ObjectExists):
            place.store.put_bytes(KEY, other)
        assert place.present() == {KEY: BODY}

    def test_bytes_whose_key_has_their_digest_are_written_once_too(self, place: Place) -> None:
        key = f"datasets/blobs/sha256/ab/{digest_of(BODY).removeprefix('sha256:')}"
        first = place.store.put_bytes(key, BODY, named=True)
        assert place.store.put_bytes(key, BODY, named=True) == first == (digest_of(BODY), len(BODY))
        assert place.present() == {key: BODY}

    def test_a_source_that_grows_while_it_is_read_stores_nothing(self, place: Place, tmp_path: Path) -> None:
        path = source(tmp_path, BODY)

        def grow(_: int) -> None:
            with path.open("ab") as file:
                file.write(b"more")

        with pytest.raises(StoreError, match="changed while it was read") as refused:
            place.store.put_file(KEY, path, progress=grow)
        assert refused.value.where == str(path)
        assert place.present() == {}
        assert place.unfinished() == []

    def test_a_source_that_is_not_the_one_that_was_promised_stores_nothing(self, place: Place, tmp_path: Path) -> None:
        promised = digest_of(BODY)
        with pytest.raises(StoreError, match="changed while it was read"):
            place.store.put_file(KEY, source(tmp_path, BODY[:-1] + b"!"), digest=promised)
        assert place.present() == {}
        assert place.unfinished() == []
        assert place.store.put_file(KEY, source(tmp_path, BODY), digest=promised).digest == promised

    def test_a_source_that_is_cut_while_it_is_read_stores_nothing(self, place: Place, tmp_path: Path) -> None:
        path = tmp_path / "source.bin"
        with path.open("wb") as file:
            file.truncate(20 * 1024 * 1024)  # more than is read before the first report of progress
        with pytest.raises(StoreError, match="changed while it was read"):
            place.store.put_file(KEY, path, progress=lambda _: os.truncate(path, 10))
        assert place.present() == {}
        assert place.unfinished() == []

    @pytest.mark.parametrize("size", [100, len(BODY)])
    def test_ctrl_c_leaves_nothing_behind(self, place: Place, tmp_path: Path, size: int) -> None:
        def interrupt(_: int) -> None:
            raise KeyboardInterrupt

        # A small object in S3 is one request: when its progress is reported, it is there whole.
        whole = {KEY: BODY[:size]} if isinstance(place, BucketPlace) and size <= PART else {}
        with pytest.raises(KeyboardInterrupt):
            place.store.put_file(KEY, source(tmp_path, BODY[:size]), progress=interrupt)
        assert place.present() == whole
        assert place.unfinished() == []
        assert place.store.put_file(KEY, source(tmp_path, BODY[:size])).size == size

    @pytest.mark.parametrize("what", ["missing", "folder", "pipe", "below a file"])
    def test_a_source_that_is_no_file_is_bad_input(self, place: Place, tmp_path: Path, what: str) -> None:
        path = tmp_path / what
        if what == "folder":
            path.mkdir()
        elif what == "pipe":
            os.mkfifo(path)
        elif what == "below a file":
            path = source(tmp_path, b"") / "x"
        with pytest.raises(BadInput) as refused:
            place.store.put_file(KEY, path)
        assert refused.value.where == str(path)
        assert place.present() == {}


class TestReading:
    def test_a_stream_has_all_bytes_and_may_be_left_early(self, place: Place) -> None:
        place.store.put_bytes(KEY, BODY)
        assert b"".join(place.store.stream(KEY)) == BODY
        before = open_files()
        with closing(place.store.stream(KEY)) as stream:
            next(stream)
        assert open_files() <= before

    def test_fetch_writes_what_was_promised(self, place: Place, tmp_path: Path) -> None:
        moved: list[int] = []
        place.plant(KEY, BODY)
        target = tmp_path / "new" / "folder" / "model.safetensors"
        place.store.fetch(KEY, target, digest=digest_of(BODY), size=len(BODY), progress=moved.append)
        assert target.read_bytes() == BODY
        assert sum(moved) == len(BODY)
        assert list(target.parent.iterdir()) == [target]

    def test_fetch_replaces_what_stood_there(self, place: Place, tmp_path: Path) -> None:
        place.plant(KEY, BODY)
        target = source(tmp_path, b"older")
        place.store.fetch(KEY, target, digest=digest_of(BODY), size=len(BODY))
        assert target.read_bytes() == BODY

    @pytest.mark.parametrize(
        ("there", "says"),
        [
            (BODY[:-1] + b"!", digest_of(BODY[:-1] + b"!")),  # the same size, other bytes
            (BODY[:-1], "2560 bytes were promised, 2559 are there"),
            (BODY + b"!", "2560 bytes were promised, 2561 are there"),
            (b"", "2560 bytes were promised, 0 are there"),
        ],
        ids=["other bytes", "shorter", "longer", "empty"],
    )
    def test_anything_else_is_refused_and_leaves_nothing(
        self, place: Place, tmp_path: Path, there: bytes, says: str
    ) -> None:
        place.plant(KEY, there)
        target = tmp_path / "pulled" / "weights" / "model.safetensors"
        with pytest.raises(IntegrityError, match=says) as refused:
            place.store.fetch(KEY, target, digest=digest_of(BODY), size=len(BODY))
        assert refused.value.where == f"{place.store.uri}/{KEY}"
        assert refused.value.exit_code == Exit.NO
        assert not (tmp_path / "pulled").exists()

    def test_a_refused_fetch_keeps_what_stood_there(self, place: Place, tmp_path: Path) -> None:
        place.plant(KEY, BODY[:-1])
        target = source(tmp_path, b"older")
        with pytest.raises(IntegrityError):
            place.store.fetch(KEY, target, digest=digest_of(BODY), size=len(BODY))
        assert target.read_bytes() == b"older"
        assert list(tmp_path.glob(".*")) == []

    def test_ctrl_c_during_a_fetch_leaves_nothing(self, place: Place, tmp_path: Path) -> None:
        def interrupt(_: int) -> None:
            raise KeyboardInterrupt

        place.plant(KEY, BODY)
        with pytest.raises(KeyboardInterrupt):
            place.store.fetch(KEY, tmp_path / "in" / "m", digest=digest_of(BODY), size=len(BODY), progress=interrupt)
        assert not (tmp_path / "in").exists()

    def test_what_is_not_there_is_said_to_be_missing(self, place: Place, tmp_path: Path) -> None:
        for _ in range(2):  # an empty store, and one with another object
            assert place.store.stat(KEY) is None
            with pytest.raises(ObjectMissing, match="no such object") as missing:
                place.store.read_bytes(KEY, limit=10)
            assert missing.value.where == f"{place.store.uri}/{KEY}"
            with pytest.raises(ObjectMissing):
                next(place.store.stream(KEY))
            with pytest.raises(ObjectMissing):
                place.store.fetch(KEY, tmp_path / "in" / "m", digest=digest_of(b""), size=0)
            assert not (tmp_path / "in").exists()
            place.plant(KEY + ".json", b"{}")

    def test_a_folder_is_no_object_and_below_an_object_is_nothing(self, place: Place) -> None:
        place.plant(KEY, BODY)
        for key in ("runs", "runs/r1/artifacts", KEY + "/below"):
            assert place.store.stat(key) is None
            with pytest.raises(ObjectMissing):
                place.store.read_bytes(key, limit=10)

    def test_read_bytes_stops_at_its_limit(self, place: Place) -> None:
        place.plant(KEY, BODY)
        assert place.store.read_bytes(KEY, limit=len(BODY)) == BODY
        with pytest.raises(IntegrityError, match="larger than the 2559 bytes"):
            place.store.read_bytes(KEY, limit=len(BODY) - 1)

    def test_stat_says_size_and_time(self, place: Place) -> None:
        before = datetime.now(UTC) - timedelta(seconds=2)
        place.store.put_bytes(KEY, BODY)
        info = place.store.stat(KEY)
        assert info is not None
        assert (info.key, info.size) == (KEY, len(BODY))
        assert before <= info.modified <= datetime.now(UTC) + timedelta(seconds=2)


class TestAtOnce:
    def test_many_threads_share_one_store(self, place: Place, tmp_path: Path) -> None:
        bodies = {f"runs/r{number}/artifacts/w": bytes([number]) * (PART * 2 + number) for number in range(8)}

        def there_and_back(key: str) -> bytes:
            path = tmp_path / key.replace("/", "_")
            path.write_bytes(bodies[key])
            stored = place.store.put_file(key, path)
            place.store.fetch(key, path.with_suffix(".back"), digest=stored.digest, size=stored.size)
            return path.with_suffix(".back").read_bytes()

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(there_and_back, bodies)) == list(bodies.values())
        assert place.present() == bodies
