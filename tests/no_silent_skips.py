"""A pytest plugin: in CI a test that skips because a part is missing has failed.

A skip is right where a machine cannot ever hold the part, and its reason then begins with `platform:`. Any
other skip says that something was not installed, and a green run would claim what was never tried.
"""

import os
from collections.abc import Generator

import pytest

ALLOWED = "platform:"


def refused(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Why this skip may not stand, or None. An expected failure is reported as a skip and is none."""
    if os.environ.get("CI") != "true" or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return None
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if reason.startswith(ALLOWED):
        return None
    return f"skipped in CI, where every part must be installed (or the reason begin with {ALLOWED}): {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if (reason := refused(report)) is not None:
        report.outcome, report.longrepr = "failed", reason
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if (reason := refused(report)) is not None:
        report.outcome, report.longrepr = "failed", reason
    return report
