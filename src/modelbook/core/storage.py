"""Where an object lives in a store, and which URIs a card may name (DESIGN.md section 4)."""

import re

from modelbook.core.digests import hex_of
from modelbook.errors import BadInput

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@=,-]*|\.[A-Za-z0-9_][A-Za-z0-9._-]*")
CHECKPOINT_FOLDER = r"[0-9]{10}(-[0-9]+(\.[0-9]+)?)?"
"""What the folder of a checkpoint is called: its step, and what makes a later save of that step another one."""
MAX_KEY = 900  # S3 allows 1024 bytes; the store's own prefix comes before the key


def check_key(key: str) -> str:
    """`key` itself, if every segment is plain: no `..`, no empty one, no `#`, no control character.

    Raises BadInput otherwise.
    """
    if len(key) > MAX_KEY or not all(_SEGMENT.fullmatch(part) for part in key.split("/")):
        shown = key if len(key) < 120 else key[:100] + "…"
        raise BadInput(
            f"{shown!r} is not a path that a store accepts",
            remedy="Use letters, digits, and . _ - + @ = , inside segments divided by '/'; no '..', no spaces.",
        )
    return key


def run_key(run_id: str) -> str:
    """The record of a finished run: `runs/<id>/run.json`."""
    return check_key(f"runs/{run_id}/run.json")


def log_key(run_id: str, sequence: int) -> str:
    """One segment of a run's log: `runs/<id>/log/<8 digits>.jsonl`."""
    return check_key(f"runs/{run_id}/log/{sequence:08d}.jsonl")


def checkpoint_key(run_id: str, folder: str, path: str) -> str:
    """One file of a checkpoint: `runs/<id>/checkpoints/<folder>/<path>`."""
    return check_key(f"runs/{run_id}/checkpoints/{folder}/{path}")


def output_key(run_id: str, attempt: int) -> str:
    """What one attempt of a run printed: `runs/<id>/output/<4 digits>.txt`."""
    return check_key(f"runs/{run_id}/output/{attempt:04d}.txt")


def artifact_key(run_id: str, path: str) -> str:
    """One file of the model's folder: `runs/<id>/artifacts/<path>`."""
    return check_key(f"runs/{run_id}/artifacts/{path}")


def file_key(run_id: str, path: str, digest: str) -> str:
    """One file of a run that is not its model's: `runs/<id>/files/<12 hex>/<path>`.

    A plot that is drawn anew keeps its name, and objects are written once: the digest tells the two apart.
    """
    return check_key(f"runs/{run_id}/files/{hex_of(digest)[:12]}/{path}")


def examples_key(digest: str) -> str:
    """What a suite found for each example, named by what it holds: `evaluations/examples/sha256/ab/<64 hex>.jsonl`."""
    digits = hex_of(digest)
    return check_key(f"evaluations/examples/sha256/{digits[:2]}/{digits}.jsonl")


def sweep_key(name: str) -> str:
    """The file that a sweep began with: `sweeps/<name>/sweep.yaml`."""
    return check_key(f"sweeps/{name}/sweep.yaml")


def blob_key(digest: str) -> str:
    """A dataset file, named by what it holds: `datasets/blobs/sha256/ab/<64 hex>`."""
    digits = hex_of(digest)
    return f"datasets/blobs/sha256/{digits[:2]}/{digits}"


def uri_of(store_uri: str, key: str) -> str:
    """The URI of `key` in the store at `store_uri`."""
    return f"{store_uri.rstrip('/')}/{check_key(key)}"


def key_in(store_uri: str, uri: str) -> str:
    """The key that `uri` names inside the store at `store_uri`.

    A hostile card must not make a runner fetch from elsewhere, so anything but the store's own URI, a slash and a
    plain key raises BadInput.
    """
    prefix = store_uri.rstrip("/") + "/"
    if not uri.startswith(prefix):
        raise BadInput(
            f"{uri!r} lies outside the store {store_uri!r} that policy.yaml names",
            remedy="A card may only point into the registry's own store.",
        )
    return check_key(uri.removeprefix(prefix))
