"""Where a version comes from, and what came of it: as a tree that a person reads from the top."""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from modelbook.core import layout
from modelbook.core.card import ModelCard, ParentModel
from modelbook.core.documents import DocumentError
from modelbook.core.names import person_in
from modelbook.core.registry import Registry
from modelbook.core.revocation import is_revoked
from modelbook.core.run_record import Code, DatasetUse, Environment
from modelbook.errors import BadInput

Kind = Literal["model", "dataset", "code", "environment", "run", "missing", "more"]
Uses = Callable[[str, str], Sequence[Mapping[str, Any]]]
"""The facts FACTS of the versions that name a version in a list of theirs: `datasets`, `tested` or `parents`."""

FACTS = ("ref", "stages", "revoked")

SEEN = "told above"
UNREADABLE = "its card cannot be read"


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

    def as_json(self) -> dict[str, Any]:
        """The same as nested JSON objects, absent parts left out."""
        parts: dict[str, Any] = {"kind": self.kind, "name": self.name, "role": self.role, "says": list(self.says)}
        parts |= {"stages": list(self.stages), "below": [one.as_json() for one in self.below]}
        return {name: value for name, value in parts.items() if value}


def upstream(
    registry: Registry, model: str, version: int, *, card: ModelCard | None = None, most: int | None = None
) -> Thing:
    """What a model version was made from: run, code, data, environment, and its parents with theirs.

    With `most` only so many of those that it descends from, the nearest ones. Who knows its `card` hands it
    in, and is not told which stages it holds.
    """
    name = f"{model}@{version}"
    held = {stage: pointer.version for stage, pointer in registry.stages_of(model).items()} if card is None else {}
    stages = tuple(stage for stage, holder in held.items() if holder == version)
    way = _Ancestry(registry, {name: card} if card else {})
    if most is not None:
        way.within = {name, *nearest(way.parents(name), way.parents, most)}
    return way.version(name, "", stages, _DEEPEST)


class _Ancestry:
    """A way through what versions were made from; `within` are those that it may come to, None for all."""

    def __init__(self, registry: Registry, known: dict[str, ModelCard]) -> None:
        self.within: Container[str] | None = None
        self._registry = registry
        self._cards = known  # each is read once
        self._seen: set[str] = set()

    def _card(self, name: str) -> ModelCard:
        if name not in self._cards:
            model, _, version = name.rpartition("@")
            self._cards[name] = self._registry.card(model, int(version))
        return self._cards[name]

    def _trouble(self, parent: ParentModel) -> str | None:
        """Why nobody can say what a parent was made from."""
        path = self._registry.card_path(parent.model, parent.version)
        if path not in self._registry.files:
            return "not in this registry"
        if self._registry.digest(path) != parent.card:
            return "not the one that was used: its card has another digest"
        try:
            self._card(_name(parent))
        except DocumentError:
            return UNREADABLE
        return None

    def parents(self, name: str) -> list[str]:
        """The parents of which more is known."""
        return [_name(one) for one in self._card(name).lineage.parents if self._trouble(one) is None]

    def version(self, name: str, role: str, stages: tuple[str, ...], deep: int) -> Thing:
        """A version, and what it was made from. Raises BadInput where that leads on more than `deep` times."""
        if name in self._seen:
            return Thing("model", name, role, (SEEN,))
        if deep == 0:
            raise BadInput(f"the lineage leads on more than {_DEEPEST} times")
        self._seen.add(name)
        card, registry = self._card(name), self._registry
        lineage = card.lineage
        model, _, version = name.rpartition("@")
        says = (f"registered {card.created}", *(["revoked"] if is_revoked(registry, model, int(version)) else []))
        below = [_run(card), _code(lineage.code), *(_data(registry, use) for use in lineage.datasets)]
        below.append(_environment(lineage.environment))
        hidden = 0
        for one in lineage.parents:
            parent = _name(one)
            if trouble := self._trouble(one):
                below.append(Thing("missing", parent, "parent", (trouble,)))
            elif self.within is None or parent in self.within:
                below.append(self.version(parent, "parent", (), deep - 1))
            else:
                hidden += 1
        return Thing("model", name, role, says, stages, (*below, *_more(hidden, "parent")))


def _name(parent: ParentModel) -> str:
    return f"{parent.model}@{parent.version}"


def nearest(first: Iterable[str], after: Callable[[str], Iterable[str]], most: int) -> list[str]:
    """At most so many things that follow one another, those first that the fewest steps lead to."""
    found: dict[str, None] = {}
    waiting = deque(first)
    while waiting and len(found) < most:
        one = waiting.popleft()
        if one not in found:
            found[one] = None
            waiting.extend(after(one))
    return list(found)


def _more(count: int, role: str) -> tuple[Thing, ...]:
    return (Thing("more", f"{count:,} more", role),) if count else ()


def _run(card: ModelCard) -> Thing:
    run = card.run
    says: tuple[str, ...] = (
        f"experiment {run.experiment}",
        f"by {person_in(run.user)}",
        f"{run.started} to {run.ended}",
    )
    if run.imported:
        says += (f"imported from {run.imported.source}",)
    return Thing("run", run.id, "run", says)


def _code(code: Code) -> Thing:
    name = code.commit[:12] if code.commit else "no commit"
    says: tuple[str, ...] = (f"{code.folder}/{code.entry_point}" if code.folder else code.entry_point,)
    says += (f"of {code.repository}",) if code.repository else ()
    if code.dirty:
        says += ("with changes that are kept as a patch" if code.patch else "with changes that nobody has",)
    return Thing("code", name, "code", says)


def _data(registry: Registry, use: DatasetUse) -> Thing:
    name, path = f"{use.dataset}@{use.version}", f"{layout.dataset_folder(use.dataset, use.version)}/card.yaml"
    if path not in registry.files:
        return Thing("missing", name, use.role, ("not in this registry",))
    if registry.digest(path) != use.digest:
        return Thing("missing", name, use.role, ("not the one that was used: its card has another digest",))
    try:
        return dataset(registry, use.dataset, use.version, use.role)
    except DocumentError:
        return Thing("missing", name, use.role, (UNREADABLE,))


def dataset(registry: Registry, name: str, version: int, role: str = "") -> Thing:
    """A dataset version, and what it was made from."""
    card = registry.dataset_card(name, version)
    says: tuple[str, ...] = (f"{card.files:,} files, {card.size:,} bytes", f"of {card.created}")
    says += (f"source: {card.source}",) if card.source else ()
    says += (f"DVC: {card.dvc.path}, md5 {card.dvc.md5}",) if card.dvc else ()
    return Thing("dataset", f"{name}@{version}", role, says)


def _environment(environment: Environment) -> Thing:
    torch = environment.torch.version if environment.torch else environment.packages.get("torch")
    parts = [f"torch {torch}" if torch else "", environment.cpu or "", ", ".join(environment.gpus)]
    parts.append(f"container {environment.container}" if environment.container else "")
    return Thing("environment", f"Python {environment.python}", "environment", tuple(part for part in parts if part))


def downstream(name: str, kind: Kind, uses: Uses, *, most: int | None = None) -> Thing:
    """What was made from a version: what was trained on it or continued it, and so on from each of these.

    With `most` only so many of them, the nearest ones. Raises BadInput where all of it leads on more than _DEEPEST
    times.
    """
    seen: set[str] = set()
    field, role = ("datasets", "trained on it") if kind == "dataset" else ("parents", _MADE)
    walk = _Walk(uses, seen, None if most is None else set(_nearest_uses(name, field, uses, most)))
    made = walk.children(name, field, role, _DEEPEST)
    if kind != "dataset":
        return Thing(kind, name, below=made)
    # What was only measured on it has nothing of it, and nor has what came of that.
    measured = (_child(facts, MEASURED) for facts in uses(name, "tested") if facts["ref"] not in seen)
    return Thing(kind, name, below=(*made, *measured))


MEASURED = "measured on it"
_MADE = "made from it"
_DEEPEST = 200


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
        if deep == 0:
            raise BadInput(f"the lineage leads on more than {_DEEPEST} times")
        found, hidden = [], 0
        for facts in self.uses(name, field):
            ref = str(facts["ref"])
            if self.within is not None and ref not in self.within:
                hidden += 1
            elif ref in self.seen:
                found.append(_child(facts, role, SEEN))
            else:
                self.seen.add(ref)
                below = self.children(ref, "parents", _MADE, deep - 1)
                found.append(replace(_child(facts, role), below=below))
        return (*found, *_more(hidden, role))


def _child(facts: Mapping[str, Any], role: str, *says: str) -> Thing:
    says += ("revoked",) if facts.get("revoked") else ()
    return Thing("model", str(facts["ref"]), role, says, tuple(facts.get("stages", ())))


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
