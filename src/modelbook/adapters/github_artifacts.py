"""What an earlier job of this very workflow run left as an artifact: one small file."""

import io
import os
import zipfile
from contextlib import closing

from modelbook.adapters.download import fetch
from modelbook.adapters.github_api import GitHubApi, pick
from modelbook.errors import BadInput

_PACKED = 16 * 1024  # bytes that a zip may add


def read_artifact(api: GitHubApi, name: str, *, limit: int) -> bytes:
    """The one file in the artifact `name` of this workflow run, at most `limit` bytes. Raises BadInput, ForgeError.

    Other runs are not asked: who started them, and from which fork, would have to be judged first.
    """
    run = os.environ.get("GITHUB_RUN_ID", "")
    if not run.isdigit():
        raise BadInput("artifacts are those of a workflow run", remedy="Outside a workflow, give --file.")
    found = list(api.pages("list artifacts", f"/actions/runs/{run}/artifacts", key="artifacts", name=name))
    if not found:
        remedy = "An earlier job of the same run uploads it, by actions/upload-artifact."
        raise BadInput(f"this workflow run has no artifact {name[:100]!r}", remedy=remedy)
    newest = max(found, key=lambda each: int(pick(each, "id")))
    where = f"the artifact {name}"
    address = api.location("fetch an artifact", f"/actions/artifacts/{pick(newest, 'id')}/zip")
    packed = fetch(address, limit=limit + _PACKED, shown=where)
    try:
        with closing(io.BytesIO(packed)) as held, zipfile.ZipFile(held) as archive:
            files = [each for each in archive.infolist() if not each.is_dir()]
            if len(files) != 1:
                raise BadInput(f"it holds {len(files)} files, and one is wanted", where=where)
            with archive.open(files[0]) as opened:
                data = opened.read(limit + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadInput(f"it is no zip that can be read: {error}", where=where) from None
    if len(data) > limit:
        raise BadInput(f"it has more than {limit:,} bytes", where=where)
    return data
