"""The files of a TUF repository, which hands out what it is given as tuf-repo-cdn.sigstore.dev does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

LIFETIME = timedelta(days=365)


def write_repository(folder: Path, targets: dict[str, bytes]) -> Path:
    """The first root.json, after the whole repository was written into `folder`, metadata and targets by their hash."""
    key = CryptoSigner.generate_ecdsa()
    expires = datetime.now(UTC).replace(microsecond=0) + LIFETIME
    root = Root(expires=expires)
    for role in ("root", "timestamp", "snapshot", "targets"):
        root.add_key(key.public_key, role)
    (folder / "targets").mkdir(parents=True)
    listed = Targets(expires=expires)
    for name, data in targets.items():
        target = TargetFile.from_data(name, data, ["sha256"])
        listed.targets[name] = target
        (folder / "targets" / f"{target.hashes['sha256']}.{name}").write_bytes(data)
    parts: dict[str, Metadata[Any]] = {
        "1.root.json": Metadata(root),
        "1.targets.json": Metadata(listed),
        "1.snapshot.json": Metadata(Snapshot(expires=expires, meta={"targets.json": MetaFile(1)})),
        "timestamp.json": Metadata(Timestamp(expires=expires, snapshot_meta=MetaFile(1))),
    }
    for name, metadata in parts.items():
        metadata.sign(key)
        metadata.to_file(str(folder / name))
    return folder / "1.root.json"
