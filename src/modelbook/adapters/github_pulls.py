"""Pull requests on GitHub, and what belongs to them: found before they are made, so that there is one of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_errors import Refusal

LONGEST_TITLE = 256  # characters
FEW = 4  # branches that are asked for one by one
LOOKS = 8  # how often to ask whether GitHub has tried the merge


@dataclass(frozen=True)
class Pull:
    """A pull request: `head` is the commit that its branch held last; `state` is open or closed.

    `repository` is the full name of the one that holds the branch; empty where that is gone. `enters` is the branch
    that it would be merged into, `protected` whether that is the default branch.
    """

    number: int
    url: str
    head: str
    state: str
    merged: bool
    title: str
    body: str
    labels: frozenset[str]
    branch: str
    repository: str
    enters: str
    protected: bool


class GitHubPulls:
    """Finds and makes pull requests of branches of this repository. Every method may raise ForgeError."""

    def __init__(self, api: GitHubApi) -> None:
        self._api = api

    def of_branch(self, branch: str) -> list[Pull]:
        """Every pull request of a branch, open ones first, then the newest first."""
        found = self._api.pages("list pull requests", "/pulls", state="all", head=f"{self._api.owner}:{branch}")
        pulls = [_pull(each) for each in found]
        return sorted(pulls, key=lambda pull: (pull.state != "open", -pull.number))

    def opened(self) -> list[Pull]:
        """Those open pull requests of this repository's own branches that would enter its default branch."""
        found = (_pull(each) for each in self._api.pages("list pull requests", "/pulls", state="open"))
        own = self._api.full_name.lower()
        return [pull for pull in found if pull.protected and pull.repository.lower() == own]

    def merged(self, branches: Mapping[str, str]) -> set[str]:
        """Those of the branches (name to commit) whose commit was merged by a pull request."""
        if len(branches) <= FEW:
            found = [pull for branch in branches for pull in self.of_branch(branch)]
        else:  # a call for each would use up an hour's limit
            found = [_pull(each) for each in self._api.pages("list pull requests", "/pulls", state="closed")]
        own = self._api.full_name.lower()
        mine = (pull for pull in found if pull.merged and pull.repository.lower() in {own, ""})
        return {pull.branch for pull in mine if branches.get(pull.branch) == pull.head}

    def get(self, number: int) -> Pull:
        """One pull request."""
        return _pull(self._api.get("read a pull request", f"/pulls/{number}"))

    def open(self, branch: str, base: str, title: str, body: str) -> Pull:
        """Open the pull request of a branch; where it has an open one, that is it."""
        wanted = {"title": title[:LONGEST_TITLE], "head": branch, "base": base, "body": body}

        def standing() -> Json | None:
            found = self._api.pages("list pull requests", "/pulls", state="open", head=f"{self._api.owner}:{branch}")
            return next(found, None)

        try:
            return _pull(self._api.post("open a pull request", "/pulls", wanted, find=standing))
        except Refusal as error:
            if error.status == 422 and "already exists" in error.words and (made := standing()):
                return _pull(made)
            raise

    def describe(self, pull: Pull, title: str, body: str) -> None:
        """Set title and body, where they are others."""
        if (pull.title, pull.body) != (title[:LONGEST_TITLE], body):
            wanted = {"title": title[:LONGEST_TITLE], "body": body}
            self._api.patch("describe a pull request", f"/pulls/{pull.number}", wanted)

    def label(self, pull: Pull, labels: Iterable[str]) -> None:
        """Add the labels that it lacks."""
        if missing := sorted(set(labels) - pull.labels):
            path = f"/issues/{pull.number}/labels"
            # A label that is added twice is there once, so there is nothing to look for.
            self._api.post("label a pull request", path, {"labels": missing}, find=lambda: None)

    def comment(self, number: int, marker: str, body: str, *, replace: bool = True) -> None:
        """Write the one comment that begins with `marker`, or bring it up to date where `replace` says so."""
        text = f"{marker}\n{body}"

        def standing() -> Json | None:
            comments = self._api.pages("list comments", f"/issues/{number}/comments")
            return next((each for each in comments if is_ours(each) and _body(each).startswith(marker)), None)

        if (found := standing()) is None:
            found = self._api.post("comment", f"/issues/{number}/comments", {"body": text}, find=standing)
        if replace and found.get("body") != text:
            self._api.patch("edit a comment", f"/issues/comments/{pick(found, 'id')}", {"body": text})

    def mergeable(self, number: int) -> bool | None:
        """Whether it merges without conflict; None where GitHub has not tried in good time.

        Asking is what makes GitHub try, and leave the result at refs/pull/<number>/merge.
        """
        for look in range(LOOKS):
            if look:
                self._api.wait(min(look, 4))
            found = self._api.get("read a pull request", f"/pulls/{number}")
            if (answer := found.get("mergeable")) is not None:
                return bool(answer)
        return None


def is_ours(written: Json) -> bool:
    """A bot's or a member's: anybody may write a comment or an issue with our marker in a public repository."""
    bot = (written.get("user") or {}).get("type") == "Bot"
    return bot or written.get("author_association") in {"OWNER", "MEMBER", "COLLABORATOR"}


def _body(comment: Json) -> str:
    return comment.get("body") or ""


def _pull(found: Any) -> Pull:
    return Pull(
        number=int(pick(found, "number")),
        url=str(pick(found, "html_url")),
        head=str(pick(found, "head", "sha")),
        state=str(pick(found, "state")),
        merged=bool(found.get("merged_at")),
        title=str(pick(found, "title")),
        body=found.get("body") or "",
        labels=frozenset(str(pick(label, "name")) for label in found.get("labels", ())),
        branch=str(pick(found, "head", "ref")),
        repository=str((pick(found, "head").get("repo") or {}).get("full_name", "")),
        enters=str(pick(found, "base", "ref")),
        protected=pick(found, "base", "ref") == pick(found, "base", "repo", "default_branch"),
    )
