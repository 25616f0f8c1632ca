"""The next free version number, and what to do when somebody else takes it first."""

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from modelbook.adapters.forge import Forge, Proposal
from modelbook.errors import BranchTaken

Made = TypeVar("Made")
ATTEMPTS = 5


def proposed_numbers(forge: Forge, prefix: str) -> dict[int, tuple[str, str]]:
    """Branch and commit of each proposal on a branch `<prefix><n>`, by its number."""
    form = re.compile(re.escape(prefix) + r"([1-9][0-9]{0,9})")  # `register/a-1` is not of the model whose is `a-b-1`
    found = ((form.fullmatch(branch), commit) for branch, commit in forge.proposed(prefix).items())
    return {int(match[1]): (match[0], commit) for match, commit in found if match}


def next_number(existing: Iterable[int], proposed: Iterable[int]) -> int:
    """One more than the highest number that is merged or proposed."""
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
