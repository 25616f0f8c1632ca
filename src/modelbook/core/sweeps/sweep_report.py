"""What there is to say of a sweep: one object for the terminal, the job's summary, a program and a page."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelbook.core.sweeps.search_space import Dimension, varied
from modelbook.core.sweeps.standings import Standing, better, confirmed, ranked, standings
from modelbook.core.sweeps.sweep import Sweep
from modelbook.core.sweeps.sweep_rounds import Round, next_round
from modelbook.core.sweeps.trials import TrialResult

_LONG = 60  # characters of a value


@dataclass(frozen=True)
class SweepReport:
    """A sweep as it stands. `places` are the trials that may be named best, the best one first.

    `importances` are shares of 1 by parameter (fANOVA); `inherited` counts the trials of other sweeps it learnt from.
    """

    sweep: Sweep
    trials: Sequence[TrialResult]
    places: Sequence[Standing]
    importances: Mapping[str, float]
    round: Round
    settled: bool
    inherited: int = 0

    @property
    def best(self) -> Standing | None:
        """The best trial, None where none has a value."""
        return self.places[0] if self.places else None

    @property
    def searched(self) -> list[TrialResult]:
        """The trials without the repetitions of the best."""
        return [one for one in self.trials if not one.leg.repeat]

    @property
    def varied(self) -> list[Dimension]:
        """The parameters that are not the same in every trial."""
        return varied(self.sweep)

    @property
    def counts(self) -> dict[str, int]:
        """How many trials there are of each status."""
        return dict(sorted(Counter(one.status for one in self.searched).items()))

    @property
    def words(self) -> str:
        """Where it stands, and what ended the search if anything did."""
        stage = {"search": "it goes on", "confirm": "the best are trained with other seeds", "over": "it is over"}
        return stage[self.round.stage] + (f": {self.round.why}" if self.round.why else "")

    @property
    def hours(self) -> float:
        """The GPU hours of all runs."""
        return sum(one.hours for one in self.trials)

    @property
    def problems(self) -> dict[str, list[str]]:
        """Why trials have no value, and which ones."""
        found: dict[str, list[str]] = {}
        for one in self.trials:
            if one.problem:
                found.setdefault(one.problem, []).append(str(one.leg))
        return found

    @property
    def commits(self) -> list[str]:
        """The commits whose code trained; more than one, and the trials are hardly to be compared."""
        return sorted({one.commit for one in self.trials if one.commit})

    @property
    def history(self) -> list[tuple[float, float]]:
        """The value and the best value until then, of every trial that has one, by number."""
        found: list[tuple[float, float]] = []
        for one in sorted(ranked(self.sweep, self.trials), key=lambda one: one.leg):
            value = one.value or 0.0
            before = found[-1][1] if found else value
            found.append((value, max(before, value, key=lambda each: better(self.sweep, each))))
        return found

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object; non-finite numbers never stand in it."""
        metric = self.sweep.metric
        return {
            "sweep": self.sweep.name,
            "metric": metric.name,
            "goal": metric.goal,
            "stage": self.round.stage,
            "why": self.round.why,
            "settled": self.settled,
            "counts": self.counts,
            "gpu_hours": self.hours,
            "best": _standing(self.best) if self.best else None,
            "places": [_standing(one) for one in self.places],
            "importances": dict(self.importances),
            "trials": [_trial(one) for one in self.trials],
        }


def report_of(
    sweep: Sweep,
    trials: Sequence[TrialResult],
    importances: Mapping[str, float],
    *,
    inherited: int = 0,
) -> SweepReport:
    """The report of a sweep by its trials."""
    turn = next_round(sweep, trials)
    places = standings(sweep, trials)
    settled = bool(places) and turn.stage == "over" and confirmed(sweep, trials)
    return SweepReport(sweep, trials, places, importances, turn, settled, inherited)


def description_of(report: SweepReport) -> str:
    """What a registration says of the best trial: how it was found, and how much of it may be luck."""
    best, metric = report.best, report.sweep.metric.name
    assert best is not None  # noqa: S101 - a settled report has one
    return (
        f"Trial {best.trial.leg}, best of {len(report.searched)} of the sweep {report.sweep.name}: "
        f"{metric} {spread(best)} {best.seeds}."
    )


def spread(one: Standing) -> str:
    """Mean and deviation, where there is one: `0.85 ± 0.01`."""
    return f"{one.mean:.6g}" + (f" ± {one.deviation:.2g}" if one.deviation is not None else "")


def value_text(value: object) -> str:
    """The value of a parameter as a person reads it, on one line, cut where it is long; a dash where there is none."""
    if value is None:
        return "-"
    plain = isinstance(value, str) and value.isprintable()
    text = f"{value:.4g}" if isinstance(value, float) else str(value) if plain else json.dumps(value)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def _standing(one: Standing) -> dict[str, Any]:
    return {
        "trial": one.trial.leg.number,
        "run": one.trial.run,
        "params": dict(one.trial.params),
        "mean": one.mean,
        "deviation": one.deviation,
        "chosen_by": one.chosen_by,
        "others": list(one.others),
        "runs": list(one.runs),
    }


def _trial(one: TrialResult) -> dict[str, Any]:
    return {
        "trial": str(one.leg),
        "run": one.run,
        "status": one.status,
        "params": dict(one.params),
        "seed": one.seed,
        "value": one.value,
        "steps": len(one.steps),
        "problem": one.problem,
    }
