"""One line to a chat, by a webhook in Slack's form. Its address is a secret: whoever has it may write there."""

import os
import re
from urllib.parse import urlsplit

from modelbook.errors import BadInput, ForgeError

TIMEOUT = 10.0  # seconds


def read_address(variable: str) -> str:
    """The address in an environment variable. Raises BadInput, which never shows it, where it is none."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        raise BadInput(
            "the webhook is named by an environment variable",
            where="--webhook-env",
            remedy="Put the address into a variable, and name that: `--webhook-env SLACK_WEBHOOK`.",
        )
    address = os.environ.get(variable, "").strip()
    try:
        parts = urlsplit(address)
        sound = parts.scheme == "https" and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound:
        problem = "holds no https address" if address else "is empty"
        raise BadInput(f"the variable {problem}", where=f"${variable}", remedy="Give it the webhook's own address.")
    return address


def post(address: str, text: str) -> None:
    """Write `text` there, once. Raises ForgeError, which never shows the address."""
    import requests

    try:
        # A redirect could lead anywhere, with the message or, by its path, the secret.
        answer = requests.post(address, json={"text": text}, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        # Its words hold the address, and so would its cause in a traceback.
        raise ForgeError(f"the webhook cannot be reached ({type(error).__name__})") from None
    if not 200 <= answer.status_code < 300:
        raise ForgeError(f"the webhook answered with status {answer.status_code}")
