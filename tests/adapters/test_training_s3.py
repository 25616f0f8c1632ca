"""Runs whose store is a bucket: large files are still under way when the script ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelbook.adapters.s3_store import S3Store
from modelbook.core.runs.run_state import replay
from modelbook.training.launch import launch
from modelbook.training.run_reader import read_events, read_record
from tests.adapters.training_scripts import ENVIRON, Bench
from tests.parts.s3 import RcloneS3
from tests.parts.stores import BucketPlace

SIZE = 40 * 1024 * 1024  # bytes: several parts of a multipart upload
LARGE_AND_GONE = f"""
import modelbook
run = modelbook.run()
run.log({{"loss": 0.5}}, step=1)
run.log_artifact("large.safetensors", bytes({SIZE}))
print(run.id)
"""


@pytest.fixture
def store(rclone: RcloneS3, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    for name, value in rclone.environment().items():
        monkeypatch.setenv(name, value)
    place = BucketPlace(rclone)
    return S3Store(place.bucket, "team", f"s3://{place.bucket}/team")


def test_a_launched_training_leaves_its_last_file_to_the_launcher(
    tmp_path: Path, store: S3Store, rclone: RcloneS3
) -> None:
    bench = Bench(tmp_path)
    bench.write(LARGE_AND_GONE)
    result = launch(bench.plan(), store, terminal=bench.show, environ=ENVIRON | rclone.environment(), patience=10.0)
    assert (result.status, bench.shown["stderr"]) == ("completed", b"")
    assert result.record is not None
    assert [file.size for file in result.record.artifacts] == [SIZE]
    found = store.stat("runs/r1/artifacts/large.safetensors")
    assert found is not None
    assert found.size == SIZE
    assert read_record(store, "r1") == result.record


def test_a_script_by_hand_delivers_its_last_file_while_python_shuts_down(
    tmp_path: Path, store: S3Store, rclone: RcloneS3
) -> None:
    script = Bench(tmp_path).write(LARGE_AND_GONE)
    env = {key: value for key, value in ENVIRON.items() if not key.startswith("GITHUB_")}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=env | rclone.environment() | {"MODELBOOK_STORE": store.uri},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in done.stderr
    run_id = done.stdout.strip()
    state = replay(read_events(store, run_id))
    assert (state.status, [file.size for file in state.artifacts][:-1]) == ("completed", [SIZE])
    assert read_record(store, run_id) is not None
    assert list((tmp_path / ".modelbook/runs").iterdir()) == []
