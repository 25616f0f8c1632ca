"""The programs that a team would use instead, and how each is told to move a file or a folder to a bucket and back."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# No garbage is collected while modules load, nor at the end, as the command line does.
_OURS = """
import atexit, gc
gc.disable()
atexit.register(gc.freeze)
import sys
from functools import partial
from pathlib import Path
from modelbook.adapters.open_store import open_store
from modelbook.adapters.parallel import move_all
store = open_store("s3://bench/p", base=Path())
"""
# As a run's files keep their names in a bucket, and a dataset's get those of their digests.
_PUSH_FILES = """
gc.enable()
def put(path, report):
    return store.put_file("runs/r1/" + path.name, path, progress=report)
source = Path(sys.argv[1])
move_all([partial(put, path) for path in ([source] if source.is_file() else source.iterdir())])
"""
_PUSH_DATASET = """
from modelbook.adapters.data_folder import found_files
from modelbook.commands._dataset_upload import upload
gc.enable()
upload(store, partial(found_files, Path(sys.argv[1])), Path(sys.argv[1]))
"""
_PULL = """
import json
from modelbook.commands._fetching import fetch_all, whole_folder
gc.enable()
with whole_folder(Path(sys.argv[2])) as scratch:
    fetch_all(store, "pulling", [tuple(each) for each in json.loads(Path(sys.argv[1]).read_text())], scratch)
"""
_OBSTORE = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import obstore
from obstore.store import S3Store
options = {"allow_http": True}
store = S3Store("bench", prefix="p", endpoint=os.environ["AWS_ENDPOINT_URL_S3"], client_options=options)
"""
_OBSTORE_PUSH = """
source = Path(sys.argv[1])
with ThreadPoolExecutor(8) as pool:
    paths = [source] if source.is_file() else list(source.iterdir())
    list(pool.map(lambda path: obstore.put(store, "o/" + path.name, path, chunk_size=2**23, max_concurrency=8), paths))
"""
_OBSTORE_PULL = """
import json
target = Path(sys.argv[2])
target.mkdir()
pieces = []
for key, path, _, size in json.loads(Path(sys.argv[1]).read_text()):
    out = os.open(target / path, os.O_WRONLY | os.O_CREAT)
    pieces += [(key, out, at, min(at + 2**23, size)) for at in range(0, size, 2**23)]
def move(piece):
    key, out, at, end = piece
    os.pwrite(out, obstore.get_range(store, key, start=at, end=end), at)
with ThreadPoolExecutor(8) as pool:
    list(pool.map(move, pieces))
"""
_MLFLOW = """
import sys
from pathlib import Path
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
repo = S3ArtifactRepository("s3://bench/p/mlflow")
"""
_MLFLOW_PUSH = "repo.log_artifact(sys.argv[1]) if Path(sys.argv[1]).is_file() else repo.log_artifacts(sys.argv[1])"
_DVC_PUSH = (
    "{dvc} init -q --no-scm -f && {dvc} remote add -q -d s s3://bench/p/dvc && {dvc} add -q data && {dvc} push -q"
)
_DVC_PULL = "rm -rf .dvc/cache && {dvc} pull"


@dataclass(frozen=True)
class Rival:
    """One way to move: its command lines, with `{source}`, `{list}`, `{keys}` and `{target}` in them."""

    name: str
    push: tuple[str, ...]
    pull: tuple[str, ...] | None
    verifies: bool = False


def rivals(folder: bool, blobs: bool) -> list[Rival]:
    """All of them, for a folder or a single file; `blobs` moves it as a dataset."""
    tools = tool_folder()
    python, s5cmd, aws = str(tools / "python"), str(tools / "s5cmd"), str(tools / "aws")
    push = _OURS + (_PUSH_DATASET if blobs else _PUSH_FILES)
    many = ["--recursive"] if folder else []
    below = "/*" if folder else ""
    dvc = str(tools / "dvc")
    return [
        Rival("modelbook", (sys.executable, "-c", push, "{source}"), _script(sys.executable, _OURS + _PULL), True),
        Rival(
            "aws s3 cp",
            (aws, "s3", "cp", "--quiet", *many, "{source}", "s3://bench/p/aws/"),
            (aws, "s3", "cp", "--quiet", *many, "s3://bench/p/{keys}", "{target}/"),
        ),
        Rival(
            "s5cmd",
            (s5cmd, "cp", "{source}" + below, "s3://bench/p/s5/"),
            (s5cmd, "cp", "s3://bench/p/{keys}" + ("*" if folder else ""), "{target}/"),
        ),
        Rival(
            "obstore", (python, "-c", _OBSTORE + _OBSTORE_PUSH, "{source}"), _script(python, _OBSTORE + _OBSTORE_PULL)
        ),
        Rival("MLflow", (python, "-c", _MLFLOW + _MLFLOW_PUSH, "{source}"), None),
        Rival("dvc add + push", _shell(_DVC_PUSH.format(dvc=dvc)), _shell(_DVC_PULL.format(dvc=dvc)), True),
    ]


def _script(python: str, text: str) -> tuple[str, ...]:
    return (python, "-c", text, "{list}", "{target}")


def _shell(line: str) -> tuple[str, ...]:
    return ("sh", "-ec", line)


def tool_folder() -> Path:
    """Where the tools are: BENCH_TOOLS, or an environment that is made beside this file."""
    if named := os.environ.get("BENCH_TOOLS"):
        return Path(named)
    made = HERE / ".tools"
    if not (made / "bin" / "dvc").exists():
        subprocess.run([sys.executable, "-m", "venv", made], check=True)
        install = [str(made / "bin" / "python"), "-m", "pip", "install", "-q", "-r", str(HERE / "tools.txt")]
        subprocess.run(install, check=True)
    return made / "bin"


def versions() -> Mapping[str, str]:
    """What is installed of them."""
    names = [line.partition("==")[0] for line in (HERE / "tools.txt").read_text().split() if "==" in line]
    asked = textwrap.dedent(
        """
        import sys
        from importlib.metadata import version
        print("\\n".join(version(name.partition("[")[0]) for name in sys.argv[1:]))
        """
    )
    python = str(tool_folder() / "python")
    found = subprocess.run([python, "-c", asked, *names], capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(names, found, strict=True))
