"""Which GitHub a repository is on, and by whose token it is asked: an App's, one that was given, or the job's own."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Final

from modelbook.adapters.git import Repository
from modelbook.adapters.github_api import PAUSE, GitHubApi
from modelbook.adapters.github_place import api_of, name_in
from modelbook.adapters.github_tokens import TOKENS, kind_of
from modelbook.adapters.workflow import note
from modelbook.core.doctor.settings_health import APP_ID, APP_KEY
from modelbook.errors import BadInput

PROPOSES: Final = {"contents": "write", "pull_requests": "write"}
"""What an App's token has to be allowed that opens pull requests."""


def open_api(
    repository: Repository,
    other: str | None = None,
    *,
    tokens: Sequence[str] = TOKENS,
    permissions: Mapping[str, str] | None = None,
) -> GitHubApi:
    """The API of this repository, by the environment of a workflow, or by the remote `origin` and a token.

    With `other` (`owner/name`), that of another repository of the same GitHub. Where an App is named, a token of it
    with these `permissions`, and no more, is what is asked by; without `permissions` no App is. Else `tokens` are the
    variables that may hold the token, and the first that does counts.

    Raises BadInput where there is no token, half an App, or no repository on GitHub.
    """
    by_app = bool(permissions) and any(os.environ.get(name) for name in (APP_ID, APP_KEY))
    token_name = APP_KEY if by_app else next((name for name in tokens if os.environ.get(name)), None)
    if token_name is None:
        raise BadInput(
            "there is no token for GitHub",
            where="$GITHUB_TOKEN",
            remedy="In a workflow: `env: GITHUB_TOKEN: ${{ github.token }}`. Elsewhere: "
            "`export GITHUB_TOKEN=$(gh auth token)`.",
        )
    remote = repository.remote_url() or ""
    full_name = other or os.environ.get("GITHUB_REPOSITORY") or name_in(remote)
    if not full_name or not re.fullmatch(r"[\w.-]+/[\w.-]+", full_name):
        raise BadInput(
            "this repository is not on GitHub, or its remote does not say where",
            where=remote or str(repository.root),
            remedy="Set GITHUB_REPOSITORY=owner/name, or use plain git: --forge git.",
        )
    url = os.environ.get("GITHUB_API_URL") or api_of(remote)
    GitHubApi.check_address(url)
    pause = _pause()
    if by_app and permissions:
        from modelbook.adapters.github_app import App, AppToken

        if app := App.of(os.environ):
            token = AppToken(app, full_name, url, permissions, pause=pause)
            return GitHubApi(full_name, url, token, token_name=token_name, pause=pause)
    secret = os.environ[token_name]
    note(f"GitHub: by the token in {token_name} ({kind_of(secret, token_name)})")
    return GitHubApi(full_name, url, secret, token_name=token_name, pause=pause)


def _pause() -> float:
    text = os.environ.get("MODELBOOK_GITHUB_PAUSE") or str(PAUSE)
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text):
        raise BadInput(f"{text!r} is no number of seconds", where="$MODELBOOK_GITHUB_PAUSE", remedy="Write 1 or 0.5.")
    return float(text)
