"""Whatever S3 and the way to it refuse is said with its reason and a remedy, and never as a traceback."""

import socket
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from botocore import session

from modelbook.adapters.s3_store import S3Store
from modelbook.core.digests import digest_of
from modelbook.errors import Exit, StoreError
from tests.parts.fault_proxy import LoseAnswer, Refuse, Say
from tests.parts.s3 import RcloneS3
from tests.parts.stores import BODY, KEY, BucketPlace, Faulty, source

ALWAYS = 1000
one_server = pytest.mark.parametrize("faulty", ["rclone"], indirect=True)
USES: dict[str, Callable[[BucketPlace, Path], object]] = {
    "write": lambda place, _: place.store.put_bytes(KEY, BODY),
    "read": lambda place, _: place.store.read_bytes(KEY, limit=10_000),
    "fetch": lambda place, folder: place.store.fetch(KEY, folder / "m", digest=digest_of(BODY), size=len(BODY)),
    "look": lambda place, _: place.store.stat(KEY),
    "list": lambda place, _: list(place.store.list()),
    "delete": lambda place, _: place.store.delete([KEY]),
}


@pytest.fixture(scope="module", autouse=True)
def _one_reader_of_boto_s_data() -> Iterator[None]:
    """Each client here is a new one, for which botocore would parse the description of S3 anew."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(session, "create_loader", cache(session.create_loader))
        yield


def refused(use: Callable[[], object]) -> str:
    """What a person reads, after a look at what every such message must hold."""
    with pytest.raises(StoreError) as caught:
        use()
    error = caught.value
    assert error.exit_code == Exit.UNEXPECTED
    assert error.where is not None
    assert error.where.startswith("s3://")
    assert error.remedy
    text = str(error)
    assert "\n  " in text
    assert RcloneS3.secret_key not in text
    return text


@one_server
@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "AccessDenied", "they need s3:"),
        (403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        (400, "ExpiredToken", "have expired"),
        (403, "RequestTimeTooSkewed", "clock is wrong"),
        (404, "NoSuchBucket", "create the bucket"),
        (400, "AuthorizationHeaderMalformed", "AWS_REGION"),
        (503, "SlowDown", "busy or unwell"),
        (501, "NotImplemented", "conditional writes"),
        (507, "InsufficientStorage", "bucket is full"),
        (418, "SomethingNew", "provider's S3 documentation"),
    ],
)
def test_a_refusal_is_explained_whatever_was_asked(
    faulty: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str, remedy: str
) -> None:
    place, proxy = faulty
    proxy.inject(Refuse(status, code, "said by the server"), times=ALWAYS)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    place.store = S3Store(place.bucket, place.prefix, f"s3://{place.bucket}/{place.prefix}")
    for name, use in USES.items():
        text = refused(partial(use, place, tmp_path))
        assert code in text, name
        assert "said by the server" in text, name
        assert remedy in text, name
    assert list(tmp_path.iterdir()) == []


@one_server
@pytest.mark.parametrize("use", USES)
def test_a_server_that_hangs_up_is_explained(
    faulty: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    place, proxy = faulty
    proxy.inject(LoseAnswer(), times=ALWAYS)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    place.store = S3Store(place.bucket, place.prefix, f"s3://{place.bucket}/{place.prefix}")
    assert "AWS_ENDPOINT_URL_S3" in refused(lambda: USES[use](place, tmp_path))


@one_server
@pytest.mark.parametrize(("status", "page"), [(200, "<html>Sign in to the wifi</html>"), (502, "<html>Bad gateway")])
@pytest.mark.parametrize("use", ["write", "read", "fetch", "look", "list"])
def test_an_answer_that_is_not_s3_is_explained(
    faulty: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, page: str, use: str
) -> None:
    place, proxy = faulty
    proxy.inject(Say(status, page), times=ALWAYS)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    place.store = S3Store(place.bucket, place.prefix, f"s3://{place.bucket}/{place.prefix}")
    refused(partial(USES[use], place, tmp_path))
    assert list(tmp_path.iterdir()) == []


@one_server
@pytest.mark.parametrize(("method", "path"), [("POST", "?uploads"), ("PUT", "partNumber=2")])
def test_a_page_in_the_middle_of_an_upload_is_explained(faulty: Faulty, tmp_path: Path, method: str, path: str) -> None:
    place, proxy = faulty
    proxy.inject(Say(200, "<html>Sign in to the wifi</html>"), method=method, path=path)
    text = refused(partial(place.store.put_file, KEY, source(tmp_path, BODY)))
    assert "no S3 server" in text
    assert place.present() == {}
    assert place.unfinished() == []


@one_server
def test_keys_that_could_not_be_deleted_are_named(faulty: Faulty) -> None:
    place, proxy = faulty
    keys = [f"runs/r{number}" for number in range(5)]
    errors = "".join(
        f"<Error><Key>{place.prefix}/{key}</Key><Code>AccessDenied</Code><Message>locked</Message></Error>"
        for key in keys
    )
    proxy.inject(Say(200, f"<DeleteResult>{errors}</DeleteResult>"), method="POST", path="delete")
    text = refused(lambda: place.store.delete([*keys, "runs/fine"]))
    assert "5 object(s) could not be deleted: runs/r0: AccessDenied locked; runs/r1" in text
    assert "and 2 more" in text


class TestRealRefusals:
    """The same, from a real server and a real network stack."""

    def test_no_such_bucket(self, rclone: RcloneS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.environment(monkeypatch, rclone.environment())
        place = BucketPlace(rclone)
        for name, use in USES.items():
            place.store = S3Store("no-such-bucket", "p", "s3://no-such-bucket/p")
            assert "NoSuchBucket" in refused(partial(use, place, tmp_path)), name

    def test_a_wrong_secret(self, rclone: RcloneS3, monkeypatch: pytest.MonkeyPatch) -> None:
        self.environment(monkeypatch, rclone.environment() | {"AWS_SECRET_ACCESS_KEY": "wrong"})
        bucket = BucketPlace(rclone).bucket
        text = refused(lambda: S3Store(bucket, "", f"s3://{bucket}").put_bytes(KEY, b"x"))
        assert "SignatureDoesNotMatch" in text
        assert "AWS_SECRET_ACCESS_KEY" in text

    def test_no_credentials(self, rclone: RcloneS3, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", rclone.endpoint)
        text = refused(lambda: S3Store("bucket", "", "s3://bucket").stat(KEY))
        assert "Unable to locate credentials" in text
        assert "AWS_PROFILE" in text

    def test_nobody_listens(self, rclone: RcloneS3, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        self.environment(monkeypatch, rclone.environment(f"http://127.0.0.1:{port}"))
        text = refused(lambda: S3Store("bucket", "", "s3://bucket").stat(KEY))
        assert f"http://127.0.0.1:{port}" in text
        assert "AWS_ENDPOINT_URL_S3" in text

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("AWS_ENDPOINT_URL_S3", "127.0.0.1:9000"),
            ("AWS_MAX_ATTEMPTS", "many"),
            ("AWS_MAX_ATTEMPTS", "0"),
            ("AWS_PROFILE", "nobody"),
            ("AWS_REGION", "not a region!"),
        ],
    )
    def test_a_setting_that_cannot_be(
        self, rclone: RcloneS3, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        self.environment(monkeypatch, rclone.environment() | {name: value})
        text = refused(lambda: S3Store("bucket", "", "s3://bucket").stat(KEY))
        assert name in text

    @staticmethod
    def environment(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
        for name, value in ({"AWS_MAX_ATTEMPTS": "1"} | variables).items():
            monkeypatch.setenv(name, value)
