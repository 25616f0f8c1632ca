"""Putting a report where a team reads it: the one comment on a pull request, and a commit status."""

from typing import TYPE_CHECKING

from modelbook.adapters.git_process import git
from modelbook.adapters.workflow import page_of_run
from modelbook.commands._console import say
from modelbook.commands._workspace import Workspace
from modelbook.core.pages.markdown import MARKER, markdown
from modelbook.core.pages.report import Report
from modelbook.errors import Refused

if TYPE_CHECKING:
    from modelbook.adapters.github_forge import GitHubForge


def report_on_pull_request(workspace: Workspace, number: int, report: Report) -> None:
    """Write (or update) the comment, and set the status of the pull request's head, if it is for the default branch.

    Raises Refused where that head is neither the commit that was judged nor merged by it: it would get a verdict
    that is another commit's.
    """
    from modelbook.adapters.github_forge import open_github_forge

    forge = open_github_forge(workspace.repository)
    pull = forge.pull(number)
    head = pull.head
    judged = git(["show", "-s", "--format=%H %P", workspace.commit], workspace.repository.root).split()
    if head not in judged:
        raise Refused(
            f"pull request {number} has moved on to {head}",
            where=workspace.commit,
            remedy="Nothing was reported on it. Its new head is verified by a run of its own.",
        )
    forge.upsert_comment(number, MARKER.format("verify"), markdown(report))
    if pull.protected:
        _set_status(forge, head, report)
    else:  # a status is the commit's: it would go on speaking for it once the pull request is for the default branch
        say(f"no status was set: pull request {number} is for {pull.enters}, not for the default branch", as_json=True)


def report_on_commit(workspace: Workspace, report: Report) -> None:
    """Set the status of the commit that was judged: a merge queue waits for it, and has no pull request."""
    from modelbook.adapters.github_forge import open_github_forge

    _set_status(open_github_forge(workspace.repository), workspace.commit, report)


def _set_status(forge: "GitHubForge", commit: str, report: Report) -> None:
    from modelbook.adapters.github_forge import STATUS

    state = "success" if report.passed else "failure"
    forge.set_status(commit, state, report.verdict[:140], STATUS, page_of_run())
