"""What the store tells of runs: the log of a version's run, the runs that no version was made of, and the sweeps."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TypeVar

from modelbook.adapters.parallel import move_all
from modelbook.adapters.store import ObjectInfo, Progress, Store
from modelbook.core.digests import digest_of
from modelbook.core.documents import DocumentError
from modelbook.core.findings import first_error
from modelbook.core.moments import moment
from modelbook.core.names import is_name, person_in
from modelbook.core.site.site_pages import RunRow, few
from modelbook.core.site.site_sweeps import SweepPage
from modelbook.core.site.site_version import RunTold, told_of_run
from modelbook.core.storage import sweep_key
from modelbook.core.sweeps.sweep_checks import load_sweep
from modelbook.core.sweeps.sweep_report import report_of
from modelbook.core.sweeps.trials import sweep_in
from modelbook.errors import BadInput, IntegrityError, ModelbookError
from modelbook.training.run_reader import READERS, list_logs, read_events
from modelbook.training.sweep_reader import list_sweeps, read_file, read_trials

T = TypeVar("T")

NEWEST = 200  # runs without a version that the site lists
ABSENT = "the store has no log of this run"
UNREAD = "the store could not be read when the site was made"


class Logs:
    """The logs of a store, asked until it fails once: no run is asked for any more then.

    `trouble` says so on the site, and `detail` to whoever made it: a site may be public, and where the store answers is
    nobody's business.
    """

    def __init__(self, store: Store | None, trouble: str | None = None, detail: str | None = None) -> None:
        self._store = store
        self.trouble = trouble
        self.detail = detail

    def read(self, runs: Sequence[str], progress: Progress) -> dict[str, RunTold]:
        """What each run's log tells."""
        told = move_all([partial(self._one, run, progress) for run in runs], workers=READERS)
        return dict(zip(runs, told, strict=True))

    def _one(self, run: str, progress: Progress, _moved: Progress) -> RunTold:
        if self._store is None or self.trouble:
            return RunTold(missing=self.trouble)
        try:
            events = read_events(self._store, run)
            return told_of_run(events) if events else RunTold(missing=ABSENT)
        except IntegrityError as error:  # of this run alone
            return RunTold(missing=error.message)
        except ModelbookError as error:
            self._fail(error)
            return RunTold(missing=UNREAD)
        finally:
            progress(1)

    def _fail(self, error: ModelbookError) -> None:
        self.trouble, self.detail = UNREAD, error.headline

    @cached_property
    def runs(self) -> Mapping[str, Sequence[ObjectInfo]]:
        """The segments of each run's log in the store."""
        return self._listed(list_logs, {})

    @cached_property
    def sweeps(self) -> Mapping[str, Sequence[str]]:
        """The runs of each sweep in the store; those that have a name which the site can have a page of."""
        found: dict[str, list[str]] = {name: [] for name in self._sweep_names if is_name(name)}
        for run in self.runs if found else ():
            if (name := sweep_in(run)) in found:
                found[name or ""].append(run)
        return found

    @cached_property
    def _sweep_names(self) -> Sequence[str]:
        return self._listed(list_sweeps, [])

    @property
    def problems(self) -> list[str]:
        """What in the store is named as a sweep and can be none."""
        return [f"{name[:80]!r} is no name of a sweep" for name in self._sweep_names if not is_name(name)]

    def _listed(self, ask: Callable[[Store], T], nothing: T) -> T:
        if self._store is None or self.trouble:
            return nothing
        try:
            return ask(self._store)
        except ModelbookError as error:
            self._fail(error)
            return nothing

    @cached_property
    def trials(self) -> Mapping[str, str]:
        """The sweep of each run that is one of its trials."""
        return {run: name for name, runs in self.sweeps.items() for run in runs}

    def sweep(self, name: str) -> SweepPage:
        """What there is to say of a sweep: its file, and its trials with no word of importance."""
        page = SweepPage(name)
        if self._store is None or self.trouble:
            return replace(page, missing=self.trouble)
        try:
            data = read_file(self._store, name)
            page = replace(page, text=data.decode(errors="replace"))
            sweep = load_sweep(data, sweep_key(name))
            if sweep.name != name:
                return replace(page, problem=f"{sweep_key(name)}: the file is of the sweep {sweep.name!r}")
            page = replace(page, sweep=sweep)
            return replace(page, report=report_of(sweep, read_trials(self._store, sweep, digest_of(data)), {}))
        except DocumentError as error:
            return replace(page, problem=first_error(error.findings))
        except (BadInput, IntegrityError) as error:  # of this sweep alone
            return replace(page, problem=f"{sweep_key(name)}: {error.message}")
        except ModelbookError as error:
            self._fail(error)
            return replace(page, missing=UNREAD)

    def others(self, known: Iterable[str], progress: Progress) -> list[RunRow]:
        """The newest runs in the store that are not among the `known`, and no trials of a sweep."""
        newest = sorted(self.runs.keys() - set(known) - self.trials.keys(), reverse=True)[:NEWEST]
        return [row for run, told in self.read(newest, progress).items() if (row := _row(run, told))]


def _row(run: str, told: RunTold) -> RunRow | None:
    state = told.state
    if state is None:
        return None
    metrics = few((name, point.value) for name, point in state.metrics.items())
    seconds = (moment(state.last_event) - moment(state.started)).total_seconds()
    start = state.start
    return RunRow(run, start.experiment, state.status, state.started, seconds, person_in(start.user), None, metrics)
