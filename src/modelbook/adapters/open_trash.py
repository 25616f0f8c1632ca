"""The trash of a plan, by what its store can: see `modelbook.adapters.trash`."""

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.s3_client import LazyClient
from modelbook.adapters.s3_errors import code_of, explained_s3, status_of
from modelbook.adapters.store import Store
from modelbook.adapters.trash import CopyTrash, FolderTrash, Trash
from modelbook.adapters.version_trash import VersionTrash


def open_trash(store: Store, plan: str) -> Trash:
    """The trash of a plan in `store`. Raises StoreError where a bucket does not say if it keeps versions."""
    if isinstance(store, DirectoryStore):
        return FolderTrash(store, plan)
    bucket, _, prefix = store.uri.removeprefix("s3://").partition("/")
    client = LazyClient(store.uri)
    kind = VersionTrash if _versioned(client, bucket, store.uri) else CopyTrash
    return kind(client, bucket, f"{prefix}/" if prefix else "", plan, store)


def _versioned(client: LazyClient, bucket: str, where: str) -> bool:
    with explained_s3(where):
        try:
            # Not "Suspended": there a deletion takes away what was written since, and only a copy survives it.
            return bool(client.get().get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled")
        except Exception as error:
            if code_of(error) in {"NotImplemented", "MethodNotAllowed"} or status_of(error) == 501:
                return False
            raise
