"""What the pages about many say: all models, one model, its promotions, the datasets, the runs, and the search."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from modelbook.core.dataset import DatasetCard
from modelbook.core.queries.derived import Serving
from modelbook.core.queries.lineage import Thing
from modelbook.core.registered_model import RegisteredModel
from modelbook.core.site.site_lineage import Drawing, drawing
from modelbook.core.site.site_rows import Trained, Value, VersionRow
from modelbook.core.site.site_sweeps import SweepRow
from modelbook.core.site.site_version import Stay
from modelbook.core.stages.past import Told

SHOWN = 3  # metrics in the columns of a list
PLOTS = 4  # metrics of a model that are drawn
FEW = 20  # models; of fewer than that, a dataset's page shows more versions each
MOST_OF_FEW, MOST_OF_MANY = 24, 6


@dataclass(frozen=True)
class Holding:
    """What holds a stage now, and since when; `trouble` says why it should not."""

    stage: str
    version: int
    since: str | None
    held: bool = False
    trouble: str | None = None


@dataclass(frozen=True)
class Series:
    """A metric over the versions that have it, oldest first."""

    name: str
    versions: tuple[int, ...]
    values: tuple[Value, ...]

    @property
    def alternative(self) -> str:
        """What the plot shows, for whoever cannot see it."""
        numbers = [one.value for one in self.values]
        span = f"from {min(numbers):.4g} to {max(numbers):.4g}"
        return f"{self.name} of {len(numbers)} versions, {span}; the latest, {self.versions[-1]}, has {numbers[-1]:.4g}"


@dataclass(frozen=True)
class ModelPage:
    """A registered model. `problem` says why its model.yaml cannot be read."""

    name: str
    about: RegisteredModel | None
    rows: tuple[VersionRow, ...]
    holdings: tuple[Holding, ...]
    stages: tuple[str, ...]
    stays: tuple[Stay, ...] = ()
    series: tuple[Series, ...] = ()
    problem: str | None = None

    @property
    def latest(self) -> VersionRow | None:
        """The newest version."""
        return self.rows[-1] if self.rows else None

    @property
    def columns(self) -> list[str]:
        """The metrics that the list of versions has a column for."""
        return [one.name for one in self.series[:SHOWN]]

    def held_by(self, version: int) -> list[str]:
        """The stages that a version is in."""
        return [one.stage for one in self.holdings if one.version == version]

    @property
    def unsound(self) -> list[VersionRow]:
        """The versions that do not verify, or cannot be read."""
        return [row for row in self.rows if row.state != "verified"]


def few(metrics: Iterable[tuple[str, float]]) -> str:
    """The first SHOWN metrics in a line, as the list of runs has them."""
    return ", ".join(f"{name} {value:.4g}" for name, value in islice(metrics, SHOWN))


def series_of(rows: Iterable[VersionRow], gated: Iterable[str]) -> tuple[Series, ...]:
    """The metrics of a model: those that its gates read first, then those that most versions have, by name."""
    found: dict[str, list[tuple[int, Value]]] = {}
    for row in rows:
        for name, value in row.metrics.items():
            found.setdefault(name, []).append((row.version, value))
    first = list(dict.fromkeys(gated))
    order = sorted(
        found, key=lambda name: (first.index(name) if name in first else len(first), -len(found[name]), name)
    )
    return tuple(
        Series(name, tuple(version for version, _ in found[name]), tuple(value for _, value in found[name]))
        for name in order[:PLOTS]
    )


@dataclass(frozen=True)
class DatasetVersion:
    """A dataset version, and the versions of models that were trained on it or measured on it.

    `signed_by` is None where its signature is not good; `problem` says what does not verify. `later` are the versions
    that were made from those trained on it, and `lineage` how; `serving` is what of all of them holds a stage.
    """

    version: int
    card: DatasetCard | None
    signed_by: str | None
    problem: str | None
    uses: tuple[tuple[VersionRow, Trained], ...] = ()
    later: tuple[tuple[VersionRow, Trained], ...] = ()
    lineage: Thing | None = None
    serving: Serving = ()

    @property
    def drawing(self) -> Drawing | None:
        """The drawing of what leads on from it; None where nothing does."""
        return drawing(Thing("dataset", self.lineage.name), self.lineage) if self.lineage else None

    @property
    def cut(self) -> bool:
        """Whether more leads on from it than is drawn."""
        return self.lineage is not None and self.lineage.cut

    @property
    def trained(self) -> list[tuple[VersionRow, Trained]]:
        """What was trained on it."""
        return [(row, use) for row, use in self.uses if use.suite is None]

    @property
    def measured(self) -> list[tuple[VersionRow, Trained]]:
        """What was measured on it."""
        return [(row, use) for row, use in self.uses if use.suite is not None]


@dataclass(frozen=True)
class Users:
    """The versions of a model that made use of a dataset version: those `shown` on its page, and how many are not."""

    model: str
    shown: tuple[tuple[VersionRow, Trained], ...]
    more: int


def by_model(uses: Iterable[tuple[VersionRow, Trained]], serving: Container[str]) -> list[Users]:
    """What the page of a dataset shows of those: by model, each that is `serving`, then the newest others.

    Of many models it shows few others each.
    """
    found: dict[str, list[tuple[VersionRow, Trained]]] = {}
    for row, use in uses:
        found.setdefault(row.model, []).append((row, use))
    most = MOST_OF_FEW if len(found) < FEW else MOST_OF_MANY
    users = []
    for model, those in sorted(found.items()):
        staged = [one for one in those if one[0].name in serving]
        others = [one for one in those if one[0].name not in serving]
        others.sort(key=lambda one: one[0].version, reverse=True)
        shown = (*staged, *others[:most])
        users.append(Users(model, shown, len(those) - len(shown)))
    return users


@dataclass(frozen=True)
class DatasetPage:
    """A dataset and its versions, newest first."""

    name: str
    versions: tuple[DatasetVersion, ...]

    @property
    def unsound(self) -> list[DatasetVersion]:
        """The versions that do not verify."""
        return [one for one in self.versions if one.problem]


@dataclass(frozen=True)
class RunRow:
    """A run: of a version (`version` as in fraud@5), or in the store alone; `sweep` is the one it was a trial of."""

    run: str
    experiment: str
    status: str
    started: str
    seconds: float | None
    by: str
    version: str | None = None
    metrics: str = ""
    sweep: str | None = None


@dataclass(frozen=True)
class Promotions:
    """What held each stage of a model, newest first, with the gates of each promotion."""

    model: str
    told: Mapping[str, Sequence[Told]]


@dataclass(frozen=True)
class Overview:
    """The whole registry: what the first page, the lists and the search say."""

    title: str
    commit: str
    commit_time: str
    stages: tuple[str, ...]
    models: tuple[ModelPage, ...]
    datasets: tuple[DatasetPage, ...]
    sweeps: tuple[SweepRow, ...] = ()
    runs: tuple[RunRow, ...] = ()
    store: str | None = None  # why the store was not asked
    problems: tuple[str, ...] = field(default=())

    @property
    def versions(self) -> int:
        """How many model versions there are."""
        return sum(len(one.rows) for one in self.models)

    @property
    def runs_and_sweeps(self) -> list[RunRow | SweepRow]:
        """The runs, and each sweep in the place of its trials that are no versions, the latest first."""
        found: list[RunRow | SweepRow] = [*self.runs, *self.sweeps]
        return sorted(found, key=lambda one: one.began if isinstance(one, SweepRow) else one.started, reverse=True)


def search_entries(overview: Overview) -> list[list[Any]]:
    """What can be found: [name, page, words, note] of each model, dataset, sweep and version, newest versions first."""
    found: list[list[Any]] = []
    for model in overview.models:
        words = [model.about.description or "", *model.about.tags, model.about.task or ""] if model.about else []
        found.append([model.name, f"models/{model.name}.html", " ".join(words)[:300], "model"])
    found += [[one.name, f"datasets/{one.name}.html", "", "dataset"] for one in overview.datasets]
    found += [[one.name, f"sweeps/{one.name}.html", f"{one.metric} {one.method}", "sweep"] for one in overview.sweeps]
    for model in overview.models:
        for row in reversed(model.rows):
            words = [*model.held_by(row.version), *row.tags, row.by, row.commit[:12], row.run]
            note = ", ".join(model.held_by(row.version)) or row.created[:10]
            found.append([row.name, f"models/{model.name}/{row.version}.html", " ".join(filter(None, words)), note])
    return found
