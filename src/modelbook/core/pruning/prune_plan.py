"""A plan of what is to be deleted: a document that a team reads and merges, and that is carried out to the letter."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from modelbook.core.digests import digest_of, hex_of
from modelbook.core.findings import Finding
from modelbook.core.keep import Keep, Kind
from modelbook.core.moments import written
from modelbook.core.pruning.retention import Verdict, fingerprint
from modelbook.core.records import CommitId, Digest, FiniteFloat, Frozen, Size, Timestamp
from modelbook.errors import BadInput, Refused

MOST_GROUPS = 2000  # what a person can look through, and a pull request can show; the rest waits for the next plan
LARGEST_PLAN = 16 * 1024 * 1024  # bytes
GIGABYTE = 1e9
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


class PlannedGroup(Frozen):
    """Objects that go together: those below `prefix` whose digest is `digest`. `newest` is the last one's time."""

    prefix: Annotated[str, Field(min_length=1, max_length=1000)]
    kind: Kind
    why: str
    objects: Count
    bytes: Size
    newest: Timestamp
    digest: Digest


class Tally(Frozen):
    """How many objects stay for one reason, and their bytes."""

    why: str
    objects: Count
    bytes: Size


class PrunePlan(Frozen):
    """`registry/prune.json`. `saves` is in the currency of the policy's price, a month.

    It holds for the registry at `commit` and what follows it, under the `keep` of `policy` (its digest), and for
    `store` alone. `waits` is what could go as well, and is over a limit. `digest` is over all the rest.
    """

    format: Literal["modelbook/prune-plan/v1"] = "modelbook/prune-plan/v1"
    store: str
    commit: CommitId
    policy: Digest
    refs: Count
    objects: Count
    bytes: Size
    saves: FiniteFloat
    groups: tuple[PlannedGroup, ...]
    stays: tuple[Tally, ...]
    waits: Tally | None = None
    total_objects: Count
    total_bytes: Size
    digest: Digest | None = None

    @property
    def id(self) -> str:
        """Twelve digits by which the plan is called: what it deletes lies below `trash/<id>/` until it is purged."""
        return hex_of(self.digest or "")[:12]


def digest_of_plan(plan: PrunePlan) -> Digest:
    """What `digest` has to be."""
    rest = plan.model_dump(mode="json", exclude={"digest"})
    return digest_of(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())


def write_plan(plan: PrunePlan) -> bytes:
    """The plan as its file."""
    return (json.dumps(plan.model_dump(mode="json", exclude_none=True), indent=1) + "\n").encode()


def read_plan(data: bytes, where: str) -> PrunePlan:
    """The plan in `data`. Raises BadInput where it is none, or was edited by hand."""
    try:
        plan = PrunePlan.model_validate_json(data)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        spot = ".".join(map(str, problem["loc"])) or "it"
        raise BadInput(
            f"is no plan of `modelbook prune plan`: {spot}: {problem['msg']}", where=where, remedy="Make one anew."
        ) from None
    if plan.digest != digest_of_plan(plan):
        raise BadInput(
            "was changed since it was made: its digest is another one",
            where=where,
            remedy="A plan is carried out as it was made or not at all. Change `keep` in policy.yaml, and plan anew.",
        )
    return plan


def check_plan(data: bytes, path: str) -> list[Finding]:
    """What is wrong with a plan that a change brings; whether it still fits is asked when it is carried out."""
    try:
        read_plan(data, path)
    except BadInput as error:
        return [Finding(path, None, "invalid-plan", error.message, error.remedy)]
    return []


@dataclass
class Planner:
    """Adds verdicts up to a plan: what goes as groups, what stays as counts for each reason. Holds no object."""

    keep: Keep
    groups: list[PlannedGroup] = field(default_factory=list)
    stays: dict[str, list[int]] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=lambda: [0, 0])
    objects: int = 0
    bytes: int = 0
    own: int = 0

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        size = verdict.bytes
        self.objects += len(verdict.objects)
        self.bytes += size
        self.own += size if verdict.own else 0
        if verdict.kind is None:
            tally = self.stays.setdefault(_reason(verdict.why), [0, 0])
            tally[0] += len(verdict.objects)
            tally[1] += size
            return
        self.groups.append(planned(verdict))
        if len(self.groups) >= 2 * MOST_GROUPS:
            self._cut()

    def _cut(self) -> None:
        """Count what waits in any case, and let go of it: however large the store, memory is bounded."""
        self.groups.sort(key=lambda one: (one.newest, one.prefix))
        for group in self.groups[MOST_GROUPS:]:
            self._wait(group)
        del self.groups[MOST_GROUPS:]

    def _wait(self, group: PlannedGroup) -> None:
        self.waiting[0] += group.objects
        self.waiting[1] += group.bytes

    def plan(self, *, store: str, commit: str, policy: Digest, refs: int) -> PrunePlan:
        """All of it that the limits allow, the oldest first."""
        limit = self.limit()
        self._cut()
        goes: list[PlannedGroup] = []
        taken = 0
        for group in self.groups:
            if taken + group.bytes <= limit:
                goes.append(group)
                taken += group.bytes
            else:
                self._wait(group)
        why = f"over the limit of {limit:,} bytes or {MOST_GROUPS} groups a plan: it waits for the next one"
        plan = PrunePlan(
            store=store,
            commit=commit,
            policy=policy,
            refs=refs,
            objects=sum(one.objects for one in goes),
            bytes=taken,
            saves=round(taken / GIGABYTE * self.keep.price, 2),
            groups=tuple(sorted(goes, key=lambda one: one.prefix)),
            stays=tuple(Tally(why=name, objects=one[0], bytes=one[1]) for name, one in sorted(self.stays.items())),
            waits=Tally(why=why, objects=self.waiting[0], bytes=self.waiting[1]) if self.waiting[0] else None,
            total_objects=self.objects,
            total_bytes=self.bytes,
        )
        return plan.model_copy(update={"digest": digest_of_plan(plan)})

    def limit(self) -> int:
        """The most bytes that one plan may delete, of those that are the store's own."""
        share = int(self.own * self.keep.share)
        return share if self.keep.bytes is None else min(share, self.keep.bytes)


def planned(verdict: Verdict) -> PlannedGroup:
    """What goes, as the plan has it."""
    if verdict.kind is None:
        raise ValueError("it stays")
    newest = max(one.modified for one in verdict.objects)
    return PlannedGroup(
        prefix=verdict.prefix,
        kind=verdict.kind,
        why=verdict.why,
        objects=len(verdict.objects),
        bytes=verdict.bytes,
        newest=written(newest),
        digest=fingerprint(verdict.objects),
    )


def _reason(why: str) -> str:
    """Reasons as a table has them: every version is one of those that are named."""
    return "a card on a branch, tag or pull request names it" if why.startswith("is ") and "@" in why else why


def check_binding(plan: PrunePlan, *, store: str, policy: Digest, follows: bool) -> None:
    """Raise Refused unless it is of this store, by these rules, and the present commit follows its own."""
    remedy = "Make another one: `modelbook prune plan`."
    if plan.store != store:
        raise Refused(f"the plan is of the store {plan.store}, and policy.yaml names {store}", remedy=remedy)
    if not follows:
        raise Refused(f"the plan was made at the commit {plan.commit}, which is none before this one", remedy=remedy)
    if plan.policy != policy:
        raise Refused("policy.yaml is another one than the plan was made by", remedy=remedy)


def by_kind(groups: Iterable[PlannedGroup]) -> Mapping[Kind, tuple[int, int]]:
    """Objects and bytes of each kind."""
    found: dict[Kind, tuple[int, int]] = {}
    for one in groups:
        objects, size = found.get(one.kind, (0, 0))
        found[one.kind] = objects + one.objects, size + one.bytes
    return found
