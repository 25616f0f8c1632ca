"""One file of a commit, of any size, onto the disk."""

import subprocess
from pathlib import Path

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import environment, words_of
from modelbook.errors import ForgeError


def write_blob(repository: Repository, oid: str, target: Path) -> None:
    """Write the bytes of the blob `oid` to the new file `target`; none of them are held in memory."""
    with target.open("xb") as out:
        done = subprocess.run(
            ["git", "cat-file", "blob", oid],
            cwd=repository.root,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
        )
    if done.returncode:
        raise ForgeError(f"git cat-file failed: {words_of(done)}", where=str(repository.root))
