"""The runs of a store, and what `runs find` and `sql` ask of them."""

from functools import partial

from modelbook.adapters.parallel import move_all
from modelbook.adapters.store import Progress, Store
from modelbook.commands._console import counted
from modelbook.core.findings import Finding
from modelbook.core.queries.run_facts import run_facts
from modelbook.core.queries.version_facts import Facts
from modelbook.core.runs.run_state import RunState, replay
from modelbook.core.storage import log_key, uri_of
from modelbook.errors import BadInput, IntegrityError
from modelbook.training.run_reader import READERS, list_logs, read_events


def all_states(store: Store) -> tuple[list[RunState], list[Finding]]:
    """Where each run in a store stands, the newest first, and which of them cannot be read."""
    runs = list(list_logs(store))
    with counted("reading runs", len(runs)) as progress:
        told = move_all([partial(_state, store, run, progress) for run in runs], workers=READERS)
    states = [one for one in told if isinstance(one, RunState)]
    findings = [one for one in told if isinstance(one, Finding)]
    return sorted(states, key=lambda state: (state.started, state.start.run), reverse=True), findings


def _state(store: Store, run: str, progress: Progress, _moved: Progress) -> RunState | Finding | None:
    try:
        events = read_events(store, run)
        return replay(events) if events else None
    except (BadInput, IntegrityError) as error:
        where = error.where or uri_of(store.uri, log_key(run, 1))
        return Finding(where, error.line, "unreadable-run", error.message, error.remedy)
    finally:
        progress(1)


def all_runs(store: Store) -> tuple[list[Facts], list[Finding]]:
    """What is known of each run, the newest first, and which of them cannot be read."""
    states, findings = all_states(store)
    return list(map(run_facts, states)), findings
