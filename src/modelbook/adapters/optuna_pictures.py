"""Optuna's pictures of a sweep, drawn by matplotlib: history, parallel coordinates, importance and contour."""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelbook.adapters.extras import extra
from modelbook.adapters.optuna_study import study_of
from modelbook.core.sweeps.search_space import varied
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

    common = [each.name for each in varied(sweep) if all(each.name in one.params for one in complete)]
    wanted: dict[str, tuple[str, Callable[[], Any]]] = {
        "history.png": ("every trial", lambda: optuna_plots.plot_optimization_history(study, target_name=name)),
    }
    if common:
        wanted["parallel.png"] = (
            "every trial, from parameter to parameter",
            lambda: optuna_plots.plot_parallel_coordinate(study, params=common, target_name=name),
        )
    if shares:
        wanted["importance.png"] = f"what of {name} follows from which parameter", lambda: _bars(shares)
    if len(pair := [each for each in shares if each in common][:2]) == 2:
        wanted["contour.png"] = (
            "the two parameters that matter most",
            lambda: optuna_plots.plot_contour(study, params=pair, target_name=name),
        )
    titled = ((file, f"{sweep.name}: {words}", plot) for file, (words, plot) in wanted.items())
    return {file: png for file, title, plot in titled if (png := _png(title, plot))}


def _bars(shares: Mapping[str, float]) -> None:
    from matplotlib import pyplot

    _, axes = pyplot.subplots()
    bars = axes.barh(list(shares)[::-1], list(shares.values())[::-1], color="#08519c")  # as the others of Optuna's
    axes.bar_label(bars, fmt="{:.0%}", padding=4)
    axes.set_xlim(0, 1.08)
    axes.set_xlabel("share of the variance (fANOVA)")


def _png(title: str, plot: Callable[[], Any]) -> bytes | None:
    """What a plot draws on pyplot's present figure, under our title; None where there is too little to draw."""
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")  # no screen is needed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls all of its matplotlib plots experimental
        pyplot.close("all")
        try:
            plot()
            figure = pyplot.gcf()
            figure.set_size_inches(*_INCHES)
            figure.axes[0].set_title(title)
            file = io.BytesIO()
            figure.savefig(file, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
        except (ValueError, RuntimeError, IndexError):
            return None
        finally:
            pyplot.close("all")
    return file.getvalue()
