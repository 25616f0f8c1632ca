"""Real S3 servers on loopback: `rclone serve s3` over a folder, and moto's server for what rclone lacks.

Both choose a free port themselves, say it in their log, and are stopped by their process id. rclone checks
signatures, streams multipart uploads and ignores `If-None-Match`; moto honours the condition, and checks
neither signatures nor checksums.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_SECONDS = 30
STOP_SECONDS = 10


class S3Server:
    """A server process, from `with` to the end of its block.

    `endpoint` is its URL; `access_key` and `secret_key` open it; `folder` is its own temporary folder.
    """

    access_key = "AKIDMODELBOOKTEST0001"
    secret_key = "test-secret-of-modelbook-0123456789abcdef"
    endpoint: str
    folder: Path

    _announces: re.Pattern[str]

    def command(self) -> list[str]:
        """The server's command line; it must choose a port and log the URL."""
        raise NotImplementedError

    def extra_environment(self) -> dict[str, str]:
        """What the server wants besides PATH and HOME."""
        return {}

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="modelbook-s3-"))
        self.folder = self._home / "data"
        self.folder.mkdir()
        clean = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "TMPDIR": str(self._home),
            "LANG": "C.UTF-8",
        }
        self._process = subprocess.Popen(
            self.command(),
            env=clean | self.extra_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._log: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        if not self._listening.wait(START_SECONDS) or not hasattr(self, "endpoint"):
            self._stop()
            raise RuntimeError(f"{self.command()[0]} did not start:\n{self.log}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def log(self) -> str:
        """What the server printed so far."""
        return "".join(self._log)

    @property
    def process_id(self) -> int:
        """The server's process."""
        return self._process.pid

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """The standard AWS variables that lead a client here (or to `endpoint`, a proxy) and nowhere else."""
        return {
            "AWS_ENDPOINT_URL_S3": endpoint or self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @cached_property
    def client(self) -> Any:
        """A plain boto3 client of this server, to plant and to look at what is there."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    def make_bucket(self, name: str) -> str:
        """`name`, after a new empty bucket of that name was made."""
        self.client.create_bucket(Bucket=name)
        return name

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.append(line)
            found = self._announces.search(line)
            if found and not self._listening.is_set():
                self.endpoint = found[1]
                self._listening.set()
        self._listening.set()  # the process ended: whoever waits for its port must not wait on

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        shutil.rmtree(self._home, ignore_errors=True)


class RcloneS3(S3Server):
    """`rclone serve s3`: buckets are the folders in `folder`, objects are the files in them."""

    _announces = re.compile(r"Starting s3 server on \[(http://127\.0\.0\.1:\d+)/?\]")

    def command(self) -> list[str]:
        """rclone with one pair of keys, over `folder`."""
        keys = f"{self.access_key},{self.secret_key}"
        return [
            _beside_python("rclone"),
            *("serve", "s3", "--config", "", "--addr", "127.0.0.1:0", "--auth-key", keys),
            str(self.folder),
        ]


class MotoS3(S3Server):
    """moto's S3 in a process of its own; parts of a multipart upload may be as small as one byte."""

    _announces = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")

    def command(self) -> list[str]:
        """moto's server on a free port."""
        return [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]

    def extra_environment(self) -> dict[str, str]:
        """AWS asks for parts of 5 MiB; a test that crosses a part's boundary should not need 10 MiB."""
        return {"S3_UPLOAD_PART_MIN_SIZE": "1"}


def _beside_python(program: str) -> str:
    """The program of this Python's environment; the one on PATH may be another version."""
    found = shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)
    if found is None:
        raise RuntimeError(f"{program} is not installed beside {sys.executable}; install the test requirements")
    return found
