"""What every test may use, and what holds for all of them."""

import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# No run of a test may show up on the screen of whoever runs it.
os.environ.pop("MLFLOW_TRACKING_URI", None)
# No test may leave anything in the cache of whoever runs it, nor find anything there.
os.environ["MODELBOOK_CACHE_SIZE"] = "0"
# Each of the many processes that tests start would compile again what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell that starts the tests in the background has Ctrl-C ignored by all that they start, and nohup a hang-up.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# What is collected lives to the end: it is not looked through for circles, neither while it grows nor ever after.
gc.disable()

# The same examples everywhere, and no clock in a verdict: a loaded machine is no reason to fail.
settings.register_profile("modelbook", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("modelbook")

pytest_plugins = [
    "tests.no_silent_skips",
    "tests.parts.browser",
    "tests.parts.fixtures",
    "tests.parts.desks",
    "tests.parts.office",
    "tests.parts.prune_shop",
    "tests.commands.workbench",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: begun last, one would run alone while the other processes have nothing left to do.

    Those that may take longer than the rest say so by a time limit of their own.
    """
    items.sort(key=_limit, reverse=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than there are processors: tests wait for servers, processes and clocks of their own."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    gc.enable()


def _limit(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark is not None else 0.0
