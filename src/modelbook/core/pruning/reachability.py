"""What of a store is named, and by whom: each card on each branch, tag and open pull request names its files.

The names are data: which files of a registry lie at which refs, and their bytes. One that cannot be read means that
nobody knows what it names, so it raises, and nothing is deleted.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard, Manifest
from modelbook.core.digests import DIGEST_PATTERN, digest_of, hex_of
from modelbook.core.documents import load
from modelbook.core.evaluation import Evaluation
from modelbook.core.judging.cel import nested
from modelbook.core.layout import Place, place_of
from modelbook.core.pointer import StagePointer
from modelbook.core.pruning.stored import stored_at
from modelbook.core.records import Digest
from modelbook.core.revocation import Revocation
from modelbook.core.storage import blob_key, key_in
from modelbook.errors import BadInput

_DIGEST = re.compile(DIGEST_PATTERN[1:-1])
_NONE: Set[str] = frozenset()


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

    `artifacts` are the files of models, by key: the version that names each, and its size in bytes. `elsewhere` are
    those that lie where no run keeps its model, by key with what names them. `moved` are manifests of dataset versions
    whose cards name another store, as before a move: what is here by the same digest is theirs. `policies` are the
    digests of the own policy.yaml, by ref.
    """

    runs: dict[str, Named] = field(default_factory=dict)
    blobs: set[bytes] = field(default_factory=set)
    examples: set[bytes] = field(default_factory=set)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    artifacts: dict[str, tuple[str, int]] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    moved: list[Manifest] = field(default_factory=list)
    policies: dict[str, Digest] = field(default_factory=dict)
    cards: int = 0

    def names(self, key: str) -> bool:
        """Whether the object at `key` is named. Of a run all counts but its checkpoints."""
        if key in self.elsewhere:
            return True
        at = stored_at(key)
        if at.part in {"artifacts", "log"}:
            return at.run in self.runs
        return (at.part == "blob" and at.digest in self.blobs) or (at.part == "examples" and at.digest in self.examples)


def reach_of(files: Iterable[RootFile], store: str) -> Reach:
    """What the files name in `store` (its URI). Raises BadInput where one of them cannot be read, or none is a card.

    One that history alone has is asked only where something else names it: no commit can mend it any more.
    """
    placed = [(place, file) for file in files if (place := place_of(file.path))]
    reach, runs = Reach(), dict[Digest, str]()
    stood = [(file, *_stood(place, file)) for place, file in placed if place.kind == "stage"]
    ever = {digest for _, _, digests in stood for digest in digests}
    evaluations = [_evaluation(file) for place, file in placed if place.kind == "evaluation"]
    cards = _cards(placed, ever)
    used = {use.digest for each in cards.values() for use in each[1].lineage.datasets}
    used |= {evaluation.dataset.digest for evaluation in evaluations}
    parents = {
        parent.card: f"{card.model}@{card.version}" for _, card in cards.values() for parent in card.lineage.parents
    }
    revoked = _revoked(placed)
    for digest, (those, card) in cards.items():
        live = [file for file in those if file.refs]
        if not live and digest not in ever and digest not in parents:
            continue  # history alone has it, and it never served
        named = Named(f"{card.model}@{card.version}", (live or those)[0].shown, set(card.tags))
        named.revoked = bool(live) and all(
            set(one.refs) <= revoked.get((one.registry, one.path), set()) for one in live
        )
        named.parent_of = parents.get(digest)
        artifacts = dict(_artifacts_of(card, store))
        reach.cards += bool(artifacts)
        if live and not named.revoked:
            reach.artifacts |= {key: (named.name, size) for key, size in artifacts.items()}
        reach.elsewhere |= {key: named.name for key in artifacts if stored_at(key).part not in {"artifacts", "log"}}
        for run in {card.run.id, *(at.run for key in artifacts if (at := stored_at(key)).run)}:
            _join(reach.runs, run, named)
        runs[digest] = card.run.id
    for file, stage, digests in stood:
        for digest in digests:
            _hold(reach, runs.get(digest), stage, now=bool(file.refs))
    for evaluation in evaluations:
        _measure(reach, runs, evaluation)
    for place, file in placed:
        if place.kind == "dataset" and (file.refs or digest_of(file.data) in used):
            _dataset(reach, file, store)
        elif place.kind == "policy" and not file.registry:
            reach.policies |= dict.fromkeys(file.refs, digest_of(file.data))
    if not reach.cards and not reach.manifests:
        raise BadInput(
            f"no branch, tag or pull request has a single card of anything in {store}, so all of it would go",
            remedy="That is hardly meant: nothing is deleted. Check `store` in policy.yaml, --registry, the remote.",
        )
    return reach


def _cards(placed: list[tuple[Place, RootFile]], ever: Set[Digest]) -> dict[Digest, tuple[list[RootFile], ModelCard]]:
    """Each card, and where it stands: in several registries, as after a fork, what any of them holds counts."""
    found: dict[Digest, tuple[list[RootFile], ModelCard]] = {}
    unread: dict[Digest, tuple[RootFile, BadInput]] = {}
    for file in (file for place, file in placed if place.kind == "card"):
        digest = digest_of(file.data)
        if digest in found:
            found[digest][0].append(file)
            continue
        try:
            found[digest] = [file], load(ModelCard, file.data, f"{file.registry}{file.path}")
        except BadInput as error:
            if file.refs or digest in ever:
                raise
            unread[digest] = file, error
    for _, card in found.values():
        for parent in card.lineage.parents:
            if parent.card in unread:
                raise unread[parent.card][1]
    return found


def _stood(place: Place, file: RootFile) -> tuple[str, Set[Digest]]:
    """The stage, and the card that stood in it. What history alone has and nobody can read may mean any that it has."""
    try:
        pointer = load(StagePointer, file.data, f"{file.registry}{file.path}")
    except BadInput:
        if file.refs:
            raise
        return place.part or "", set(_DIGEST.findall(file.data.decode(errors="replace")))
    return pointer.stage, {pointer.card}


def _evaluation(file: RootFile) -> Evaluation:
    return load(Evaluation, file.data, f"{file.registry}{file.path}")


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


def _hold(reach: Reach, run: str | None, stage: str, *, now: bool) -> None:
    if run and (named := reach.runs.get(run)):
        named.stages.add(stage)
        named.stage = stage if now else named.stage


def _measure(reach: Reach, runs: Mapping[Digest, str], evaluation: Evaluation) -> None:
    if evaluation.examples:
        reach.examples.add(bytes.fromhex(hex_of(evaluation.examples.digest)))
    if (run := runs.get(evaluation.card)) and (named := reach.runs.get(run)):
        found = {name: metric.value for name, metric in evaluation.metrics.items()}
        named.metrics |= {name: value for name, value in found.items() if value is not None}


def _dataset(reach: Reach, file: RootFile, store: str) -> None:
    manifest = load(DatasetCard, file.data, f"{file.registry}{file.path}").manifest
    reach.blobs.add(bytes.fromhex(hex_of(manifest.digest)))
    if not manifest.uri.startswith(store.rstrip("/") + "/"):
        reach.moved.append(manifest)
        return
    key = key_in(store, manifest.uri)
    reach.manifests[key] = manifest
    if key != blob_key(manifest.digest) and (at := stored_at(key)).digest:
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
