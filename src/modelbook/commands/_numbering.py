"""The next free version number, and what to do when somebody else takes it first."""

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from modelbook.adapters.forge import Proposal
from modelbook.errors import BranchTaken

Made = TypeVar("Made")
ATTEMPTS = 5


def next_number(existing: Iterable[int], branches: Iterable[str]) -> int:
    """One more than the highest number that is merged, or proposed on a branch whose name ends in `-<n>`."""
    proposed = (int(found[1]) for branch in branches if (found := re.search(r"-([1-9][0-9]*)$", branch)))
    return max([0, *existing, *proposed]) + 1


def submit_numbered(attempt: Callable[[], tuple[Made, Proposal]]) -> tuple[Made, Proposal]:
    """Run `attempt` (number, sign, submit) until no other publisher takes the number in between.

    Raises BranchTaken after ATTEMPTS tries.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except BranchTaken:
            continue
    return attempt()
