"""Made-up histories of a model whose truth is known: what suites measured of each version, and what users gave.

Each version was tried against the one before it, and each experiment has a level of its own, as seasons have. Users are
better off by 0.02 where a version's true quality is greater by 1; an experiment measures that to 0.002.
"""

from collections.abc import Mapping

import numpy as np

from modelbook.core.experiments.online_history import History, Measurement, history_of

EFFECT, NOISE, SLIP = 0.02, 0.002, 0.25
Random = np.random.Generator


def measured(random: Random, quality: "np.typing.ArrayLike", metric: str = "satisfaction") -> list[Measurement]:
    """What the experiments found, a chain of them."""
    values = np.asarray(quality)
    found = []
    for number in range(len(values) - 1):
        level = 0.7 + 0.05 * random.normal()
        for version in (number, number + 1):
            value = level + EFFECT * values[version] + NOISE * random.normal()
            found.append(Measurement(number, version + 1, metric, float(value), NOISE, 50_000))
    return found


def by_version(values: "np.typing.ArrayLike") -> dict[int, float]:
    return dict(enumerate(map(float, np.asarray(values)), start=1))


def useless(random: Random, versions: int) -> Mapping[str, Mapping[int, float]]:
    """Two metrics that say nothing, beside the one that is asked about: looking at many must not find them."""
    return {name: by_version(random.normal(size=versions)) for name in ("other", "another")}


def good(seed: int, versions: int = 16) -> History:
    """The metric `asked` is the true quality, and some noise."""
    random = np.random.default_rng(seed)
    quality = random.normal(size=versions)
    offline = {"asked": by_version(quality + SLIP * random.normal(size=versions)), **useless(random, versions)}
    return history_of(measured(random, quality), offline)


def reversed_proxy(seed: int, versions: int = 16) -> History:
    """What makes `asked` better makes users worse off."""
    random = np.random.default_rng(seed)
    quality = random.normal(size=versions)
    offline = {"asked": by_version(-quality + SLIP * random.normal(size=versions)), **useless(random, versions)}
    return history_of(measured(random, quality), offline)


def of_no_use(seed: int, versions: int = 16) -> History:
    """The metric `asked` has nothing to do with users."""
    random = np.random.default_rng(seed)
    quality = random.normal(size=versions)
    offline = {"asked": by_version(random.normal(size=versions)), **useless(random, versions)}
    return history_of(measured(random, quality), offline)


def climbing(seed: int, versions: int = 16) -> History:
    """The metric `asked` climbs from version to version, and nothing that anybody does changes users."""
    random = np.random.default_rng(seed)
    offline = {"asked": by_version(np.arange(versions) + SLIP * random.normal(size=versions))}
    return history_of(measured(random, np.zeros(versions)), offline)


def paradox(seed: int, versions: int = 16, segments: bool = True) -> History:
    """In each country users are worse off when `asked` becomes better; but better versions went to the happier country.

    The share of users in `de`, where everybody is happier by 0.3, follows the metric.
    """
    random = np.random.default_rng(seed)
    quality = random.normal(size=versions)
    share = 0.5 + 0.3 * np.tanh(quality)
    found: list[Measurement] = []
    for number in range(versions - 1):
        level = 0.4 + 0.05 * random.normal()
        for version in (number, number + 1):
            parts = []
            for country, gap, part in (("de", 0.3, share[version]), ("fr", 0.0, 1 - share[version])):
                n = max(int(50_000 * part), 2)
                noise = NOISE / part**0.5
                value = float(level + gap - EFFECT * quality[version] + noise * random.normal())
                name = f"by_country.{country}.satisfaction"
                parts.append(Measurement(number, version + 1, name, value, float(noise), n))
            value = sum(one.value * one.n for one in parts) / sum(one.n for one in parts)
            found += parts if segments else []
            found.append(Measurement(number, version + 1, "satisfaction", value, NOISE, 50_000))
    offline = {"asked": by_version(quality + SLIP * random.normal(size=versions))}
    return history_of(found, offline)
