"""A throw-away registry with one trained version, made by the commands that a user would type."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

MODELBOOK = [sys.executable, "-m", "modelbook"]
_TRAIN = """\

import numpy
from safetensors.numpy import save_file
import modelbook

run = modelbook.run()
rows = run.param("rows", 1)
save_file({"weight": numpy.ones((rows, 1024, 256), dtype=numpy.float32)}, "big.safetensors")
run.log_artifact("big.safetensors")
run.finish()
"""


@contextmanager
def made(store: str, rows: int, extra: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, str], str]]:
    """A registry over `store` with a finished run of `rows` MiB of weights: its folder, environment, and run id."""
    with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as folder:
        root = Path(folder) / "registry"
        root.mkdir()
        who = {f"GIT_{role}_{part}": "bench" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        env = dict(os.environ) | who | dict(extra) | {"MODELBOOK_SIGNER": f"file:{folder}/key.pem"}
        call(["init", ".", "--store", store, "--key", f"{folder}/key.pem"], root, env)
        (root / "train.py").write_text(_TRAIN)
        (root / ".gitignore").write_text(".modelbook/\n*.safetensors\n")
        subprocess.run(["git", "add", "."], cwd=root, env=env, check=True)
        subprocess.run(["git", "commit", "--quiet", "-m", "Train"], cwd=root, env=env, check=True)
        told = call(["train", "train.py", "--param", f"rows={rows}", "--json"], root, env)
        yield root, env, json.loads(told)["run"]


def call(arguments: list[str], cwd: Path, env: Mapping[str, str]) -> str:
    """What `modelbook arguments` prints. Raises CalledProcessError if it fails."""
    done = subprocess.run([*MODELBOOK, *arguments], cwd=cwd, env=dict(env), check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()
