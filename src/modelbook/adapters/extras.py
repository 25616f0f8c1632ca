"""Libraries that only some commands need: imported when they are used, with words for where they are missing."""

import importlib
from types import ModuleType

from modelbook.errors import BadInput


def extra(library: str, name: str, what: str) -> ModuleType:
    """The library, or BadInput saying that `what` needs it and which extra of Modelbook (`name`) brings it."""
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library.partition(".")[0]:
            raise
        package = library.partition(".")[0]
        raise BadInput(f"{what} needs {package}", remedy=f"pip install 'modelbook[{name}]'") from None
