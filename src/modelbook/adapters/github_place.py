"""Where a repository lies on GitHub: its name, the API that answers for it, and the pages that people see."""

import os
from urllib.parse import urlsplit

from modelbook.adapters.git import Repository
from modelbook.core.pages.github_page import GitHubPage, remote_parts


def name_in(remote: str) -> str | None:
    """`owner/name` of a remote's URL, or None where it has no such form."""
    found = remote_parts(remote)
    return found[1] if found else None


def api_of(remote: str) -> str:
    """Where the API of a remote's host answers: github.com's, or that of a GitHub Enterprise Server."""
    found = remote_parts(remote)
    host = found[0] if found else "github.com"
    return "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"


def page_of(repository: Repository, forge: str) -> GitHubPage | None:
    """Where people see this repository on GitHub, by the environment of a workflow, or by the remote `origin`.

    None where it is not there. Only the forge `github` says of another host that it is a GitHub Enterprise Server.
    """
    host, name = remote_parts(repository.remote_url() or "") or ("", "")
    server = f"https://{host}"
    if forge == "github":
        name = os.environ.get("GITHUB_REPOSITORY") or name
        server = os.environ.get("GITHUB_SERVER_URL") or server
    elif host != "github.com":
        return None
    try:
        return GitHubPage(server, name)
    except ValueError:
        return None


def is_sealed(url: str) -> bool:
    """Whether nobody on the way reads what goes to `url`: by https, or within this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"})


def site_of(api: str) -> str:
    """Where people see the GitHub whose API answers at `api`."""
    parts = urlsplit(api)
    return f"{parts.scheme}://{(parts.netloc).removeprefix('api.')}"
