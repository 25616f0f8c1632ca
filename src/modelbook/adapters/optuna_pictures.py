"""Optuna's pictures of a sweep, drawn by matplotlib: history, parallel coordinates, importance and contour."""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelbook.adapters.extras import extra
from modelbook.adapters.optuna_study import study_of
from modelbook.core.sweeps.search_space import dimensions
from modelbook.core.sweeps.sweep import Sweep
from modelbook.core.sweeps.trials import TrialResult

_INCHES = (10.0, 6.0)


def draw(sweep: Sweep, trials: Sequence[TrialResult], shares: Mapping[str, float]) -> dict[str, bytes]:
    """PNG by name: `history.png`, `parallel.png`, `importance.png`, and `contour.png` of the two that matter most.

    `shares` are the importances of the parameters, the greatest first.
    What cannot be drawn of so few trials is left out. Raises BadInput where Optuna or matplotlib is missing.
    """
    extra("matplotlib", "sweep", "drawing a sweep")
    study, name = study_of(sweep, trials), sweep.metric.name
    complete = [one for one in study.trials if one.state.name == "COMPLETE"]
    if len(complete) < 2:
        return {}
    from optuna.visualization import matplotlib as optuna_plots

    varied = [one.name for one in dimensions(sweep) if len(one.choices) != 1]
    common = [each for each in varied if all(each in one.params for one in complete)]
    wanted: dict[str, Callable[[], Any]] = {
        "history.png": lambda: optuna_plots.plot_optimization_history(study, target_name=name),
    }
    if common:
        wanted["parallel.png"] = lambda: optuna_plots.plot_parallel_coordinate(study, params=common, target_name=name)
    if shares:
        wanted["importance.png"] = lambda: _bars(shares)
    if len(pair := [each for each in shares if each in common][:2]) == 2:
        wanted["contour.png"] = lambda: optuna_plots.plot_contour(study, params=pair, target_name=name)
    return {file: png for file, plot in wanted.items() if (png := _png(plot))}


def _bars(shares: Mapping[str, float]) -> None:
    from matplotlib import pyplot

    _, axes = pyplot.subplots()
    axes.barh(list(shares)[::-1], list(shares.values())[::-1])
    axes.set_xlabel("share of the variance (fANOVA)")


def _png(plot: Callable[[], Any]) -> bytes | None:
    """What a plot draws on pyplot's present figure; None where there is too little to draw."""
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")  # no screen is needed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls all of its matplotlib plots experimental
        pyplot.close("all")
        try:
            plot()
            figure = pyplot.gcf()
            figure.set_size_inches(*_INCHES)
            file = io.BytesIO()
            figure.savefig(file, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
        except (ValueError, RuntimeError, IndexError):
            return None
        finally:
            pyplot.close("all")
    return file.getvalue()
