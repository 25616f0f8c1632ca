"""Issues on GitHub, looked for before they are opened, so that there is one of each."""

from collections.abc import Iterable

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_pulls import LONGEST_TITLE, is_ours
from modelbook.core.pages.markdown import MARKER


def open_issue(api: GitHubApi, topic: str, occasion: str, title: str, body: str, labels: Iterable[str]) -> str:
    """The address of the open issue about `topic`, or of a new one. Raises ForgeError.

    One that people closed is not opened again on the same `occasion`: that is given back. Of two that open it at once
    the later one closes its own.
    """
    wanted = sorted(labels)
    marker = MARKER.format(f"{topic}: {occasion}")
    begins = marker.partition(f": {occasion}")[0] + ": "

    def standing() -> Json | None:
        found = api.pages("list issues", "/issues", state="all", labels=",".join(wanted))
        mine = [each for each in found if "pull_request" not in each and is_ours(each)]
        about = [each for each in mine if (each.get("body") or "").startswith(begins)]
        same = [each for each in about if each["state"] == "open" or each["body"].startswith(marker)]
        return min(same, key=lambda each: (each["state"] != "open", int(pick(each, "number"))), default=None)

    if found := standing():
        return str(pick(found, "html_url"))
    new = {"title": title[:LONGEST_TITLE], "body": f"{marker}\n{body}", "labels": wanted}
    opened = api.post("open an issue", "/issues", new, find=standing)
    # Another process may have looked at the same moment. Whoever opened the later one sees both.
    first = standing() or opened
    if pick(first, "number") != pick(opened, "number"):
        closing = {"state": "closed", "state_reason": "not_planned"}
        api.patch("close an issue", f"/issues/{pick(opened, 'number')}", closing)
    return str(pick(first, "html_url"))
