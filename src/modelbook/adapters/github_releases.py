"""Releases on GitHub: one of each version's tag, found before it is made, and brought up to date."""

from collections.abc import Iterator, Mapping

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_errors import Refusal
from modelbook.core.pages.release_page import ReleasePage


class GitHubReleases:
    """The releases of one repository. Every method may raise ForgeError."""

    def __init__(self, api: GitHubApi) -> None:
        self._api = api

    def standing(self) -> Mapping[str, tuple[int, ReleasePage]]:
        """Number and page of each release that is published, by its tag."""
        return dict(self._list())

    def _list(self) -> Iterator[tuple[str, tuple[int, ReleasePage]]]:
        for found in self._api.pages("list releases", "/releases"):
            if not found.get("draft"):
                yield str(pick(found, "tag_name")), (int(pick(found, "id")), _page(found))

    def make(self, tag: str, commit: str, page: ReleasePage) -> bool:
        """Make the release of a tag at `commit`. False where it is there by now."""
        # None of many models is the repository's latest; were the tag gone, GitHub would make it at that commit.
        body: Json = {"tag_name": tag, "target_commitish": commit, "make_latest": "false", **_fields(page)}
        try:
            self._api.post(f"make the release {tag}", "/releases", body, find=lambda: self._of(tag))
        except Refusal as error:
            if error.status == 422 and "already_exists" in error.words:
                return False
            raise
        return True

    def _of(self, tag: str) -> Json | None:
        found: Json | None = self._api.get_if_there("read a release", f"/releases/tags/{tag}")
        return found

    def edit(self, number: int, page: ReleasePage) -> None:
        """Let a release say what `page` says."""
        self._api.patch("edit a release", f"/releases/{number}", {"make_latest": "false", **_fields(page)})


def _page(found: Json) -> ReleasePage:
    text = str(found.get("body") or "").replace("\r\n", "\n")
    return ReleasePage(str(found.get("name") or ""), text, bool(found.get("prerelease")))


def _fields(page: ReleasePage) -> Json:
    return {"name": page.name, "body": page.body, "prerelease": page.revoked}
