"""What was signed about a file: the digests by which a revocation names statements."""

from modelbook.core.digests import digest_of
from modelbook.core.documents import Files
from modelbook.core.layout import place_of
from modelbook.core.signing.envelope import EnvelopeError, read_bundle

_BESIDE = {
    "card": ("signature", "provenance"),
    "evaluation": ("evaluation signature",),
    "reproduction": ("reproduction signature",),
    "dataset": ("dataset signature",),
    "online": ("online signature",),
    "stage": ("verification summary", "approval"),
    "trust": ("trust signature",),
}


def payloads_of(files: Files, path: str) -> list[str]:
    """The digest of each payload that was signed about the file at `path`, or in it, if it is a signature itself.

    What an SSH signature covers are the very bytes of the file that it lies beside.
    """
    place = place_of(path)
    if place is None:
        return []
    if place.kind not in _BESIDE:
        return _payload(files, path)
    found = []
    for other in sorted(files):
        beside = place_of(other)
        if beside is None or beside.kind not in _BESIDE[place.kind] or beside.part not in {place.part, None}:
            continue
        if (beside.name, beside.version) == (place.name, place.version):
            found += [digest_of(files[path])] if other.endswith(".sshsig") else _payload(files, other)
    return list(dict.fromkeys(found))


def _payload(files: Files, path: str) -> list[str]:
    if path.endswith(".sshsig"):
        signed = path.rsplit(".", 2)[0] + ".yaml"
        return [digest_of(files[signed])] if signed in files else []
    try:
        return [digest_of(read_bundle(files[path]).payload)]
    except EnvelopeError:
        return []
