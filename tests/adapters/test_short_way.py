"""The short way of bytes: when it is taken, and that whatever goes wrong on it ends as it would by boto3."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelbook.adapters import s3_client
from modelbook.adapters.s3_store import S3Store
from modelbook.core.digests import digest_of
from modelbook.errors import ObjectExists, StoreError
from tests.parts.fault_proxy import DropUpload, Fault, FaultProxy, LoseAnswer, Refuse, Say, Seen
from tests.parts.s3 import MotoS3, RcloneS3
from tests.parts.stores import BODY, KEY, PART, BucketPlace, Faulty, source
from tests.parts.web_host import new_certificate

ALWAYS = 1000
only_moto = pytest.mark.parametrize("faulty", ["moto"], indirect=True)


def by_boto3(request: Seen) -> bool:
    """boto3 says who it is; the short way does not."""
    return "Boto3" in request.headers.get("User-Agent", "")


def parts(proxy: FaultProxy) -> list[Seen]:
    """The requests that sent a part."""
    return proxy.requests("PUT", "partNumber=")


def fetch(place: BucketPlace, folder: Path, data: bytes = BODY) -> bytes:
    """What a pull brings."""
    place.store.fetch(KEY, folder / "m", digest=digest_of(data), size=len(data))
    return (folder / "m").read_bytes()


def test_only_the_first_request_for_an_object_of_a_bucket_is_boto3_s(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    place.store.put_file(KEY, source(tmp_path, BODY))
    place.store.put_bytes("small", b"x", named=True)
    assert fetch(place, tmp_path) == BODY
    (first, *_) = proxy.requests("HEAD")
    assert by_boto3(first)
    moved = [*parts(proxy), *proxy.requests("PUT", "small"), *proxy.requests("GET", KEY)]
    assert len(moved) == 6  # a bucket that says nothing but 404 to the first HEAD is asked what that means
    assert not any(by_boto3(each) for each in moved)


@only_moto  # rclone ignores the condition
def test_bytes_whose_key_has_their_digest_are_sent_unasked_and_never_read(faulty: Faulty) -> None:
    place, proxy = faulty
    for _ in range(2):  # the second time they are there
        proxy.reset()
        place.store.put_bytes("blob", b"x", named=True)
        # Whoever does not say what it wrote, as AWS does, is asked how large it is.
        assert [each.method for each in proxy.seen] == ["PUT", "HEAD"]
    with pytest.raises(ObjectExists):
        place.store.put_bytes("blob", b"other", named=True)
    assert place.present() == {"blob": b"x"}


@pytest.mark.parametrize(
    "fault",
    [Refuse(500, "InternalError"), Refuse(503, "SlowDown"), Refuse(400, "BadDigest"), LoseAnswer(), DropUpload(10)],
    ids=lambda fault: getattr(fault, "code", type(fault).__name__),
)
def test_a_part_that_fails_once_is_sent_again_by_boto3(faulty: Faulty, tmp_path: Path, fault: Fault) -> None:
    place, proxy = faulty
    proxy.inject(fault, path="partNumber=2")
    moved: list[int] = []
    place.store.put_file(KEY, source(tmp_path, BODY), progress=moved.append)
    assert place.present() == {KEY: BODY}
    assert sum(moved) == len(BODY)
    assert [by_boto3(each) for each in parts(proxy) if "partNumber=2" in each.path] == [False, True]


def test_what_boto3_would_not_ask_again_is_not_asked_again(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    proxy.inject(Refuse(403, "AccessDenied"), path="partNumber=3", times=ALWAYS)
    with pytest.raises(StoreError, match=r"refused UploadPart \(AccessDenied\)"):
        place.store.put_file(KEY, source(tmp_path, BODY))
    assert len([each for each in parts(proxy) if "partNumber=3" in each.path]) == 1
    assert place.present() == {}


@pytest.mark.parametrize("fault", [Refuse(503, "SlowDown"), LoseAnswer(), Say(206, "no range")])
def test_a_read_that_fails_once_is_asked_again(faulty: Faulty, tmp_path: Path, fault: Fault) -> None:
    place, proxy = faulty
    place.store.put_bytes(KEY, BODY)
    proxy.inject(fault, method="GET", path=KEY)
    if isinstance(fault, Say):
        with pytest.raises(StoreError, match="no S3 server"):
            fetch(place, tmp_path)
    else:
        assert fetch(place, tmp_path) == BODY


@only_moto
def test_credentials_that_expire_in_the_middle_are_renewed(
    faulty: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, proxy = faulty
    giver = tmp_path / "giver.py"
    giver.write_text(
        "import datetime, json, pathlib\n"
        f"count = pathlib.Path({str(tmp_path / 'count')!r})\n"
        "count.write_text(count.read_text() + 'x' if count.exists() else 'x')\n"
        "soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'AKID{len(count.read_text())}', 'SecretAccessKey': 's',\n"
        "    'SessionToken': 't', 'Expiration': soon.isoformat()}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} -S {giver}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = S3Store(place.bucket, place.prefix, f"s3://{place.bucket}/{place.prefix}", part_size=PART)
    store.put_file(KEY, source(tmp_path, BODY))
    assert place.present() == {KEY: BODY}
    assert len({each.headers["Authorization"].split("/")[0] for each in parts(proxy)}) == 3
    assert {each.headers["X-Amz-Security-Token"] for each in parts(proxy)} == {"t"}


def test_credentials_that_have_expired_are_said_to(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    proxy.inject(Refuse(400, "ExpiredToken"), path="partNumber=2", times=ALWAYS)
    with pytest.raises(StoreError, match="ExpiredToken") as refused:
        place.store.put_file(KEY, source(tmp_path, BODY))
    assert "Sign in again" in str(refused.value.remedy)
    assert place.present() == {}


@only_moto  # it believes every region
def test_a_bucket_of_another_region_is_followed(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    elsewhere = Say(
        400, "<Error><Code>AuthorizationHeaderMalformed</Code><Message>no</Message><Region>eu-west-1</Region></Error>"
    )
    place.store.put_bytes("first", b"x", named=True)
    proxy.inject(elsewhere, method="PUT", times=2)  # the short way, and boto3
    for name in ("second", "third"):
        place.store.put_bytes(name, b"x", named=True)
    sent = [each for each in proxy.requests("PUT") if "first" not in each.path]
    assert [("eu-west-1" in each.headers["Authorization"], by_boto3(each)) for each in sent] == [
        (False, False),
        (False, True),
        (True, True),
        (True, False),
    ]
    assert place.present() == dict.fromkeys(["first", "second", "third"], b"x")


def store_by_https(
    server: MotoS3 | RcloneS3, folder: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[FaultProxy], None]
) -> None:
    """Let `act` use a store that is reached by https."""
    with FaultProxy(server.endpoint, new_certificate(folder)) as proxy:
        for name, value in server.environment(proxy.endpoint).items():
            monkeypatch.setenv(name, value)
        act(proxy)


def test_bytes_go_by_tls_to_whom_aws_ca_bundle_trusts(
    rclone: RcloneS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = BucketPlace(rclone)
    (tmp_path / "tls").mkdir()

    def act(proxy: FaultProxy) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "tls" / "host.pem"))
        place.store = S3Store(place.bucket, place.prefix, f"s3://{place.bucket}/{place.prefix}", part_size=PART)
        place.store.put_file(KEY, source(tmp_path, BODY))
        assert fetch(place, tmp_path) == BODY
        assert [by_boto3(each) for each in (*parts(proxy), *proxy.requests("GET", KEY))] == [False] * 5

    store_by_https(rclone, tmp_path / "tls", monkeypatch, act)


def test_a_certificate_that_nobody_trusts_is_refused_on_the_short_way_too(
    rclone: RcloneS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = BucketPlace(rclone)
    (tmp_path / "tls").mkdir()

    def act(proxy: FaultProxy) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "tls" / "host.pem"))
        client = s3_client.LazyClient("s3://x").get()
        client.put_object(Bucket=place.bucket, Key="first", Body=b"x")
        monkeypatch.setattr(client._connections, "_authorities", None)  # those of the machine
        before = len(proxy.seen)
        client.put_object(Bucket=place.bucket, Key="second", Body=b"x")
        assert [by_boto3(each) for each in proxy.seen[before:]] == [True]

    store_by_https(rclone, tmp_path / "tls", monkeypatch, act)
