"""Modelbook: a GitHub repository is the model registry.

Inside a training script::

    import modelbook

    run = modelbook.run()
    run.log({"loss": 0.12}, step=1)

Inside the script of a suite::

    metrics = {"accuracy": modelbook.proportion(hits, n), **modelbook.measure(predict, inputs)}
"""

__version__ = "0.1.0"
__all__ = ["__version__", "mean", "measure", "proportion", "run"]

TYPE_CHECKING = False  # as typing's, which takes longer to import than all else here
if TYPE_CHECKING:
    from modelbook.core.measuring.estimates import mean, proportion
    from modelbook.training.measuring import measure
    from modelbook.training.opening import run

_FROM = {
    "mean": "modelbook.core.measuring.estimates",
    "measure": "modelbook.training.measuring",
    "proportion": "modelbook.core.measuring.estimates",
    "run": "modelbook.training.opening",
}


def __getattr__(name: str) -> object:
    # Lazy, so that `modelbook --help` does not pay for what only a training script needs.
    if name in _FROM:
        from importlib import import_module

        return getattr(import_module(_FROM[name]), name)
    raise AttributeError(f"module 'modelbook' has no attribute {name!r}")
