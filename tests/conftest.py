"""What every test may use, and what holds for all of them."""

import os

from hypothesis import HealthCheck, settings

# No run of a test may show up on the screen of whoever runs it.
os.environ.pop("MLFLOW_TRACKING_URI", None)

# The same examples everywhere, and no clock in a verdict: a loaded machine is no reason to fail.
settings.register_profile("modelbook", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("modelbook")

pytest_plugins = ["tests.no_silent_skips", "tests.parts.fixtures", "tests.commands.workbench"]
