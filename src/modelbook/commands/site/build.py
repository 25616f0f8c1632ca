"""`modelbook site build`: the registry as a static site."""

from collections.abc import Mapping
from pathlib import Path

import click

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.garbage import uncollected
from modelbook.adapters.lazy_blobs import LazyBlobs
from modelbook.adapters.site_folder import SiteFolder
from modelbook.adapters.site_plots import require_plots
from modelbook.adapters.workers import spread
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._beside import Beside
from modelbook.commands._console import counted, print_json, say
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    rev_option,
)
from modelbook.commands.site._gathering import Asked, Source, gather
from modelbook.commands.site._logs import UNREAD, Logs
from modelbook.commands.site._making import (
    Site,
    dataset_pages,
    make_model,
    make_overview,
    model_digest,
    model_page,
    stands,
)
from modelbook.commands.site._sweeps import make_sweeps
from modelbook.commands.site._versions import Key, make_versions
from modelbook.core.layout import POLICY
from modelbook.core.listed import many
from modelbook.core.site.site_pages import ModelPage, Overview, RunRow, few
from modelbook.core.site.site_rows import VersionRow
from modelbook.core.unseen import plain
from modelbook.errors import Exit, ModelbookError

_MODELS = 10  # as many models are worth a process
_LISTED = 1000  # runs of versions on the page of runs


@click.command(name="build", short_help="Write the site, or what changed of it.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("site"),
    show_default=True,
    metavar="DIR",
    help="The folder to write: new, empty, or an earlier build of a site.",
)
@click.option("--no-store", is_flag=True, help="Do not ask the store for the logs of runs: no curves, no checkpoints.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="How many processes.  [default: one a processor]")
@forge_option
@rev_option
@registry_option
@json_option
def command(
    output: Path,
    no_store: bool,
    jobs: int | None,
    forge_name: str,
    rev: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Write models, versions, promotions, datasets and runs as pages that need no server and no network.

    A second build writes only what changed. Whatever does not verify is shown as such. Exit status 1 if something
    could not be read: the rest is there, and the site names what is missing.

    \b
    Examples:
      modelbook site build
      modelbook site build --output public --no-store
    """
    require_plots()
    with uncollected():
        # Git looks through the registry while the notes of the last build are read here.
        opened = Beside(lambda: Asked(open_workspace(registry_folder, rev=rev, scope=[POLICY])))
        folder, asked = SiteFolder(output), opened.result()
        workspace = asked.workspace
        # Whose signature is good is what trust.yaml says, so nothing is shown as verified by one that nobody signed.
        refuse("trust.yaml", tuple(one for one in workspace.problems if one not in workspace.findings))
        logs = _logs(workspace, no_store=no_store)
        with LazyBlobs(workspace.repository) as blobs:
            overview, changed = _build(folder, gather(asked, blobs, forge_name), logs, jobs)
    _report(output, overview, changed, logs.detail, as_json=as_json)
    return Exit.NO if overview.problems else Exit.YES


def _build(folder: SiteFolder, source: Source, logs: Logs, jobs: int | None) -> tuple[Overview, int]:
    """Write the site: what it says, and how many files changed."""
    site = Site()
    rows, derived = make_versions(source, folder, site, logs, jobs)
    models = _models(source, folder, site, rows, jobs)
    sweeps = make_sweeps(source, folder, site, logs, rows.values())
    datasets = dataset_pages(source, derived, rows.values())
    problems = [one.headline for one in source.findings]
    problems += [row.problem or row.name for row in rows.values() if row.state == "unreadable"]
    problems += [one.problem for one in models if one.problem]
    problems += [held.trouble for one in models for held in one.holdings if held.version == 0 and held.trouble]
    problems += [one.problem or "" for each in datasets for one in each.versions if one.card is None]
    problems += [*logs.problems, *(one.problem for one in sweeps if one.problem)]
    overview = Overview(
        source.title,
        source.commit,
        source.commit_time,
        tuple(stage.name for stage in source.registry.policy.stages),
        models,
        datasets,
        sweeps,
        _runs(rows, logs),
        logs.trouble,
        tuple(problems),
    )
    site.files |= make_overview(overview)
    changed = folder.write(site.files, site.kept, site.parts, source.stamp)
    return overview, changed


def _report(output: Path, overview: Overview, changed: int, detail: str | None, *, as_json: bool) -> None:
    page = output / "index.html"
    set_outputs({"path": str(output)})
    for problem in overview.problems:
        click.echo(click.style("error: ", fg="red", bold=True) + plain(problem), err=True)
    if detail:
        click.echo(click.style("warning: ", fg="yellow") + plain(detail), err=True)
    if as_json:
        counts = {"models": len(overview.models), "versions": overview.versions, "datasets": len(overview.datasets)}
        told = {"output": str(output), "commit": overview.commit, **counts, "changed": changed}
        print_json({**told, "store": overview.store, "problems": list(overview.problems)})
        return
    if overview.store:
        say(f"without curves and checkpoints: {overview.store}")
    what = "nothing changed" if not changed else f"{many(changed, 'file')} written"
    say(f"{many(overview.versions, 'version')} of {many(len(overview.models), 'model')}: {what}. Open {page}")


def _logs(workspace: Workspace, *, no_store: bool) -> Logs:
    if no_store:
        return Logs(None, "the site was built with --no-store")
    try:
        store = workspace.store
        if isinstance(store, DirectoryStore) and not store.root.is_dir():
            return Logs(None, "the store's folder is not on the machine that made the site")
        return Logs(store)
    except ModelbookError as error:
        return Logs(None, UNREAD, error.headline)


def _models(
    source: Source, folder: SiteFolder, site: Site, rows: Mapping[Key, VersionRow], jobs: int | None
) -> tuple[ModelPage, ...]:
    by_model: dict[str, list[VersionRow]] = {}
    for (model, _), row in rows.items():
        by_model.setdefault(model, []).append(row)
    pages = [model_page(source, model, by_model.get(model, ())) for model in source.registry.models()]
    orders = []
    for page in pages:
        of, made = model_digest(source, page), folder.manifest.parts.get(f"model {page.name}")
        if made and made.of == of and stands(source, folder, made):
            site.keep(f"model {page.name}", made, folder.manifest.files)
        else:
            orders.append((page, of))
    source.read_pasts([page.name for page, _ in orders])
    with counted("pages of models", len(orders)) as progress:
        parts = spread(lambda order: make_model(source, *order), orders, jobs=jobs, progress=progress, worth=_MODELS)
    for (page, _), part in zip(orders, parts, strict=True):
        site.add(f"model {page.name}", part)
    return tuple(pages)


def _runs(rows: Mapping[Key, VersionRow], logs: Logs) -> tuple[RunRow, ...]:
    """The runs, newest first: those that versions were made of, and the others in the store."""
    registered = [
        RunRow(
            row.run,
            row.experiment,
            "registered",
            row.created,
            row.seconds,
            row.by,
            row.name,
            few((name, value.value) for name, value in row.metrics.items()),
            logs.trials.get(row.run),
        )
        for row in rows.values()
        if row.run
    ]
    registered = sorted(registered, key=lambda one: one.started, reverse=True)[:_LISTED]
    with counted("other runs", 0) as progress:
        others = logs.others([row.run for row in rows.values()], progress)
    return tuple(sorted([*registered, *others], key=lambda one: one.started, reverse=True))
