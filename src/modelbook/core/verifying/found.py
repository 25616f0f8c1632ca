"""What lies in a folder that should be a model, path by path."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """What lies at one path: a `file` of `size` bytes with `digest` (None: nobody needed it), a `link`, or `other`."""

    kind: str
    size: int = 0
    digest: str | None = None
