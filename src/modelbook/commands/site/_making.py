"""The parts of a site, each made of what was gathered: the pages of a version, of a model, of a dataset, of all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelbook.adapters.site_folder import SiteFolder
from modelbook.adapters.site_plots import curve_plot, series_plot, timeline_plot
from modelbook.adapters.site_writer import OWN, own_file, write
from modelbook.commands.site._gathering import Source
from modelbook.core import layout
from modelbook.core.digests import digest_of
from modelbook.core.documents import DocumentError
from modelbook.core.exchange.dataset_lineage import dataset_signer
from modelbook.core.findings import first_error
from modelbook.core.judging.expressions import parsed
from modelbook.core.pages.report import gate_values
from modelbook.core.queries.ancestry import upstream
from modelbook.core.queries.derived import Derived
from modelbook.core.queries.lineage import downstream
from modelbook.core.revocation import is_revoked
from modelbook.core.site.site_lineage import MOST, Lineage
from modelbook.core.site.site_manifest import Made
from modelbook.core.site.site_pages import (
    DatasetPage,
    DatasetVersion,
    Holding,
    ModelPage,
    Overview,
    Promotions,
    by_model,
    search_entries,
    series_of,
)
from modelbook.core.site.site_rows import Trained, VersionRow
from modelbook.core.site.site_version import Around, RunTold, VersionPage, as_script, comparable, version_page
from modelbook.core.stages.past import told_of
from modelbook.core.verifying.verification import verify_dataset, verify_stage

Files = dict[str, bytes]


@dataclass(frozen=True)
class Part:
    """What was made: the files, and the note for the next build of what they were made of."""

    files: Files
    made: Made


@dataclass(frozen=True)
class VersionOrder:
    """A version that is to be made. `of` and `own` are as in Made; with `again` the next build makes it once more."""

    model: str
    version: int
    around: Around
    run: RunTold
    of: str
    own: str
    again: bool = False


def own_digest(source: Source, model: str, version: int) -> str:
    """A digest of a version's own files, by git's names for them, and of what all pages share."""
    paths = source.own_paths(model, version)
    return digest_of(repr((source.stamp, [(path, source.oids[path]) for path in paths])).encode())


def facts_digest(own: str, around: Around, asked: str) -> str:
    """A digest of that and what the page says of others; `asked` says whether the store was."""
    return digest_of(repr((own, around, asked)).encode())


def make_version(source: Source, derived: Derived, order: VersionOrder) -> Part:
    """The page of a version, its plots, and what the comparison reads of it."""
    source.files.asked.clear()
    page = version_page(source.registry, order.model, order.version, order.around, order.run, source.github)
    start = f"models/{order.model}/{order.version}"
    folder = layout.version_folder(order.model, order.version) + "/"
    lineage = _lineage(source, derived, page)
    read = {path: source.oids.get(path) for path in sorted(source.files.asked) if not path.startswith(folder)}
    files: Files = {f"{start}-{at}.svg": curve_plot(curve) for at, curve in enumerate(page.run.curves, 1)}
    facts = {"version": page, "row": page.row, "card": page.card, "around": page.around, "lineage": lineage}
    files[f"{start}.html"] = write("version.html", f"{start}.html", **facts, most=MOST, title=source.title)
    files[f"{start}.js"] = as_script("modelbook.take", comparable(page))
    made = Made(of="" if order.again else order.of, own=order.own, files=tuple(files), read=read, row=page.row)
    return Part(files, made)


def _lineage(source: Source, derived: Derived, page: VersionPage) -> Lineage | None:
    """All that it was made from and that came of it; None where its card cannot be read."""
    if page.card is None:
        return None
    row = page.row
    made_from = upstream(source.registry, row.model, row.version, card=page.card, most=MOST)
    return Lineage(made_from, downstream(row.name, "model", derived.uses, most=MOST), derived.of(row.name).serving)


def model_page(source: Source, model: str, rows: Iterable[VersionRow]) -> ModelPage:
    """What the page of a model says."""
    registry = source.registry
    about, problem = None, None
    try:
        about = registry.model(model)
    except DocumentError as error:
        problem = first_error(error.findings)
    listed = tuple(rows)
    return ModelPage(
        model,
        about,
        listed,
        tuple(_holdings(source, model)),
        tuple(stage.name for stage in registry.policy.stages),
        source.stays(model),
        series_of(listed, _gated(source, model)),
        problem,
    )


def _holdings(source: Source, model: str) -> Iterable[Holding]:
    registry = source.registry
    for stage in registry.policy.stages:
        verdict = verify_stage(registry, model, stage.name)
        trouble = first_error(verdict.findings)
        if verdict.pointer is None:
            if trouble:
                yield Holding(stage.name, 0, None, trouble=trouble)
            continue
        version = verdict.pointer.version
        if is_revoked(registry, model, version):
            trouble = trouble or f"{model}@{version} was revoked"
        tenure = source.past.tenures.present(model, stage.name)
        since = tenure.since if tenure and tenure.holder.version == version else None
        yield Holding(stage.name, version, since, verdict.pointer.held, trouble)


def _gated(source: Source, model: str) -> list[str]:
    """The metrics that gates read, in their order."""
    try:
        gates = source.registry.every_gate(model)
    except DocumentError:
        gates = []
    return [metric for gate in gates if (one := parsed(gate.gate.require)) for metric in sorted(one.metrics)]


def make_model(source: Source, page: ModelPage, of: str) -> Part:
    """The page of a model, its promotions, and its plots."""
    start = f"models/{page.name}"
    files: Files = {f"{start}/metric-{at}.svg": series_plot(one) for at, one in enumerate(page.series, 1)}
    if timeline := timeline_plot(page):
        files[f"{start}/timeline.svg"] = timeline
    shared = {"model": page, "title": source.title}
    files[f"{start}.html"] = write("model.html", f"{start}.html", timeline=bool(timeline), **shared)
    told = Promotions(page.name, told_of(source.only(page.name), page.name, source.past))
    files[f"{start}/promotions.html"] = write(
        "promotions.html", f"{start}/promotions.html", promotions=told, gate_values=gate_values, **shared
    )
    return Part(files, Made(of=of, files=tuple(files)))


def model_digest(source: Source, page: ModelPage) -> str:
    """A digest of all that a model's pages are made of."""
    past = [(one.commit.id, one.path, one.oid) for _, one in source.past.by_owner.get(page.name, ())]
    rows = [row.model_dump_json() for row in page.rows]
    about = source.oids.get(f"{layout.model_folder(page.name)}/model.yaml")
    return digest_of(repr((source.stamp, past, rows, about, page.holdings, page.stays)).encode())


def dataset_pages(source: Source, derived: Derived, rows: Iterable[VersionRow]) -> tuple[DatasetPage, ...]:
    """What the pages of the datasets say; `rows` are all versions of all models."""
    uses: dict[tuple[str, int], dict[tuple[str, str | None], tuple[VersionRow, Trained]]] = {}
    by_name = {row.name: row for row in rows}
    for row in by_name.values():
        for use in row.data:
            uses.setdefault((use.dataset, use.version), {})[row.name, use.suite] = (row, use)
    registry = source.registry
    found = []
    for name in registry.datasets():
        versions = []
        for version in reversed(registry.dataset_versions(name)):
            card, findings = verify_dataset(registry, name, version)
            problem = first_error(findings)
            signer = dataset_signer(registry, card) if card and not problem else None
            used = tuple(uses.get((name, version), {}).values())
            one = DatasetVersion(version, card, signer, problem, used)
            versions.append(_led_on(derived, name, one, by_name))
        found.append(DatasetPage(name, tuple(versions)))
    return tuple(found)


def _led_on(derived: Derived, dataset: str, one: DatasetVersion, rows: Mapping[str, VersionRow]) -> DatasetVersion:
    """The same, with what was made from the versions that were trained on it."""
    trained = list(dict.fromkeys(row.name for row, _ in one.trained))
    later = derived.after(trained)
    first = [name for name in trained if derived.leads_on(name)]

    def made(of: str, field: str) -> list[dict[str, Any]]:
        return [derived.facts(each) for each in first] if field == "datasets" else derived.uses(of, field)

    use = Trained(dataset=dataset, version=one.version, role="through what it was made from")
    return replace(
        one,
        later=tuple((rows[name], use) for name in later if name in rows),
        lineage=downstream(f"{dataset}@{one.version}", "dataset", made, most=MOST) if later else None,
        serving=derived.serving([*trained, *later]),
    )


def make_overview(overview: Overview) -> Files:
    """The first page, the lists, the comparison, the search, and what all pages share."""
    files = {name: own_file(name) for name in OWN}
    serving = {
        f"{model.name}@{one.version}": [each.stage for each in model.holdings if each.version == one.version]
        for model in overview.models
        for one in model.holdings
    }
    shared: Mapping[str, Any] = {"overview": overview, "title": overview.title, "serving": serving}
    for name in ("index", "datasets", "runs", "sweeps", "compare"):
        files[f"{name}.html"] = write(f"{name}.html", f"{name}.html", **shared)
    for dataset in overview.datasets:
        path = f"datasets/{dataset.name}.html"
        files[path] = write("dataset.html", path, dataset=dataset, by_model=by_model, most=MOST, **shared)
    files["search.js"] = as_script("modelbook.find", search_entries(overview))
    return files


def stands(source: Source, folder: SiteFolder, made: Made) -> bool:
    """Whether all files that a part was made of are as they were, and so are its pages."""
    same = all(source.oids.get(path) == oid for path, oid in made.read.items())
    return same and all(folder.has(path) for path in made.files)


@dataclass
class Site:
    """The files of a whole site, those that stay as they are by digest, and the parts that they belong to."""

    files: Files = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Made] = field(default_factory=dict)

    def add(self, name: str, part: Part) -> None:
        """A part that was made."""
        self.files |= part.files
        self.parts[name] = part.made

    def keep(self, name: str, made: Made, digests: Mapping[str, str]) -> None:
        """A part that is as it was."""
        self.kept |= {path: digests[path] for path in made.files}
        self.parts[name] = made
