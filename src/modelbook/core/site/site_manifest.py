"""What a build of the site notes for the next one: every file by its digest, and what each part was made of."""

from typing import Literal

from modelbook.core.records import Frozen
from modelbook.core.site.site_rows import VersionRow
from modelbook.core.site.site_sweeps import SweepRow


class Made(Frozen):
    """What a part of the site was made of: `of` is a digest of its facts, `read` the files that were looked for.

    `files` are the paths of what was made. `read` has git's object id of each file looked for, None where there was
    none. Of a version `own` is a digest of its own files, and `row` its line in the lists; `sweep` is that of a sweep.
    """

    of: str
    files: tuple[str, ...]
    own: str = ""
    read: dict[str, str | None] = {}
    row: VersionRow | None = None
    sweep: SweepRow | None = None


class Manifest(Frozen):
    """What a site consists of: the digest of each file by its path, and what each part was made of."""

    format: Literal["modelbook/site/v1"] = "modelbook/site/v1"
    stamp: str = ""
    files: dict[str, str] = {}
    parts: dict[str, Made] = {}
