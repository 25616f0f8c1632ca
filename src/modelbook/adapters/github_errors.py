"""What GitHub's refusals mean, and what to do about each."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from modelbook.adapters.github_tokens import GitHubToken
from modelbook.errors import ForgeError

# What a job must hold below each path, where GitHub itself does not say.
_NEEDED = {
    "git": "contents",
    "pulls": "pull-requests",
    "issues": "pull-requests",
    "labels": "pull-requests",
    "statuses": "statuses",
    "actions": "actions",
    "deployments": "deployments",
}
_AGAIN = "Run it again: what is done already is found, and nothing is done twice."


Call = tuple[str, str]
"""A call's method, and its path below the repository."""


class Unsure(ForgeError):
    """A write was not answered as it should be: it may have happened or not."""


class Refusal(ForgeError):
    """GitHub answered and said no; `status` is its HTTP status, `words` what it said, `clock` its time (Unix time)."""

    def __init__(
        self, message: str, *, status: int, words: str, where: str, remedy: str | None, clock: float | None = None
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.status = status
        self.words = words
        self.clock = clock

    @property
    def lacks_permission(self) -> bool:
        """Whether the token may not see or do it; what it may not see GitHub treats as if it were not there."""
        return self.status == 404 or (self.status == 403 and _is_about_rights(self.words.lower()))

    @property
    def beyond_plan(self) -> bool:
        """Whether the owner's plan has no such feature: it is in force for nobody then."""
        return self.status == 403 and "upgrade to" in self.words.lower()


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
    what: str, call: Call, status: int, data: Any, headers: Mapping[str, str], *, where: str, token: GitHubToken
) -> Refusal:
    """The error for a refused call: `what` it was to do, and `token` who asked."""
    words = words_of(data) or f"status {status}"
    return Refusal(
        f"GitHub would not {what}: {words} ({status})",
        status=status,
        words=words,
        where=where,
        remedy=_remedy(call, status, words, headers, token),
        clock=_clock(headers),
    )


def _clock(headers: Mapping[str, str]) -> float | None:
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None


def _remedy(call: Call, status: int, words: str, headers: Mapping[str, str], token: GitHubToken) -> str | None:
    said = words.lower()
    if status == 401:
        return f"The token in {token.name} is wrong or has expired: a job's own token ends with the job."
    if status == 403 and ("saml" in said or headers.get("x-github-sso")):
        return token.how_to_authorize(headers.get("x-github-sso", "").partition("url=")[2] or None)
    for part, remedy in _BY_WORDS:
        if part in said:
            return remedy.format(name=token.name, kind=token.kind)
    if status == 403 and _is_about_rights(said):
        missing = _missing(call, headers)
        return f"The token in {token.name} ({token.kind}) lacks `{missing}`. {token.how_to_get(missing)}"
    if status == 403:
        return f"See what the token in {token.name} may do, and the rules of the repository's branches."
    if status == 404:
        return f"Either it is not there, or the token in {token.name} ({token.kind}) may not see it."
    return None


# Parts of GitHub's own words, in lower case.
_RIGHTS = ("resource not accessible", "must have admin rights", "must have push access", "permission to")
_BY_WORDS = (
    (
        "not permitted to create or approve pull requests",
        "Allow it in the repository's settings (Actions, General, Workflow permissions), or give an App's token in "
        "MODELBOOK_TOKEN.",
    ),
    (
        "without `workflows` permission",
        "Files below .github/workflows need `workflows: write`, which a job's own token never has: change them by "
        "hand, or give the App, or the fine-grained token, in MODELBOOK_TOKEN that permission.",
    ),
    (
        "forbids access via",
        "The organisation takes no such token as {name} ({kind}): use an App's or a fine-grained one.",
    ),
    (
        "ip allow list",
        "The organisation lets in only some addresses: run it from one of those, or on a runner of its own.",
    ),
    ("archived", "The repository is archived: nothing in it can change until somebody unarchives it in its settings."),
    (
        "upgrade to",
        "The owner's plan does not have this for private repositories: GitHub Pro, Team and Enterprise do, and public "
        "repositories do.",
    ),
    (
        "rule violation",
        "A rule of the branch forbids it. Modelbook writes to its own branches only (register/, promote/, …): "
        "let the ruleset hold for the default branch alone.",
    ),
    (
        "protected branch",
        "A rule of the branch forbids it. Modelbook writes to its own branches only (register/, promote/, …): "
        "let the protection hold for the default branch alone.",
    ),
)


def _is_about_rights(said: str) -> bool:
    return any(part in said for part in _RIGHTS)


def _missing(call: Call, headers: Mapping[str, str]) -> str:
    if accepted := headers.get("x-accepted-github-permissions"):
        wanted = accepted.split(";")[0].split(",")[0].strip()  # alternatives: any one would do
        return wanted.replace("_", "-").replace("=", ": ")
    verb, path = call
    needed = _NEEDED.get(path.strip("/").partition("/")[0], "contents")
    return f"{needed}: {'read' if verb == 'GET' else 'write'}"


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
