"""The environment of a user's process: all that it needs, and nothing that signs or speaks for somebody."""

from collections.abc import Mapping

_PREFIXES = (
    "MODELBOOK_KEY",
    "MODELBOOK_SIGN",  # MODELBOOK_SIGNER, MODELBOOK_SIGNING_KEY
    "MODELBOOK_TOKEN",
    "MODELBOOK_APP_",
    "ACTIONS_ID_TOKEN_",  # asks GitHub for an identity, by which anybody may sign keyless
    "ACTIONS_RUNTIME_TOKEN",
)
_NAMES = {"GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "SSH_AUTH_SOCK"}


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` less keys, tokens and the SSH agent; the store's credentials stay."""
    names = set(_NAMES)
    # `env:NAME` says that the variable NAME holds a private key.
    names |= {value.removeprefix("env:") for value in environ.values() if value.startswith("env:")}
    return {name: value for name, value in environ.items() if name not in names and not name.startswith(_PREFIXES)}
