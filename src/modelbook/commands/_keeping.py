"""What `hold` and `release` have in common: a stage stays as it is, and another pointer says so."""

from modelbook.adapters.clock import now
from modelbook.adapters.person import person
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._moving import propose
from modelbook.commands._proposing import tell
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import open_workspace
from modelbook.core.layout import model_folder
from modelbook.core.names import Reference, check_name
from modelbook.core.pointer import Kind
from modelbook.core.stages.rollback import keep
from modelbook.errors import Exit


def propose_to_keep(
    kind: Kind,
    model: str,
    stage: str,
    reason: str | None,
    *,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Propose a hold or a release of `stage`; nothing where it stands already. Gives the exit code."""
    check_name(model, "registered model")
    workspace = open_workspace(registry_folder, scope=[model_folder(model)])
    refuse(model, workspace.problems)
    workspace.refuse_uncommitted()
    registry = workspace.registry
    registry.resolve(Reference(model, stage=stage))  # refuses an empty stage, and one that there is not
    by = person(workspace.repository.root)
    decision = keep(registry, model, stage, kind, by=by, now=now(), reason=reason)
    if decision is None or decision.already:
        set_outputs({"passed": "true"})
        state = "is held already" if kind == "hold" else "is not held"
        tell(f"{model}@{stage}", f"{state}; nothing to do", None, as_json=as_json)
        return Exit.YES
    return propose(workspace, decision, signer, forge_name, as_json=as_json)
