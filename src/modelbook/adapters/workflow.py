"""What a step of a GitHub Actions workflow may leave behind: outputs, a summary, annotations, masked secrets."""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelbook.core.pages.report import Report


def in_workflow() -> bool:
    """Whether this process is a step of a workflow."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def set_outputs(values: Mapping[str, str]) -> None:
    """Hand `values` to later steps and jobs. Outside a workflow nothing happens."""
    path = os.environ.get("GITHUB_OUTPUT")
    if not path:
        return
    lines = []
    for name, value in values.items():
        fence = f"end-{secrets.token_hex(16)}"  # a value cannot guess it, so it cannot forge another output
        lines.append(f"{name}<<{fence}\n{value}\n{fence}\n")
    with Path(path).open("a", encoding="utf-8") as file:
        file.write("".join(lines))


def mask(secret: str) -> None:
    """Let no log of this job show `secret` from now on. Outside a workflow nothing happens."""
    if in_workflow():
        sys.stderr.write(f"::add-mask::{secret}\n")
        sys.stderr.flush()


def note(text: str) -> None:
    """Say in the job's log what nobody has to act upon. Outside a workflow nothing happens."""
    if in_workflow():
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def event_inputs() -> dict[str, str]:
    """What this workflow was started with by hand, as text; nothing where something else started it."""
    path = os.environ.get("GITHUB_EVENT_PATH")
    inputs = json.loads(Path(path).read_bytes()).get("inputs") if in_workflow() and path else None
    known = {name: value for name, value in (inputs or {}).items() if value is not None}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in known.items()}


def publish(report: "Report") -> None:
    """Write the report as the job's summary and as annotations. Outside a workflow nothing happens."""
    if not in_workflow():
        return
    # Every training asks this module for its job: it need not bring the gates and all that is told of them.
    from modelbook.core.pages.markdown import annotations, markdown

    publish_text(markdown(report))
    for line in annotations(report):
        # A path may hold bytes that are no UTF-8.
        sys.stderr.write(line.encode(errors="backslashreplace").decode() + "\n")
    sys.stderr.flush()


def publish_text(markdown: str) -> None:
    """Write Markdown as the job's summary. Outside a workflow nothing happens."""
    if in_workflow() and (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown + "\n")


def job_identity() -> str | None:
    """The job that this process is, such as `github:acme/registry/42/evaluate`; None outside a workflow."""
    if not in_workflow():
        return None
    env = os.environ
    parts = [env.get(name, "") for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_JOB")]
    return "github:" + "/".join(parts)


def page_of_run() -> str | None:
    """The address of the present workflow run, or None."""
    server, repository, run = (os.environ.get(n) for n in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run and in_workflow() else None
