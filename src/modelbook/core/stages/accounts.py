"""What is told of a stage's past: who held it, from when to when, who brought it there, and on what evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from modelbook.core.layout import model_folder, place_of
from modelbook.core.moments import moment, spoken
from modelbook.core.pointer import Kind, StagePointer
from modelbook.core.registry import Registry
from modelbook.core.stages.history import Commit
from modelbook.core.stages.rollback import as_it_stood
from modelbook.core.stages.tenure import Landing, Tenure, Tenures

_WORDS = {None: "promoted", "rollback": "rolled back, held", "hold": "held", "release": "released"}


@dataclass(frozen=True)
class Step:
    """A pointer that came to the branch: what it did (`promotion`, or its kind), what it says, and who stands for it.

    `signed_by` are the signers whom the trust.yaml at hand still believes, `not_believed` the names of the others'
    files. `commit` is the one that brought it; `at` (UTC, with Z) is when, as far as git can be believed.
    """

    does: str
    at: str
    pointer: StagePointer
    signed_by: tuple[str, ...]
    not_believed: tuple[str, ...]
    commit: Commit


@dataclass(frozen=True)
class Account:
    """One version's time in a stage, `since` and `until` as in Tenure, and every step of it, oldest first."""

    model: str
    stage: str
    version: int
    since: str | None
    until: str | None
    steps: tuple[Step, ...]

    def lasted(self, now: str) -> str | None:
        """How long, for a person; None where nobody knows."""
        return spoken(moment(self.until or now) - moment(self.since)) if self.since else None

    @property
    def words(self) -> str:
        """As in "rolled back, held, released"."""
        return in_words([step.pointer.kind for step in self.steps])

    @property
    def held(self) -> bool:
        """Whether it is held now, or was when it ended."""
        return self.steps[-1].pointer.held

    def as_json(self, now: str) -> dict[str, Any]:
        """The account as a JSON object, absent fields left out."""
        seconds = int((moment(self.until or now) - moment(self.since)).total_seconds()) if self.since else None
        told = {"version": f"{self.model}@{self.version}", "since": self.since, "until": self.until}
        told |= {"lasted": self.lasted(now)}
        whole = {**told, "seconds": seconds, "held": self.held, "steps": [_step(one) for one in self.steps]}
        return {name: value for name, value in whole.items() if value is not None}


def in_words(kinds: Sequence[Kind | None]) -> str:
    """What pointers of these kinds did one after the other, the first of which brought the version."""
    first, *later = kinds
    return ", ".join([_WORDS[first], *("promoted again" if kind is None else _WORDS[kind] for kind in later)])


def accounts(registry: Registry, model: str, stage: str, tenures: Tenures) -> tuple[Account, ...]:
    """What there is to tell of one stage, oldest first; signatures are judged by the trust of `registry`."""
    return tuple(_account(registry, model, stage, one) for one in tenures.of(model, stage))


def stages_told(registry: Registry, model: str, tenures: Tenures) -> list[str]:
    """The stages of a model that ever held a version: those of the policy in its order, then what it has no more."""
    start = f"{model_folder(model)}/"
    places = (place_of(path) for path in tenures.by_path if path.startswith(start))
    found = [place.part for place in places if place and place.part]
    ordered = [stage.name for stage in registry.policy.stages if stage.name in found]
    return ordered + sorted(set(found) - set(ordered))


def during(told: tuple[Account, ...], first: datetime, last: datetime) -> tuple[Account, ...]:
    """Those that held the stage at any time from the second `first` to the second `last`, oldest first.

    Each with the steps that had come by then.
    """
    found = []
    for one in told:
        by_then = tuple(step for step in one.steps if moment(step.at) <= last)
        if by_then and (one.until is None or moment(one.until) > first):
            found.append(replace(one, steps=by_then))
    return tuple(found)


def is_known(tenures: Tenures, first: datetime) -> bool:
    """Whether this clone goes back to `first`, so that nothing told of it means that there was nothing."""
    return tenures.complete or (tenures.begins is not None and moment(tenures.begins) <= first)


def _account(registry: Registry, model: str, stage: str, tenure: Tenure) -> Account:
    steps = tuple(_told(registry, landing) for landing in tenure.landings)
    return Account(model, stage, tenure.holder.version, tenure.since, tenure.until, steps)


def _told(registry: Registry, landing: Landing) -> Step:
    good = as_it_stood(registry, landing).signatures
    names = {path: place.signer or "" for path in landing.files if (place := place_of(path)) and place.signer}
    return Step(
        landing.pointer.kind or "promotion",
        landing.time,
        landing.pointer,
        tuple(sorted(set(good.values()))),
        tuple(sorted(name for path, name in names.items() if path not in good)),
        landing.commit,
    )


def _step(step: Step) -> dict[str, object]:
    pointer, commit = step.pointer, step.commit
    whole: dict[str, object] = {
        "does": step.does,
        "at": step.at,
        "serial": pointer.serial,
        "proposed_by": pointer.by,
        "decided": pointer.decided,
        "reason": pointer.reason,
        "signed_by": list(step.signed_by),
        "not_believed": list(step.not_believed),
        "commit": {
            "id": commit.id,
            "author": f"{commit.author} <{commit.email}>",
            "committer": commit.committer,
            "subject": commit.subject,
        },
        "overrides": list(pointer.overrides) if pointer.overrides else None,
        "card": pointer.card,
        "policy": pointer.policy,
        "gates": pointer.gates,
        "baseline": f"{pointer.model}@{pointer.baseline.version}" if pointer.baseline else None,
        "evidence": {one.path: one.digest for one in pointer.evidence},
    }
    return {name: value for name, value in whole.items() if value is not None}
