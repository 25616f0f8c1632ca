"""What an object of a store is, by its key alone. What has no place in a store belongs to somebody else."""

import re
from typing import Literal, NamedTuple

from modelbook.core.storage import CHECKPOINT_FOLDER

Part = Literal["artifacts", "checkpoints", "log", "blob", "examples", "sweep", "trash", "foreign"]

_HEX = r"sha256/(?P<shard>[0-9a-f]{2})/(?P<digits>[0-9a-f]{64})"
_BLOB = re.compile(rf"datasets/blobs/{_HEX}")
_EXAMPLES = re.compile(rf"evaluations/examples/{_HEX}\.jsonl")
_SWEEP = re.compile(r"sweeps/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/sweep\.yaml")
_RUN = re.compile(r"[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?")
_CHECKPOINT = re.compile(rf"({CHECKPOINT_FOLDER})/.+", re.DOTALL)
_LOG_FILES = {"run.json", "evaluation.yaml", "reproduction.yaml"}
_LOG_FOLDERS = {"log", "output", "files"}
TRASH = "trash/"
"""Where what was deleted lies until it is purged."""


class Stored(NamedTuple):
    """What a key names: the part of the store, the group that it is deleted with, and its run or digest (32 bytes).

    What is foreign may lie in the folder of a run all the same.
    """

    part: Part
    group: str = ""
    run: str = ""
    digest: bytes = b""


FOREIGN = Stored("foreign")


def stored_at(key: str) -> Stored:
    """What the object at `key` is."""
    top, _, rest = key.partition("/")
    if top == "runs":
        return _of_run(rest)
    if top == "datasets" and (found := _BLOB.fullmatch(key)) and found["digits"].startswith(found["shard"]):
        return Stored("blob", key[: -len(found["digits"])], digest=bytes.fromhex(found["digits"]))
    if top == "evaluations" and (found := _EXAMPLES.fullmatch(key)) and found["digits"].startswith(found["shard"]):
        return Stored("examples", key.rpartition("/")[0] + "/", digest=bytes.fromhex(found["digits"]))
    if _SWEEP.fullmatch(key):
        return Stored("sweep", key.rpartition("/")[0] + "/")
    return Stored("trash") if top == "trash" else FOREIGN


def group_of(key: str) -> str:
    """What is judged together with the object at `key`: the folder of its run, shard, sweep; or `foreign`, `trash`."""
    at = stored_at(key)
    return f"runs/{at.run}/" if at.run else at.group or at.part


def _of_run(rest: str) -> Stored:
    run, _, inside = rest.partition("/")
    part, _, name = inside.partition("/")
    if not _RUN.fullmatch(run):
        return FOREIGN
    if part == "artifacts" and name:
        return Stored("artifacts", f"runs/{run}/artifacts/", run)
    if part == "checkpoints" and (found := _CHECKPOINT.fullmatch(name)):
        return Stored("checkpoints", f"runs/{run}/checkpoints/{found[1]}/", run)
    if (part in _LOG_FOLDERS and name) or (part in _LOG_FILES and not name):
        return Stored("log", f"runs/{run}/", run)
    return Stored("foreign", run=run)
