"""What commands that compare versions gather: each version, if it verifies."""

from dataclasses import dataclass
from typing import Any

from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import Workspace, open_workspace
from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Metric
from modelbook.core.layout import model_folder
from modelbook.core.names import parse_reference
from modelbook.core.verifying.verification import VersionVerdict, verify_version


@dataclass(frozen=True)
class Verified:
    """A version that verifies, with its card, and the workspace that it was found in."""

    workspace: Workspace
    verdict: VersionVerdict
    card: ModelCard


def verified(text: str, rev: str, folder: str | None) -> Verified:
    """The version that a reference names. Raises Refused where it does not verify: what it says would mean nothing."""
    wanted = parse_reference(text)
    workspace = open_workspace(folder, rev=rev, scope=[model_folder(wanted.name)])
    version = workspace.registry.resolve(wanted)
    verdict = verify_version(workspace.registry, wanted.name, version)
    refuse(text, (*workspace.findings, *verdict.findings))
    return Verified(workspace, verdict, workspace.registry.card(wanted.name, version))


def metric_json(metric: Metric | None) -> dict[str, Any] | None:
    """A metric as a JSON object, absent fields left out."""
    return metric.model_dump(mode="json", exclude_none=True) if metric else None
