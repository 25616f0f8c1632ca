"""Addresses, node ids and people."""

import base64

from tests.parts.github.world import Json, Repository, World, is_bot, user_id


def api(world: World, repository: Repository, tail: str = "") -> str:
    """The address of something of a repository, in the API."""
    return f"{world.url}/api/v3/repos/{repository.full_name}{tail}"


def page(world: World, repository: Repository, tail: str = "") -> str:
    """The address of something of a repository, for a browser."""
    return f"{world.url}/{repository.full_name}{tail}"


def node_id(kind: str, number: int | str) -> str:
    """GitHub's second name of an object: opaque, and unique."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


def email(login: str) -> str:
    """The address that GitHub writes into commits made for somebody."""
    return f"{user_id(login)}+{login}@users.noreply.github.com"


def simple_user(world: World, login: str) -> Json:
    me = f"{world.url}/api/v3/users/{login}"
    return {
        "login": login,
        "id": user_id(login),
        "node_id": node_id("User", user_id(login)),
        "avatar_url": f"{world.url}/avatars/{user_id(login)}",
        "gravatar_id": "",
        "url": me,
        "html_url": f"{world.url}/{login}",
        "followers_url": f"{me}/followers",
        "following_url": f"{me}/following{{/other_user}}",
        "gists_url": f"{me}/gists{{/gist_id}}",
        "starred_url": f"{me}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{me}/subscriptions",
        "organizations_url": f"{me}/orgs",
        "repos_url": f"{me}/repos",
        "events_url": f"{me}/events{{/privacy}}",
        "received_events_url": f"{me}/received_events",
        "type": "Bot" if is_bot(login) else "User",
        "site_admin": False,
    }


def public_user(world: World, login: str) -> Json:
    return simple_user(world, login) | {
        "name": login.capitalize(),
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
    }


def association(repository: Repository, login: str) -> str:
    """What somebody is to the repository."""
    if login == repository.owner:
        return "OWNER"
    return "NONE" if is_bot(login) or login in repository.strangers else "MEMBER"


def app_id(login: str) -> int | None:
    """The number of the App behind a `[bot]` login; a person has none."""
    return user_id(login.removesuffix("[bot]")) % 100_000 if is_bot(login) else None


def app(world: World, login: str) -> Json:
    """The GitHub App behind a `[bot]` login."""
    slug = login.removesuffix("[bot]")
    return {
        "id": app_id(login),
        "slug": slug,
        "node_id": node_id("App", slug),
        "owner": simple_user(world, "github"),
        "name": "GitHub Actions" if slug == "github-actions" else slug,
        "description": "",
        "external_url": f"{world.url}/help",
        "html_url": f"{world.url}/apps/{slug}",
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
        "permissions": {"checks": "write", "contents": "write", "metadata": "read", "pull_requests": "write"},
        "events": ["push", "pull_request"],
    }
