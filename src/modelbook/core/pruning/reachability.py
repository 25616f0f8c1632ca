"""What of a store is named, and by whom: each card on each branch, tag and open pull request names its files.

The names are data: which files of a registry lie at which refs, and their bytes. One that cannot be read means that
nobody knows what it names, so it raises, and nothing is deleted.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard, Manifest
from modelbook.core.digests import Digest, digest_of, hex_of
from modelbook.core.documents import load
from modelbook.core.evaluation import Evaluation
from modelbook.core.judging.cel import nested
from modelbook.core.layout import Place, place_of
from modelbook.core.pointer import StagePointer
from modelbook.core.pruning.stored import stored_at
from modelbook.core.revocation import Revocation
from modelbook.core.storage import blob_key, key_in
from modelbook.errors import BadInput


@dataclass(frozen=True)
class RootFile:
    """A file of a registry as one or more refs hold it: its path below the registry, its bytes, and where it stands.

    `refs` are for people, such as `main` or `pull request 7`. A file that no ref holds any more, but history does, has
    none.
    """

    path: str
    data: bytes
    refs: tuple[str, ...]
    registry: str = ""

    @property
    def shown(self) -> str:
        """The path, and one of the refs that hold it."""
        return f"{self.registry}{self.path} on {self.refs[0]}" if self.refs else f"{self.registry}{self.path}, once"


@dataclass
class Named:
    """What is known of the version that a run became. `revoked` says that every ref that has it has revoked it.

    `stages` are all that it ever stood in, `stage` one in which it stands on some ref.
    """

    name: str
    why: str
    tags: set[str] = field(default_factory=set)
    stages: set[str] = field(default_factory=set)
    stage: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    parent_of: str | None = None
    revoked: bool = False

    @property
    def bound(self) -> str | None:
        """Why it stays even where it is revoked."""
        if self.stages:
            return f"{self.name} was in {min(self.stages)}"
        return f"{self.parent_of} was made from {self.name}" if self.parent_of else None


@dataclass
class Reach:
    """All that is named: runs by id, dataset files and examples by their 32-byte sha256.

    `artifacts` are the files of models, by key: the version that names each, and its size in bytes.
    """

    runs: dict[str, Named] = field(default_factory=dict)
    blobs: set[bytes] = field(default_factory=set)
    examples: set[bytes] = field(default_factory=set)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    artifacts: dict[str, tuple[str, int]] = field(default_factory=dict)
    cards: int = 0

    def names(self, key: str) -> bool:
        """Whether the object at `key` is named. Of a run all counts but its checkpoints."""
        at = stored_at(key)
        if at.part in {"artifacts", "log"}:
            return at.run in self.runs
        return (at.part == "blob" and at.digest in self.blobs) or (at.part == "examples" and at.digest in self.examples)


def reach_of(files: Iterable[RootFile], store: str) -> Reach:
    """What the files name in `store` (its URI). Raises BadInput where one of them cannot be read, or none is a card."""
    placed = [(place, file) for file in files if (place := place_of(file.path))]
    cards = _cards(placed)
    pointers = [
        (file, load(StagePointer, file.data, f"{file.registry}{file.path}"))
        for place, file in placed
        if place.kind == "stage"
    ]
    ever = {pointer.card for _, pointer in pointers}
    parents = {
        parent.card: f"{card.model}@{card.version}" for _, card in cards.values() for parent in card.lineage.parents
    }
    revoked = _revoked(placed)
    reach = Reach()
    runs: dict[Digest, str] = {}
    for digest, (file, card) in cards.items():
        if not file.refs and digest not in ever and digest not in parents:
            continue  # history alone has it, and it never served
        reach.cards += 1
        named = Named(f"{card.model}@{card.version}", file.shown, set(card.tags))
        named.revoked = bool(file.refs) and set(file.refs) <= revoked.get((file.registry, file.path), set())
        named.parent_of = parents.get(digest)
        artifacts = dict(_artifacts_of(card, store))
        if file.refs and not named.revoked:
            reach.artifacts |= {key: (named.name, size) for key, size in artifacts.items()}
        for run in {card.run.id, *(at.run for key in artifacts if (at := stored_at(key)).run)}:
            _join(reach.runs, run, named)
        runs[digest] = card.run.id
    for file, pointer in pointers:
        _hold(reach, runs, file, pointer)
    for place, file in placed:
        match place.kind:
            case "evaluation":
                _measure(reach, runs, file)
            case "dataset":
                _dataset(reach, file, store)
    if not reach.cards and not reach.manifests:
        raise BadInput(
            "no branch, tag or pull request has a single card, so everything in the store would go",
            remedy="That is hardly meant: nothing is deleted. Check --registry, the remote and `git fetch`.",
        )
    return reach


def _cards(placed: list[tuple[Place, RootFile]]) -> dict[Digest, tuple[RootFile, ModelCard]]:
    found: dict[Digest, tuple[RootFile, ModelCard]] = {}
    for place, file in placed:
        if place.kind == "card":
            digest = digest_of(file.data)
            before = found.get(digest)
            # One card may stand in several registries, as after a fork: what any of them holds counts.
            if before is None or (file.refs and not before[0].refs):
                found[digest] = file, load(ModelCard, file.data, f"{file.registry}{file.path}")
    return found


def _revoked(placed: list[tuple[Place, RootFile]]) -> Mapping[tuple[str, str], Set[str]]:
    """By registry and path of a card: the refs that revoke its version."""
    found: dict[tuple[str, str], set[str]] = {}
    for place, file in placed:
        if place.kind == "revocation":
            load(Revocation, file.data, f"{file.registry}{file.path}")  # one that cannot be read lets nothing go
            card = file.path.removesuffix("revoked.yaml") + "card.yaml"
            found.setdefault((file.registry, card), set()).update(file.refs)
    return found


def _artifacts_of(card: ModelCard, store: str) -> Iterator[tuple[str, int]]:
    """Key and size of each artifact of a card that lies in this store."""
    for artifact in card.artifacts:
        if artifact.uri.startswith(store.rstrip("/") + "/"):
            yield key_in(store, artifact.uri), artifact.size


def _join(runs: dict[str, Named], run: str, named: Named) -> None:
    """One run may be named twice: by two versions, or by one card on two refs that differ in bytes."""
    if (other := runs.setdefault(run, named)) is not named:
        other.tags |= named.tags
        other.revoked = other.revoked and named.revoked
        other.parent_of = other.parent_of or named.parent_of


def _hold(reach: Reach, runs: Mapping[Digest, str], file: RootFile, pointer: StagePointer) -> None:
    if (run := runs.get(pointer.card)) and (named := reach.runs.get(run)):
        named.stages.add(pointer.stage)
        named.stage = pointer.stage if file.refs else named.stage


def _measure(reach: Reach, runs: Mapping[Digest, str], file: RootFile) -> None:
    evaluation = load(Evaluation, file.data, f"{file.registry}{file.path}")
    if evaluation.examples:
        reach.examples.add(bytes.fromhex(hex_of(evaluation.examples.digest)))
    if (run := runs.get(evaluation.card)) and (named := reach.runs.get(run)):
        found = {name: metric.value for name, metric in evaluation.metrics.items()}
        named.metrics |= {name: value for name, value in found.items() if value is not None}


def _dataset(reach: Reach, file: RootFile, store: str) -> None:
    card = load(DatasetCard, file.data, f"{file.registry}{file.path}")
    if not file.refs or not card.manifest.uri.startswith(store.rstrip("/") + "/"):
        return
    key = key_in(store, card.manifest.uri)
    reach.manifests[key] = card.manifest
    reach.blobs.add(bytes.fromhex(hex_of(card.manifest.digest)))
    if key != blob_key(card.manifest.digest) and (at := stored_at(key)).digest:
        reach.blobs.add(at.digest)


def facts_of(named: Named | None, state: Mapping[str, Any], age: float) -> dict[str, Any]:
    """What a condition may read of a run: what its log says (`state`), and the version that it became."""
    facts = {"tags": [], "metrics": {}, "params": {}, "status": "unknown", "experiment": "", **state, "age": age}
    facts |= {"stage": None, "stages": []}
    if named:
        facts["tags"] = sorted({*facts["tags"], *named.tags})
        facts["metrics"] = {**facts["metrics"], **nested(named.metrics)}
        facts |= {"stage": named.stage, "stages": sorted(named.stages)}
    return facts
