"""A lineage as a tree that a person reads from the top; and what came of a version, as one."""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["model", "dataset", "code", "environment", "run", "missing", "more"]
Uses = Callable[[str, str], Sequence[Mapping[str, Any]]]
"""The facts FACTS of the versions that name a version in a list of theirs: `datasets`, `tested` or `parents`."""

FACTS = ("ref", "stages", "revoked")

SEEN, REVOKED = "told above", "revoked"
MADE, MEASURED = "made from it", "measured on it"
DEEPEST = 100  # things below one another: a version that is made from the last one each night has more


@dataclass(frozen=True)
class Thing:
    """One thing of a lineage: what it is called, how it belongs to the one above it, and what is said of it.

    `says` are facts for a person; `stages` are those that a model version holds; `below` is what leads on.
    """

    kind: Kind
    name: str
    role: str = ""
    says: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    below: "tuple[Thing, ...]" = ()

    def all(self) -> "Iterator[Thing]":
        """It, and all that is below it."""
        yield self
        for one in self.below:
            yield from one.all()

    @property
    def cut(self) -> bool:
        """Whether there is more of it than is told."""
        return any(one.kind == "more" for one in self.all())

    def as_json(self) -> dict[str, Any]:
        """The same as nested JSON objects, absent parts left out."""
        parts: dict[str, Any] = {"kind": self.kind, "name": self.name, "role": self.role, "says": list(self.says)}
        parts |= {"stages": list(self.stages), "below": [one.as_json() for one in self.below]}
        return {name: value for name, value in parts.items() if value}


def nearest(first: Iterable[str], after: Callable[[str], Iterable[str]], most: int | None = None) -> list[str]:
    """The things that follow one another, at most so many: those first that the fewest steps lead to."""
    found: dict[str, None] = {}
    waiting = deque(first)
    while waiting and (most is None or len(found) < most):
        one = waiting.popleft()
        if one not in found:
            found[one] = None
            waiting.extend(after(one))
    return list(found)


def more(count: int, role: str) -> tuple[Thing, ...]:
    """That there are so many more, if any."""
    return (Thing("more", f"{count:,} more", role),) if count else ()


def downstream(name: str, kind: Kind, uses: Uses, *, most: int | None = None) -> Thing:
    """What was made from a version: what was trained on it or continued it, and so on from each of these.

    What lies deeper than DEEPEST steps stands side by side there. With `most` only so many of them, the nearest ones.
    """
    seen: set[str] = set() if kind == "dataset" else {name}
    field, role = ("datasets", "trained on it") if kind == "dataset" else ("parents", MADE)
    walk = _Walk(uses, seen, None if most is None else set(_nearest_uses(name, field, uses, most)))
    made = walk.children(name, field, role, DEEPEST)
    if kind != "dataset":
        return Thing(kind, name, below=made)
    # What was only measured on it has nothing of it, and nor has what came of that.
    measured = (_child(facts, MEASURED) for facts in uses(name, "tested") if facts["ref"] not in seen)
    return Thing(kind, name, below=(*made, *measured))


def _nearest_uses(name: str, field: str, uses: Uses, most: int) -> list[str]:
    def after(one: str) -> list[str]:
        return [str(facts["ref"]) for facts in uses(one, "parents")]

    return nearest([str(facts["ref"]) for facts in uses(name, field)], after, most)


@dataclass(frozen=True)
class _Walk:
    """A way through what came of something; `within` are the things that it may come to, None for all."""

    uses: Uses
    seen: set[str]
    within: Container[str] | None

    def children(self, name: str, field: str, role: str, deep: int) -> tuple[Thing, ...]:
        """What follows from a thing; what lies deeper than `deep` steps stands side by side there."""
        found, hidden, waiting = list[Thing](), 0, deque([(name, field, role)])
        while waiting:
            above, by, way = waiting.popleft()
            for facts in self.uses(above, by):
                ref = str(facts["ref"])
                if self.within is not None and ref not in self.within:
                    hidden += 1
                elif ref in self.seen:
                    found.append(_child(facts, way, SEEN))
                else:
                    self.seen.add(ref)
                    below = self.children(ref, "parents", MADE, deep - 1) if deep > 1 else ()
                    found.append(replace(_child(facts, way), below=below))
                    if deep == 1:
                        waiting.append((ref, "parents", f"{MADE} by more steps"))
        return (*found, *more(hidden, role))


def _child(facts: Mapping[str, Any], role: str, *says: str) -> Thing:
    says += (REVOKED,) if facts.get("revoked") else ()
    return Thing("model", str(facts["ref"]), role, says, tuple(facts.get("stages", ())))


def revoked_in(tree: Thing) -> list[str]:
    """The revoked versions below the root of a tree."""
    return sorted({one.name for one in tree.all() if one is not tree and REVOKED in one.says})


def in_stages(tree: Thing) -> dict[str, list[str]]:
    """The versions of a tree that hold a stage and are made from its root, by stage."""
    found: dict[str, list[str]] = {}
    for one in tree.all():
        for stage in one.stages:
            if one is not tree and one.role != MEASURED and one.name not in found.setdefault(stage, []):
                found[stage].append(one.name)
    return {stage: sorted(names) for stage, names in sorted(found.items())}


def tree_lines(tree: Thing) -> Iterator[str]:
    """The tree as text, with lines that lead from each thing to those below it."""
    yield _line(tree)
    yield from _branches(tree.below, "")


def _branches(things: Sequence[Thing], indent: str) -> Iterator[str]:
    for at, one in enumerate(things):
        last = at == len(things) - 1
        yield f"{indent}{'└─ ' if last else '├─ '}{_line(one)}"
        yield from _branches(one.below, indent + ("   " if last else "│  "))


def _line(one: Thing) -> str:
    held = f" [{', '.join(one.stages)}]" if one.stages else ""
    role = f"{one.role}: " if one.role else ""
    return f"{role}{one.name}{held}" + (f" ({'; '.join(one.says)})" if one.says else "")
