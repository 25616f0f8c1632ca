"""What each REST operation does: a module a family, each function registered under GitHub's template."""

import pkgutil
from importlib import import_module


def register_all() -> None:
    """Import every module here: that is what puts its functions among `routes.ENDPOINTS`."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
