"""GitHub as the forge: a change is a branch with one commit, and a pull request.

Every step looks before it makes, so that running it again after any failure ends with one branch, one pull request
and one comment. Creating the branch is what reserves a version's number: of several who try, one succeeds.
"""

from collections.abc import Mapping
from itertools import islice

from modelbook.adapters.forge import ANYTHING, Change, Proposal, moved_meanwhile
from modelbook.adapters.git import Repository
from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_merging import GitHubMerging
from modelbook.adapters.github_objects import GitHubObjects
from modelbook.adapters.github_pulls import GitHubPulls, Pull
from modelbook.adapters.open_github import PROPOSES, open_api
from modelbook.adapters.workflow import in_workflow
from modelbook.core.pages.markdown import MARKER
from modelbook.errors import BadInput, BranchTaken, ForgeError

VERIFY = "verify.yml"
STATUS = "modelbook"  # the commit status of the verification
_TAKEN = "Somebody else was first. Run it again: it will take the next free number."


def open_github_forge(repository: Repository) -> "GitHubForge":
    """The forge of a repository on GitHub. Raises BadInput where it has none, or there is no token."""
    # What a job's own token does starts no workflow, save by a dispatch; an App's token needs none.
    api = open_api(repository, permissions=PROPOSES)
    return GitHubForge(api, dispatches=in_workflow() and api.by_job)


class GitHubForge:
    """Proposes changes by pull requests. With `dispatches`, it starts their verification itself."""

    def __init__(self, api: GitHubApi, *, dispatches: bool) -> None:
        self._api = api
        self._dispatches = dispatches
        self._objects = GitHubObjects(api)
        self._pulls = GitHubPulls(api)
        self._merging = GitHubMerging(api)

    def submit(self, change: Change) -> Proposal:
        """See Forge."""
        head, created = self._reserve(change)
        return self._open(change, head, created)

    def _reserve(self, change: Change) -> tuple[str, bool]:
        """The commit that the branch holds now, and whether it was put there just now."""
        objects, name = self._objects, change.branch
        tree = objects.write_tree(objects.commit(change.base).tree, change.files)
        standing = objects.branch(name)
        if standing and self._holds(standing, tree, change.base):
            return standing, False
        if standing is None or change.decision:
            commit = objects.write_commit(tree, change.base, change.commit_message)
            if standing is None and objects.create_branch(name, commit):
                return commit, True
            if change.decision:
                if self._came_since(change, standing):
                    raise moved_meanwhile(name, self._api.full_name)
                objects.move_branch(name, commit)
                return commit, True
        raise BranchTaken(f"the branch {name} holds something else", where=self._api.full_name, remedy=_TAKEN)

    def _came_since(self, change: Change, standing: str | None) -> bool:
        """Whether somebody proposed something on the branch of a change since `found` was read off it."""
        if change.found in {ANYTHING, standing or ANYTHING}:
            return False
        return standing is None or change.branch in self.proposed(change.branch)

    def _holds(self, sha: str, tree: str, base: str) -> bool:
        commit = self._objects.commit(sha)
        return (commit.tree, commit.parents) == (tree, (base,))

    def _open(self, change: Change, head: str, created: bool) -> Proposal:
        """Find or make the pull request of the branch, and all that belongs to it."""
        pulls = self._pulls.of_branch(change.branch)
        pull = next((one for one in pulls if one.state == "open"), None)
        done = next((one for one in pulls if one.state != "open" and one.head == head), None)
        if pull is None and done is not None:
            return self._settled(change.branch, done, created)
        base = self._default_branch()
        if pull is None:
            pull = self._pulls.open(change.branch, base, change.title, change.body)
        elif change.decision:
            self._pulls.describe(pull, change.title, change.body)
        self._pulls.label(pull, change.labels)
        if change.comment:  # of what stood already, the verification has said more
            self._pulls.comment(pull.number, MARKER.format("verify"), change.comment, replace=created)
        steps = self._verify(pull.number, head, base, auto=change.auto)
        return Proposal(change.branch, head, False, created, pull.url, pull.number, steps)

    def _settled(self, branch: str, pull: Pull, created: bool) -> Proposal:
        steps = () if pull.merged else (f"It was closed without being merged. Reopen it if that was wrong: {pull.url}",)
        return Proposal(branch, pull.head, pull.merged, created, pull.url, pull.number, steps)

    def _default_branch(self) -> str:
        return str(pick(self._api.get("read the repository", ""), "default_branch"))

    def _verify(self, number: int, head: str, base: str, *, auto: bool = False) -> tuple[str, ...]:
        """See to it that a pull request is verified, and with `auto` merged then; gives what is left for a person.

        What a job's own token opens starts no workflow, so its verification is started here.
        """
        if self._pulls.mergeable(number) is False:  # GitHub runs no workflow for it
            return (f"It conflicts with {base}, so nothing verifies it. Propose it again on what {base} is now.",)
        left = self._merging.when_green(number, head, base, status=STATUS) if auto else None
        if self._dispatches:
            inputs = {"pull-request": str(number), "head": head}
            self.dispatch(VERIFY, base, inputs, title=f"Verify #{number} at {head}")
        return (left,) if left else ()

    def resume(
        self,
        branch: str,
        *,
        labels: tuple[str, ...] = (),
        body: str | None = None,
        comment: str | None = None,
        auto: bool = False,
        commit: str | None = None,
    ) -> Proposal:
        """See Forge."""
        head = self._objects.branch(branch)
        if head is None:
            raise ForgeError(f"there is no branch {branch}", where=self._api.full_name, remedy="Propose it again.")
        if commit not in {None, head}:
            raise moved_meanwhile(branch, self._api.full_name)
        found = self._objects.commit(head)
        title, _, said = found.message.partition("\n")
        # All of it stands on the branch: what is made again from here is only what lies around it.
        told = said.strip() if body is None else body
        change = Change(branch, found.parents[0], title, told, {}, labels=labels, comment=comment, auto=auto)
        return self._open(change, head, created=False)

    def append(self, branch: str, commit: str, files: Mapping[str, bytes], title: str) -> Proposal:
        """See Forge. Raises ForgeError where nobody proposes the branch: there is no open pull request."""
        pull = next((one for one in self._pulls.of_branch(branch) if one.state == "open"), None)
        if pull is None:
            raise ForgeError(
                f"no pull request of {branch} is open",
                where=self._api.full_name,
                remedy="Propose it again, or reopen it.",
            )
        tree = self._objects.write_tree(self._objects.commit(commit).tree, files)
        made = self._objects.write_commit(tree, commit, title + "\n")
        if not self._objects.advance_branch(branch, made):
            raise moved_meanwhile(branch, self._api.full_name)
        steps = self._verify(pull.number, made, self._default_branch())
        return Proposal(branch, made, False, True, pull.url, pull.number, steps)

    def proposed(self, prefix: str) -> Mapping[str, str]:
        """See Forge."""
        branches = self._objects.branches(prefix)
        merged = self._pulls.merged(branches)
        return {branch: commit for branch, commit in branches.items() if branch not in merged}

    def target(self) -> str:
        """See Forge."""
        name = self._default_branch()
        if (tip := self._objects.branch(name)) is None:
            raise ForgeError(f"there is no branch {name}", where=self._api.full_name, remedy="Push it first.")
        return tip

    def folder(self, commit: str, path: str) -> Mapping[str, bytes]:
        """See Forge."""
        return self._objects.folder(commit, path)

    def changed(self, base: str, commit: str) -> frozenset[str] | None:
        """See Forge."""
        return self._objects.changed(base, commit)

    def read(self, commit: str, path: str) -> bytes | None:
        """See Forge."""
        return self._objects.read(commit, path)

    def branch_of(self, number: int) -> str:
        """The branch of a pull request that is open. Raises BadInput where it is not, or is of another repository."""
        pull = self._pulls.get(number)
        if pull.state != "open" or pull.repository.lower() != self._api.full_name.lower():
            why = "is of a fork" if pull.state == "open" else "is closed"
            raise BadInput(f"pull request {number} {why}", where=pull.url, remedy="Name the promotion's own.")
        return pull.branch

    def opened(self) -> list[Pull]:
        """The open pull requests of its own branches into the default branch."""
        return self._pulls.opened()

    def verify_again(self, pull: Pull, base: str) -> None:
        """Start the verification of a pull request once for `base`, the commit that it would be merged into now.

        One that conflicts is verified as well: no event of GitHub's would do that.
        """
        inputs = {"pull-request": str(pull.number), "head": pull.head, "base": base}
        self.dispatch(VERIFY, pull.enters, inputs, title=f"Verify #{pull.number} at {pull.head} on {base}")

    def pull(self, number: int) -> Pull:
        """A pull request as it is now."""
        return self._pulls.get(number)

    def upsert_comment(self, number: int, marker: str, body: str) -> None:
        """Write the one comment of a pull request that begins with `marker`, or bring it up to date."""
        self._pulls.comment(number, marker, body)

    def set_status(self, sha: str, state: str, description: str, context: str, url: str | None = None) -> None:
        """Set a commit status: `state` is error, failure, pending or success; `description` at most 140 characters."""
        body: Json = {"state": state, "description": description, "context": context}
        body |= {"target_url": url} if url else {}

        def standing() -> Json | None:
            found = self._api.pages("list statuses", f"/commits/{sha}/statuses")
            latest = next((each for each in found if each.get("context") == context), {})
            same = (latest.get("state"), latest.get("description")) == (state, description)
            return latest if same else None

        self._api.post("set a commit status", f"/statuses/{sha}", body, find=standing)

    def dispatch(self, workflow: str, ref: str, inputs: Mapping[str, str], *, title: str) -> None:
        """Start a workflow on `ref`, once: its `run-name` makes `title` of its inputs, and by that a run is found."""
        path = f"/actions/workflows/{workflow}"

        def standing() -> Json | None:
            query = {"event": "workflow_dispatch", "branch": ref}
            runs = self._api.pages("list workflow runs", f"{path}/runs", "workflow_runs", **query)
            newest = islice(runs, 100)
            return next((run for run in newest if run.get("display_title") == title), None)

        if self._api.get_if_there("read a workflow", path) is None:
            raise ForgeError(
                f"there is no workflow {workflow}, so nothing verifies what was proposed",
                where=self._api.full_name,
                remedy=f"Add .github/workflows/{workflow} to {ref}, or give an App's token in MODELBOOK_TOKEN.",
            )
        if standing() is None:
            body = {"ref": ref, "inputs": dict(inputs)}
            self._api.post(f"start {workflow}", f"{path}/dispatches", body, find=standing)
