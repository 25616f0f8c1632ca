"""Whether what was just put on a branch is safe from a plan that is being carried out at this moment.

Whoever deletes writes his intent and then reads the branches; whoever registers makes his branch and then reads the
intents. So of two at the same time at least one sees the other, and gives way. The bytes are looked at last: a plan
that began after the intents were read sees the branch, and one that was over by then left a gap.
"""

from collections.abc import Mapping
from functools import partial
from itertools import islice

from modelbook.adapters.parallel import move_all
from modelbook.adapters.prune_journal import plans, under_way
from modelbook.adapters.reach_reader import manifest_files
from modelbook.adapters.store import Progress, Store
from modelbook.core.dataset import Manifest
from modelbook.core.listed import many
from modelbook.core.storage import artifact_key, blob_key, examples_key
from modelbook.errors import Refused

_BATCH = 1000


def check_model_kept(store: Store, run: str, sizes: Mapping[str, int]) -> None:
    """Raise Refused unless the files of a model (size by path) are all there, and nobody is about to delete them."""
    if not _check_intents(store, f"runs/{run}/"):
        return
    wanted = {artifact_key(run, path): size for path, size in sizes.items()}
    there = {info.key: info.size for info in store.list(artifact_key(run, "x")[:-1])}
    _check_there({key: there.get(key) == size for key, size in wanted.items()}, store)


def check_dataset_kept(store: Store, manifest: Manifest) -> None:
    """As `check_model_kept`, for the files that a manifest lists."""
    if not _check_intents(store, "datasets/blobs/"):
        return
    files = ((blob_key(file.digest), file.size) for file in manifest_files(store, manifest))
    while batch := list(islice(files, _BATCH)):
        found = move_all([partial(_is_there, store, *each) for each in batch])
        _check_there(dict(zip((key for key, _ in batch), found, strict=True)), store)


def check_examples_kept(store: Store, digest: str, size: int) -> None:
    """As `check_model_kept`, for what a suite found for each example."""
    key = examples_key(digest)
    if _check_intents(store, f"{key.rpartition('/')[0]}/"):
        there = store.stat(key)
        _check_there({key: there is not None and there.size == size}, store)


def _is_there(store: Store, key: str, size: int, _progress: Progress) -> bool:
    there = store.stat(key)
    return there is not None and there.size == size


def _check_intents(store: Store, prefix: str) -> bool:
    """Whether anything was ever deleted here. Raises Refused where that goes on below `prefix` now."""
    for name, plan in under_way(store):
        if any(group.prefix.startswith(prefix) for group in plan.groups):
            raise Refused(
                f"the plan {name} is deleting from where these files lie",
                where=store.uri,
                remedy=f"Run it again when that is over, or stop it: `modelbook prune restore {name}`.",
            )
    return bool(plans(store))


def _check_there(found: Mapping[str, bool], store: Store) -> None:
    if gone := [key for key, there in found.items() if not there]:
        raise Refused(
            f"deleted meanwhile: {many(len(gone), 'file')}, {gone[0]} first",
            where=store.uri,
            remedy="Bring them back (`modelbook prune restore PLAN`; trash/plans/ names the plans), and run it again.",
        )
