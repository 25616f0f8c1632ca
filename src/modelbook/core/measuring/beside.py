"""Which version a suite is to measure beside another, and whether it has."""

from modelbook.core import layout
from modelbook.core.evaluation import beside_name
from modelbook.core.pointer import Holder
from modelbook.core.registered_model import Suite
from modelbook.core.registry import Registry
from modelbook.errors import BadInput


def compared_with(registry: Registry, model: str, version: int, suite: Suite) -> Holder | None:
    """The holder of the stage that the suite's `compare` names; None where there is none, or the version holds it."""
    if suite.compare is None:
        return None
    if registry.policy.stage(suite.compare) is None:
        own = registry.shown(f"{layout.model_folder(model)}/model.yaml")
        known = ", ".join(stage.name for stage in registry.policy.stages)
        raise BadInput(f"`compare`: no stage is named {suite.compare!r}", where=own, remedy=f"The stages: {known}.")
    pointer = registry.pointer(model, suite.compare)
    return pointer.holder() if pointer and pointer.version != version else None


def evaluation_name(registry: Registry, model: str, version: int, suite: str, holder: Holder | None) -> str:
    """What the next evaluation by `suite` is called: of one that was made already, its own name."""
    if holder is None or suite not in registry.evaluation_paths(model, version):
        return suite
    if measured_beside(registry, model, version, suite, holder):
        return suite
    return beside_name(suite, holder.version)


def measured_beside(registry: Registry, model: str, version: int, suite: str, holder: Holder) -> bool:
    """Whether `suite` has measured the version beside that holder."""
    paths = registry.evaluation_paths(model, version)
    names = [name for name in (suite, beside_name(suite, holder.version)) if name in paths]
    others = [registry.evaluation(paths[name]).beside for name in names]
    return any(other is not None and other.card == holder.card for other in others)
