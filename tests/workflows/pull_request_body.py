"""What a team reads in the pull request of the first promotion of digits@1 to production."""

import html
import re

from tests.workflows.team import NAME, Team


def assert_the_story_is_told(acme: Team, number: int) -> None:
    """The verdict, the reason without a mention, and links to the gate's line and to the runs, on this very server."""
    body, main = html.unescape(acme.pull(number)["issue"]["body"]), acme.git("rev-parse", "main")
    assert body.startswith("✅ **The one gate lets digits@1 into production**, as the first version there.")
    assert "> it is the first (@\u200balice)" in body
    here = f"{acme.github.url}/{NAME}"
    gate = rf"\| \[better than what serves now\]\({here}/blob/{main}/registry/policy\.yaml#L\d+\) \|"
    assert re.search(gate, body), "a gate leads to its line"
    assert len(re.findall(rf"\({here}/actions/runs/\d+\)", body)) == 2, "who trained and who graded are runs"
