"""The token of a GitHub App: made when a call needs it, for one repository and few permissions; ended with the process.

It is handed to no step and stands in no variable, so that nothing that runs after this process finds it.
"""

import atexit
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from github import Auth

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_errors import Refusal
from modelbook.adapters.workflow import mask, note
from modelbook.core.doctor.settings_health import APP_ID, APP_KEY
from modelbook.errors import BadInput, ForgeError

EARLY: Final = 300.0  # seconds before its end that a token is taken for ended: a call may take a while
SKEW: Final = 60.0  # seconds; GitHub takes no JWT from its future, and ours are dated back by so much
_LEVELS = ("none", "read", "write", "admin")


@dataclass(frozen=True)
class App:
    """A GitHub App by its number or client id, and one of its private keys."""

    id: str
    key: str = field(repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "App | None":
        """The App that the environment names, or None. Raises BadInput where it names half of one."""
        number, key = (environment.get(name, "").strip() for name in (APP_ID, APP_KEY))
        if not number and not key:
            return None
        if not number or not key:
            lacks, has = (APP_ID, APP_KEY) if not number else (APP_KEY, APP_ID)
            set_it = f"gh variable set {APP_ID}" if not number else f"gh secret set {APP_KEY} < key.pem"
            raise BadInput(f"{has} is set, and {lacks} is not", where=f"${lacks}", remedy=f"`{set_it}`, or unset both.")
        if "\n" not in key:
            key = key.replace("\\n", "\n")  # as tools write it that know no other lines
        _check_key(key)
        return cls(number, key)


def _check_key(key: str) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        good = isinstance(load_pem_private_key(key.encode(), None), RSAPrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a passphrase
        good = False
    if not good:
        raise BadInput(
            "it is no RSA private key in PEM without a passphrase",
            where=f"${APP_KEY}",
            remedy=f"Make one in the App's settings (Private keys), and `gh secret set {APP_KEY} < key.pem`.",
        )


class AppToken(Auth.Auth):
    """A token for one repository (`owner/name`), which may do `permissions` (`write` by scope) and no more.

    Made at the first call, made anew before it ends, and ended with the process. Making it raises ForgeError.
    """

    def __init__(self, app: App, full_name: str, url: str, permissions: Mapping[str, str], *, pause: float) -> None:
        self._app, self._permissions = app, dict(permissions)
        self._full_name, self._url, self._pause = full_name, url, pause
        self._secret = ""
        self._ends = 0.0

    @property
    def token_type(self) -> str:
        return "Bearer"

    @property
    def token(self) -> str:
        if time.time() > self._ends - EARLY:
            self._make()
        return self._secret

    def _make(self) -> None:
        self.revoke()
        key = Auth.AppAuth(self._app.id, self._app.key)
        api = GitHubApi(self._full_name, self._url, key, token_name=APP_KEY, pause=self._pause)
        try:
            installation = api.get("find the App's installation", "/installation")
            made = self._asked(api, installation)
        except Refusal as error:
            raise self._explained(error) from error
        self._secret = str(pick(made, "token"))
        self._ends = datetime.fromisoformat(str(pick(made, "expires_at"))).timestamp()
        mask(self._secret)
        atexit.unregister(self.revoke)
        atexit.register(self.revoke)
        may = ", ".join(_said(*each) for each in self._permissions.items())
        note(f"GitHub: by a token of the App {installation.get('app_slug')}, for {self._full_name} alone ({may})")

    def _asked(self, api: GitHubApi, installation: Json) -> Json:
        granted = pick(installation, "permissions")
        lacking = [
            _said(scope, level) for scope, level in self._permissions.items() if _below(granted.get(scope), level)
        ]
        if lacking:
            raise ForgeError(
                f"the App {installation.get('app_slug')} lacks `{'`, `'.join(lacking)}` here",
                where=self._full_name,
                remedy="Grant it in the App's settings (Permissions & events), and accept it at "
                f"{installation.get('html_url')}.",
            )
        body: Json = {"repositories": [self._full_name.partition("/")[2]], "permissions": self._permissions}
        path = f"/app/installations/{pick(installation, 'id')}/access_tokens"
        # One that was made and never arrived is nobody's, and ends by itself.
        made: Json = api.post("make a token of the App", path, body, find=lambda: None, below="")
        return made

    def _explained(self, error: Refusal) -> ForgeError:
        """What a refusal says of the App, its key, its installation or this machine's clock."""
        said, app = error.words.lower(), f"the App {self._app.id}"
        if error.status == 401 and error.clock is not None and abs(off := time.time() - error.clock) > SKEW:
            how = f"{abs(off) / 60:.0f} min {'ahead of' if off > 0 else 'behind'} GitHub's"
            return ForgeError(
                f"this machine's clock is {how}, so GitHub does not take the key of {app}: {error.words}",
                where=self._full_name,
                remedy="Set the clock (`timedatectl set-ntp true`), and run it again.",
            )
        if error.status == 401:
            return ForgeError(
                f"GitHub does not take the key for {app}: {error.words}",
                where=f"${APP_KEY}",
                remedy=f"Let {APP_KEY} be one of the private keys in the settings of the App that {APP_ID} names.",
            )
        if error.status == 404 and "integration" in said:
            return ForgeError(
                f"there is no App {self._app.id}",
                where=f"${APP_ID}",
                remedy="Write the App ID or the client ID that the App's settings show.",
            )
        if error.status == 404:
            return ForgeError(
                f"{app} is not installed on {self._full_name}",
                where=self._full_name,
                remedy="Install it: the App's settings, Install App; and let it see this repository.",
            )
        if "suspended" in said:
            return ForgeError(
                f"the installation of {app} is suspended",
                where=self._full_name,
                remedy="Whoever administers the owner unsuspends it: Settings, GitHub Apps, Configure.",
            )
        return error

    def revoke(self) -> None:
        """End the token now, if there is one: what nobody needs, nobody can steal."""
        atexit.unregister(self.revoke)
        secret, self._secret, self._ends = self._secret, "", 0.0
        if not secret:
            return
        try:
            GitHubApi(self._full_name, self._url, secret, token_name=APP_KEY, pause=self._pause).end_token()
        except ForgeError as error:
            note(f"GitHub: the App's token was not ended, and ends by itself within an hour: {error.message}")


def _said(scope: str, level: str) -> str:
    return f"{scope.replace('_', '-')}: {level}"


def _below(held: object, wanted: str) -> bool:
    return held not in _LEVELS or _LEVELS.index(str(held)) < _LEVELS.index(wanted)
