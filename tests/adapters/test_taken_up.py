"""Transfers in parts and ranges: what was there already is not moved again, and is never simply believed."""

from pathlib import Path

import pytest

from modelbook.adapters.ranges import RANGE
from modelbook.core.digests import digest_of, hex_of
from modelbook.errors import IntegrityError
from tests.parts.fault_proxy import CutBody, FlipByte, Refuse
from tests.parts.stores import BODY, KEY, PART, BucketPlace, Faulty, source

LARGE = bytes(range(251)) * (3 * RANGE // 251)  # a little less than three ranges
servers = pytest.mark.parametrize("faulty", ["moto"], indirect=True)


def begun(place: BucketPlace, parts: dict[int, bytes]) -> str:
    """An upload to KEY that somebody began and did not complete."""
    where = {"Bucket": place.bucket, "Key": f"{place.prefix}/{KEY}"}
    upload: str = place.client.create_multipart_upload(**where, ChecksumAlgorithm="CRC32")["UploadId"]
    for number, data in parts.items():
        place.client.upload_part(**where, UploadId=upload, PartNumber=number, Body=data, ChecksumAlgorithm="CRC32")
    return upload


@servers
def test_parts_that_s3_has_are_not_sent_again(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    begun(place, {1: BODY[:PART], 3: BODY[2 * PART :]})
    moved: list[int] = []
    stored = place.store.put_file(KEY, source(tmp_path, BODY), progress=moved.append)
    assert stored.digest == digest_of(BODY)
    assert sum(moved) == len(BODY)
    assert [one.path.partition("partNumber=")[2][0] for one in proxy.requests("PUT", "partNumber=")] == ["2"]
    assert place.present() == {KEY: BODY}
    assert place.unfinished() == []


@servers
def test_parts_with_other_bytes_are_left_to_whoever_sent_them(faulty: Faulty, tmp_path: Path) -> None:
    place, _ = faulty
    begun(place, {1: BODY[:PART], 2: bytes(PART)})
    moved: list[int] = []
    place.store.put_file(KEY, source(tmp_path, BODY), progress=moved.append)
    assert sum(moved) == len(BODY)
    assert place.present() == {KEY: BODY}
    assert len(place.unfinished()) == 1


@servers
def test_without_the_right_to_list_uploads_all_is_sent(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    begun(place, {1: BODY[:PART]})
    proxy.inject(Refuse(403, "AccessDenied"), method="GET", path="uploads")
    place.store.put_file(KEY, source(tmp_path, BODY))
    assert place.present() == {KEY: BODY}


@servers
def test_ranges_are_pinned_to_one_object(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    place.plant(KEY, LARGE)
    proxy.inject(CutBody(after=1000), method="GET", path=KEY, skip=1)
    proxy.inject(Refuse(503, "SlowDown"), method="GET", path=KEY)
    place.store.fetch(KEY, tmp_path / "m", digest=digest_of(LARGE), size=len(LARGE))
    assert (tmp_path / "m").read_bytes() == LARGE
    asked = [one.headers for one in proxy.requests("GET", KEY)]
    assert all("Range" in one and "If-Match" in one for one in asked)


@servers
def test_damage_in_any_range_is_noticed(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    place.plant(KEY, LARGE)
    proxy.inject(FlipByte(at=5), method="GET", path=KEY, skip=2)
    with pytest.raises(IntegrityError, match="was promised"):
        place.store.fetch(KEY, tmp_path / "in" / "m", digest=digest_of(LARGE), size=len(LARGE))
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize("spoilt", [False, True], ids=["good", "spoilt"])
@pytest.mark.parametrize("have", [1, RANGE + 7, len(LARGE), len(LARGE) + 1])
@servers
def test_what_a_killed_pull_had_is_taken_up_and_proven(faulty: Faulty, tmp_path: Path, have: int, spoilt: bool) -> None:
    place, proxy = faulty
    place.plant(KEY, LARGE)
    left = bytearray((LARGE + b"!")[:have])
    left[0] ^= spoilt
    part = tmp_path / f".modelbook-{hex_of(digest_of(LARGE))[:32]}.part"
    part.write_bytes(left)
    moved: list[int] = []
    place.store.fetch(KEY, tmp_path / "m", digest=digest_of(LARGE), size=len(LARGE), progress=moved.append)
    assert (tmp_path / "m").read_bytes() == LARGE
    assert sum(moved) == len(LARGE)
    assert list(tmp_path.iterdir()) == [tmp_path / "m"]
    if not spoilt and RANGE <= have <= len(LARGE):
        assert all(not one.headers["Range"].startswith("bytes=0-") for one in proxy.requests("GET", KEY))
