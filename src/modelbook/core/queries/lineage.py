"""Where a version comes from, and what came of it: as a tree that a person reads from the top."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from modelbook.core import layout
from modelbook.core.card import ModelCard, ParentModel
from modelbook.core.names import person_in
from modelbook.core.registry import Registry
from modelbook.core.revocation import is_revoked
from modelbook.core.run_record import Code, DatasetUse, Environment

Kind = Literal["model", "dataset", "code", "environment", "run", "missing"]
Uses = Callable[[str, str], Sequence[Mapping[str, Any]]]
"""The facts FACTS of the versions that name a version in a list of theirs: `datasets`, `tested` or `parents`."""

FACTS = ("ref", "stages", "revoked")

SEEN, REVOKED = "told above", "revoked"


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


def upstream(registry: Registry, model: str, version: int) -> Thing:
    """What a model version was made from: run, code, data, environment, and its parents with theirs.

    What lies deeper than _DEEPEST steps stands side by side there.
    """
    held = {name: pointer.version for name, pointer in registry.stages_of(model).items()}
    stages = tuple(name for name, holder in held.items() if holder == version)
    return replace(_version(registry, model, version, "", {f"{model}@{version}"}, _DEEPEST), stages=stages)


def absent(registry: Registry, model: str, version: int) -> set[str]:
    """The models of ancestors whose cards are not in `registry`, as far as these are known."""
    found, seen, waiting = set[str](), set[tuple[str, int]](), [(model, version)]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        if registry.card_path(*one) in registry.files:
            waiting += [(parent.model, parent.version) for parent in registry.card(*one).lineage.parents]
        else:
            found.add(one[0])
    return found


def _version(registry: Registry, model: str, version: int, role: str, seen: set[str], deep: int) -> Thing:
    card = registry.card(model, version)
    says: tuple[str, ...] = (f"registered {card.created}",)
    if is_revoked(registry, model, version):
        says += (REVOKED,)
    lineage = card.lineage
    below = [_run(card), _code(lineage.code), *(_data(registry, use) for use in lineage.datasets)]
    below.append(_environment(lineage.environment))
    if deep:
        below += _parents(registry, lineage.parents, seen, deep)
    return Thing("model", f"{model}@{version}", role, says, (), tuple(below))


def _parents(registry: Registry, parents: Sequence[ParentModel], seen: set[str], deep: int) -> Iterator[Thing]:
    waiting = [(one, "parent") for one in parents]
    while waiting:
        parent, role = waiting.pop(0)
        name, path = f"{parent.model}@{parent.version}", registry.card_path(parent.model, parent.version)
        if path not in registry.files:
            yield Thing("missing", name, role, ("not in this registry",))
        elif registry.digest(path) != parent.card:
            yield Thing("missing", name, role, ("not the one that was used: its card has another digest",))
        elif name in seen:
            yield Thing("model", name, role, (SEEN,))
        else:
            seen.add(name)
            yield _version(registry, parent.model, parent.version, role, seen, deep - 1)
            if deep == 1:
                older = registry.card(parent.model, parent.version).lineage.parents
                waiting += [(one, "ancestor") for one in older]


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
    return dataset(registry, use.dataset, use.version, use.role)


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


def downstream(name: str, kind: Kind, uses: Uses) -> Thing:
    """What was made from a version: what was trained on it or continued it, and so on from each of these.

    What lies deeper than _DEEPEST steps stands side by side there.
    """
    if kind != "dataset":
        return Thing(kind, name, below=_children(name, "parents", MADE, uses, {name}, _DEEPEST))
    seen: set[str] = set()
    made = _children(name, "datasets", "trained on it", uses, seen, _DEEPEST)
    # What was only measured on it has nothing of it, and nor has what came of that.
    measured = (_child(facts, MEASURED) for facts in uses(name, "tested") if facts["ref"] not in seen)
    return Thing(kind, name, below=(*made, *measured))


MADE, MEASURED = "made from it", "measured on it"
_DEEPEST = 100  # things below one another: a version that is made from the last one each night has more


def _children(name: str, field: str, role: str, uses: Uses, seen: set[str], deep: int) -> tuple[Thing, ...]:
    found, waiting = list[Thing](), [(name, field, role)]
    while waiting:
        above, by, way = waiting.pop(0)
        for facts in uses(above, by):
            ref = str(facts["ref"])
            if ref in seen:
                found.append(_child(facts, way, SEEN))
                continue
            seen.add(ref)
            below = _children(ref, "parents", MADE, uses, seen, deep - 1) if deep > 1 else ()
            found.append(replace(_child(facts, way), below=below))
            if deep == 1:
                waiting.append((ref, "parents", f"{MADE} by more steps"))
    return tuple(found)


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
