"""What GitHub's refusals mean, and what to do about each."""

from collections.abc import Mapping
from typing import Any

from modelbook.errors import ForgeError

# What a job must hold for a write below each path, where GitHub itself does not say.
_NEEDED = {
    "git": "contents: write",
    "pulls": "pull-requests: write",
    "issues": "pull-requests: write",
    "statuses": "statuses: write",
    "actions": "actions: write",
    "deployments": "deployments: write",
}
_AGAIN = "Run it again: what is done already is found, and nothing is done twice."


class Unsure(ForgeError):
    """A write was not answered as it should be: it may have happened or not."""


class Refusal(ForgeError):
    """GitHub answered and said no; `status` is its HTTP status, `words` what it said."""

    def __init__(self, message: str, *, status: int, words: str, where: str, remedy: str | None) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.status = status
        self.words = words


def words_of(data: Any) -> str:
    """GitHub's own words for a refusal: its message, and each of the errors that it lists."""
    if not isinstance(data, dict):
        return ""
    said = [str(data.get("message") or data.get("data") or "").strip()]
    errors = data.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict):
            parts = (error.get("message"), error.get("resource"), error.get("field"), error.get("code"))
            said.append(error.get("message") or " ".join(str(part) for part in parts if part))
        else:
            said.append(str(error))
    return "; ".join(part[:500] for part in said if part)


def refusal(
    what: str, path: str, status: int, data: Any, headers: Mapping[str, str], *, where: str, token: str
) -> Refusal:
    """The error for a refused call: `what` it was to do, `path` below the repository, `token` the variable it is in."""
    words = words_of(data) or f"status {status}"
    return Refusal(
        f"GitHub would not {what}: {words} ({status})",
        status=status,
        words=words,
        where=where,
        remedy=_remedy(path, status, words, headers, token),
    )


def _remedy(path: str, status: int, words: str, headers: Mapping[str, str], token: str) -> str | None:
    said = words.lower()
    if status == 401:
        return f"The token in {token} is wrong or has expired: a job's own token ends with the job."
    if "not permitted to create or approve pull requests" in said:
        return (
            "Allow it in the repository's settings (Actions, General, Workflow permissions), or give an App's token "
            "in MODELBOOK_TOKEN."
        )
    if "resource not accessible" in said:
        return (
            f"The token in {token} lacks `{_missing(path, headers)}`. Grant it under `permissions:` of the job, or to "
            "the App whose token it is."
        )
    if status == 403:
        return f"See what the token in {token} may do, and the rules of the repository's branches."
    if status == 404:
        return f"Either it is not there, or the token in {token} may not see it."
    return None


def _missing(path: str, headers: Mapping[str, str]) -> str:
    if accepted := headers.get("x-accepted-github-permissions"):
        wanted = accepted.split(";")[0].split(",")[0].strip()  # alternatives: any one would do
        return wanted.replace("_", "-").replace("=", ": ")
    return _NEEDED.get(path.strip("/").partition("/")[0], "contents: write")


def unanswered(what: str, why: str, *, where: str) -> Unsure:
    """The error for a call that GitHub did not answer, or not in its own words."""
    return Unsure(f"GitHub did not say whether it would {what}: {why}", where=where, remedy=_AGAIN)


def too_long_a_wait(what: str, seconds: float, *, where: str) -> ForgeError:
    """The error for a rate limit that lasts longer than anybody should wait here."""
    minutes = max(1, round(seconds / 60))
    return ForgeError(
        f"GitHub would not {what} for another {minutes} min: its rate limit is reached",
        where=where,
        remedy=f"Run it again in {minutes} min, or give a token with a limit of its own in MODELBOOK_TOKEN.",
    )
