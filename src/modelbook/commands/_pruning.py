"""What planning and applying gather alike: rules, roots, the store's time and listing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from modelbook.adapters.reach_reader import ReachReader, read_run
from modelbook.adapters.roots import RootSource
from modelbook.adapters.s3_inventory import inventory_listing
from modelbook.adapters.store import ObjectInfo, Store
from modelbook.adapters.store_clock import store_now
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import Workspace
from modelbook.core.keep import Keep
from modelbook.core.layout import POLICY
from modelbook.core.moments import span
from modelbook.core.pruning.keep_conditions import check_keep
from modelbook.core.pruning.reachability import Reach
from modelbook.core.pruning.retention import Verdict, judge
from modelbook.errors import BadInput, Refused

KEEP = "Write `keep: {}` in it for the usual rules: docs/retention.md"


@dataclass(frozen=True)
class Pruning:
    """A registry, its rules, and the reader of its roots. `inventory` is a manifest of S3 Inventory, or None."""

    workspace: Workspace
    keep: Keep
    reach: ReachReader
    inventory: Path | None = None

    @cached_property
    def store(self) -> Store:
        """The store that policy.yaml names."""
        return self.workspace.store

    @property
    def policy(self) -> str:
        """The digest of policy.yaml."""
        return self.workspace.registry.digest(POLICY)

    def now(self) -> datetime:
        """The store's time."""
        return store_now(self.store)

    def current_reach(self) -> Reach:
        """All that is named now. Raises Refused where the rules here are not those of the remote's default branch."""
        reach = self.reach()
        repository = self.workspace.repository
        for ref, commit in self.reach.refs.items():
            policy = reach.policies.get(ref, self.policy)
            if ref.endswith(" HEAD") and policy != self.policy:
                if repository.is_ancestor(commit, self.workspace.commit):
                    continue  # what is here follows from what is there
                raise Refused(
                    f"policy.yaml is another one at {ref}: it may keep more, and name more registries",
                    where=self.workspace.path(POLICY),
                    remedy="Bring the clone up to date (`git pull`), and plan anew. Nothing was deleted.",
                )
        return reach

    def discard_unfinished(self, now: datetime) -> int:
        """Discard uploads that were broken off before the grace period, of a day at least: how many."""
        return self.store.discard_unfinished(now - max(span(self.keep.grace), timedelta(days=1)))

    def listing(self, now: datetime) -> Iterator[ObjectInfo]:
        """All objects of the store, in order of their keys."""
        if self.inventory:
            return inventory_listing(self.inventory, self.store.uri, now - span(self.keep.grace))
        return self.store.list()

    def verdicts(self, now: datetime) -> Iterator[Verdict]:
        """What goes, and what stays."""
        return judge(self.listing(now), self.reach(), self.keep, now, lambda run: read_run(self.store, run))


def open_pruning(workspace: Workspace, forge_name: str, inventory: Path | None = None) -> Pruning:
    """Gather all that retention goes by. Raises BadInput where policy.yaml has no `keep`, or one that says nothing."""
    refuse("the registry", workspace.problems)
    where = workspace.path(POLICY)
    keep = workspace.registry.policy.keep
    if keep is None:
        raise BadInput("says nothing of retention (`keep`), so nothing may be deleted", where=where, remedy=KEEP)
    for spot, problem in check_keep(keep):
        line = workspace.registry.line_in_policy(("keep", *spot))
        raise BadInput(f"a condition of `keep` is invalid: {problem}", where=where, line=line)
    source = RootSource(workspace.repository, workspace.folder, keep.registries, pulls_of(workspace, forge_name))
    return Pruning(workspace, keep, ReachReader(source, workspace.store), inventory)


def pulls_of(workspace: Workspace, forge_name: str) -> Callable[[], Mapping[int, str]] | None:
    """How to ask for the open pull requests, forks' too; None with plain git, which has none."""
    if forge_name != "github":
        return None
    from modelbook.adapters.github_api import pick
    from modelbook.adapters.open_github import open_api

    api = open_api(workspace.repository)

    def pulls() -> Mapping[int, str]:
        found = api.pages("list pull requests", "/pulls", state="open")
        return {int(pick(one, "number")): str(pick(one, "head", "sha")) for one in found}

    return pulls
