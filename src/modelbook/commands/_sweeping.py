"""What the commands of a sweep have in common: the file, checked and claimed, and what its trials say by now."""

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from modelbook.adapters.clock import now
from modelbook.adapters.extras import extra
from modelbook.commands._pulling import refuse
from modelbook.commands._training import Asked
from modelbook.commands._workspace import Workspace, open_workspace
from modelbook.core.digests import digest_of
from modelbook.core.moments import moment
from modelbook.core.run_record import Trial
from modelbook.core.sweeps.sweep import Sweep
from modelbook.core.sweeps.sweep_checks import load_sweep
from modelbook.core.sweeps.sweep_rounds import most_trials
from modelbook.core.sweeps.trials import Leg, TrialResult, run_of
from modelbook.errors import BadInput
from modelbook.training.lifecycle import is_alive
from modelbook.training.sweep_reader import check_unchanged, claim, read_inherited, read_trials

SILENT = timedelta(hours=1)


@dataclass(frozen=True)
class Sweeping:
    """A sweep at work: its file and the digest of it, its trials, and those that it inherits."""

    workspace: Workspace
    sweep: Sweep
    path: Path
    digest: str
    trials: Sequence[TrialResult]
    inherited: Sequence[TrialResult]

    def again(self) -> "Sweeping":
        """The same by what the store says now."""
        found = read_trials(self.workspace.store, self.sweep, self.digest, known=self.trials)
        return replace(self, trials=found)

    def of(self, leg: Leg) -> TrialResult | None:
        """What is known of a trial, None where it has not begun."""
        return next((one for one in self.trials if one.leg == leg), None)

    def under_way(self) -> dict[Leg, str]:
        """The trials that a process seems to train, with its machine.

        On this machine that is known; one on another that was silent for SILENT is taken for dead.
        """
        found: dict[Leg, str] = {}
        for one in self.trials:
            if one.status == "running" and (worker := one.worker):
                here = worker.host == socket.gethostname()
                heard = moment(now()) - moment(worker.heard) < SILENT
                if is_alive(worker.host, worker.pid) if here else heard:
                    found[one.leg] = worker.host
        return found

    def attempts(self, leg: Leg) -> int:
        """How often a trial was begun."""
        one = self.of(leg)
        return one.attempts if one else 0


def open_sweep(path: Path, registry_folder: str | None, *, begin: bool) -> Sweeping:
    """Read and check a sweep file, and gather its trials; with `begin` its name is the file's from now on.

    Raises BadInput where the file is wrong, or another one has begun a sweep of its name.
    """
    workspace = open_workspace(registry_folder)
    refuse("the registry", workspace.findings)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path), remedy="Name a sweep file.") from None
    sweep = load_sweep(data, str(path))
    if not Path(sweep.program).is_file():
        where = Path.cwd()
        raise BadInput(
            f"there is no training script {sweep.program!r} in {where}", where=str(path), remedy="Mend `program`."
        )
    store = workspace.store
    inherited = read_inherited(store, sweep)
    (claim if begin else check_unchanged)(store, sweep, data)
    return Sweeping(workspace, sweep, path, digest_of(data), read_trials(store, sweep, digest_of(data)), inherited)


def asked(sweeping: Sweeping, leg: Leg) -> Asked:
    """What to train for a leg: as it began, if it has begun, else with parameters that are chosen now.

    Raises BadInput where there is no such trial, or the trial that is to be trained again is not there.
    """
    sweep, known = sweeping.sweep, sweeping.of(leg)
    if sweep.early_terminate:
        extra("optuna", "sweep", "early_terminate")  # rather than from within the training
    if known:
        params, seed = dict(known.params), known.seed
    elif leg.repeat:
        first = sweeping.of(Leg(leg.number))
        if first is None:
            raise BadInput(f"trial {leg.number} has not begun", remedy=f"Train it first: trial {leg.number}.")
        params, seed = dict(first.params), sweep.seed + leg.repeat
    elif leg.number > (most := most_trials(sweep)):
        raise BadInput(f"there is no trial {leg.number}: the sweep has {most}", where=str(sweeping.path))
    else:
        from modelbook.adapters.optuna_study import suggest

        params, seed = dict(suggest(sweep, sweeping.trials, leg.number, sweeping.inherited)), sweep.seed
    # What a float says must be a float again in the log: `1e-05`, and no numpy number.
    params = json.loads(json.dumps(params))
    return Asked(
        run=run_of(sweep.name, leg),
        entry_point=sweep.program,
        experiment=sweep.name,
        datasets=sweep.data,
        params=params,
        seed=seed,
        tags=(),
        arguments=(),
        deterministic=sweep.deterministic,
        processes=sweep.nproc,
        trial=Trial(sweep=sweep.name, file=sweeping.digest, number=leg.number, repeat=leg.repeat or None),
        sweep=sweep if sweep.early_terminate else None,
    )
