"""GitHub Apps: who asks as one by a JWT of its key, and the tokens of its installation.

The words are GitHub's. A token may do no more than the App, and where it is asked for less, no more than that.
"""

import secrets

import jwt

from tests.parts.github import refusals
from tests.parts.github.credentials import App, Token
from tests.parts.github.refusals import Refusal
from tests.parts.github.world import World

LONGEST = 600  # seconds that a JWT may still be good for
_LEVELS = ("none", "read", "write")


def by_jwt(world: World, text: str) -> Token:
    """The App that a JWT speaks for: signed with RS256 by its key, issued before now, and good for ten minutes more."""
    try:
        if jwt.get_unverified_header(text)["alg"] != "RS256":
            raise refusals.no_web_token()
        issuer = str(jwt.decode(text, options={"verify_signature": False}).get("iss", ""))
        app = world.apps.get(int(issuer)) if issuer.isdigit() else None
        if app is None:
            raise Refusal(404, "Integration not found")
        # The clock is this server's, so times are looked at here.
        claims = jwt.decode(text, app.key, ["RS256"], options={"verify_exp": False, "verify_iat": False})
    except jwt.PyJWTError as error:
        raise refusals.no_web_token() from error
    issued, ends, moment = claims.get("iat"), claims.get("exp"), world.time()
    if not isinstance(issued, int) or issued > moment:
        words = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        raise Refusal(401, words)
    if not isinstance(ends, int) or ends <= moment:
        words = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
        raise Refusal(401, words + "assertion expires")
    if ends > moment + LONGEST:
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    return Token("", app.login, f"{app.slug} itself", {"app": "jwt"}, app=app.id)


def installed(world: World, token: Token | None) -> App:
    """The App that asks."""
    assert token is not None
    assert token.app is not None
    return world.apps[token.app]


def make_token(world: World, app: App, names: list[str] | None, wanted: dict[str, str] | None) -> Token:
    """A token for the repositories of these names, with these permissions; all of the installation's without."""
    if app.suspended:
        raise Refusal(403, "This installation has been suspended")
    chosen = [full_name for full_name in app.repositories if names is None or full_name.partition("/")[2] in names]
    if names is not None and len(chosen) < len(names):
        words = "There is at least one repository that does not exist or is not accessible to the parent installation."
        raise refusals.unprocessable(words)
    for scope, level in (wanted or {}).items():
        if _LEVELS.index(app.permissions.get(scope, "none")) < _LEVELS.index(level):
            raise refusals.unprocessable("The permissions requested are not granted to this installation.")
    token = Token(
        secret=f"ghs_{secrets.token_hex(18)}",
        login=app.login,
        name=app.login,
        permissions=dict(wanted if wanted is not None else app.permissions),
        repositories=tuple(chosen),
        ends=world.time() + world.tokens_last,
    )
    world.tokens[token.secret] = token
    return token
