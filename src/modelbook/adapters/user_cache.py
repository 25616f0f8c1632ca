"""Where this user's programs keep what can be had again."""

import os
from pathlib import Path


def user_cache() -> Path:
    """The folder for that: `modelbook` below $XDG_CACHE_HOME, or below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelbook"
