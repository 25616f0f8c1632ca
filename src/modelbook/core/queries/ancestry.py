"""What a version was made from, as a tree: its run, code, data and environment, and its parents with theirs."""

from collections import deque
from collections.abc import Container, Iterator

from modelbook.core import layout
from modelbook.core.card import ModelCard, ParentModel
from modelbook.core.documents import DocumentError
from modelbook.core.listed import many
from modelbook.core.names import person_in
from modelbook.core.queries.lineage import DEEPEST, REVOKED, SEEN, Thing, more, nearest
from modelbook.core.registry import Registry
from modelbook.core.revocation import is_revoked
from modelbook.core.run_record import Code, DatasetUse, Environment

UNREADABLE = "its card cannot be read"


def upstream(
    registry: Registry, model: str, version: int, *, card: ModelCard | None = None, most: int | None = None
) -> Thing:
    """What a model version was made from: run, code, data, environment, and its parents with theirs.

    What lies deeper than DEEPEST steps stands side by side there. With `most` only so many of those that it descends
    from, the nearest ones. Who knows its `card` hands it in, and is not told which stages it holds.
    """
    name = f"{model}@{version}"
    held = {stage: pointer.version for stage, pointer in registry.stages_of(model).items()} if card is None else {}
    stages = tuple(stage for stage, holder in held.items() if holder == version)
    way = _Ancestry(registry, {name: card} if card else {})
    if most is not None:
        way.within = {name, *nearest(way.parents(name), way.parents, most)}
    return way.version(name, "", stages, DEEPEST)


def absent(registry: Registry, model: str, version: int) -> set[str]:
    """The models of ancestors whose cards are not in `registry`, as far as these are known."""
    found = set[str]()

    def parents(name: str) -> list[str]:
        one, _, number = name.rpartition("@")
        if registry.card_path(one, int(number)) not in registry.files:
            found.add(one)
            return []
        return [_name(parent) for parent in registry.card(one, int(number)).lineage.parents]

    nearest([f"{model}@{version}"], parents)
    return found


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
        """A version, and what it was made from; what lies deeper than `deep` steps stands side by side there."""
        self._seen.add(name)
        card, registry = self._card(name), self._registry
        lineage = card.lineage
        model, _, version = name.rpartition("@")
        says = (f"registered {card.created}", *([REVOKED] if is_revoked(registry, model, int(version)) else []))
        below = [_run(card), _code(lineage.code), *(_data(registry, use) for use in lineage.datasets)]
        below.append(_environment(lineage.environment))
        if deep:
            below += self._ancestors(name, deep)
        return Thing("model", name, role, says, stages, tuple(below))

    def _ancestors(self, name: str, deep: int) -> Iterator[Thing]:
        waiting = deque((one, "parent") for one in self._card(name).lineage.parents)
        hidden = 0
        while waiting:
            one, role = waiting.popleft()
            parent = _name(one)
            if trouble := self._trouble(one):
                yield Thing("missing", parent, role, (trouble,))
            elif self.within is not None and parent not in self.within:
                hidden += 1
            elif parent in self._seen:
                yield Thing("model", parent, role, (SEEN,))
            else:
                yield self.version(parent, role, (), deep - 1)
                if deep == 1:
                    waiting.extend((older, "ancestor") for older in self._card(parent).lineage.parents)
        yield from more(hidden, "parent")


def _name(parent: ParentModel) -> str:
    return f"{parent.model}@{parent.version}"


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
    says: tuple[str, ...] = (f"{many(card.files, 'file')}, {many(card.size, 'byte')}", f"of {card.created}")
    says += (f"source: {card.source}",) if card.source else ()
    says += (f"DVC: {card.dvc.path}, md5 {card.dvc.md5}",) if card.dvc else ()
    return Thing("dataset", f"{name}@{version}", role, says)


def _environment(environment: Environment) -> Thing:
    torch = environment.torch.version if environment.torch else environment.packages.get("torch")
    parts = [f"torch {torch}" if torch else "", environment.cpu or "", ", ".join(environment.gpus)]
    parts.append(f"container {environment.container}" if environment.container else "")
    return Thing("environment", f"Python {environment.python}", "environment", tuple(part for part in parts if part))
