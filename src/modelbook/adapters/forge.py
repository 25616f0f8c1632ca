"""What a forge is: where changes of the registry are proposed. GitHub, or plain git."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from modelbook.errors import BranchTaken

ANYTHING: Final = "anything"
"""What the branch of a change held, where nobody looked."""


@dataclass(frozen=True)
class Change:
    """Files to write (bytes by path from the top of the repository; None removes one), on top of the commit `base`.

    `branch` is the same whenever the same thing is proposed. `decision` marks what a person has to approve (a
    promotion), as against a fact (a card, an evaluation). `body` is Markdown, for the pull request; `message` is what
    the commit says below its title where that is not the body. `auto` asks for it to be merged by itself once it is
    verified, where the forge can do that. `found` is the commit that its branch held when somebody looked, None where
    nothing was proposed on it: what somebody else proposed there since is not replaced.
    """

    branch: str
    base: str
    title: str
    body: str
    files: Mapping[str, bytes | None]
    decision: bool = False
    labels: tuple[str, ...] = ()
    comment: str | None = None
    message: str | None = None
    auto: bool = False
    found: str | None = ANYTHING

    @property
    def commit_message(self) -> str:
        """All that the commit says."""
        return f"{self.title}\n\n{self.body if self.message is None else self.message}".rstrip() + "\n"


@dataclass(frozen=True)
class Proposal:
    """What became of a change: the commit, the branch it is on, the pull request's address, and what to do next.

    `merged` says that it is in force already; `created` is False where it had been proposed before.
    """

    branch: str
    commit: str
    merged: bool
    created: bool
    url: str | None = None
    number: int | None = None
    next_steps: tuple[str, ...] = field(default=())


class Forge(Protocol):
    """Where changes are proposed. Every method may raise ForgeError."""

    def submit(self, change: Change) -> Proposal:
        """Propose the change; doing so twice proposes it once.

        For a decision, a branch of that name that holds something else is replaced, unless it came there since
        somebody looked (`found`). For a fact it is kept, and BranchTaken raised: somebody else was first.
        """
        ...

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
        """The proposal on a branch that exists already; what is missing of it (pull request, labels, …) is made.

        `body` is the pull request's where that is not what the commit says. `commit` is what the caller found on the
        branch: BranchTaken is raised, and nothing made, where it holds another by now.
        """
        ...

    def proposed(self, prefix: str) -> Mapping[str, str]:
        """The branches whose name begins with `prefix`, and the commit of each: what is proposed and not yet merged."""
        ...

    def append(self, branch: str, commit: str, files: Mapping[str, bytes], title: str) -> Proposal:
        """Add a commit with `files` to what is proposed on `branch`. Raises BranchTaken unless that holds `commit`."""
        ...

    def target(self) -> str:
        """The commit that what is proposed would be merged into now."""
        ...

    def folder(self, commit: str, path: str) -> Mapping[str, bytes]:
        """The files of one folder of a commit, by path from the top; none where there is no such folder."""
        ...

    def changed(self, base: str, commit: str) -> frozenset[str] | None:
        """The paths that `commit` changed since it left the history of `base`.

        None where the two have none in common, or where these are more than the forge would name.
        """
        ...

    def read(self, commit: str, path: str) -> bytes | None:
        """A file of a commit, or None where it has none."""
        ...


def moved_meanwhile(branch: str, where: str) -> BranchTaken:
    """That a branch does not hold any more what was found on it."""
    return BranchTaken(f"the branch {branch} moved meanwhile", where=where, remedy="Run it again.")
