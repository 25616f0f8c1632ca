"""The registry as it was when a promotion landed, and what its gates said then: read off git's history alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from modelbook.core.judging.examples import Results
from modelbook.core.judging.expressions import claims
from modelbook.core.judging.gates import GateResult
from modelbook.core.judging.numbers import NONE
from modelbook.core.layout import STAGE_SIGNATURES, model_folder, place_of
from modelbook.core.registry import Registry
from modelbook.core.stages.accounts import Account, Step, accounts, stages_told
from modelbook.core.stages.history import History, Revision
from modelbook.core.stages.promotion import decide
from modelbook.core.stages.tenure import Tenures
from modelbook.errors import BadInput

_GLOBAL = frozenset({"policy", "trust", "trust signature", "trusted root", "dataset", "dataset signature"})


@dataclass(frozen=True)
class Judged:
    """A step of a stage's past, and the gates as they judged it; `why_not` says why nobody can tell any more."""

    step: Step
    gates: tuple[GateResult, ...] = ()
    why_not: str | None = None


@dataclass(frozen=True)
class Told:
    """One version's time in a stage, with every step judged again, oldest first."""

    account: Account
    steps: tuple[Judged, ...]


@dataclass(frozen=True)
class Past:
    """The revisions of the registry by what they belong to: each model by name, and what all models share by "".

    Each comes with its place in the history, so that two lists can be merged. `blobs` are bytes by object id.
    """

    tenures: Tenures
    blobs: Mapping[str, bytes]
    by_owner: Mapping[str, list[tuple[int, Revision]]] = field(default_factory=dict)

    def of(self, model: str) -> list[Revision]:
        """What made the registry as far as `model` depends on it, oldest first."""
        both = [*self.by_owner.get(model, ()), *self.by_owner.get("", ())]
        return [one for _, one in sorted(both, key=lambda each: each[0])]


def past_of(history: History, blobs: Mapping[str, bytes], tenures: Tenures) -> Past:
    """The past in `history` (paths below the registry folder)."""
    found: dict[str, list[tuple[int, Revision]]] = {}
    for at, one in enumerate(history.revisions):
        place = place_of(one.path)
        if place:
            owner = "" if place.kind in _GLOBAL else place.name or ""
            found.setdefault(owner, []).append((at, one))
    return Past(tenures, blobs, found)


def told_of(registry: Registry, model: str, past: Past, results: Results = NONE) -> dict[str, tuple[Told, ...]]:
    """What held each stage of a model, newest first, with the gates of each promotion.

    Signatures count by the trust of `registry`, gates are those of the policy that was in force; `results` are as in
    `decide`: a claim that needs them is not judged without.
    """
    told = {
        stage: accounts(registry, model, stage, past.tenures) for stage in stages_told(registry, model, past.tenures)
    }
    steps = {
        (step.commit.id, stage): step
        for stage, those in told.items()
        for one in those
        for step in one.steps
        # What lay below the commit at which a shallow clone was cut, nobody knows.
        if step.pointer.kind is None and (past.tenures.complete or step.commit.parents)
    }
    judged = {
        (commit, stage): _judged(steps[commit, stage], then, results)
        for commit, stage, then in _landings(registry, model, past)
        if (commit, stage) in steps
    }
    return {
        stage: tuple(
            Told(one, tuple(judged.get((step.commit.id, stage)) or _unjudged(step) for step in one.steps))
            for one in reversed(those)
        )
        for stage, those in told.items()
    }


def _landings(registry: Registry, model: str, past: Past) -> Iterator[tuple[str, str, Registry]]:
    """Each commit that moved a stage, with the registry as it made it, but for that stage, which is as it was before.

    A promotion may have come together with what it rests on.
    """
    files: dict[str, bytes] = {}
    for commit, those in _by_commit(past.of(model)):
        before = {path: data for path, data in files.items() if path.startswith(f"{model_folder(model)}/stages/")}
        for one in those:
            if one.oid is None or one.oid not in past.blobs:
                files.pop(one.path, None)
            else:
                files[one.path] = past.blobs[one.oid]
        for stage in sorted(
            {place.part or "" for one in those if (place := place_of(one.path)) and place.kind == "stage"}
        ):
            state = {path: data for path, data in files.items() if not _is_of(path, stage)}
            state |= {path: data for path, data in before.items() if _is_of(path, stage)}
            yield commit, stage, Registry(state, registry.prefix, keyless=registry.keyless)


def _by_commit(revisions: list[Revision]) -> Iterator[tuple[str, list[Revision]]]:
    at = 0
    while at < len(revisions):
        commit, those = revisions[at].commit.id, []
        while at < len(revisions) and revisions[at].commit.id == commit:
            those.append(revisions[at])
            at += 1
        yield commit, those


def _is_of(path: str, stage: str) -> bool:
    place = place_of(path)
    return bool(place and place.kind in STAGE_SIGNATURES | {"stage"} and place.part == stage)


def _unjudged(step: Step) -> Judged:
    return Judged(step, why_not=None if step.pointer.kind else "this clone does not have what it was judged by")


def _judged(step: Step, then: Registry, results: Results) -> Judged:
    pointer = step.pointer
    try:
        # Gates read no clock: whether it was time is not asked again.
        decision = decide(
            then, pointer.model, pointer.version, pointer.stage, by=pointer.by, now=step.at, results=results
        )
    except BadInput as error:
        return Judged(step, why_not=error.message)
    evaluations = decision.candidate.evaluations.values() if decision.candidate else ()
    unread = any(one.examples and one.examples.digest not in results for one in evaluations)
    if unread and any(not gate.passed and claims(gate.require) for gate in decision.gates):
        return Judged(step, why_not="its gates compare example by example, and the store was not asked for these")
    return Judged(step, decision.gates)
