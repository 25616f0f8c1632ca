"""How much memory the commands take that touch the weights: 1 GiB through a local `rclone serve s3`."""

from collections.abc import Iterator

from bench.measure import Figure, run
from bench.registry import MODELBOOK, made
from tests.parts.s3 import RcloneS3

MEBIBYTES = 1024
GOAL = 300  # MiB


def measure() -> Iterator[Figure]:
    """Peak resident memory of register, verify and pull."""
    with RcloneS3() as server:
        (server.folder / "bench").mkdir()
        extra = {
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_REGION": "us-east-1",
        }
        with made("s3://bench/registry", MEBIBYTES, extra) as (root, env, run_id):
            for name, arguments in {
                "register": ["register", "bench", "--run", run_id],
                "verify": ["verify", "bench@1"],
                "pull, every byte verified": ["pull", "bench@1", "pulled"],
            }.items():
                cost = run([*MODELBOOK, *arguments], cwd=root, env=env)
                how = f"one process, {MEBIBYTES} MiB of weights, {cost.seconds:.1f} s"
                yield Figure(f"modelbook {name}", cost.peak, "MiB", how, GOAL)
