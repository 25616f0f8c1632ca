"""What the site says of sweeps: of one in a line, and on its page, which stays small however many trials there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelbook.core.listed import listed, many
from modelbook.core.records import Frozen
from modelbook.core.sweeps.search_space import Dimension, distribution_of
from modelbook.core.sweeps.standings import Standing, ranked
from modelbook.core.sweeps.sweep import Parameter, Scalar, Sweep
from modelbook.core.sweeps.sweep_charts import axes
from modelbook.core.sweeps.sweep_report import SweepReport, value_text
from modelbook.core.sweeps.trials import TrialResult

ROWS = 200  # trials of the table, the best ones
COLUMNS = 8  # parameters of the table, those that matter most
DOTS = 200  # trials on a contour
_NAMED = 40  # parameters of the file
_VALUES = 12  # of a parameter
_REASONS = 20  # why trials have no value
_WIDE = 1000.0  # so many times the least value is the greatest
_LEGS = 8  # trials of such a reason


class SweepRow(Frozen):
    """One line of a list. Of what cannot be read only the name and `problem` are known, in a line.

    `stage` is as in Round; `version` is what the best trial became, as in fraud@5; `unread` says that the store could
    not be asked for the trials.
    """

    name: str
    problem: str | None = None
    unread: bool = False
    stage: str = ""
    method: str = ""
    metric: str = ""
    goal: str = ""
    began: str = ""
    by: str = ""
    trials: int = 0
    counts: dict[str, int] = {}
    best: float | None = None
    deviation: float | None = None
    version: str | None = None
    inherit: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweepPage:
    """All that the page shows. `sweep` is None where its file cannot be read, and `problem` says why.

    `report` is None where the trials cannot be read: `problem` or `missing` says why. `text` is the file as it is.
    `versions` are what runs became, by run; `known` are those of the sweeps it inherits from that have a page;
    `unexplained` says why nothing is known of importance.
    """

    name: str
    sweep: Sweep | None = None
    text: str = ""
    report: SweepReport | None = None
    problem: str | None = None
    missing: str | None = None
    unexplained: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    known: tuple[str, ...] = ()

    @property
    def row(self) -> SweepRow:
        """The line of it in the list."""
        told: dict[str, Any] = {"name": self.name, "problem": self.problem, "unread": bool(self.missing)}
        if sweep := self.sweep:
            told |= {"method": sweep.method, "metric": sweep.metric.name, "goal": sweep.metric.goal}
            told |= {"inherit": sweep.inherit}
        if report := self.report:
            told |= {"stage": report.round.stage, "trials": len(report.searched), "counts": report.counts}
            if first := min((one for one in report.trials if one.began), key=lambda one: one.began, default=None):
                told |= {"began": first.began, "by": first.by}
            if best := report.best:
                told |= {"best": best.mean, "deviation": best.deviation}
                told |= {"version": self.version_of(best)}
        return SweepRow(**told)

    def version_of(self, one: Standing) -> str | None:
        """The version that a run of this trial became."""
        return next((self.versions[run] for run in one.runs if run in self.versions), None)

    @property
    def logarithmic(self) -> bool:
        """Whether the history is drawn by logarithms: a loss that began at thousands would hide what came after it."""
        values = [value for value, _ in self.report.history] if self.report else []
        return bool(values) and min(values) > 0 and max(values) / min(values) >= _WIDE

    @property
    def columns(self) -> list[Dimension]:
        """The parameters that the table of trials has a column for."""
        return sorted(self.report.varied, key=self._share, reverse=True)[:COLUMNS] if self.report else []

    def _share(self, one: Dimension) -> float:
        return self.report.importances.get(one.name, 0.0) if self.report else 0.0

    @property
    def rows(self) -> list[TrialResult]:
        """The trials of the table: the best first, then what is under way, then what has no value, by number."""
        if self.report is None:
            return []
        order = ranked(self.report.sweep, self.report.trials)
        rest = sorted(
            (one for one in self.report.searched if one.value is None), key=lambda one: (one.ended, one.leg.number)
        )
        return [*order, *rest][:ROWS]

    @property
    def seeds(self) -> Mapping[int, Standing]:
        """The trials that were trained with other seeds too, by number."""
        places = self.report.places if self.report else ()
        return {one.trial.leg.number: one for one in places if one.others}

    @property
    def reasons(self) -> list[tuple[str, str, int]]:
        """Why trials have no value, which ones, and how many: the most frequent reason first."""
        found = sorted(self.report.problems.items(), key=lambda pair: -len(pair[1])) if self.report else []
        return [(why, listed(legs, _LEGS), len(legs)) for why, legs in found[:_REASONS]]

    @property
    def other_reasons(self) -> int:
        """How many reasons are left out."""
        return max(0, len(self.report.problems) - _REASONS) if self.report else 0

    @property
    def parameters(self) -> list[tuple[str, str, str]]:
        """What is tried: name, distribution and values of each parameter."""
        found = list(self.sweep.parameters.items()) if self.sweep else []
        return [(name, distribution_of(one).replace("_", " "), _range(one)) for name, one in found[:_NAMED]]

    @property
    def other_parameters(self) -> int:
        """How many parameters are left out."""
        return max(0, len(self.sweep.parameters) - _NAMED) if self.sweep else 0

    @property
    def budget(self) -> list[str]:
        """What ends the search, and how much of it is spent."""
        if self.sweep is None:
            return []
        budget, report = self.sweep.budget, self.report
        found = []
        if budget.trials:
            spent = f"{len(report.searched):,} of " if report else ""
            found.append(spent + many(budget.trials, "trial"))
        if budget.gpu_hours:
            spent = f"{report.hours:.2f} of " if report else ""
            found.append(f"{spent}{budget.gpu_hours:g} GPU hours")
        if budget.patience:
            found.append(f"{budget.patience} rounds without anything better")
        return found or ["every point of the grid"]

    @property
    def pair(self) -> list[str]:
        """The two parameters of the contour, the one that matters more first; empty where there is none."""
        among = axes(self.report) if self.report else []
        return [one.name for one in among[:2]] if len(among) > 1 else []

    @property
    def alternatives(self) -> dict[str, str]:
        """What each plot shows, for whoever cannot see it."""
        report = self.report
        history = report.history if report else []
        if report is None or not history:
            return {}
        metric, among = report.sweep.metric.name, axes(report)
        values, best = [value for value, _ in history], history[-1][1]
        first = next(at for at, (_, so_far) in enumerate(history, 1) if so_far == best)
        shares = [f"{name} {share:.0%}" for name, share in report.importances.items()]
        found = {
            "history": f"{metric} of {len(values):,} trials, from {min(values):.4g} to {max(values):.4g}; the best, "
            f"{best:.4g}, was reached by trial {first} of those that have a value",
            "importance": f"Share of the variance of {metric}: {', '.join(shares[:COLUMNS])}",
        }
        if among and report.best:
            point = [f"{one.name} {value_text(report.best.trial.params.get(one.name))}" for one in among]
            found["parallel"] = f"Each trial a line over {len(among)} parameters; the best has {', '.join(point)}"
            names = " and ".join(self.pair)
            found["contour"] = f"{metric} over {names}; the best trial has {' and '.join(point[:2])}"
        return found


def _range(one: Parameter) -> str:
    if one.value is not None:
        text = value_text(one.value)
    elif one.values is not None:
        text = listed([value_text(each) for each in one.values], _VALUES)
    else:
        step = f" in steps of {value_text(one.q)}" if one.q else ""
        text = f"{value_text(one.min)} to {value_text(one.max)}{step}"
    asked = [f"{name} is {_any_of(value)}" for name, value in one.when.items()]
    return f"{text}, where {' and '.join(asked)}" if asked else text


def _any_of(value: Scalar | tuple[Scalar, ...]) -> str:
    return " or ".join(value_text(each) for each in (value if isinstance(value, tuple) else (value,))[:_VALUES])
