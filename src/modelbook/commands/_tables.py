"""The tables of `modelbook sql`: what is in each, gathered when a question names it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from modelbook.adapters.index_tables import Index
from modelbook.adapters.registry_files import read_kinds, read_tenures
from modelbook.adapters.sql_database import Table
from modelbook.adapters.version_index import VersionIndex
from modelbook.commands._console import counted, say
from modelbook.commands._run_finding import all_runs
from modelbook.commands._workspace import open_workspace, registry_place
from modelbook.core.dataset import DatasetCard
from modelbook.core.documents import load, noted
from modelbook.core.findings import Finding
from modelbook.core.layout import place_of
from modelbook.core.pointer import StagePointer
from modelbook.core.queries.fields import RUN_FIELDS, VERSION_FIELDS, Field
from modelbook.core.records import Frozen
from modelbook.core.registered_model import RegisteredModel
from modelbook.core.stages.history import UNSHALLOW

Record = TypeVar("Record", bound=Frozen)
Rows = Iterator[Sequence[Any]]
_TYPES = {"text": "VARCHAR", "number": "DOUBLE", "yes or no": "BOOLEAN", "texts": "VARCHAR[]"}
_WHOLE = {"version", "seed", "files", "size_bytes", "attempts", "checkpoints"}  # numbers that are integers


def _columns(**types: str) -> dict[str, str]:
    return types


def _of(fields: Mapping[str, Field]) -> dict[str, str]:
    """The columns for fields; numbers and values by name have tables of their own."""
    kinds = {name: one.kind for name, one in fields.items() if one.kind in _TYPES and name != "on"}
    return {name: "BIGINT" if name in _WHOLE else _TYPES[kind] for name, kind in kinds.items()}


_METRICS = _columns(ref="VARCHAR", name="VARCHAR", value="DOUBLE", measured="BOOLEAN")
_PARAMS = _columns(ref="VARCHAR", name="VARCHAR", value="VARCHAR", number="DOUBLE")
_MODELS = _columns(model="VARCHAR", description="VARCHAR", task="VARCHAR")
_MODELS |= _columns(owners="VARCHAR[]", tags="VARCHAR[]", suites="VARCHAR[]")
_DATASETS = _columns(ref="VARCHAR", dataset="VARCHAR", version="BIGINT", created="VARCHAR", description="VARCHAR")
_DATASETS |= _columns(source="VARCHAR", license="VARCHAR", tags="VARCHAR[]", files="BIGINT", size_bytes="BIGINT")
_STAGES = _columns(model="VARCHAR", stage="VARCHAR", ref="VARCHAR", version="BIGINT", decided="VARCHAR", by="VARCHAR")
_STAGES |= _columns(kind="VARCHAR", reason="VARCHAR", serial="BIGINT")
_HISTORY = _columns(model="VARCHAR", stage="VARCHAR", ref="VARCHAR", since="VARCHAR", until="VARCHAR", by="VARCHAR")
_HISTORY |= _columns(kind="VARCHAR")


class Tables:
    """All that can be asked of a registry at one commit; `findings` grow with what could not be read."""

    def __init__(self, rev: str, registry_folder: str | None) -> None:
        self._named = registry_folder
        place = registry_place(registry_folder)
        self._repository, self._folder, self._commit = place.repository, place.folder, place.commit(rev)
        self.findings: list[Finding] = []

    def all(self) -> dict[str, Table]:
        """Each table by its name."""
        return {
            "versions": Table(_of(VERSION_FIELDS), lambda: self._asked(_versions)),
            "metrics": Table(_METRICS, lambda: self._asked(_metrics)),
            "params": Table(_PARAMS, lambda: self._asked(_params)),
            "models": Table(_MODELS, self._models),
            "datasets": Table(_DATASETS, self._datasets),
            "stages": Table(_STAGES, self._stages),
            "history": Table(_HISTORY, self._history),
            "runs": Table(_of(RUN_FIELDS) | _columns(metrics="JSON", params="JSON"), self._runs),
        }

    def _asked(self, question: Any) -> list[Sequence[Any]]:
        with counted("reading cards", 0) as progress:
            index = VersionIndex(self._repository, self._folder, self._commit, progress=progress)
            rows: list[Sequence[Any]] = index.ask(question)
            found = index.ask(Index.findings)
        for note in index.notes:
            say(f"note: {note}", as_json=True)
        self.findings += [one for one in found if one not in self.findings]
        return rows

    def _read(self, kind: type[Record], name: str) -> Iterator[Record]:
        """The documents of one kind of file; what cannot be read is a finding."""
        files, unsound = read_kinds(self._repository, self._folder, self._commit, {name})
        self.findings += [one for one in unsound if one not in self.findings]
        for path, data in files.items():
            with noted(self.findings):
                yield load(kind, data, f"{self._folder}/{path}")

    def _models(self) -> Rows:
        for one in self._read(RegisteredModel, "model"):
            yield one.model, one.description, one.task, one.owners, one.tags, sorted(one.suites)

    def _datasets(self) -> Rows:
        for one in self._read(DatasetCard, "dataset"):
            says = one.created, one.description, one.source, one.license
            yield f"{one.dataset}@{one.version}", one.dataset, one.version, *says, one.tags, one.files, one.size

    def _stages(self) -> Rows:
        for one in self._read(StagePointer, "stage"):
            says = one.decided, one.by, one.kind or "promotion", one.reason, one.serial
            yield one.model, one.stage, f"{one.model}@{one.version}", one.version, *says

    def _history(self) -> Rows:
        told = read_tenures(self._repository, self._folder, self._commit)
        if not told.complete:
            say(f"note: history begins where this clone was cut off; the rest: {UNSHALLOW}", as_json=True)
        for path, tenures in told.by_path.items():
            place = place_of(path)
            for one in tenures if place else ():
                pointer = one.landings[0].pointer if one.landings else None
                by, kind = (pointer.by, pointer.kind or "promotion") if pointer else (None, None)
                ref = f"{place.name}@{one.holder.version}" if place else None
                yield place and place.name, place and place.part, ref, one.since, one.until, by, kind

    def _runs(self) -> Rows:
        store = open_workspace(self._named, scope=["policy.yaml"]).store
        told, found = all_runs(store)
        self.findings += found
        columns = [*_of(RUN_FIELDS), "metrics", "params"]
        yield from ([facts.get(name) for name in columns] for facts in told)


def _every(index: Index, fields: Sequence[str]) -> list[dict[str, Any]]:
    return index.facts(index.rows(), fields)


def _versions(index: Index) -> list[Sequence[Any]]:
    columns = list(_of(VERSION_FIELDS))
    return [[facts.get(name) for name in columns] for facts in _every(index, columns)]


def _metrics(index: Index) -> list[Sequence[Any]]:
    return [
        (facts["ref"], name, value, field == "metrics")
        for facts in _every(index, ["ref", "metrics", "reported"])
        for field in ("metrics", "reported")
        for name, value in facts[field].items()
    ]


def _params(index: Index) -> list[Sequence[Any]]:
    return [
        (facts["ref"], name, value if isinstance(value, str) else json.dumps(value), _number(value))
        for facts in _every(index, ["ref", "params"])
        for name, value in facts["params"].items()
    ]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
