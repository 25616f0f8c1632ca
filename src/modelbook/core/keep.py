"""`keep:` of policy.yaml: how long what lies in the store is kept, and what is kept for good.

What a card on any branch, tag or open pull request names is kept whatever stands here (core/pruning/reachability.py).
"""

from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from modelbook.core.patterns import DAYS_PATTERN
from modelbook.core.records import FiniteFloat, Frozen, Size

Condition = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"[^ ]")]
Days = Annotated[str, StringConstraints(pattern=DAYS_PATTERN)]
Kind = Literal["versions", "runs", "best_checkpoints", "checkpoints", "logs", "sweeps", "datasets", "orphans"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class KeepRule(Frozen):
    """For how many days something is kept after it was last written; `unless` are conditions that keep it for good."""

    days: Annotated[int, Field(ge=1, le=36500)]
    unless: Annotated[tuple[Condition, ...], Field(max_length=50)] = ()


_TAGGED = "size(tags) > 0"
_SERVED = "size(stages) > 0"


class Keep(Frozen):
    """How long each kind of thing is kept. Nothing younger than `grace` is ever deleted, whatever a rule says.

    A run without an end counts as running until it has been silent for `grace`. What was deleted can be brought back
    for `restore`. `share` (of the store's own bytes) and `bytes` are the most that one plan deletes; `price` is what a
    gigabyte (10^9 bytes) costs a month. `registries` are the URLs of other registries that keep their weights in this
    store.

    `versions` is of revoked ones alone, and absent they too are kept for good; `runs` of the files of models that
    nobody registered; `sweeps` of the logs of trials, without which a sweep would forget what it found, and absent they
    are kept for good; `datasets` of files that no dataset version names; `orphans` of everything else that nobody does.
    """

    grace: Days = "7d"
    restore: Days = "14d"
    share: Annotated[FiniteFloat, Field(gt=0, le=1)] = 0.5
    bytes: Annotated[Size, Field(ge=1)] | None = None
    price: Annotated[FiniteFloat, Field(ge=0)] = 0.023
    registries: Annotated[tuple[Annotated[str, StringConstraints(min_length=1, max_length=500)], ...], Field()] = ()
    versions: KeepRule | None = None
    runs: KeepRule = KeepRule(days=30, unless=(_TAGGED,))
    best_checkpoints: KeepRule = KeepRule(days=30, unless=(_TAGGED, _SERVED))
    checkpoints: KeepRule = KeepRule(days=7)
    logs: KeepRule = KeepRule(days=365, unless=(_TAGGED,))
    sweeps: KeepRule | None = None
    datasets: KeepRule = KeepRule(days=30)
    orphans: KeepRule = KeepRule(days=30)

    def rule(self, kind: Kind) -> KeepRule | None:
        """The rule for a kind; None where it is kept for good."""
        found: KeepRule | None = getattr(self, kind)
        return found
