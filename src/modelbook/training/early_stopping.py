"""Whether a trial is worth going on with: asked in its own process, whenever it logs the metric of its sweep."""

import math
from collections.abc import Callable, Mapping
from typing import Self

from modelbook.core.run_record import Trial
from modelbook.core.runs.run_log import StoppedEarly
from modelbook.core.runs.run_state import series
from modelbook.core.sweeps.rungs import compared_at
from modelbook.core.sweeps.sweep import EarlyTerminate, Sweep
from modelbook.core.sweeps.trials import TrialResult
from modelbook.errors import ModelbookError
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.peers import among_others
from modelbook.training.run_reader import read_events
from modelbook.training.session import Session
from modelbook.training.sweep_reader import read_trials


class StopTrial(SystemExit):
    """Ends the script where it logged, so that `finally` and `with` are heeded. Nobody prints it: a note has told."""

    def __init__(self) -> None:
        super().__init__(0)


class EarlyStopping:
    """Compares this trial with the others, as their logs in the store stand when it asks."""

    def __init__(
        self, session: Session, note: Callable[[str], None], sweep: Sweep, early: EarlyTerminate, trial: Trial
    ) -> None:
        self._session, self._note, self._sweep, self._early, self._trial = session, note, sweep, early, trial
        self._steps: dict[int, float] | None = None
        self._known: list[TrialResult] = []
        self._stopped = False
        self._away = False

    @classmethod
    def of(cls, session: Session, note: Callable[[str], None]) -> Self | None:
        """For the run of this process; None where nothing stops it early."""
        sweep, trial = session.config.sweep, session.config.plan.trial
        if sweep is None or sweep.early_terminate is None or trial is None or trial.repeat or among_others():
            return None
        return cls(session, note, sweep, sweep.early_terminate, trial)

    def after(self, step: int, values: Mapping[str, float]) -> None:
        """Take what was just logged at `step`. Raises StopTrial where the trial is given up, again and again."""
        if self._stopped:
            raise StopTrial
        value = values.get(self._sweep.metric.name)
        if value is None or not math.isfinite(value):
            return
        if self._steps is None:
            self._steps = self._before()
        self._steps[step] = value
        if step not in compared_at(self._early, self._steps) or not self._is_hopeless(self._steps):
            return
        reason = f"{self._early.type} gave it up: {self._sweep.metric.name} {value:.6g} at step {step}"
        self._session.add(StoppedEarly(time=timestamp(utc_now()), step=step, reason=reason))
        self._note(f"stopped early: {reason}")
        self._stopped = True
        raise StopTrial

    def _before(self) -> dict[int, float]:
        """What this training logged so far, before it was cut short as well."""
        config = self._session.config
        earlier = read_events(self._session.store, config.plan.run, before=config.first_segment)
        found = series([*earlier, *self._session.folder.events()], self._sweep.metric.name)
        return {step: value for step, value in found.items() if math.isfinite(value)}

    def _is_hopeless(self, steps: Mapping[int, float]) -> bool:
        from modelbook.adapters.optuna_pruning import is_hopeless

        try:
            self._known = read_trials(self._session.store, self._sweep, self._trial.file, known=self._known)
        except ModelbookError as error:
            # It saves time and decides nothing else: a training does not end because it could not be asked.
            if not self._away:
                self._note(f"the other trials cannot be read, so that nothing stops this one early: {error.message}")
            self._away = True
            return False
        return is_hopeless(self._sweep, self._trial.number, steps, self._known)
