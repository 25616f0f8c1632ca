"""What every command gathers first: the repository, the registry at a commit, its store, and where to propose."""

import os
import socket
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelbook.adapters.git import Repository
from modelbook.adapters.registry_folder import Place, find_registry, is_elsewhere
from modelbook.adapters.store import Store
from modelbook.adapters.workflow import job_identity
from modelbook.commands._console import counted
from modelbook.core.findings import Finding
from modelbook.errors import BadInput

if TYPE_CHECKING:  # what reads and judges the documents is loaded by whoever reads one; `find` reads none
    from modelbook.adapters.deployments import Deployments
    from modelbook.adapters.forge import Forge
    from modelbook.adapters.tags import Tags
    from modelbook.core.judging.examples import Results
    from modelbook.core.registry import Registry
    from modelbook.core.stages.tenure import Tenures

Function = TypeVar("Function", bound=Callable[..., Any])


def registry_option(function: Function) -> Function:
    """`--registry`: the folder that holds the registry, or where it lies elsewhere."""
    return click.option(
        "--registry",
        "registry_folder",
        envvar="MODELBOOK_REGISTRY",
        metavar="PLACE",
        help="The registry's folder, or github:OWNER/NAME[@REV].  [default: the nearest registry/ above]",
    )(function)


def rev_option(function: Function) -> Function:
    """`--rev`: the commit to read."""
    return click.option("--rev", default="HEAD", metavar="REV", help="The commit to read.  [default: HEAD]")(function)


LONGEST_REASON = 10_000  # characters, as every record takes them


def _check_reason(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    if text is not None and len(text) > LONGEST_REASON:
        raise click.BadParameter(f"it has {len(text):,} characters, and the record takes {LONGEST_REASON:,}")
    return text


def reason_option(help: str, *, required: bool = False) -> Callable[[Function], Function]:
    """`--reason`: why, for the record."""
    return click.option("--reason", required=required, metavar="TEXT", callback=_check_reason, help=help)


def json_option(function: Function) -> Function:
    """`--json`: output for a program."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program to read.")(function)


def _keep_from_children(_context: click.Context, _parameter: click.Parameter, uri: str) -> str:
    os.environ["MODELBOOK_SIGNER"] = uri  # by which `without_secrets` knows the variable that holds a key
    return uri


def signer_option(function: Function) -> Function:
    """`--signer`: whose key signs."""
    return click.option(
        "--signer",
        envvar="MODELBOOK_SIGNER",
        metavar="URI",
        default=lambda: f"file:{default_key()}",
        callback=_keep_from_children,
        help="file:PATH, env:VARIABLE, awskms:KEY, or sigstore: in a workflow.  [default: the key of `modelbook init`]",
    )(function)


def forge_option(function: Function) -> Function:
    """`--forge`: where changes are proposed."""
    return click.option(
        "--forge",
        "forge_name",
        type=click.Choice(["git", "github"]),
        envvar="MODELBOOK_FORGE",
        default=lambda: "github" if job_identity() else "git",
        help="Where changes are proposed.  [default: github in a workflow, else git]",
    )(function)


def default_key() -> Path:
    """Where `modelbook init` keeps the private key: in the user's own configuration, never in a repository."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "modelbook" / "signing-key.pem"


@dataclass(frozen=True)
class Workspace:
    """The repository, and the registry in it at one commit. `findings` are what git itself shows to be wrong.

    `is_head` says that the commit is the one that is checked out; `trust_from` names a commit whose trust.yaml is taken
    for granted. One that lies `elsewhere` is read, and never written to.
    """

    repository: Repository
    folder: str
    commit: str
    registry: "Registry"
    findings: tuple[Finding, ...]
    is_head: bool = False
    trust_from: str | None = None
    elsewhere: bool = False

    @cached_property
    def problems(self) -> tuple[Finding, ...]:
        """All that keeps it from being used: `findings`, and a trust.yaml that does not follow from those before it.

        Whoever merged one that its root did not sign must gain nothing by it. What comes with no more than the latest
        commits, as in a workflow, is checked as far as these go back.
        """
        from modelbook.adapters.registry_files import read_trust_history

        start = self.repository.commit(self.trust_from) if self.trust_from else None
        return (*self.findings, *read_trust_history(self.repository, self.registry, self.commit, start))

    @cached_property
    def store(self) -> Store:
        """The store that policy.yaml names."""
        from modelbook.adapters.open_store import open_store

        kind, _, place = self.registry.policy.store.partition(":")
        if self.elsewhere and kind == "file" and not place.startswith("/"):
            remedy = "Clone it where that folder is, and run this there."
            raise BadInput("the store of this registry is a folder, which is not known from here", remedy=remedy)
        return open_store(self.registry.policy.store, base=self.repository.main_root)

    def forge(self, name: str) -> "Forge":
        """Where changes are proposed: `git` or `github`."""
        self._refuse_elsewhere()
        if name == "github":
            from modelbook.adapters.github_forge import open_github_forge

            github: Forge = open_github_forge(self.repository)
            return github
        from modelbook.adapters.git_forge import GitForge

        return GitForge(self.repository)

    def deployments(self, name: str) -> "Deployments":
        """Where deployments are recorded: `git` (in this clone) or `github`."""
        self._refuse_elsewhere()
        if name == "github":
            from modelbook.adapters.github_deployments import GitHubDeployments
            from modelbook.adapters.github_tokens import JOB_FIRST
            from modelbook.adapters.open_github import open_api

            # What a job's own token writes starts no workflow, and a deployment has none to start.
            return GitHubDeployments(open_api(self.repository, tokens=JOB_FIRST))
        from modelbook.adapters.deployments import LocalDeployments

        return LocalDeployments(self.repository.git_dir / "modelbook" / "deployments")

    def tags(self, name: str) -> "Tags":
        """Where tags stand: `git` (in this clone) or `github`."""
        self._refuse_elsewhere()
        if name == "github":
            from modelbook.adapters.github_tags import GitHubTags
            from modelbook.adapters.open_github import open_api

            return GitHubTags(open_api(self.repository, permissions={"contents": "write"}))
        from modelbook.adapters.tags import LocalTags

        return LocalTags(self.repository)

    def _refuse_elsewhere(self) -> None:
        if self.elsewhere:
            raise BadInput("a registry that lies elsewhere is only read", remedy="Clone it, and run this in the clone.")

    def tenures(self, *scope: str) -> "Tenures":
        """Since when each stage has held its version, below the paths `scope`: read where a stage asks for a soak."""
        from modelbook.core.stages.tenure import Tenures

        try:
            asked = any(stage.soak for stage in self.registry.policy.stages)
        except BadInput:  # whoever judges by this policy says what is wrong with it
            asked = False
        if not asked:
            return Tenures()
        return self.past(*scope)

    def past(self, *scope: str) -> "Tenures":
        """What held each stage below the paths `scope`, from when to when: read whoever asks."""
        from modelbook.adapters.registry_files import read_tenures

        return read_tenures(self.repository, self.folder, self.commit, scope)

    def results(self, model: str, *versions: int, files: "Registry | None" = None) -> "Results":
        """What suites found for each example of these versions, and of those in a stage now, where gates may ask.

        The rules are those of this registry, the evaluations those in `files`, or in this one.
        """
        from modelbook.adapters.example_results import read_results
        from modelbook.core.stages.promotion import results_needed  # late: most commands judge no gate

        try:
            held = [pointer.version for pointer in self.registry.stages_of(model).values()]
            wanted = results_needed(self.registry, files or self.registry, model, [*versions, *held])
        except BadInput:  # whoever judges says what is wrong
            return {}
        return read_results(lambda: self.store, wanted)

    def path(self, inside: str) -> str:
        """A path of the registry, from the top of the repository."""
        return f"{self.folder}/{inside}"

    def refuse_uncommitted(self) -> None:
        """Raise BadInput where the registry's files on disk are not those of the commit: which of them should count?"""
        self._refuse_elsewhere()
        if changed := self.repository.changed(self.folder):
            listed = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
            raise BadInput(
                f"the registry has changes that are not committed: {listed}",
                where=str(self.repository.root),
                remedy="Commit them (`git add … && git commit`) or put them away (`git stash -u`), and run it again.",
            )

    def at(self, commit: str, scope: Iterable[str] = ()) -> "Workspace":
        """The same registry at another commit."""
        from modelbook.adapters.registry_files import read_registry

        registry, findings = read_registry(self.repository, self.folder, commit, scope)
        return Workspace(self.repository, self.folder, commit, registry, tuple(findings), trust_from=self.trust_from)


def registry_place(named: str | None) -> Place:
    """Where the registry around the working directory is, or the one that is named. Raises BadInput where none is."""
    with counted(f"fetching {named}", 0) if named and is_elsewhere(named) else nullcontext():
        return find_registry(Path.cwd(), named)


def open_workspace(folder: str | None, *, rev: str = "HEAD", scope: Iterable[str] = ()) -> Workspace:
    """Gather the registry around the working directory. Raises BadInput where there is none."""
    from modelbook.adapters.registry_files import read_registry

    place = registry_place(folder)
    commit = place.commit(rev)
    registry, findings = read_registry(place.repository, place.folder, commit, scope)
    trust_from = os.environ.get("MODELBOOK_TRUST_FROM")
    elsewhere = place.rev is not None
    is_head = rev == "HEAD" and not elsewhere
    return Workspace(place.repository, place.folder, commit, registry, tuple(findings), is_head, trust_from, elsewhere)


def this_job() -> str:
    """An identity of this job that no other job has: the workflow's, or host, process and time of start."""
    if told := job_identity():
        return told
    started = (
        Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19] if Path("/proc/self/stat").exists() else ""
    )
    return f"local:{socket.gethostname()}/{os.getpid()}/{started or os.times().elapsed}"
