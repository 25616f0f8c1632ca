"""One file from the network, from where policy.yaml allows: https alone, no redirect, no proxy's page, bounded."""

import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from modelbook.errors import BadInput, ForeignError, Refused

TIMEOUT = 30.0  # seconds without a byte
_PLAIN = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~%=&?+,;:@!$-]*)*")
_CLIMBS = re.compile(r"(^|/)(\.|%2e){1,2}(/|$|\?)|%2f|%5c", re.IGNORECASE)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Where a redirect leads, the policy was not asked about."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def download(url: str, sources: Sequence[str], *, limit: int, where: str) -> bytes:
    """The bytes at `url`, at most `limit`; `sources` are the beginnings that are allowed, `where` says by what file.

    No name or password goes with it. Raises Refused where the policy does not allow it.
    """
    if not _PLAIN.fullmatch(url) or _CLIMBS.search(url):
        raise BadInput(
            f"{url[:200]!r} is no plain https address", remedy="Write it as https://host/path, without `..`."
        )
    if not url.startswith(tuple(sources)):
        parts = urlsplit(url)
        folder = f"https://{parts.netloc}{parts.path.rpartition('/')[0]}/"
        raise Refused(
            f"{url[:200]} is not where online results may come from",
            where=where,
            remedy=f"Allow it there: `online: {{sources: [{folder}]}}`.",
        )
    return fetch(url, limit=limit)


def fetch(url: str, *, limit: int, shown: str | None = None) -> bytes:
    """The bytes at `url`, which is known to be right, at most `limit`; `shown` names it in errors, if it is a secret.

    Raises ForeignError and BadInput.
    """
    where = shown or url
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(urllib.request.Request(url), timeout=TIMEOUT) as answer:  # noqa: S310 - see its callers
            data: bytes = answer.read(limit + 1)
    except urllib.error.HTTPError as error:
        how = "redirects elsewhere, which is not followed" if 300 <= error.code < 400 else f"answers {error.code}"
        raise ForeignError(f"it {how}", where=where) from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ForeignError(f"it cannot be had: {reason}", where=where) from None
    if len(data) > limit:
        raise BadInput(f"it has more than {limit:,} bytes", where=where)
    return data
