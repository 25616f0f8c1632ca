"""Who is at work, for the record."""

import getpass
import os
from contextlib import suppress
from pathlib import Path

from modelbook.adapters.git_process import run_git
from modelbook.errors import BadInput


def person(folder: Path) -> str:
    """The workflow's actor, else who git says works in `folder`, else the login name."""
    if actor := os.environ.get("GITHUB_ACTOR"):
        return f"@{actor}"
    with suppress(BadInput):  # a machine without git
        told = run_git(["var", "GIT_AUTHOR_IDENT"], folder).stdout.decode(errors="replace")
        if ">" in told:
            return told[: told.rindex(">") + 1]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"uid-{os.getuid()}"
