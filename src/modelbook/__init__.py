"""Modelbook: a GitHub repository is the model registry.

Inside a training script::

    import modelbook

    run = modelbook.run()
    run.log({"loss": 0.12}, step=1)
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "run"]

if TYPE_CHECKING:
    from modelbook.training.opening import run


def __getattr__(name: str) -> object:
    # Lazy, so that `modelbook --help` does not pay for what only a training script needs.
    if name == "run":
        from modelbook.training.opening import run

        return run
    raise AttributeError(f"module 'modelbook' has no attribute {name!r}")
