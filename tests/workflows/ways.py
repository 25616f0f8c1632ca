"""The two ways a team lives on GitHub: by the token that every job has, or by that of an App of its own.

What GitHub makes of either is the server's: see `tests/parts/github/starting.py`. Here stands what a team sets up for
it, and what must follow.
"""

from dataclasses import dataclass, field
from typing import Any

ACTIONS = "github-actions[bot]"  # who acts with the token that every job has
SLUG = "acme-models"


@dataclass(frozen=True)
class Way:
    """Who opens pull requests, and what starts their verification.

    `app` says what an App of the team's own is granted, if it has one. `settings` are the repository's.
    `starter` is the event that starts a verification; `own_merge` are the workflows that run when GitHub merges by
    itself what `opener` asked it to.
    """

    name: str
    opener: str
    starter: str
    own_merge: tuple[str, ...]
    settings: dict[str, Any]
    app: dict[str, str] = field(default_factory=dict)

    @property
    def dispatches(self) -> list[str]:
        """What whoever opens or moves a pull request has to ask of GitHub besides, so that it is verified."""
        asked = ["POST /actions/workflows/verify.yml/dispatches 204"]
        return asked if self.starter == "workflow_dispatch" else []


# GitHub lets jobs open pull requests only where a setting says so, and then starts nothing that they ask for by it.
DEFAULT = Way(
    name="default-token",
    opener=ACTIONS,
    starter="workflow_dispatch",
    own_merge=(),
    settings={"actions_may_open_pulls": True},
)
# With an App that setting stays off, and the App may do two things: it could start no workflow if it wanted to.
APP = Way(
    name="app-token",
    opener=f"{SLUG}[bot]",
    starter="pull_request",
    own_merge=("deploy.yml", "promote.yml"),
    settings={"actions_may_open_pulls": False},
    app={"contents": "write", "pull_requests": "write"},
)
