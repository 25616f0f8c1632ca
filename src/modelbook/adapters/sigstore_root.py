"""Where trusted_root.json comes from: a Sigstore instance, by The Update Framework, or a file from somebody."""

import json
from pathlib import Path

from modelbook.adapters.sigstore_check import INSTALL, check_trusted_root
from modelbook.core.signing.keyless import KeylessError
from modelbook.errors import BadInput, SigningError


def fetch_trusted_root(instance: str | None = None, bootstrap: Path | None = None) -> bytes:
    """The present trusted root of the public instance, as its signed metadata say: the one call that needs a network.

    `instance` is the address of another one's TUF repository, of which `bootstrap` is the first root.json. Raises
    SigningError where it cannot be had, BadInput where sigstore-python is not installed.
    """
    try:
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig
    except ImportError:
        raise BadInput("sigstore-python is not installed", remedy=INSTALL) from None
    try:
        if instance is None:
            config = ClientTrustConfig.production()
        else:
            config = ClientTrustConfig.from_tuf(instance, bootstrap_root=bootstrap)
    except (Error, OSError, ValueError) as error:
        cause = error.__cause__ or error
        remedy = "Try again later, or hand over a file that somebody else fetched: --from FILE."
        raise SigningError(f"the trusted root cannot be fetched: {cause}", where=instance, remedy=remedy) from None
    return _written(config._inner.trusted_root.to_json())  # there is no public name for it


def read_trusted_root(path: Path) -> bytes:
    """The trusted root in a file: that alone, or a client trust config that holds it. Raises BadInput."""
    try:
        document = json.loads(path.read_bytes())
        held = document.get("trustedRoot", document)
        data = _written(json.dumps(held))
        check_trusted_root(data)
    except OSError as error:
        raise BadInput(f"it cannot be read: {error.strerror}", where=str(path)) from None
    except KeylessError as error:
        raise BadInput(str(error), where=str(path), remedy=INSTALL if error.remedy == INSTALL else None) from None
    except (ValueError, AttributeError):
        raise BadInput("this is no trusted root of Sigstore, and no client trust config", where=str(path)) from None
    return data


def _written(text: str) -> bytes:
    """One member a line, so that a person sees what a new root brings."""
    return json.dumps(json.loads(text), indent=2, sort_keys=True).encode() + b"\n"
