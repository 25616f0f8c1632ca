"""A sweep file: what is wrong with it is said with its line, and all of it at once."""

from pathlib import Path

import pytest

from modelbook.core.documents import DocumentError
from modelbook.core.sweeps.sweep import Confirm
from modelbook.core.sweeps.sweep_checks import load_sweep
from tests.unit.sweeps import FILE


def wrong(text: str) -> list[tuple[int | None, str]]:
    """Line and message of everything that is wrong."""
    with pytest.raises(DocumentError) as raised:
        load_sweep(text.encode(), "sweep.yaml")
    return [(finding.line, finding.message) for finding in raised.value.findings]


def test_a_good_file_is_read() -> None:
    sweep = load_sweep(FILE.encode(), "sweep.yaml")
    assert (sweep.name, sweep.method, sweep.legs, sweep.confirming) == ("digits-lr", "bayes", 4, Confirm())
    assert load_sweep((FILE + "confirm: false\n").encode(), "x").confirming is None
    assert load_sweep((FILE + "confirm: {best: 2}\n").encode(), "x").confirming == Confirm(best=2)
    at_random = FILE.replace("bayes", "random")
    assert load_sweep(at_random.encode(), "x").legs == 256
    assert load_sweep(at_random.replace("trials: 12", "gpu_hours: 2.0").encode(), "x").legs == 4, (
        "what is spent decides"
    )


def test_everything_wrong_is_said_at_once() -> None:
    text = FILE.replace("min: 1e-4", "min: 0").replace("max: 64", "max: 4").replace("sgd}", "rmsprop}")
    assert wrong(text) == [
        (8, "parameters.lr.min: there is no logarithm of 0: log_uniform_values needs min above 0"),
        (9, "parameters.hidden.min: min 8 is not below max 4"),
    ]


@pytest.mark.parametrize(
    ("line", "instead", "at", "words"),
    [
        ("  epochs: {value: 3}", "  lr: {value: 3}", 12, "the key 'lr' stands twice (first on line 8)"),
        ("  epochs: {value: 3}", "  epochs: {}", 12, "it has nothing to try"),
        ("  epochs: {value: 3}", "  epochs: {value: 3, values: [1]}", 12, "it has value and values"),
        ("  epochs: {value: 3}", "  epochs: {min: 3}", 12, "it has min alone"),
        ("  epochs: {value: 3}", "  epochs: {values: [3, 3]}", 12, "the value 3 stands twice"),
        ("  epochs: {value: 3}", "  epochs: {value: 3, q: 1}", 12, "a step goes with min and max"),
        ("  epochs: {value: 3}", "  epochs: {value: 3, distribution: uniform}", 12, "uniform goes with min and max"),
        ("  epochs: {value: 3}", "  epochs: {min: 1, max: 3, distribution: categorical}", 12, "goes with values"),
        ("  epochs: {value: 3}", "  epochs: {min: 1, max: 3, q: 5}", 12, "a step of 5 is longer than the way"),
        ("  epochs: {value: 3}", "  epochs: {min: 1, max: 3, q: 0}", 12, "a step of 0 leads nowhere"),
        ("  epochs: {value: 3}", "  epochs: {min: 1, max: 3, q: 0.5}", 12, "whole numbers have no step of 0.5"),
        ("  epochs: {value: 3}", "  epochs: {min: 1.0, max: 3, distribution: int_uniform}", 12, "whole number"),
        ("  epochs: {value: 3}", "  epochs: {min: 1.0, max: 3, distribution: q_uniform}", 12, "needs a step"),
        ("  epochs: {value: 3}", "  epochs: {min: 1, max: 9, q: 2, distribution: q_log_uniform_values}", 12, "step"),
        ("  epochs: {value: 3}", "  epochs: {min: 1, max: 9, q: 2, distribution: log_uniform_values}", 12, "no step"),
        ("  epochs: {value: 3}", "  epochs: {min: 1, max: 9, distribution: log_uniform}", 12, "no log_uniform here"),
        ("  epochs: {value: 3}", "  epochs: {min: 1, max: 9, distribution: normal}", 12, "no normal here"),
        ("  epochs: {value: 3}", "  epochs: {vaule: 3}", 12, "unknown key 'parameters.epochs.vaule'"),
        ("method: bayes", "method: bayes\nrun_cap: 10", 5, "unknown key 'run_cap'"),
        ("when: {optimizer: sgd}", "when: {optimiser: sgd}", 11, "there is no parameter 'optimiser'"),
        ("when: {optimizer: sgd}", "when: {optimizer: [sgd, rmsprop]}", 11, "'optimizer' is never 'rmsprop'"),
        ("when: {optimizer: sgd}", "when: {lr: 0.1}", 11, "'lr' is a range"),
        ("values: [sgd, adam]}", "values: [sgd, adam], when: {optimizer: sgd}}", 10, "round in a circle"),
        ("  epochs: {value: 3}", "  epochs: {values: [1, 1.0]}", 12, "the value 1.0 stands twice, or its equal does"),
        ("  epochs: {value: 3}", "  epochs: {values: [null]}", 12, "a valid number or a valid string (it is null)"),
        ("  epochs: {value: 3}", "  epochs: {min: 0.0, max: 1.0, q: 1e-300}", 12, "more than 1,000,000,000,000 steps"),
        ("  epochs: {value: 3}", "  epochs: {min: -1e308, max: 1e308}", 12, "further than a number can say"),
        ("program: train.py", "program: ../train.py", 2, "a file is named from its folder on"),
        ("goal: maximize", "goal: up", 5, "metric.goal"),
        ("budget: {trials: 12}", "budget: {}", 4, "bayes never ends: there is no budget"),
        ("budget: {trials: 12}", "budget: {trials: 0}", 6, "budget.trials"),
        ("data: [digits@1]", "data: [digits@latest]", 3, "a sweep names its data by version"),
        ("method: bayes", "method: bayes\nsampler: cmaes", 12, "CMA-ES knows no conditions"),
        ("method: bayes", "method: random\nsampler: gp", 5, "random has no sampler to choose"),
        ("method: bayes", "method: grid", 8, "a grid has no end between two numbers"),
        ("method: bayes", "method: bayes\ninherit: [digits-lr]", 5, "cannot inherit from itself"),
        ("method: bayes", "method: bayes\nround: 257", 5, "round"),
        ("method: bayes", "method: bayes\nearly_terminate: {type: hyperband}", 5, "hyperband needs max_iter"),
        ("method: bayes", "method: bayes\nearly_terminate: {type: asha, max_iter: 9}", 5, "asha has no use for it"),
        ("method: bayes", "method: bayes\nnproc: 2\nearly_terminate: {type: asha}", 6, "several processes"),
        (
            "method: bayes",
            "method: bayes\nearly_terminate: {type: hyperband, min_iter: 9, max_iter: 3}",
            5,
            "min_iter 9 is more than max_iter 3",
        ),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_line(line: str, instead: str, at: int, words: str) -> None:
    assert line in FILE
    found = wrong(FILE.replace(line, instead))
    assert any(number == at and words in message for number, message in found), found


def test_a_grid_of_a_thousand_million_points_is_refused_and_never_made() -> None:
    values = ", ".join(map(str, range(1000)))
    head = FILE.replace("bayes", "grid").partition("parameters:")[0]
    text = head + "parameters:\n" + "".join(f"  {name}: {{values: [{values}]}}\n" for name in "abc")
    assert wrong(text) == [(4, "method: a grid of 1,000,000,000 points is more than the 10,000 that are tried")]


def test_what_would_train_the_same_again_is_refused() -> None:
    head = FILE.partition("parameters:")[0]
    alike = head + "parameters:\n  a: {value: 1}\n"
    assert wrong(alike) == [(7, "parameters: there is nothing to search: each of them has one value")]
    few = head + "parameters:\n  a: {values: [1, 2]}\n  b: {min: 1, max: 5}\n"
    assert wrong(few) == [(6, "budget.trials: 12 trials of 10 points train some of them twice over")]
    assert load_sweep(few.replace("trials: 12", "trials: 10").encode(), "x").budget.trials == 10


def test_cma_es_needs_a_range() -> None:
    text = FILE.partition("parameters:")[0] + "sampler: cmaes\nparameters:\n  a: {values: [1, 2]}\n"
    text = text.replace("trials: 12", "trials: 2")
    assert wrong(text) == [(7, "sampler: CMA-ES chooses numbers between min and max, and there are none")]


def test_the_example_of_the_documentation_is_good() -> None:
    guide = (Path(__file__).parents[2] / "docs/sweeps.md").read_text()
    example = guide.partition("```yaml\n")[2].partition("```")[0]
    assert load_sweep(example.encode(), "sweep.yaml").method == "bayes"
