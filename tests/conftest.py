"""What every test may use, and what holds for all of them."""

pytest_plugins = ["tests.no_silent_skips", "tests.parts.fixtures", "tests.commands.workbench"]
