"""A sweep file: which parameters are tried, how they are chosen, what counts, and when it is enough.

Its keys are those of a W&B sweep where W&B has one for the thing. What no type can say is checked in `sweep_checks`.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from modelbook.core.names import Name
from modelbook.core.patterns import PARAMETER_PATTERN, SWEEP_DATA_PATTERN
from modelbook.core.records import FilePath, FiniteFloat, Frozen, LoggedName, Text

_ROUND = 4
MOST_LEGS = 256  # jobs of one matrix, as GitHub allows
MOST_POINTS = 10_000  # of a grid

Scalar = bool | int | FiniteFloat | Annotated[str, StringConstraints(max_length=1000)]
Number = int | FiniteFloat
ParameterName = Annotated[str, StringConstraints(pattern=PARAMETER_PATTERN, max_length=100)]
Distribution = Literal[
    "constant", "categorical", "int_uniform", "uniform", "q_uniform", "log_uniform_values", "q_log_uniform_values"
]
Goal = Literal["minimize", "maximize"]
Sampler = Literal["tpe", "gp", "cmaes"]


class Metric(Frozen):
    """What a trial is judged by: the last value of it that the training logged."""

    name: LoggedName
    goal: Goal


class Parameter(Frozen):
    """One parameter: `value`, one of `values`, or between `min` and `max`.

    `when` names other parameters and the values that they must have; else this one is not given to the training.
    """

    value: Scalar | None = None
    values: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=1000)] | None = None
    distribution: Distribution | None = None
    min: Number | None = None
    max: Number | None = None
    q: Number | None = None
    when: dict[ParameterName, Scalar | Annotated[tuple[Scalar, ...], Field(min_length=1)]] = {}


class EarlyTerminate(Frozen):
    """Which trials are stopped early, by what they logged step by step.

    `median`: one that is worse than the median of the completed ones at the same step, once there are `startup` of
    them. `asha` and `hyperband`: at `min_iter` steps, and `eta` times as many again and again, the best one in `eta`
    goes on; `hyperband` spreads its trials over several values of `min_iter`, up to `max_iter`.
    """

    type: Literal["median", "asha", "hyperband"]
    min_iter: Annotated[int, Field(ge=1, le=10**9)] = 1
    max_iter: Annotated[int, Field(ge=1, le=10**9)] | None = None
    eta: Annotated[int, Field(ge=2, le=100)] = 3
    startup: Annotated[int, Field(ge=1, le=10**4)] = 5


class Budget(Frozen):
    """When it is enough; what is reached first counts.

    `trials`: so many were begun. `gpu_hours`: the hours of all trials times the GPUs of their machines; one without a
    GPU counts as one. `patience`: so many rounds, one after the other, brought nothing better.
    """

    trials: Annotated[int, Field(ge=1, le=9999)] | None = None
    gpu_hours: Annotated[FiniteFloat, Field(gt=0)] | None = None
    patience: Annotated[int, Field(ge=1, le=1000)] | None = None


class Confirm(Frozen):
    """The `best` trials are trained again with `seeds` other seeds each, before one of them is named best."""

    best: Annotated[int, Field(ge=1, le=20)] = 3
    seeds: Annotated[int, Field(ge=1, le=20)] = 2


class Sweep(Frozen):
    """A sweep file. `name` is the sweep's for ever: a changed file is another sweep, which may `inherit` its trials.

    `round` is how many trials are asked for at once; `startup` how many are drawn at random before a sampler chooses.
    """

    format: Literal["modelbook/sweep/v1"] = "modelbook/sweep/v1"
    name: Name
    description: Text | None = None
    program: FilePath
    data: tuple[Annotated[str, StringConstraints(pattern=SWEEP_DATA_PATTERN, max_length=90)], ...] = ()
    method: Literal["grid", "random", "bayes"]
    sampler: Sampler | None = None
    startup: Annotated[int, Field(ge=1, le=1000)] = 10
    metric: Metric
    parameters: Annotated[dict[ParameterName, Parameter], Field(min_length=1, max_length=200)]
    early_terminate: EarlyTerminate | None = None
    budget: Budget = Budget()
    round: Annotated[int, Field(ge=1, le=MOST_LEGS)] | None = None
    confirm: Confirm | bool = True
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    deterministic: bool = False
    nproc: Annotated[int, Field(ge=1, le=1024)] | None = None
    inherit: tuple[Name, ...] = ()

    @property
    def legs(self) -> int:
        """How many trials a round has: what the file says, else 4 where their results decide what follows, or all."""
        follows = self.method == "bayes" or self.budget.gpu_hours or self.budget.patience
        return self.round or (_ROUND if follows else MOST_LEGS)

    @property
    def confirming(self) -> Confirm | None:
        """How the best are confirmed, or None where they are not."""
        if isinstance(self.confirm, Confirm):
            return self.confirm
        return Confirm() if self.confirm else None
