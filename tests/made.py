"""Registries made in memory, signed with real P-256 keys, for tests of what is decided about them.

    base = Made().dataset("digits", 1).version("digits", 1, {"accuracy": 0.95})
    head = base.copy().pointer("digits", "staging", 1)
    check_change(base.registry, head.registry, now=NOW)

Every piece can be varied: other fields, another signer, another statement, other bytes.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from modelbook.adapters.key_signer import KeySigner
from modelbook.adapters.sigstore_check import check_keyless
from modelbook.core import layout
from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard
from modelbook.core.digests import digest_of
from modelbook.core.documents import dump
from modelbook.core.evaluation import Evaluation
from modelbook.core.online import OnlineResults
from modelbook.core.pointer import StagePointer
from modelbook.core.records import Frozen
from modelbook.core.registry import Registry
from modelbook.core.reproduction import Reproduction
from modelbook.core.signing.envelope import Statement
from modelbook.core.signing.statements import (
    dataset_statement,
    evaluation_statement,
    model_statement,
    online_statement,
    provenance_statement,
    reproduction_statement,
    summary_statement,
)
from tests.made_fields import (
    NOW,
    STORE,
    card_fields,
    dataset_fields,
    evaluation_fields,
    online_fields,
    reproduction_fields,
)

Record = TypeVar("Record", bound=Frozen)
Fields = Mapping[str, Any]

POLICY = f"""\
format: modelbook/policy/v1
store: {STORE}
stages:
- name: staging
  auto: true
  gates:
  - metrics.accuracy >= 0.90
- name: production
  first: accept
  gates:
  - name: better than what serves now
    require: metrics.accuracy > baseline.metrics.accuracy
  - metrics.latency_ms < 50.0
"""
# Each may do one thing, so that a test sees when one is taken for another.
RULES: tuple[Fields, ...] = (
    {"models": "*", "statements": ["model", "provenance", "dataset"], "signers": ["registrar"]},
    {"models": "*", "statements": ["evaluation", "reproduction", "online"], "signers": ["grader"]},
    {"models": "*", "stages": ["*"], "signers": ["promoter", "deputy"]},
)
SIGNERS: Mapping[str, Fields] = {"registrar": {}, "grader": {}, "promoter": {}, "deputy": {}}
GOOD = {"accuracy": 0.95, "latency_ms": 12.0}


@cache
def key(name: str) -> KeySigner:
    """The key of somebody; `mallory` is one whom no trust file here knows."""
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


def record(kind: type[Record], fields: Fields) -> Record:
    """A record from plain data, checked as a file's would be."""
    return kind.model_validate_json(json.dumps(fields))


def trust_yaml(
    rules: tuple[Fields, ...] = RULES, signers: Mapping[str, Fields] = SIGNERS, version: int = 1, **more: Any
) -> bytes:
    """A trust file; `signers` maps a name to what is said of it beside its key. JSON is YAML."""
    listed = [
        {"name": name, **({} if "ssh" in fields else {"key": key(name).public_pem}), **fields}
        for name, fields in signers.items()
    ]
    return json.dumps({"version": version, "signers": listed, "rules": rules, **more}).encode()


class Made:
    """A registry that grows by calls; each returns the same object. Files stand in `files`, by path."""

    def __init__(self, *, policy: str = POLICY, trust: bytes | None = None) -> None:
        self.files = {layout.POLICY: policy.encode(), layout.TRUST: trust_yaml() if trust is None else trust}

    @property
    def registry(self) -> Registry:
        """The registry as it is now; later calls do not change it."""
        return Registry(dict(self.files), keyless=check_keyless)

    def copy(self) -> "Made":
        """Another one with the same files."""
        other = Made()
        other.files = dict(self.files)
        return other

    def put(self, path: str, data: bytes | str) -> Self:
        """Write any bytes anywhere."""
        self.files[path] = data.encode() if isinstance(data, str) else data
        return self

    def drop(self, *paths: str) -> Self:
        """Remove files."""
        for path in paths:
            del self.files[path]
        return self

    def edit(self, path: str, old: str, new: str) -> Self:
        """Replace text in a file, signatures left as they are."""
        assert self.files[path].count(old.encode()) == 1, f"{old!r} does not stand once in {path}"
        return self.put(path, self.files[path].replace(old.encode(), new.encode()))

    def sign(self, path: str, statement: Statement, signer: str) -> Self:
        """Sign any statement into any file."""
        return self.put(path, _signed(signer, json.dumps(statement)))

    def dataset(self, name: str = "digits", version: int = 1, *, signer: str = "registrar", **fields: Any) -> Self:
        """A dataset version."""
        folder = layout.dataset_folder(name, version)
        usual = dataset_fields(name, version)
        card = record(DatasetCard, usual | fields)
        self.put(f"{folder}/card.yaml", dump(card))
        return self.sign(f"{folder}/dataset.sig", dataset_statement(card, self.files[f"{folder}/card.yaml"]), signer)

    def use(self, name: str, version: int, role: str = "train") -> dict[str, Any]:
        """How a card or an evaluation names a dataset version that is here."""
        card = self.files[f"{layout.dataset_folder(name, version)}/card.yaml"]
        return {"dataset": name, "version": version, "role": role, "digest": digest_of(card)}

    def version(
        self,
        model: str = "digits",
        version: int = 1,
        metrics: Fields | None = GOOD,
        *,
        signer: str = "registrar",
        data: str = "digits",
        **fields: Any,
    ) -> Self:
        """A model version, trained on version 1 of `data`, and its evaluation, unless `metrics` is None."""
        usual = card_fields(model, version)
        usual["lineage"]["datasets"] = [self.use(data, 1)]
        card = record(ModelCard, usual | fields)
        folder = layout.version_folder(model, version)
        written = dump(card)
        self.put(f"{folder}/card.yaml", written)
        self.sign(f"{folder}/model.sig", model_statement(card, written), signer)
        self.sign(f"{folder}/provenance.sigstore.json", provenance_statement(card, written), signer)
        return self if metrics is None else self.evaluation(model, version, metrics, data=data)

    def evaluation(
        self,
        model: str = "digits",
        version: int = 1,
        metrics: Fields = GOOD,
        *,
        suite: str = "default",
        signer: str = "grader",
        data: str = "digits",
        **fields: Any,
    ) -> Self:
        """An evaluation; a metric is a number, None, or the fields of one."""
        folder = layout.version_folder(model, version)
        values = {name: one if isinstance(one, Mapping) else {"value": one} for name, one in metrics.items()}
        usual = evaluation_fields(model, version, suite, digest_of(self.files[f"{folder}/card.yaml"]))
        usual |= {"dataset": self.use(data, 1, "test"), "metrics": values}
        evaluation = record(Evaluation, usual | fields)
        path = f"{folder}/evaluations/{suite}"
        self.put(f"{path}.yaml", dump(evaluation))
        return self.sign(f"{path}.sigstore.json", evaluation_statement(evaluation, self.files[f"{path}.yaml"]), signer)

    def reproduction(
        self,
        model: str = "digits",
        version: int = 1,
        repetitions: Sequence[Fields] | None = None,
        *,
        number: str = "again",
        signer: str = "grader",
        **fields: Any,
    ) -> Self:
        """A reproduction; without `repetitions` one that gave the very files of the card."""
        folder = layout.version_folder(model, version)
        files = {artifact.path: artifact.digest for artifact in self.registry.card(model, version).artifacts}
        usual = reproduction_fields(model, version, number, digest_of(self.files[f"{folder}/card.yaml"]))
        usual["repetitions"] = [{"files": files}] if repetitions is None else repetitions
        reproduction = record(Reproduction, usual | fields)
        path = f"{folder}/reproductions/{number}"
        data = dump(reproduction)
        return self.put(f"{path}.yaml", data).sign(
            f"{path}.sigstore.json", reproduction_statement(reproduction, data), signer
        )

    def online(
        self,
        model: str = "digits",
        experiment: str = "spring",
        arms: Mapping[int, Fields] | None = None,
        *,
        signer: str = "grader",
        **fields: Any,
    ) -> Self:
        """What an experiment found: metrics by version, each `{"n", "count"}` or `{"n", "mean", "stderr"}`.

        Without `arms` versions 1 and 2 are alike.
        """
        alike = {"satisfaction": {"n": 1000, "count": 700}}
        versions = {
            version: {"card": self.registry.digest(self.registry.card_path(model, version))}
            | (dict(arm) if "metrics" in arm else {"metrics": arm})
            for version, arm in (arms or {1: alike, 2: alike}).items()
        }
        usual = online_fields(model, experiment, versions)
        results = record(OnlineResults, usual | fields)
        path, data = layout.online_path(model, experiment), dump(results)
        self.put(path, data)
        return self.sign(path.removesuffix(".yaml") + ".sigstore.json", online_statement(results, data), signer)

    def pointer(
        self, model: str, stage: str, version: int, /, *, signer: str = "promoter", passed: bool = True, **fields: Any
    ) -> Self:
        """Move a stage by hand: the pointer that an honest promotion would write, changed by `fields`, and signed."""
        path = layout.pointer_path(model, stage)
        current = self.registry.pointer(model, stage)
        folder = layout.version_folder(model, version)
        own = f"{layout.model_folder(model)}/model.yaml"
        ends = (".yaml", ".sigstore.json")
        suites = sorted(self.registry.evaluation_paths(model, version))
        evidence = ["model.sig", "provenance.sigstore.json"]
        evidence += [f"evaluations/{suite}{end}" for suite in suites for end in ends]
        again = sorted(self.registry.reproduction_paths(model, version))
        evidence += [f"reproductions/{number}{end}" for number in again for end in ends]
        usual = {
            "model": model,
            "stage": stage,
            "version": version,
            "card": digest_of(self.files[f"{folder}/card.yaml"]),
            "serial": current.serial + 1 if current else 1,
            "decided": NOW,
            "by": "alice",
            "policy": digest_of(self.files[layout.POLICY]),
            "gates": digest_of(self.files[own]) if own in self.files else None,
            "baseline": current.holder().model_dump() if current else None,
            "evidence": [
                {"path": one, "digest": digest_of(self.files[f"{folder}/{one}"])}
                for one in evidence
                if f"{folder}/{one}" in self.files
            ],
        }
        pointer = record(StagePointer, usual | fields)
        self.files = {name: data for name, data in self.files.items() if not _summarises(name, model, stage)}
        self.put(path, dump(pointer))
        return self.approve(model, stage, signer, passed=passed)

    def approve(self, model: str, stage: str, signer: str, *, passed: bool = True, name: str | None = None) -> Self:
        """Sign the pointer that stands there, under the signer's own name or another."""
        pointer = self.registry.pointer(model, stage)
        assert pointer
        inputs = {one.path: one.digest for one in pointer.evidence}
        written = self.files[layout.pointer_path(model, stage)]
        statement = summary_statement(pointer, written, inputs, passed=passed)
        return self.sign(layout.summary_path(model, stage, name or signer), statement, signer)


@cache
def _signed(signer: str, statement: str) -> bytes:
    """One signature for one statement, so that equal registries have equal bytes: ECDSA draws a number each time."""
    return key(signer).sign(json.loads(statement))


def _summarises(path: str, model: str, stage: str) -> bool:
    place = layout.place_of(path)
    return bool(place and place.kind in layout.STAGE_SIGNATURES and (place.name, place.part) == (model, stage))
