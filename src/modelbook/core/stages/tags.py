"""Git tags that tell the outside what the registry says: one for a version, which never moves, one for a stage.

They are derived from git's history and prove nothing: nobody here ever reads one to decide anything but what to do
about the tag itself.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from modelbook.core import layout
from modelbook.core.findings import Finding
from modelbook.core.registry import Registry
from modelbook.core.revocation import in_use
from modelbook.core.stages.history import History
from modelbook.core.stages.tenure import Tenures
from modelbook.core.verifying.verification import verify_stage, verify_version

Relation = Literal["same", "before", "after", "apart"]
"""How the commit at which a tag stands relates to the one at which it should: an ancestor is `before`."""
Step = Literal["stands", "make", "move", "leave", "refuse"]
"""What to do about a tag: `leave` is for what a later commit may have brought, `refuse` for what must not move."""


@dataclass(frozen=True)
class Tag:
    """What a tag has to say: that `commit` brought a version to the branch, or into the stage, if it is a stage's."""

    model: str
    version: int
    commit: str
    stage: str | None = None

    @property
    def name(self) -> str:
        """As in `fraud@5` and `fraud/production`."""
        return f"{self.model}/{self.stage}" if self.stage else f"{self.model}@{self.version}"

    @property
    def path(self) -> str:
        """The registry's file that it is derived from."""
        if self.stage:
            return layout.pointer_path(self.model, self.stage)
        return f"{layout.version_folder(self.model, self.version)}/card.yaml"


def wanted_tags(registry: Registry, models: Iterable[str], history: History, tenures: Tenures) -> list[Tag]:
    """The tags of these models. `history` is whole, with paths below the registry folder.

    A stage's tag stands where the version came into it: a hold, a release or another promotion of it moves nothing. The
    stages come first, then versions, the latest first: where there is much to do, that is what others wait for.
    """
    stages, versions = [], []
    for model in models:
        for stage in registry.policy.stages:
            if present := tenures.present(model, stage.name):
                stages.append(Tag(model, present.holder.version, present.landings[0].commit.id, stage.name))
        for version in reversed(registry.versions(model)):
            first = next(iter(history.by_path.get(registry.card_path(model, version), ())), None)
            versions += [Tag(model, version, first.commit.id)] if first else []
    return stages + versions


def step_for(tag: Tag, relation: Relation | None, *, newest: bool) -> Step:
    """What to do about a tag that stands in `relation` to where it should be; None where there is no such tag.

    `newest` says that the registry at hand is what the default branch says now: only then a stage's tag goes anywhere
    but forwards, since a job that comes late knows no better.
    """
    if relation is None:
        return "make"
    if relation == "same":
        return "stands"
    if tag.stage is None:
        return "refuse"
    return "move" if relation == "before" or newest else "leave"


def objections(registry: Registry, tag: Tag, history: Iterable[Finding]) -> list[Finding]:
    """All that speaks against telling anybody of it; `history` are the findings of git's history."""
    about = [f"{layout.version_folder(tag.model, tag.version)}/"]
    found = [*verify_version(registry, tag.model, tag.version).findings]
    if tag.stage:
        about.append(tag.path)
        found += verify_stage(registry, tag.model, tag.stage).findings
        found += in_use(registry, tag.model, tag.version)
    found += [one for one in history if one.path.startswith(tuple(map(registry.shown, about)))]
    return [one for one in dict.fromkeys(found) if one.level == "error"]


def in_a_stage(registry: Registry, tag: Tag) -> tuple[Finding, ...]:
    """The warning that a stage's tag, as it stands, leads to a version that was revoked since."""
    found = in_use(registry, tag.model, tag.version) if tag.stage else []
    return tuple(replace(one, level="warning") for one in found)


def taken(registry: Registry, tag: Tag, at: str) -> Finding:
    """The finding that the tag of a version stands at another commit, or object, `at`."""
    message = f"the tag {tag.name} is at {at[:12]}, but {tag.name} was registered by {tag.commit[:12]}"
    remedy = f"It is not moved. Look who set it; then `git push --delete origin {tag.name}`, and run this again."
    return Finding(registry.shown(tag.path), None, "taken", message, remedy)


def strays(registry: Registry, models: Iterable[str], wanted: Iterable[Tag], there: Collection[str]) -> list[Finding]:
    """Warnings of tags `there` that read as one of a version or a stage of these models, and stand for nothing."""
    known = {tag.name for tag in wanted}
    stages = {stage.name for stage in registry.policy.stages}
    found = []
    for model in models:
        for name in sorted(there):
            part, at = name.removeprefix(model)[1:], name.removeprefix(model)[:1]
            reads = (at == "@" and part.isdecimal()) or (at == "/" and part in stages)
            if name.startswith(model) and reads and name not in known:
                message = f"the tag {name} is there, and stands for nothing that the registry has at this commit"
                remedy = f"Unless a later commit has it: git push --delete origin {name}"
                found.append(Finding("", None, "stray", message, remedy, "warning"))
    return found
