"""GitHub's REST API for one repository: paced, patient with a ceiling, and never writing blindly twice."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from modelbook import __version__
from modelbook.adapters.github_errors import Unsure, refusal, too_long_a_wait, unanswered
from modelbook.adapters.github_place import is_sealed, site_of
from modelbook.adapters.github_tokens import JOB_TOKEN, GitHubToken, kind_of
from modelbook.errors import BadInput, ForgeError

if TYPE_CHECKING:
    from github.Auth import Auth as Authentication

Json = dict[str, Any]

ATTEMPTS: Final = 5
TIMEOUT: Final = 20.0  # seconds; GitHub itself gives up on a request after ten
PAUSE: Final = 1.0  # seconds between writes, as GitHub asks
LONGEST_WAIT: Final = 300.0  # seconds; a runner costs money while it waits
UNNAMED_WAIT: Final = 60.0  # seconds to wait for a rate limit that names no time, as GitHub advises
_VERSION = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


class GitHubApi:
    """Calls below `/repos/<full_name>`. Every method may raise ForgeError; `what` says in it what was to be done.

    `token` is one, or an App's way to have one; `token_name` is the variable that it came from. `pause` is in seconds,
    between writes and (doubled each time) before a call is repeated; `sleep` is how to wait.
    """

    def __init__(
        self,
        full_name: str,
        url: str,
        token: "str | Authentication",
        *,
        token_name: str = "GITHUB_TOKEN",  # noqa: S107 - a variable's name
        pause: float = PAUSE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        from github import Auth, Github

        self.full_name = full_name
        self.owner = full_name.partition("/")[0]
        kind = kind_of(token, token_name) if isinstance(token, str) else "an App's token"
        self._token = GitHubToken(kind, token_name, site_of(url))
        self._pause = pause
        self._sleep = sleep
        # PyGithub would repeat a POST that met 502, and wait for a rate limit without end: it repeats nothing here.
        client = Github(
            base_url=url,
            auth=Auth.Token(token) if isinstance(token, str) else token,
            timeout=round(TIMEOUT),
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=pause,
            user_agent=f"modelbook/{__version__}",
        )
        self._requester = client.requester

    @property
    def by_job(self) -> bool:
        """Whether it asks by the token that every job has: what that does starts no workflow, save by a dispatch."""
        return self._token.name == JOB_TOKEN

    def get(self, what: str, path: str, **query: str) -> Any:
        """What lies at `path`: an object or a list."""
        return self._checked(what, self._call("GET", what, path, query=query)[1])

    def app(self, slug: str) -> Any:
        """What GitHub shows everybody of an App, its number among it: on each GitHub it is another."""
        what = "read an App"
        return self._checked(what, self._call("GET", what, f"/apps/{slug}", below="")[1])

    def how_to_get(self, permission: str) -> str:
        """Where to grant this token a permission, as in `contents: write`."""
        return self._token.how_to_get(permission)

    @staticmethod
    def check_address(url: str) -> None:
        """Raise BadInput where what goes to `url` would go in the clear."""
        if not is_sealed(url):
            raise BadInput(
                "the token would be sent in the clear", where=url, remedy="Set GITHUB_API_URL to an https address."
            )

    def location(self, what: str, path: str) -> str:
        """Where GitHub sends whoever asks for `path`: an address that is good for a minute, and a secret."""
        headers, _ = self._call("GET", what, path)
        if not (found := headers.get("location", "")):
            raise self._malformed(what)
        self.check_address(found)
        return found

    def get_if_there(self, what: str, path: str, **query: str) -> Any | None:
        """What lies at `path`, or None where there is nothing."""
        try:
            return self.get(what, path, **query)
        except ForgeError as error:
            if getattr(error, "status", None) == 404:
                return None
            raise

    def pages(self, what: str, path: str, key: str | None = None, **query: str) -> Iterator[Json]:
        """Every object of a list, page after page; `key` is where the list lies in an answer that is an object."""
        page = 1
        while True:
            headers, data = self._call("GET", what, path, query={**query, "per_page": "100", "page": str(page)})
            items = data.get(key) if key and isinstance(data, dict) else data
            if not isinstance(items, list):
                raise self._malformed(what)
            yield from items
            if 'rel="next"' not in headers.get("link", ""):
                return
            page += 1

    def patch(self, what: str, path: str, body: Json) -> Any:
        """Set what lies at `path`; doing so twice does it once."""
        return self._checked(what, self._call("PATCH", what, path, body=body)[1])

    def post(
        self, what: str, path: str, body: Json, *, find: Callable[[], Json | None], below: str | None = None
    ) -> Any:
        """Make something. Where GitHub does not say whether it did, `find` looks before it is asked again.

        `find` gives what was made, or None. Gives what GitHub answered, an empty object where it answered nothing.
        `below` is what `path` is below, if not the repository.
        """
        attempt = 1
        while True:
            try:
                _, data = self._call("POST", what, path, body=body, below=below)
                return {} if data is None else self._checked(what, data)
            except Unsure:
                self.wait(attempt)
                if (made := find()) is not None:
                    return made
                if attempt == ATTEMPTS:
                    raise
            attempt += 1

    def ask(self, what: str, query: str, **variables: Any) -> Json:
        """What a query of the GraphQL API finds, for what would take REST a call for each. Raises Refusal."""
        body: Json = {"query": query, "variables": variables}
        return dict(pick(self._graphql(what, body, find=lambda: None), "data"))

    def mutate(self, what: str, name: str, given: Json, *, find: Callable[[], Json | None]) -> None:
        """Run a mutation of the GraphQL API, for what REST lacks; `find` is as for `post`. Raises Refusal."""
        query = f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{{name}(input: $input) {{clientMutationId}}}}"
        self._graphql(what, {"query": query, "variables": {"input": given}}, find=find)

    def _graphql(self, what: str, body: Json, *, find: Callable[[], Json | None]) -> Any:
        answer = self.post(what, "", body, find=find, below=self._requester.graphql_url)
        if isinstance(answer, dict) and (errors := answer.get("errors")):  # GraphQL refuses with status 200
            raise refusal(
                what, ("POST", "/pulls"), 422, {"errors": errors}, {}, where=self.full_name, token=self._token
            )
        return answer

    def end_token(self) -> None:
        """Revoke the token of an App's installation that it asks by. It is tried once: nobody waits for that."""
        from github import GithubException
        from requests import RequestException

        try:
            self._requester.requestJsonAndCheck("DELETE", "/installation/token", {}, dict(_VERSION))
        except (GithubException, RequestException) as error:
            raise unanswered("end the App's token", type(error).__name__, where=self.full_name) from error

    def send(self, what: str, path: str, body: Json) -> None:
        """Tell something that leaves nothing to look for. Where GitHub does not answer, it is not told again here."""
        self._call("POST", what, path, body=body)

    def wait(self, attempt: int) -> None:
        """Wait a moment, longer for each attempt (from 1), for something that GitHub does by and by."""
        self._sleep(self._pause * 2 ** (attempt - 1))

    def _call(
        self,
        verb: str,
        what: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        below: str | None = None,
    ) -> tuple[Mapping[str, str], Any]:
        """One call, repeated where it may be. Raises Unsure where it may have had its effect and was not answered."""
        from github import GithubException
        from requests import RequestException

        attempt, waited = 1, 0.0
        base = f"/repos/{self.full_name}" if below is None else below
        while True:
            try:
                headers, data = self._requester.requestJsonAndCheck(
                    verb, f"{base}{quote(path)}", dict(query or {}), dict(_VERSION), body
                )
                return headers, data
            except GithubException as error:
                status, said = error.status, error.headers or {}
                limit = rate_limit_wait(status, said, error.data, now=time.time())
                if limit is not None:  # refused before it had any effect, so that even a POST may be repeated
                    waited += limit
                    if waited > LONGEST_WAIT or attempt == ATTEMPTS:
                        raise too_long_a_wait(what, limit, where=self.full_name) from error
                    self._sleep(limit)
                elif status < 500:
                    raise refusal(
                        what, (verb, path), status, error.data, said, where=self.full_name, token=self._token
                    ) from error
                elif verb == "POST" or attempt == ATTEMPTS:
                    raise unanswered(what, f"status {status}", where=self.full_name) from error
                else:
                    self.wait(attempt)
            except RequestException as error:
                if verb == "POST" or attempt == ATTEMPTS:
                    raise unanswered(what, _plain(error), where=self.full_name) from error
                self.wait(attempt)
            except (ValueError, RuntimeError, AssertionError) as error:  # PyGithub's, of an answer it cannot follow
                raise self._malformed(what) from error
            attempt += 1

    def _checked(self, what: str, data: Any) -> Any:
        # PyGithub hands on a proxy's page as {"data": text}.
        if not isinstance(data, dict | list) or (isinstance(data, dict) and isinstance(data.get("data"), str)):
            raise self._malformed(what)
        return data

    def _malformed(self, what: str) -> Unsure:
        return unanswered(what, "the answer is none of GitHub's", where=self.full_name)


def pick(answer: Any, *keys: str) -> Any:
    """The part of an answer that lies at `keys`. Raises ForgeError where the answer has no such part."""
    part = answer
    for key in keys:
        if not isinstance(part, dict) or key not in part:
            raise ForgeError(
                f"GitHub's answer has no {'.'.join(keys)}", remedy="Is GITHUB_API_URL GitHub's own address?"
            )
        part = part[key]
    return part


def rate_limit_wait(status: int, headers: Mapping[str, str], data: Any, *, now: float) -> float | None:
    """Seconds to wait where an answer is a rate limit, primary or secondary, else None. `now` is in Unix time."""
    if status not in {403, 429}:
        return None
    words = str(data.get("message", "")).lower() if isinstance(data, dict) else ""
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
        return max(0.0, float(headers["x-ratelimit-reset"]) - now) + 1.0
    return UNNAMED_WAIT if status == 429 or "rate limit" in words or "abuse" in words else None


def _plain(error: Exception) -> str:
    if "timed out" in str(error).lower():
        return f"no answer in {TIMEOUT:.0f} seconds"
    return "the connection failed"
