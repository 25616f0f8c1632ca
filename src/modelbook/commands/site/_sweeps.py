"""The sweeps of a store on the site: which there are, what became of each, and its page where that changed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec

from modelbook.adapters.optuna_study import importances
from modelbook.adapters.site_folder import SiteFolder
from modelbook.adapters.site_sweep_plots import sweep_plots
from modelbook.adapters.site_writer import stamp, write
from modelbook.commands._console import counted
from modelbook.commands.site._gathering import Source
from modelbook.commands.site._logs import Logs
from modelbook.commands.site._making import Files, Part, Site, stands
from modelbook.core.digests import digest_of
from modelbook.core.layout import dataset_folder
from modelbook.core.site.site_manifest import Made
from modelbook.core.site.site_rows import VersionRow
from modelbook.core.site.site_sweeps import SweepPage, SweepRow

_EXPLAINING = ("optuna", "sklearn")
UNEXPLAINED = "Optuna was not on the machine that made the site"


def make_sweeps(
    source: Source, folder: SiteFolder, site: Site, logs: Logs, rows: Iterable[VersionRow]
) -> tuple[SweepRow, ...]:
    """The rows of all sweeps, the latest first; pages are made of those that changed."""
    became = {row.run: row.name for row in rows if row.run in logs.trials}
    told: dict[str, SweepRow] = {}
    changed = []
    for name in logs.sweeps:
        made = folder.manifest.parts.get(f"sweep {name}")
        of = made and made.sweep and _facts(source, logs, name, became, made.sweep.inherit)
        if made and made.sweep and made.of == of and stands(source, folder, made):
            site.keep(f"sweep {name}", made, folder.manifest.files)
            told[name] = made.sweep
        else:
            changed.append(name)
    with counted("sweeps", len(changed)) as progress:
        for name in changed:  # in this process: what explains has threads, which no fork survives
            page, of = _read(source, logs, name, became)
            site.add(f"sweep {name}", _make(source, page, of))
            told[name] = page.row
            progress(1)
    return tuple(sorted(told.values(), key=lambda row: (row.began, row.name), reverse=True))


def _read(source: Source, logs: Logs, name: str, became: Mapping[str, str]) -> tuple[SweepPage, str]:
    """What its page says, but for the importance of parameters; and `of` as in Made."""
    page = replace(logs.sweep(name), versions={run: became[run] for run in logs.sweeps[name] if run in became})
    inherit = page.sweep.inherit if page.sweep else ()
    # What the store did not tell today is asked for again the next time.
    of = "" if page.missing else _facts(source, logs, name, became, inherit)
    return replace(page, known=tuple(one for one in inherit if one in logs.sweeps)), of


def _facts(source: Source, logs: Logs, name: str, became: Mapping[str, str], inherit: Iterable[str]) -> str:
    """A digest of all that a sweep's page is made of.

    Segments of logs are written once, and so is the sweep's file: that they are there says it all.
    """
    runs = [(run, became.get(run), [(info.key, info.size) for info in logs.runs[run]]) for run in logs.sweeps[name]]
    known = [one in logs.sweeps for one in inherit]
    return digest_of(repr((stamp(), source.title, _explainer(), runs, known)).encode())


def _explainer() -> str | None:
    """The version of what tells how much a parameter matters; None where it is not installed."""
    return version("optuna") if all(find_spec(name) for name in _EXPLAINING) else None


def _make(source: Source, page: SweepPage, of: str) -> Part:
    report = page.report
    if report and _explainer():
        shares = importances(report.sweep, report.trials)
        page = replace(page, report=replace(report, importances=shares))
    elif report:
        page = replace(page, unexplained=UNEXPLAINED)
    start, drawn = f"sweeps/{page.name}", sweep_plots(page)
    asked = {name: _card(name) for name in (page.sweep.data if page.sweep else ())}
    read = {path: source.oids.get(path) for path in sorted(asked.values())}
    here = {name for name, path in asked.items() if read[path]}
    files: Files = {f"{start}/{name}.svg": plot for name, plot in drawn.items()}
    files[f"{start}.html"] = write(
        "sweep.html", f"{start}.html", sweep=page, drawn=list(drawn), here_are=here, title=source.title
    )
    return Part(files, Made(of=of, files=tuple(files), read=read, sweep=page.row))


def _card(data: str) -> str:
    """The path of the card of what a sweep names as in `digits@1:train`."""
    name, _, number = data.partition(":")[0].partition("@")
    return f"{dataset_folder(name, int(number))}/card.yaml"
