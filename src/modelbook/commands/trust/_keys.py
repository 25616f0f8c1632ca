"""Whose key or workflow is meant by the options, and when something ends."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from modelbook.adapters.clock import now
from modelbook.adapters.key_signer import KeySigner, open_key
from modelbook.core.trust import GITHUB
from modelbook.core.verifying.trust_expiry import later
from modelbook.errors import BadInput

Function = TypeVar("Function", bound=Callable[..., Any])

_DAYS = re.compile(r"([0-9]{1,5})d")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SSH_KINDS = ("ssh-", "ecdsa-", "sk-")


def key_options(function: Function) -> Function:
    """`--key` and `--ssh`: a new key."""
    help_key = "A P-256 key in PEM: the public one, or the private one, which then signs as well and stays where it is."
    key = click.option("--key", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=help_key)
    ssh = click.option("--ssh", metavar="FILE|LINE", help="An SSH public key: its .pub file, or the line in it.")
    return key(ssh(function))


def read_key(key: Path | None, ssh: str | None) -> tuple[dict[str, str], KeySigner | None]:
    """The field of trust.yaml for a key, and what signs with it if its private half was given. Raises BadInput."""
    if key is not None:
        text = _read(key)
        if "PRIVATE KEY" not in text:
            return {"key": text.strip() + "\n"}, None
        signer = open_key("file", str(key))
        return {"key": signer.public_pem}, signer
    line = (ssh or "").strip()
    if not line.startswith(_SSH_KINDS):
        line = _read(Path(line).expanduser()).strip()
    if "PRIVATE KEY" in line:
        raise BadInput("this is a private key", where=ssh, remedy="Name its public half, the file that ends in .pub.")
    return {"ssh": line}, None


def workflow_fields(identity: str, repository_id: str | None, ref: str | None, issuer: str | None) -> dict[str, Any]:
    """The field of trust.yaml for a keyless signer."""
    if not repository_id or not ref:
        raise click.UsageError("--workflow goes with --repository-id N and --ref refs/heads/BRANCH.")
    fields = {"identity": identity, "repository_id": repository_id, "ref": ref}
    return {"workflow": ({"issuer": issuer} if issuer and issuer != GITHUB else {}) | fields}


def parse_time(text: str) -> str:
    """A time of the registry from `2027-01-31`, `2027-01-31T12:00:00Z`, or `90d` from now. Raises BadInput."""
    try:
        if days := _DAYS.fullmatch(text):
            return later(now(), timedelta(days=int(days[1])))
        return later(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text, timedelta())
    except (ValueError, OverflowError):
        remedy = "Write 2027-01-31, 2027-01-31T12:00:00Z, or 90d from now."
        raise BadInput(f"{text!r} is no time", remedy=remedy) from None


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text()
    except FileNotFoundError:
        raise BadInput("there is no key here", where=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the key cannot be read: {error}", where=str(path)) from None
