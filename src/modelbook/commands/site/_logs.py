"""What the store tells of runs: the log of a version's run, and the runs that no version was made of."""

from collections.abc import Iterable, Sequence
from functools import partial

from modelbook.adapters.parallel import move_all
from modelbook.adapters.store import Progress, Store
from modelbook.core.moments import moment
from modelbook.core.site.site_pages import RunRow
from modelbook.core.site.site_rows import person
from modelbook.core.site.site_version import RunTold, told_of_run
from modelbook.errors import IntegrityError, ModelbookError
from modelbook.training.run_reader import read_events

READERS = 16  # logs that are read at once: a store answers slowly, and many at a time
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
        self.trouble, self.detail = UNREAD, str(error).partition("\n")[0]

    def others(self, known: Iterable[str], progress: Progress) -> list[RunRow]:
        """The newest runs in the store that are not among the `known`."""
        if self._store is None or self.trouble:
            return []
        try:
            found = {info.key.split("/")[1] for info in self._store.list("runs/") if "/log/" in info.key}
        except ModelbookError as error:
            self._fail(error)
            return []
        newest = sorted(found.difference(known), reverse=True)[:NEWEST]
        return [row for run, told in self.read(newest, progress).items() if (row := _row(run, told))]


def _row(run: str, told: RunTold) -> RunRow | None:
    state = told.state
    if state is None:
        return None
    metrics = ", ".join(f"{name} {point.value:.4g}" for name, point in list(state.metrics.items())[:3])
    seconds = (moment(state.last_event) - moment(state.started)).total_seconds()
    start = state.start
    return RunRow(run, start.experiment, state.status, state.started, seconds, person(start.user), None, metrics)
