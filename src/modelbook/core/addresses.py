"""Addresses as they may stand in a record that everybody reads."""

import re
from urllib.parse import urlsplit, urlunsplit


def without_credentials(url: str) -> str:
    """`url` without what could be a password or a token: user info, query, fragment.

    In SSH forms (`git@host:path`, `ssh://git@host/path`) the user's name is part of the address and stays.
    """
    if "://" not in url:
        return re.sub(r"^([^@/:]+):[^@/]*@", r"\1@", url)
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme in {"ssh", "git+ssh"} and user:
        host = f"{user.partition(':')[0]}@{host}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
