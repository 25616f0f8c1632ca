"""What came of every version of a registry, all at once: where `lineage` walks for one, this is passed once for all."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from modelbook.core.digests import digest_of
from modelbook.core.queries.lineage import nearest

Serving = tuple[tuple[str, tuple[str, ...]], ...]
"""Versions that hold a stage, and the stages of each."""


class Came(NamedTuple):
    """What came of a version: a digest of all that there is to say of it, and what of it holds a stage."""

    digest: str = ""
    serving: Serving = ()


NOTHING = Came()


class Derived:
    """What was made from what, by names as in `fraud@5`.

    `parents` are those of each version that has any, `held` the stages of each that holds one.
    """

    def __init__(
        self,
        parents: Mapping[str, Sequence[str]],
        held: Mapping[str, tuple[str, ...]],
        revoked: Collection[str],
    ) -> None:
        self._held = held
        self._revoked = revoked
        self._children: dict[str, list[str]] = {}
        for name, those in parents.items():
            for parent in dict.fromkeys(those):
                self._children.setdefault(parent, []).append(name)
        self._came = self._told()

    def of(self, name: str) -> Came:
        """What came of a version."""
        return self._came.get(name, NOTHING)

    def leads_on(self, name: str) -> bool:
        """Whether anything was made from it."""
        return name in self._children

    def facts(self, name: str) -> dict[str, Any]:
        """What the lineage says of a version: FACTS."""
        return {"ref": name, "stages": self._held.get(name, ()), "revoked": name in self._revoked}

    def uses(self, of: str, field: str) -> list[dict[str, Any]]:
        """As `lineage` asks for it, of model versions: the versions made from one."""
        return [self.facts(name) for name in self._children.get(of, ())] if field == "parents" else []

    def after(self, names: Iterable[str]) -> list[str]:
        """All that was made from any of the versions, however many steps lead to it, but none of themselves."""
        first = dict.fromkeys(names)
        starts = [child for name in first for child in self._children.get(name, ())]
        found = nearest(starts, lambda name: self._children.get(name, ()))
        return [name for name in found if name not in first]

    def serving(self, names: Iterable[str]) -> Serving:
        """Those of the versions that hold a stage."""
        return tuple((name, self._held[name]) for name in sorted(names) if name in self._held)

    def _told(self) -> dict[str, Came]:
        """Of each version that something was made from: children first, so that each is asked once."""
        try:
            order = list(TopologicalSorter(self._children).static_order())
        except CycleError:  # of cards that lie about their parents; digests would not fit
            return {name: self._asked(name) for name in self._children}
        found: dict[str, Came] = {}
        serving: dict[str, frozenset[str]] = {}
        for name in order:
            if children := self._children.get(name):
                holders = [frozenset([one]) for one in children if one in self._held]
                holders += [each for one in children if (each := serving.get(one))]
                serving[name] = frozenset().union(*holders)
                below = [(self.facts(one), found[one].digest if one in found else "") for one in children]
                found[name] = Came(digest_of(repr(below).encode()), self.serving(serving[name]))
        return found

    def _asked(self, name: str) -> Came:
        those = self.after([name])
        facts = [(self.facts(one), self._children.get(one)) for one in [name, *those]]
        return Came(digest_of(repr(facts).encode()), self.serving(those))
