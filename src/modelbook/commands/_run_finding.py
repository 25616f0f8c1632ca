"""The runs of a store as facts: what `runs find` and `sql` ask."""

from collections.abc import Sequence

from modelbook.adapters.store import Store
from modelbook.commands._console import counted
from modelbook.core.findings import Finding
from modelbook.core.queries.run_facts import run_facts
from modelbook.core.queries.version_facts import Facts
from modelbook.core.runs.run_state import replay
from modelbook.core.storage import log_key, uri_of
from modelbook.errors import BadInput, IntegrityError
from modelbook.training.run_reader import read_events


def all_runs(store: Store, runs: Sequence[str]) -> tuple[list[Facts], list[Finding]]:
    """What is known of each run, the newest first, and which of them cannot be read."""
    told, findings = list[Facts](), list[Finding]()
    with counted("reading runs", len(runs)) as progress:
        for run in runs:
            try:
                if events := read_events(store, run):
                    told.append(run_facts(replay(events)))
            except (BadInput, IntegrityError) as error:
                where = error.where or uri_of(store.uri, log_key(run, 1))
                findings.append(Finding(where, error.line, "unreadable-run", error.message, error.remedy))
            progress(1)
    return sorted(told, key=lambda facts: (facts["started"], facts["run"]), reverse=True), findings


def run_ids(store: Store) -> list[str]:
    """The runs in a store that have logged anything."""
    return list(dict.fromkeys(info.key.split("/")[1] for info in store.list("runs/") if "/log/" in info.key))
