"""Putting a report where a team reads it: the one comment on a pull request, and a commit status."""

from modelbook.adapters.workflow import page_of_run
from modelbook.commands._workspace import Workspace
from modelbook.core.markdown import MARKER, markdown
from modelbook.core.report import Report

CONTEXT = "modelbook"


def report_on_pull_request(workspace: Workspace, number: int, report: Report) -> None:
    """Write (or update) the comment, and set the status of the pull request's head."""
    from modelbook.adapters.github_forge import open_github_forge

    forge = open_github_forge(workspace.repository)
    forge.upsert_comment(number, MARKER.format("verify"), markdown(report))
    state = "success" if report.passed else "failure"
    forge.set_status(forge.head_of(number), state, report.verdict[:140], CONTEXT, page_of_run())
