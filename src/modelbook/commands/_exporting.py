"""What every export begins with: a version that verifies, and all that is known of it."""

from dataclasses import dataclass

from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import Workspace, open_workspace
from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Evaluation
from modelbook.core.names import parse_reference
from modelbook.core.revocation import in_use
from modelbook.core.verifying.verification import verify_stage, verify_version


@dataclass(frozen=True)
class Leaving:
    """A version that verifies: its card and the card's digest, who signed it, and its evaluations by suite."""

    workspace: Workspace
    card: ModelCard
    digest: str
    signed_by: str
    evaluations: dict[str, Evaluation]

    @property
    def name(self) -> str:
        """As references write it."""
        return f"{self.card.model}@{self.card.version}"


def open_leaving(reference: str, registry_folder: str | None, rev: str) -> Leaving:
    """The version that `reference` names. Raises Refused unless it may leave: verified, not revoked."""
    wanted = parse_reference(reference)
    workspace = open_workspace(registry_folder, rev=rev)
    registry = workspace.registry
    version = registry.resolve(wanted)
    refuse(wanted.name, workspace.problems)
    if wanted.stage:
        refuse(str(wanted), verify_stage(registry, wanted.name, wanted.stage).findings)
    verdict = verify_version(registry, wanted.name, version)
    refuse(f"{wanted.name}@{version}", (*verdict.findings, *in_use(registry, wanted.name, version)))
    card = registry.card(wanted.name, version)
    digest = registry.digest(registry.card_path(wanted.name, version))
    return Leaving(workspace, card, digest, verdict.signed_by or "", dict(verdict.evaluations))
