"""What a run is called: unique without asking anybody, and the same again when GitHub repeats a job."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC

from modelbook.errors import BadInput
from modelbook.training.clock import Clock, utc_now


def new_run_id(
    environ: Mapping[str, str],
    *,
    clock: Clock = utc_now,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """The id for a run that begins now.

    On GitHub it follows from the workflow run, the repository, the job and the leg of its matrix, so that a
    re-run continues the run it repeats: `gh-<GITHUB_RUN_ID>-<8 hex>`. Elsewhere it is `<UTC time>-<8 hex>`,
    the digits from `entropy`. Raises BadInput where GITHUB_RUN_ID is no number.
    """
    if environ.get("GITHUB_ACTIONS") == "true" and "GITHUB_RUN_ID" in environ:
        return _github_run_id(environ)
    return f"{clock().astimezone(UTC):%Y%m%dt%H%M%S}-{entropy(4).hex()}"


def _github_run_id(environ: Mapping[str, str]) -> str:
    number = environ["GITHUB_RUN_ID"]
    if not re.fullmatch(r"[0-9]{1,20}", number):
        raise BadInput(
            f"GITHUB_RUN_ID is {number[:40]!r}, which is no number",
            remedy="GitHub sets it. Unset it elsewhere, or name the run yourself with --run-id.",
        )
    # The attempt is left out on purpose: it is what a re-run changes.
    job = environ.get("GITHUB_JOB", "")
    parts = [environ.get("GITHUB_REPOSITORY", ""), job, environ.get("MODELBOOK_MATRIX") or job]
    return f"gh-{number}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]}"
