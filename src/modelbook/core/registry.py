"""The registry as data: typed, read-only answers from the files of one commit."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from modelbook.core import layout
from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard
from modelbook.core.digests import digest_of
from modelbook.core.documents import Files, load, load_lines
from modelbook.core.evaluation import Evaluation
from modelbook.core.names import Reference
from modelbook.core.pointer import StagePointer
from modelbook.core.policy import PlacedGate, Policy, Stage, as_gate
from modelbook.core.records import Frozen, instant
from modelbook.core.registered_model import RegisteredModel
from modelbook.core.reproduction import Reproduction
from modelbook.core.signing.keyless import KeylessCheck, TrustedRoot
from modelbook.core.strict_yaml import Parsed
from modelbook.core.trust import Trust
from modelbook.errors import BadInput

if TYPE_CHECKING:  # brings statistics, which few commands have a use for
    from modelbook.core.online import OnlineResults

Record = TypeVar("Record", bound=Frozen)


class Registry:
    """Answers from `files` (bytes by path below the registry folder); `prefix` is that folder, for messages.

    Whatever it reads may raise DocumentError, with file and line. Nothing is cached that could change.

    `arriving` are the paths that a change under judgement brings, `now` the time of the judgement (UTC, with Z): such
    a signature was made now, whatever time it claims. `keyless` checks the mathematics of keyless signatures; without
    it none is believed.
    """

    def __init__(
        self,
        files: Files,
        prefix: str = "registry",
        *,
        arriving: frozenset[str] = frozenset(),
        now: str | None = None,
        keyless: KeylessCheck | None = None,
    ) -> None:
        self.files = files
        self.prefix = prefix
        self.keyless = keyless
        self._arriving = arriving
        self._now = now

    def signed_at(self, path: str, claimed: str) -> str:
        """When the signature at `path` was made, as far as can be known: the time that it claims, or now."""
        return max(self._now, claimed, key=instant) if self._now and path in self._arriving else claimed

    def arrives(self, path: str) -> bool:
        """Whether a change under judgement brings the file."""
        return path in self._arriving

    def shown(self, path: str) -> str:
        """`path` as a person would name it: from the top of the repository."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def load(self, kind: type[Record], path: str) -> Record:
        """The record at `path`. Raises BadInput where there is no such file."""
        return load(kind, self._bytes(path), self.shown(path))

    def _bytes(self, path: str) -> bytes:
        if path not in self.files:
            raise BadInput("no such file in the registry", where=self.shown(path))
        return self.files[path]

    @cached_property
    def _policy(self) -> tuple[Policy, Parsed]:
        return load_lines(Policy, self._bytes(layout.POLICY), self.shown(layout.POLICY))

    @property
    def policy(self) -> Policy:
        """policy.yaml."""
        return self._policy[0]

    def line_in_policy(self, location: tuple[str | int, ...]) -> int | None:
        """The line of policy.yaml on which a part of it stands, such as ("stages", 1, "soak")."""
        return self._policy[1].line_of(location) if location else None

    @cached_property
    def trust(self) -> Trust:
        """trust.yaml."""
        return self.load(Trust, layout.TRUST)

    @property
    def trusted_root(self) -> TrustedRoot:
        """By what keyless signatures are checked here."""
        return TrustedRoot(self.keyless, self.files.get(layout.TRUSTED_ROOT), self.trust.sigstore)

    def digest(self, path: str) -> str:
        """The digest of a file's raw bytes."""
        return digest_of(self._bytes(path))

    @cached_property
    def places(self) -> Mapping[str, layout.Place]:
        """What each file is; files that belong nowhere in the registry are left out."""
        return {path: place for path in self.files if (place := layout.place_of(path))}

    @cached_property
    def _versions(self) -> Mapping[tuple[str, str], list[int]]:
        found: dict[tuple[str, str], list[int]] = {}
        for place in self.places.values():
            if place.kind in {"card", "dataset"} and place.name and place.version:
                found.setdefault((place.kind, place.name), []).append(place.version)
        return {key: sorted(versions) for key, versions in found.items()}

    @cached_property
    def _by_owner(self) -> Mapping[tuple[str, str | None, int | None], list[tuple[str, layout.Place]]]:
        found: dict[tuple[str, str | None, int | None], list[tuple[str, layout.Place]]] = {}
        for path, place in sorted(self.places.items()):
            found.setdefault((place.kind, place.name, place.version), []).append((path, place))
        return found

    def beside(self, kind: str, name: str, version: int | None = None) -> Sequence[tuple[str, layout.Place]]:
        """Path and place of each file of one kind that belongs to a model, or to one version of it, by path."""
        return self._by_owner.get((kind, name, version), ())

    def models(self) -> list[str]:
        """Names of the registered models, sorted: those with a model.yaml or a version."""
        described = {place.name for place in self.places.values() if place.kind == "model" and place.name}
        return sorted(described | {name for kind, name in self._versions if kind == "card"})

    def check_model(self, model: str) -> None:
        """Raise BadInput where no registered model has that name."""
        if model not in self.models():
            raise BadInput(f"no registered model is named {model!r}", remedy="See `modelbook list`.")

    def datasets(self) -> list[str]:
        """Names of the datasets, sorted."""
        return sorted(name for kind, name in self._versions if kind == "dataset")

    def versions(self, model: str) -> list[int]:
        """The version numbers of a model, ascending."""
        return self._versions.get(("card", model), [])

    def dataset_versions(self, dataset: str) -> list[int]:
        """The version numbers of a dataset, ascending."""
        return self._versions.get(("dataset", dataset), [])

    def card_path(self, model: str, version: int) -> str:
        """The path of a version's card."""
        return f"{layout.version_folder(model, version)}/card.yaml"

    def card(self, model: str, version: int) -> ModelCard:
        """The card of a version."""
        return self.load(ModelCard, self.card_path(model, version))

    def dataset_card(self, dataset: str, version: int) -> DatasetCard:
        """The card of a dataset version."""
        return self.load(DatasetCard, f"{layout.dataset_folder(dataset, version)}/card.yaml")

    def model(self, model: str) -> RegisteredModel | None:
        """model.yaml, or None where there is none."""
        path = f"{layout.model_folder(model)}/model.yaml"
        return self.load(RegisteredModel, path) if path in self.files else None

    def evaluation_paths(self, model: str, version: int) -> dict[str, str]:
        """The path of each evaluation of a version, by suite."""
        return {place.part: path for path, place in self.beside("evaluation", model, version) if place.part}

    def evaluation(self, path: str) -> Evaluation:
        """The evaluation at `path`."""
        return self.load(Evaluation, path)

    def reproduction_paths(self, model: str, version: int) -> dict[str, str]:
        """The path of each reproduction of a version, by its id."""
        return {place.part: path for path, place in self.beside("reproduction", model, version) if place.part}

    def reproduction(self, path: str) -> Reproduction:
        """The reproduction at `path`."""
        return self.load(Reproduction, path)

    def experiments(self, model: str) -> list[str]:
        """The experiments of a model whose results are here, sorted."""
        return sorted(place.part for _, place in self.beside("online", model) if place.part)

    def online(self, model: str, experiment: str) -> "OnlineResults":
        """The results of an experiment."""
        from modelbook.core.online import OnlineResults

        return self.load(OnlineResults, layout.online_path(model, experiment))

    def pointer(self, model: str, stage: str) -> StagePointer | None:
        """What stands in a stage, or None while it is empty."""
        path = layout.pointer_path(model, stage)
        return self.load(StagePointer, path) if path in self.files else None

    def stages_of(self, model: str) -> dict[str, StagePointer]:
        """The pointer of every stage of the policy that is not empty, in the policy's order."""
        found = ((stage.name, self.pointer(model, stage.name)) for stage in self.policy.stages)
        return {name: pointer for name, pointer in found if pointer}

    def stage(self, name: str) -> Stage:
        """A stage of the policy. Raises BadInput with the stages that exist."""
        if stage := self.policy.stage(name):
            return stage
        known = ", ".join(stage.name for stage in self.policy.stages)
        raise BadInput(f"no stage is named {name!r}", where=self.shown(layout.POLICY), remedy=f"Its stages: {known}.")

    def gates(self, model: str, stage: Stage) -> list[PlacedGate]:
        """The gates of a stage: those of policy.yaml, then those that model.yaml adds."""
        policy, parsed = self._policy
        at = policy.stages.index(stage)
        path = self.shown(layout.POLICY)
        gates = [
            PlacedGate(as_gate(gate), path, parsed.line_of(("stages", at, "gates", i)))
            for i, gate in enumerate(stage.gates)
        ]
        own = f"{layout.model_folder(model)}/model.yaml"
        if own in self.files:
            record, parsed = load_lines(RegisteredModel, self.files[own], self.shown(own))
            for i, gate in enumerate(record.gates.get(stage.name, ())):
                line = parsed.line_of(("gates", stage.name, i))
                gates.append(PlacedGate(as_gate(gate), self.shown(own), line))
        return gates

    def every_gate(self, model: str) -> list[PlacedGate]:
        """The gates of a model at all stages, in the order of the stages."""
        return [gate for stage in self.policy.stages for gate in self.gates(model, stage)]

    def resolve(self, reference: Reference) -> int:
        """The version that a reference names. Raises BadInput with what there is instead."""
        model = reference.name
        versions = self.versions(model)
        if not versions:
            remedy = "See `modelbook list`."
            if self.dataset_versions(model):
                remedy = f"It is a dataset: see `modelbook data --help`, or `modelbook show {model}@1`."
            raise BadInput(f"no registered model {model!r} has a version here", remedy=remedy)
        if reference.version is not None:
            if reference.version in versions:
                return reference.version
            raise BadInput(
                f"{model} has no version {reference.version}", remedy=f"Its latest is {model}@{versions[-1]}."
            )
        if reference.stage is not None:
            self.stage(reference.stage)
            if pointer := self.pointer(model, reference.stage):
                return pointer.version
            raise BadInput(
                f"no version of {model} is in {reference.stage}",
                remedy=f"Promote one: `modelbook promote {model}@{versions[-1]} --to {reference.stage}`.",
            )
        if reference.digest is not None:
            for version in reversed(versions):
                if self.digest(self.card_path(model, version)) == reference.digest:
                    return version
            raise BadInput(
                f"no card of {model} has the digest {reference.digest}",
                remedy=f"See `modelbook list {model}`.",
            )
        return versions[-1]
