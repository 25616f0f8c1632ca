"""All that a team asks before a stage goes back, is held or is released: what stands there, since when, what stood."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelbook.core.pages.promotion_story import Story, story_of
from modelbook.core.registry import Registry
from modelbook.core.revocation import is_revoked
from modelbook.core.stages.accounts import Account, Step, accounts
from modelbook.core.stages.promotion import Decision
from modelbook.core.stages.tenure import Tenures


@dataclass(frozen=True)
class MoveStory:
    """A rollback, hold or release that was decided at `now` (UTC, with Z), and what it is told with.

    `stands` is the time in the stage of what holds it, `back` the last former time of what a rollback leads to; None
    where git does not tell. `passed_over` are the versions that held it between them, `revoked` those of them that are.
    """

    story: Story
    now: str | None = None
    stands: Account | None = None
    back: Account | None = None
    passed_over: tuple[int, ...] = ()
    revoked: frozenset[int] = frozenset()

    @property
    def hold(self) -> Step | None:
        """What holds the stage now: the last rollback or hold; None where nothing does."""
        last = self.stands.steps[-1] if self.stands else None
        return last if last and last.pointer.held else None


def move_story(
    registry: Registry, decision: Decision, signed: Iterable[str], tenures: Tenures, *, commit: str
) -> MoveStory:
    """The story of a decision with a `kind` that the signers `signed` of trust.yaml have signed, at `commit`."""
    now = decision.pointer.decided if decision.pointer else None
    story = story_of(decision, registry.trust, signed, commit=commit)
    told = accounts(registry, decision.model, decision.stage, tenures)
    stands = told[-1] if told and told[-1].until is None else None
    if decision.kind != "rollback":
        return MoveStory(story, now, stands)
    former = told[:-1] if stands else told
    # As a rollback chooses it: the last time that somebody signed for whom trust.yaml still believes.
    fits = (
        at
        for at in reversed(range(len(former)))
        if former[at].version == decision.version and any(step.signed_by for step in former[at].steps)
    )
    if (at := next(fits, None)) is None:
        return MoveStory(story, now, stands)
    between = tuple(dict.fromkeys(one.version for one in reversed(former[at + 1 :])))
    revoked = frozenset(one for one in between if is_revoked(registry, decision.model, one))
    return MoveStory(story, now, stands, former[at], between, revoked)
