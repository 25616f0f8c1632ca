"""What the stories of a team begin with, made once."""

import pytest

from tests.workflows.founding import Founded, found


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    """A registry that holds the dataset version digits@1; each team takes a copy of it."""
    return found(tmp_path_factory.mktemp("begun"))
