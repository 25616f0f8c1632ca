"""What networks and S3 servers do wrong, done to a store by a proxy before a real server."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelbook.adapters import s3_reading
from modelbook.adapters.ranges import After
from modelbook.adapters.s3_upload import Uploader
from modelbook.adapters.source_file import SourceBytes
from modelbook.core.digests import digest_of
from modelbook.errors import Exit, IntegrityError, ObjectExists, StoreError
from tests.parts.fault_proxy import (
    CutBody,
    CutUpload,
    DropAnswer,
    DropUpload,
    FlipByte,
    Hold,
    IgnoreRange,
    LoseAnswer,
    Refuse,
)
from tests.parts.stores import BODY, KEY, PART, BucketPlace, Faulty, source

LARGE = bytes(range(251)) * 10_444  # 2.5 MiB: three reads
WAIT = 20


only_moto = pytest.mark.parametrize("faulty", ["moto"], indirect=True)
only_rclone = pytest.mark.parametrize("faulty", ["rclone"], indirect=True)


class TestReading:
    def fetch(self, place: BucketPlace, target: Path, data: bytes = LARGE) -> None:
        place.store.fetch(KEY, target, digest=digest_of(data), size=len(data))

    def test_a_broken_connection_is_resumed_where_it_stopped(self, faulty: Faulty, tmp_path: Path) -> None:
        place, proxy = faulty
        place.plant(KEY, LARGE)
        proxy.inject(DropAnswer(after=1_500_000), method="GET", path=KEY)
        proxy.inject(DropAnswer(after=10), method="GET", path=KEY)
        moved: list[int] = []
        place.store.fetch(KEY, tmp_path / "m", digest=digest_of(LARGE), size=len(LARGE), progress=moved.append)
        assert (tmp_path / "m").read_bytes() == LARGE
        assert sum(moved) == len(LARGE)
        ranges = [each.headers.get("Range") for each in proxy.requests("GET", KEY)]
        assert ranges == [None, "bytes=1500000-2621443", "bytes=1500010-2621443"]

    def test_a_break_before_the_first_byte_is_resumed_too(self, faulty: Faulty) -> None:
        place, proxy = faulty
        place.plant(KEY, BODY)
        proxy.inject(DropAnswer(after=0), method="GET", path=KEY)
        assert b"".join(place.store.stream(KEY)) == BODY

    def test_a_connection_that_always_breaks_is_given_up(self, faulty: Faulty, tmp_path: Path) -> None:
        place, proxy = faulty
        place.plant(KEY, LARGE)
        proxy.inject(DropAnswer(after=100), method="GET", path=KEY, times=1000)
        with pytest.raises(StoreError, match=r"broke 5 times, the last time at byte 500 of 2621444") as given_up:
            self.fetch(place, tmp_path / "in" / "m")
        assert given_up.value.exit_code == Exit.UNEXPECTED
        assert given_up.value.where == f"{place.store.uri}/{KEY}"
        assert len(proxy.requests("GET", KEY)) == s3_reading.ATTEMPTS
        assert not (tmp_path / "in").exists()

    @pytest.mark.parametrize(
        ("fault", "says"),
        [(FlipByte(at=2_000_000), "sha256:"), (CutBody(after=2_000_000), "2000000 are there")],
        ids=["flipped", "cut"],
    )
    def test_damage_on_the_way_is_noticed(
        self, faulty: Faulty, tmp_path: Path, fault: FlipByte | CutBody, says: str
    ) -> None:
        place, proxy = faulty
        place.plant(KEY, LARGE)
        proxy.inject(fault, method="GET", path=KEY)
        with pytest.raises(IntegrityError, match=says):
            self.fetch(place, tmp_path / "in" / "m")
        assert not (tmp_path / "in").exists()

    def test_damage_in_a_resumed_part_is_noticed(self, faulty: Faulty, tmp_path: Path) -> None:
        place, proxy = faulty
        place.plant(KEY, LARGE)
        proxy.inject(DropAnswer(after=1_500_000), method="GET", path=KEY)
        proxy.inject(FlipByte(at=5), method="GET", path=KEY)
        with pytest.raises(IntegrityError):
            self.fetch(place, tmp_path / "m")
        assert not (tmp_path / "m").exists()

    def test_an_object_that_is_replaced_while_it_is_read_is_noticed(self, faulty: Faulty) -> None:
        place, proxy = faulty
        place.plant(KEY, LARGE)
        hold = Hold()
        proxy.inject(DropAnswer(after=1_500_000), method="GET", path=KEY)
        proxy.inject(hold, method="GET", path=KEY)
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(lambda: b"".join(place.store.stream(KEY)))
            assert hold.reached.wait(WAIT)
            place.plant(KEY, LARGE[::-1])
            hold.release.set()
            with pytest.raises(IntegrityError, match="became another"):
                reading.result(WAIT)

    @only_moto  # rclone refuses the request, whose signature covers the range
    def test_a_server_that_cannot_resume_is_not_believed(self, faulty: Faulty) -> None:
        place, proxy = faulty
        place.plant(KEY, LARGE)
        proxy.inject(DropAnswer(after=1_500_000), method="GET", path=KEY)
        proxy.inject(IgnoreRange(), method="GET", path=KEY)
        with pytest.raises(StoreError, match="ignores Range"):
            b"".join(place.store.stream(KEY))

    @only_rclone
    def test_a_stream_that_is_left_early_hangs_up(self, faulty: Faulty) -> None:
        place, proxy = faulty
        place.plant(KEY, bytes(64 * 1024 * 1024))  # more than the buffers of a connection hold
        with closing(place.store.stream(KEY)) as stream:
            next(stream)
        assert proxy.abandoned.wait(WAIT)


class TestWriting:
    def test_every_write_is_conditional_and_has_a_checksum(self, faulty: Faulty, tmp_path: Path) -> None:
        place, proxy = faulty
        place.store.put_bytes("small", b"x")
        place.store.put_file(KEY, source(tmp_path, BODY))
        (small,) = proxy.requests("PUT", "/small")
        assert small.headers["If-None-Match"] == "*"
        assert "x-amz-checksum-sha256" in small.headers
        parts = proxy.requests("PUT", KEY)
        assert len(parts) == 3
        assert all("x-amz-checksum-crc32" in part.headers for part in parts)
        (complete,) = proxy.requests("POST", f"{KEY}?uploadId")
        assert complete.headers["If-None-Match"] == "*"

    def test_the_same_bytes_again_are_not_sent(self, faulty: Faulty, tmp_path: Path) -> None:
        place, proxy = faulty
        place.plant(KEY, BODY)
        place.store.put_file(KEY, source(tmp_path, BODY))
        assert proxy.requests("PUT") == proxy.requests("POST") == []

    def test_a_busy_server_is_asked_again(self, faulty: Faulty, tmp_path: Path) -> None:
        place, proxy = faulty
        proxy.inject(Refuse(503, "SlowDown"), method="PUT", path="partNumber=2")
        proxy.inject(DropUpload(after=10), method="PUT", path="partNumber=3")
        place.store.put_file(KEY, source(tmp_path, BODY))
        assert place.present() == {KEY: BODY}

    @pytest.mark.parametrize("path", ["partNumber=1", "partNumber=3", f"{KEY}?uploadId"])
    def test_an_upload_that_fails_is_aborted(self, faulty: Faulty, tmp_path: Path, path: str) -> None:
        place, proxy = faulty
        proxy.inject(Refuse(403, "AccessDenied"), path=path)
        with pytest.raises(StoreError, match="AccessDenied") as failed:
            place.store.put_file(KEY, source(tmp_path, BODY))
        assert "s3:PutObject" in (failed.value.remedy or "")
        assert place.present() == {}
        assert place.unfinished() == []
        assert place.store.put_file(KEY, source(tmp_path, BODY)).size == len(BODY)

    @only_moto
    def test_a_store_is_as_good_as_new_after_many_failures(self, faulty: Faulty, tmp_path: Path) -> None:
        place, proxy = faulty
        path = source(tmp_path, BODY)

        def grow(_: int) -> None:
            with path.open("ab") as file:
                file.write(b"more")

        class Broken(SourceBytes):
            def chunks(self, length: int, after: After | None = None) -> Generator[memoryview]:
                yield next(super().chunks(length, after))
                raise OSError("disk fault")

        uploader = Uploader(place.bucket, PART)
        for _ in range(20):  # each would keep a buffer, and there are twelve
            proxy.inject(Refuse(403, "AccessDenied"), path="partNumber=1")
            with pytest.raises(StoreError, match="AccessDenied"):
                place.store.put_file(KEY, path)
            with pytest.raises(StoreError, match="changed while"):
                place.store.put_file(KEY, path, progress=grow)
            with pytest.raises(OSError, match="disk fault"):
                uploader.send(place.new_client(), KEY, Broken(BODY), None)
            path.write_bytes(BODY)
        assert uploader.send(place.new_client(), "other", SourceBytes(BODY), None).stored.size == len(BODY)
        place.store.put_file(KEY, path)
        assert place.present() == {KEY: BODY}

    def test_a_failed_abort_does_not_hide_why_it_was_aborted(self, faulty: Faulty, tmp_path: Path) -> None:
        place, proxy = faulty
        proxy.inject(Refuse(403, "AccessDenied"), path="partNumber=1")
        proxy.inject(Refuse(403, "AccessDenied"), method="DELETE")
        with pytest.raises(StoreError, match="UploadPart"):
            place.store.put_file(KEY, source(tmp_path, BODY))
        assert len(place.unfinished()) == 1

    @pytest.mark.parametrize("size", [100, len(BODY)])
    def test_a_write_whose_answer_was_lost_has_been_done(self, faulty: Faulty, tmp_path: Path, size: int) -> None:
        place, proxy = faulty
        data = BODY[:size]
        if size > PART:
            proxy.inject(LoseAnswer(), method="POST", path="uploadId=")
        else:
            proxy.inject(LoseAnswer(), method="PUT")
        assert place.store.put_file(KEY, source(tmp_path, data)) == (digest_of(data), size)
        assert place.present() == {KEY: data}
        assert place.unfinished() == []

    def test_a_body_that_was_cut_on_its_way_is_noticed(self, faulty: Faulty) -> None:
        place, proxy = faulty
        proxy.inject(CutUpload(after=50), method="PUT")
        with pytest.raises(IntegrityError, match="accepted 100 bytes, and 50 bytes can be read"):
            place.store.put_bytes(KEY, BODY[:100])

    @only_moto  # rclone ignores the condition
    @pytest.mark.parametrize("size", [100, len(BODY)])
    @pytest.mark.parametrize("same", [True, False], ids=["same", "other"])
    def test_whoever_comes_second_does_not_overwrite(
        self, faulty: Faulty, tmp_path: Path, size: int, same: bool
    ) -> None:
        place, proxy = faulty
        mine, other = BODY[:size], BODY[:size] if same else BODY[:size][::-1]
        hold = Hold()
        # Both writers have looked and seen nothing; the first is held before the request that makes it visible.
        proxy.inject(hold, method="POST" if size > PART else "PUT", path="uploadId=" if size > PART else KEY)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(place.store.put_file, KEY, source(tmp_path, mine))
            assert hold.reached.wait(WAIT)
            place.new_store().put_bytes(KEY, other)
            hold.release.set()
            if same:
                assert first.result(WAIT) == (digest_of(mine), size)
            else:
                with pytest.raises(ObjectExists, match="holds other bytes"):
                    first.result(WAIT)
        assert place.present() == {KEY: other}
        assert place.unfinished() == []

    def test_a_writer_at_the_same_moment_is_named(self, faulty: Faulty) -> None:
        place, proxy = faulty
        proxy.inject(Refuse(409, "ConditionalRequestConflict"), method="PUT")
        with pytest.raises(StoreError, match="another writer is writing this key"):
            place.store.put_bytes(KEY, b"x")

    def test_what_a_killed_writer_left_is_discarded(self, faulty: Faulty) -> None:
        place, _ = faulty
        begun = {
            name: place.client.create_multipart_upload(Bucket=place.bucket, Key=name)
            for name in (f"{place.prefix}/{KEY}", "of/others")
        }
        assert len(begun) == len(place.unfinished()) == 2
        assert place.store.discard_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 1
        assert place.unfinished() == ["of/others"]
