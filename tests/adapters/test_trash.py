"""Deleting and bringing back on real S3 servers: rclone without versions, moto with versions and object lock."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelbook.adapters import trash
from modelbook.adapters.open_trash import open_trash
from modelbook.adapters.prune_journal import Journal, under_way
from modelbook.adapters.pruning import carry_out, purge, restore
from modelbook.adapters.s3_store import S3Store
from modelbook.adapters.store import Store
from modelbook.adapters.store_clock import store_now
from modelbook.adapters.trash import CopyTrash
from modelbook.adapters.version_trash import VersionTrash
from modelbook.core.keep import Keep
from modelbook.core.pruning.prune_plan import Planner, PrunePlan
from modelbook.core.pruning.reachability import Named, Reach
from modelbook.core.pruning.retention import judge
from modelbook.errors import Refused, StoreError
from tests.parts.fault_proxy import FaultProxy, Refuse
from tests.parts.s3 import MotoS3, RcloneS3, S3Server

KEEP = Keep(share=1.0)
LATER = datetime.now(UTC) + timedelta(days=400)


@pytest.fixture(scope="module")
def rclone() -> Iterator[S3Server]:
    with RcloneS3() as server:
        yield server


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with MotoS3() as server:
        yield server


def opened(server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch, **more: Any) -> S3Store:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    server.client.create_bucket(Bucket=bucket, **more)
    return S3Store(bucket, "team", f"s3://{bucket}/team")


def fill(store: Store) -> list[str]:
    keys = [f"runs/lost/artifacts/{number}.bin" for number in range(3)]
    for key in [*keys, "runs/named/artifacts/model.bin"]:
        store.put_bytes(key, key.encode())
    return keys


REACH = Reach(runs={"named": Named("digits@1", "on main")}, cards=1)


def planned(store: Store, reach: Reach = REACH) -> PrunePlan:
    planner = Planner(KEEP)
    for verdict in judge(store.list(), reach, KEEP, LATER, lambda run: None):
        planner.add(verdict)
    return planner.plan(store=store.uri, commit="a" * 40, policy="sha256:" + "0" * 64, refs=1)


def objects(store: Store, plan: PrunePlan) -> list[tuple[str, int]]:
    return [(one.key, one.size) for group in plan.groups for one in store.list(group.prefix)]


def apply(store: Store, plan: PrunePlan, reach: Any = lambda: REACH) -> Any:
    return carry_out(store, plan, lambda: objects(store, plan), reach, KEEP, lambda: LATER)


def keys_of(store: Store) -> list[str]:
    return [one.key for one in store.list("runs/")]


@pytest.mark.parametrize("versions", [False, True])
def test_what_is_deleted_comes_back_or_is_purged(
    versions: bool, rclone: S3Server, moto: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, bucket = (moto, "versioned") if versions else (rclone, "plain")
    store = opened(server, bucket, monkeypatch)
    if versions:
        server.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    keys = fill(store)
    server.client.put_object(Bucket=bucket, Key="another-team/runs/lost/artifacts/0.bin", Body=b"theirs")
    plan = planned(store)
    assert type(open_trash(store, plan.id)) is (VersionTrash if versions else CopyTrash)
    pruned = apply(store, plan)
    assert (pruned.objects, pruned.skipped) == (3, {})
    assert ("versions" in pruned.how) is versions
    assert keys_of(store) == ["runs/named/artifacts/model.bin"]
    assert restore(store, plan.id) == (3, [])
    assert [store.read_bytes(key, limit=99) for key in keys] == [key.encode() for key in keys]
    # Once more, and for good.
    Journal(store, plan.id).forget()
    plan = planned(store)
    apply(store, plan)
    assert purge(store, KEEP, lambda: REACH, datetime.now(UTC)) == {}  # not yet
    assert purge(store, KEEP, lambda: REACH, LATER) == {plan.id: "purged 3 objects"}
    assert list(store.list("trash/")) == []
    assert keys_of(store) == ["runs/named/artifacts/model.bin"]
    if versions:
        left = server.client.list_object_versions(Bucket=bucket, Prefix="team/runs/lost/")
        assert "Versions" not in left
        assert "DeleteMarkers" not in left
    body = server.client.get_object(Bucket=bucket, Key="another-team/runs/lost/artifacts/0.bin")["Body"]
    assert body.read() == b"theirs"


def test_of_versions_only_those_of_its_own_time_are_purged(moto: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was uploaded anew, or brought back and deleted by another plan, is not this plan's any more."""
    store = opened(moto, "anew", monkeypatch)
    moto.client.put_bucket_versioning(Bucket="anew", VersioningConfiguration={"Status": "Enabled"})
    keys = fill(store)
    plan = planned(store)
    apply(store, plan)
    time.sleep(1.1)  # S3's times are to the second
    store.put_bytes(keys[0], b"anew")
    store.put_bytes(keys[1], b"anew")
    store.delete([keys[1]])  # by a later plan
    assert purge(store, KEEP, lambda: REACH, LATER) == {plan.id: "purged 3 objects"}
    versions = moto.client.list_object_versions(Bucket="anew", Prefix="team/runs/lost/")
    assert [(one["Key"], one["Size"]) for one in versions["Versions"]] == [(f"team/{key}", 4) for key in keys[:2]]
    assert [one["Key"] for one in versions["DeleteMarkers"]] == [f"team/{keys[1]}"]


def test_where_no_version_may_be_deleted_an_object_is_brought_back_by_a_copy(
    moto: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with MFA delete, or credentials that may write alone."""
    store = opened(moto, "mfa", monkeypatch)
    moto.client.put_bucket_versioning(Bucket="mfa", VersioningConfiguration={"Status": "Enabled"})
    keys = fill(store)
    plan = planned(store)
    apply(store, plan)
    with FaultProxy(moto.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        proxy.inject(Refuse(403, "AccessDenied"), method="DELETE", path="versionId", times=99)
        store = S3Store("mfa", "team", "s3://mfa/team")
        assert restore(store, plan.id) == (3, [])
        assert [store.read_bytes(key, limit=99) for key in keys] == [key.encode() for key in keys]


def test_of_unfinished_uploads_those_of_others_and_slow_ones_stay(
    moto: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(moto, "uploads", monkeypatch)
    store = S3Store("uploads", "", "s3://uploads")  # a whole bucket, in which others work too
    slow = "runs/slow/artifacts/large.bin"
    uploads = {
        key: moto.client.create_multipart_upload(Bucket="uploads", Key=key)["UploadId"]
        for key in ("theirs/large.bin", "runs/dead/artifacts/large.bin", slow)
    }
    moto.client.upload_part(Bucket="uploads", Key=slow, UploadId=uploads[slow], PartNumber=1, Body=b"x")
    (part,) = moto.client.list_parts(Bucket="uploads", Key=slow, UploadId=uploads[slow])["Parts"]
    assert store.discard_unfinished(part["LastModified"] - timedelta(seconds=1)) == 1
    left = moto.client.list_multipart_uploads(Bucket="uploads")["Uploads"]
    assert sorted(one["Key"] for one in left) == [slow, "theirs/large.bin"]


def test_what_the_bucket_locks_is_told_and_stays_restorable(moto: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(moto, "locked", monkeypatch, ObjectLockEnabledForBucket=True)
    keys = fill(store)
    until = datetime.now(UTC) + timedelta(days=4000)
    moto.client.put_object_retention(
        Bucket="locked", Key=f"team/{keys[0]}", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
    )
    plan = planned(store)
    assert apply(store, plan).objects == 3
    assert purge(store, KEEP, lambda: REACH, LATER) == {plan.id: "purged 2 objects; 1 are locked"}
    count, lost = restore(store, plan.id)
    assert (count, lost) == (1, keys[1:])
    assert store.read_bytes(keys[0], limit=99) == keys[0].encode()


@pytest.mark.parametrize("parts", [True, False])
def test_a_large_object_is_copied_in_parts_or_left_where_it_is(
    parts: bool, rclone: S3Server, moto: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(moto if parts else rclone, "large", monkeypatch)
    monkeypatch.setattr(trash, "_COPY_AT_ONCE", 1000)
    monkeypatch.setattr(trash, "_PART", 5 * 1024 * 1024)
    body = bytes(range(256)) * 24_000  # two parts
    store.put_bytes("runs/lost/artifacts/x", body)
    if not parts:  # rclone 1.75 answers a copied part without its ETag
        store.put_bytes("runs/lost/artifacts/y", b"small")
        told = apply(store, planned(store))
        assert (told.objects, told.skipped) == (1, {"runs/lost/artifacts/x": "the server cannot copy in parts"})
        assert keys_of(store) == ["runs/lost/artifacts/x"]
        return
    plan = planned(store)
    assert apply(store, plan).objects == 1
    assert keys_of(store) == []
    restore(store, plan.id)
    assert store.read_bytes("runs/lost/artifacts/x", limit=len(body)) == body


def test_what_is_named_while_it_is_copied_stays_and_what_was_gone_comes_back(
    rclone: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(rclone, "racing", monkeypatch)
    keys = fill(store)
    plan = planned(store)
    named = Reach(runs={**REACH.runs, "lost": Named("digits@2", "on register/digits-2")}, cards=2)
    asked = iter([REACH, named, named])
    pruned = apply(store, plan, lambda: next(asked))
    assert pruned.skipped == dict.fromkeys(keys, "something names it by now")
    assert keys_of(store)[:3] == keys
    # Another time the name comes when the bytes are gone already, before the plan is over.
    Journal(store, plan.id).forget()
    plan = planned(store)
    asked = iter([REACH, REACH, named])
    apply(store, plan, lambda: next(asked))
    assert keys_of(store)[:3] == keys


def test_a_killed_one_continues_and_is_seen_by_others(rclone: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(rclone, "killed", monkeypatch)
    fill(store)
    plan = planned(store)
    calls = 0

    def dying() -> Reach:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return REACH

    with pytest.raises(KeyboardInterrupt):
        apply(store, plan, dying)
    assert [name for name, _ in under_way(store)] == [plan.id]
    assert len(keys_of(store)) == 4
    assert apply(store, plan).objects == 3
    assert list(under_way(store)) == []
    assert len(keys_of(store)) == 1


def test_a_run_that_was_taken_up_again_stays(rclone: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(rclone, "resumed", monkeypatch)
    fill(store)
    plan = planned(store)
    now = datetime.now(UTC)  # at which all of it is young
    pruned = carry_out(store, plan, lambda: objects(store, plan), lambda: REACH, KEEP, lambda: now)
    assert set(pruned.skipped.values()) == {"was written to by now"}
    assert len(keys_of(store)) == 4


@pytest.mark.parametrize("days", [-366, -1, 1, 366])
def test_a_wrong_clock_deletes_nothing(days: int, rclone: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(rclone, f"clock{days + 400}", monkeypatch)
    with pytest.raises(Refused, match="nobody knows how old"):
        store_now(store, datetime.now(UTC) + timedelta(days=days))
    assert abs(store_now(store) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("method", "path", "right", "planning"),
    [
        ("GET", "list-type", "s3:ListBucket", True),
        ("POST", "delete", "s3:DeleteObject", False),
        ("GET", "versioning", "s3:GetBucketVersioning", False),
    ],
)
def test_without_a_right_it_says_which_and_loses_nothing(
    method: str, path: str, right: str, planning: bool, rclone: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "FIRST_PAUSE", 0.001)
    bucket = right.replace(":", "-").lower()
    fill(opened(rclone, bucket, monkeypatch))
    with FaultProxy(rclone.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        store = S3Store(bucket, "team", f"s3://{bucket}/team")
        plan = None if planning else planned(store)
        proxy.inject(Refuse(403, "AccessDenied"), method=method, path=path, times=99)
        with pytest.raises(StoreError) as told:
            _ = planned(store) if plan is None else apply(store, plan)
    assert right in str(told.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", rclone.endpoint)
    assert len(keys_of(S3Store(bucket, "team", f"s3://{bucket}/team"))) == 4


def test_a_page_of_the_listing_that_fails_leaves_no_plan(rclone: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(rclone, "pages", monkeypatch)
    for number in range(1003):
        rclone.client.put_object(Bucket="pages", Key=f"team/runs/r{number:04d}/artifacts/a.bin", Body=b"x")
    with FaultProxy(rclone.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        store = S3Store("pages", "team", "s3://pages/team")
        assert planned(store).objects == 1003
        proxy.inject(Refuse(403, "AccessDenied"), method="GET", path="continuation-token", times=99)
        with pytest.raises(StoreError):
            planned(store)
