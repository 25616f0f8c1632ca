"""Where a library is missing that an extra brings, its name and the extra's are said."""

import pytest

from modelbook.adapters.extras import extra
from modelbook.errors import BadInput


def test_a_missing_library_is_named_with_the_extra_that_brings_it() -> None:
    assert extra("json", "sweep", "a sweep").dumps([]) == "[]"
    with pytest.raises(BadInput, match="a sweep needs no_such_library") as raised:
        extra("no_such_library.part", "sweep", "a sweep")
    assert raised.value.remedy == "pip install 'modelbook[sweep]'"
