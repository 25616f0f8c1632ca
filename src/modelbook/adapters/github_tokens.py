"""The kinds of tokens that GitHub gives, and where each is granted what it lacks."""

from dataclasses import dataclass
from typing import Final

from modelbook.core.doctor.settings_health import TOKEN

# What a job may ask for under `permissions:`; nothing else can be given to its own token.
_OF_JOBS = {"actions", "attestations", "checks", "contents", "deployments", "discussions", "id-token", "issues"}
_OF_JOBS |= {"packages", "pages", "pull-requests", "security-events", "statuses"}
JOB_TOKEN: Final = "GITHUB_TOKEN"  # noqa: S105 - a variable's name
TOKENS: Final = (TOKEN, JOB_TOKEN)
JOB_FIRST: Final = (JOB_TOKEN, TOKEN)
"""Where nothing has to start by what is written: a job's own token may do the least."""
_KINDS = {
    "github_pat_": "a fine-grained personal access token",
    "ghp_": "a classic personal access token",
    "gho_": "the token of `gh auth login`",
    "ghu_": "an App's token for a person",
}


def kind_of(secret: str, name: str) -> str:
    """What a token is, in words: a job's own, an App's, a personal access token, gh's, or a token.

    `name` is the variable that it came from.
    """
    if secret.startswith("ghs_"):
        return "a job's own token" if name == JOB_TOKEN else "an App's token"
    return next((kind for begin, kind in _KINDS.items() if secret.startswith(begin)), "a token")


@dataclass(frozen=True)
class GitHubToken:
    """What a token is (see `kind_of`), its variable, and the address (`https://github.com`) where people see GitHub."""

    kind: str
    name: str
    site: str

    def how_to_get(self, permission: str) -> str:
        """Where to grant `permission`, as in `contents: write`, to a token of this kind."""
        scope = permission.partition(":")[0]
        if self.kind == "a job's own token":
            if scope in _OF_JOBS:
                return (
                    f"Write `{permission}` under `permissions:` of the job, and of the job that calls its workflow; "
                    f"the owner's settings (Actions, General) may forbid writing."
                )
            return (
                f"A job's own token never has `{permission}`: ask with another, `export GITHUB_TOKEN=$(gh auth token)` "
                f"of somebody who administers the repository."
            )
        if self.kind.startswith("an App's token"):
            return (
                f"Grant `{permission}` to the App (its settings, Permissions & events), accept that where it is "
                f"installed, and make its token anew."
            )
        if self.kind.startswith("a fine-grained"):
            return (
                f"Grant `{permission}` to it at {self.site}/settings/personal-access-tokens (Repository permissions), "
                f"for this repository; an organisation may have to approve it."
            )
        owner = "somebody who administers the repository" if scope in {"administration", "secrets"} else "who may write"
        scopes = "repo and workflow" if scope in {"actions", "workflows"} else "repo"
        if self.kind.startswith("the token of `gh"):
            command = f"gh auth refresh --scopes {scopes.replace(' and ', ',')}"
            return f"Use that of {owner}, with the scope {scopes}: `{command}`."
        if self.kind.startswith("a classic"):
            return f"Use that of {owner}, with the scope {scopes}: {self.site}/settings/tokens."
        return f"Use the token of {owner}, with `{permission}`."

    def how_to_authorize(self, address: str | None) -> str:
        """What to do where an organisation wants a single sign-on; `address` is where, if GitHub says so."""
        at = address or f"{self.site}/settings/tokens"
        if self.kind.startswith("the token of `gh"):
            return f"Authorise it for the organisation's single sign-on: `gh auth refresh`, or {at}"
        return f"Authorise the token in {self.name} for the organisation's single sign-on (Configure SSO): {at}"
