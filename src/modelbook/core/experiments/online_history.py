"""What users gave each version, over all experiments, beside what suites measured of it.

Experiments differ by season and by who came, so that two versions are compared only within one. What is best for each
version follows from all of them at once: y = level of the experiment + effect of the version, by weighted least
squares. Versions that no chain of experiments ties together share the level as it was measured.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from modelbook.core.judging.significance import Estimate
from modelbook.core.online import OnlineResults

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    Floats = NDArray[float64]


_APART, _SAME = 1e6, 1e-9  # in standard errors


@dataclass(frozen=True)
class Effects:
    """The metric of each version, ascending by version: `values`, and the noise in them.

    `values` has shape (V,), `noise` (V, K), both in the metric's unit: the covariance of the errors is noise @ noise.T.
    `tied` are the groups of versions that experiments tie together, directly or by others between them.
    """

    versions: tuple[int, ...]
    values: "Floats"
    noise: "Floats"
    tied: tuple[frozenset[int], ...] = ()

    def stderr(self, version: int) -> float:
        """The standard error of one version's value."""
        return float(math.hypot(*self.noise[self.versions.index(version)]))

    def change(self, old: int, new: int) -> tuple[float, float] | None:
        """How far `new` lies above `old`, and the standard error of that; None where no experiment ties them."""
        if not any({old, new} <= group for group in self.tied):
            return None
        at, to = self.versions.index(old), self.versions.index(new)
        # By the rows, not by their products: what both have in common leaves no error of rounding behind.
        return float(self.values[to] - self.values[at]), math.hypot(*(self.noise[to] - self.noise[at]))


@dataclass(frozen=True)
class History:
    """All that is known: `offline` and `online` by metric, the offline ones as value by version.

    `standardised` has, by dimension such as `by_country` and online metric, what it were if every version had had the
    same mix of users; `inside` has it by segment.
    """

    offline: Mapping[str, Mapping[int, float]]
    online: Mapping[str, Effects]
    standardised: Mapping[tuple[str, str], Effects] = field(default_factory=dict)
    inside: Mapping[tuple[str, str], Mapping[str, Effects]] = field(default_factory=dict)


class Measurement(NamedTuple):
    """A metric of one version in one experiment, which is named by a number: of n units, in the metric's unit."""

    experiment: int
    version: int
    metric: str
    value: float
    stderr: float
    n: int


def measurements_of(experiments: Sequence[OnlineResults]) -> list[Measurement]:
    """All numbers of these experiments that have a known noise."""
    return [
        Measurement(number, arm.version, name, found.value, found.stderr, found.n)
        for number, one in enumerate(experiments)
        for arm in one.arms
        for name, metric in arm.metrics.items()
        if isinstance(found := metric.estimate(name), Estimate)
    ]


def history_of(measurements: Iterable[Measurement], offline: Mapping[str, Mapping[int, float]]) -> History:
    """The history of a model by what experiments measured, and by its offline metrics as value by version."""
    by_name: dict[str, list[Measurement]] = {}
    for one in measurements:
        by_name.setdefault(one.metric, []).append(one)
    slices = {name: parts for name in sorted(by_name) if (parts := _segment(name, by_name.keys()))}
    fitted = {name: effects for name in sorted(by_name) if (effects := fit(by_name[name]))}
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name, (dimension, segment, whole) in slices.items():
        groups.setdefault((dimension, whole), {})[segment] = name
    return History(
        offline,
        {name: effects for name, effects in fitted.items() if name not in slices},
        {
            key: effects
            for key, names in groups.items()
            if (effects := fit(_as_if_alike([by_name[name] for name in names.values()])))
        },
        {key: {segment: fitted[name] for segment, name in names.items() if name in fitted}
         for key, names in groups.items()},
    )  # fmt: skip


def fit(cells: Sequence[Measurement]) -> Effects | None:
    """The effects that fit all measurements best, each weighted by its standard error; None where nothing is compared.

    An experiment with one version alone says nothing of the difference to another, and is left out. A standard error
    that is a million times smaller or greater than the middle one counts as that: no other is believed or made void by
    it, and the numbers stay within what a computer can tell apart.
    """
    alone = Counter(one.experiment for one in cells)
    cells = [one for one in cells if alone[one.experiment] > 1]
    if not cells:
        return None
    import numpy as np  # late: most commands need none of it
    from scipy import linalg

    versions = sorted({one.version for one in cells})
    experiments = sorted({one.experiment for one in cells})
    wide = len(versions)
    design = np.zeros((len(cells), wide + len(experiments)))
    for row, one in enumerate(cells):
        design[row, versions.index(one.version)] = design[row, wide + experiments.index(one.experiment)] = 1.0
    values, errors = (np.array(each) for each in zip(*((one.value, one.stderr) for one in cells), strict=True))
    unit = float(np.median(errors))
    weights = unit / np.clip(errors, unit / _APART, unit * _APART)
    centre = float(np.average(values, weights=weights**2))
    # Of versions and levels only the sum is measured: the levels are held to have no mean within what hangs together.
    groups = _groups(cells, versions)
    ties = np.zeros((len(groups), design.shape[1]))
    for row, group in enumerate(groups):
        for number in {one.experiment for one in cells if one.version in group}:
            ties[row, wide + experiments.index(number)] = 1.0
    rows = np.vstack([design * weights[:, None], ties * weights.max()])
    wanted = np.concatenate([(values - centre) * weights, np.zeros(len(groups))])
    # By QR and not by the normal equations, whose condition is the square of this one.
    turned, upper = linalg.qr(rows, mode="economic")
    found = linalg.solve_triangular(upper, turned.T @ wanted)[:wide]
    noise = unit * linalg.solve_triangular(upper, np.eye(len(upper)))[:wide]
    # What differs by so little does not differ: else the last bits decide which way it moved.
    found = np.round(found / (unit * _SAME)) * (unit * _SAME)
    return Effects(tuple(versions), found + centre, noise, tuple(map(frozenset, groups)))


def _groups(cells: Sequence[Measurement], versions: Sequence[int]) -> list[set[int]]:
    """The versions that experiments tie together, directly or by others between them."""
    groups = [{version} for version in versions]
    for number in {one.experiment for one in cells}:
        those = {one.version for one in cells if one.experiment == number}
        joined = set[int]().union(*(group for group in groups if group & those))
        groups = [group for group in groups if not group & those] + [joined]
    return groups


def _segment(name: str, names: Iterable[str]) -> tuple[str, str, str] | None:
    """Dimension, segment and metric of `by_country.de.satisfaction`, if there is a metric `satisfaction`."""
    parts = name.split(".", 2)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 and parts[2] in names else None


def _as_if_alike(segments: Sequence[Sequence[Measurement]]) -> list[Measurement]:
    """The metric of each version as if all had had the same mix of segments: that of all units there were.

    Only what was measured in every segment counts: what a segment that is missing would have given, nobody knows.
    """
    sizes = [sum(one.n for one in segment) for segment in segments]
    total = sum(sizes)
    found: dict[tuple[int, int], list[Measurement]] = {}
    for segment in segments:
        for one in segment:
            found.setdefault((one.experiment, one.version), []).append(one)
    return [
        Measurement(
            experiment,
            version,
            those[0].metric,
            sum(one.value * size for one, size in zip(those, sizes, strict=True)) / total,
            sum((one.stderr * size) ** 2 for one, size in zip(those, sizes, strict=True)) ** 0.5 / total,
            sum(one.n for one in those),
        )
        for (experiment, version), those in found.items()
        if len(those) == len(segments)
    ]
