"""Issues on GitHub, looked for before they are opened, so that there is one of each."""

from collections.abc import Iterable

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_pulls import LONGEST_TITLE, is_ours
from modelbook.core.pages.markdown import MARKER


def open_issue(api: GitHubApi, topic: str, occasion: str, title: str, body: str, labels: Iterable[str]) -> str:
    """The address of the open issue about `topic`, or of a new one. Raises ForgeError.

    One that people closed is not opened again on the same `occasion`: that is given back.
    """
    wanted = sorted(labels)
    marker = MARKER.format(f"{topic}: {occasion}")
    begins = marker.partition(f": {occasion}")[0] + ": "

    def standing() -> Json | None:
        found = api.pages("list issues", "/issues", state="all", labels=",".join(wanted))
        mine = [each for each in found if "pull_request" not in each and is_ours(each)]
        about = [each for each in mine if (each.get("body") or "").startswith(begins)]
        same = (each for each in about if each["state"] == "open" or each["body"].startswith(marker))
        return next(same, None)

    if (found := standing()) is None:
        new = {"title": title[:LONGEST_TITLE], "body": f"{marker}\n{body}", "labels": wanted}
        found = api.post("open an issue", "/issues", new, find=standing)
    return str(pick(found, "html_url"))
