"""What `runs find` knows of a run: each field of RUN_FIELDS, from the state that its log adds up to."""

from modelbook.core.queries.version_facts import Facts, dataset_name, finite, of_code, seconds_between
from modelbook.core.runs.run_state import RunState


def run_facts(state: RunState) -> Facts:
    """Everything that can be asked of a run. Metrics are the last values, those that are finite."""
    start = state.start
    facts: Facts = {
        "run": start.run,
        "experiment": start.experiment,
        "status": state.status,
        "metrics": finite({name: point.value for name, point in state.metrics.items()}),
        "params": dict(state.params),
        "tags": list(state.tags),
        "started": state.started,
        "ended": state.ended,
        "seconds": seconds_between(state.started, state.ended or state.last_event),
        "attempts": len(state.attempts),
        "by": start.user,
        "host": start.host,
        "seed": state.seeds.seed if state.seeds else start.seed,
        "datasets": sorted({dataset_name(use) for use in start.datasets}),
        "checkpoints": len(state.checkpoints),
    }
    return {name: value for name, value in (facts | of_code(start.code)).items() if value is not None}
