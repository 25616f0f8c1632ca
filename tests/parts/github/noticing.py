"""What follows when refs move, however they moved: push events, and pull requests that follow their branches.

Nothing else in the server reports a push. Each request compares the refs with those last seen, so that a push
over HTTP, an API call, and a commit that a test put into the bare repository itself are all noticed alike.
"""

from tests.parts.github import events
from tests.parts.github.answers.people import email
from tests.parts.github.bare import GitRefused, Person
from tests.parts.github.merging import MergeConflict, merged_tree
from tests.parts.github.world import Pull, Repository, World, now

GITHUB = ("GitHub", "noreply@github.com")


def notice(world: World, repository: Repository, login: str) -> None:
    """Compare refs with those last seen; `login` is who is taken to have moved them."""
    before = repository.known_refs
    after = {ref: sha for ref, sha in repository.git.refs().items() if not ref.startswith("refs/pull/")}
    if before == after:
        return
    repository.known_refs = after
    for ref in sorted(before.keys() | after.keys()):
        old, new = before.get(ref, events.ZEROS), after.get(ref, events.ZEROS)
        if old != new:
            events.pushed(world, repository, login, ref, old, new)
    for base in world.repositories.values():
        for pull in base.pulls.values():
            if pull.issue.state == "open" and repository.full_name in (pull.head_repository, base.full_name):
                follow(world, base, pull, login)


def follow(world: World, repository: Repository, pull: Pull, login: str) -> None:
    """Bring an open pull request up to its branches, and say what happened to it."""
    head_side = world.repositories[pull.head_repository]
    head = head_side.git.resolve(f"refs/heads/{pull.head_ref}")
    base = repository.git.resolve(f"refs/heads/{pull.base_ref}")
    if base is None or head is None:
        close(world, repository, pull, login)
        return
    contained = base != pull.base_sha and repository.git.is_ancestor(pull.head_sha, base)
    if contained and head == pull.head_sha:  # somebody merged the branch with git and pushed
        merged(world, repository, pull, login, base)
        return
    moved = head != pull.head_sha
    pull.head_sha, pull.base_sha = head, base
    take_head(world, repository, pull)
    try_merge(repository, pull)
    if moved:
        pull.issue.updated_at = now()
        events.pull_changed(world, repository, login, pull, "synchronize")


def take_head(world: World, repository: Repository, pull: Pull) -> None:
    """Keep refs/pull/N/head at the head, with its objects here even when it lies in a fork."""
    ref = f"refs/pull/{pull.number}/head"
    if pull.head_repository != repository.full_name:
        fork = world.repositories[pull.head_repository]
        repository.git.git("fetch", "--quiet", "--no-tags", str(fork.git.path), f"refs/heads/{pull.head_ref}")
    repository.git.force_ref(ref, pull.head_sha)


def try_merge(repository: Repository, pull: Pull) -> None:
    """Keep refs/pull/N/merge at the trial merge of head into base; a conflict takes the ref away."""
    if pull.tried == (pull.head_sha, pull.base_sha):
        return
    ref = f"refs/pull/{pull.number}/merge"
    pull.tried = (pull.head_sha, pull.base_sha)
    pull.unanswered = repository.mergeability_delay
    try:
        tree = merged_tree(repository.git, pull.base_sha, pull.head_sha)
    except MergeConflict:
        pull.mergeable, pull.merge_commit_sha = False, None
        try:
            repository.git.delete_ref(ref)
        except GitRefused:
            return  # it never was mergeable
        return
    message = f"Merge {pull.head_sha} into {pull.base_sha}"
    author = Person(pull.issue.login, email(pull.issue.login), now())
    pull.merge_commit_sha = repository.git.write_commit(
        tree, [pull.base_sha, pull.head_sha], message, author, Person(*GITHUB, now())
    )
    pull.mergeable = True
    repository.git.force_ref(ref, pull.merge_commit_sha)


def merged(world: World, repository: Repository, pull: Pull, login: str, sha: str) -> None:
    """Write down that the pull request is merged as commit `sha`."""
    pull.merged_at, pull.merged_by, pull.merge_commit_sha = now(), login, sha
    close(world, repository, pull, login)


def close(world: World, repository: Repository, pull: Pull, login: str) -> None:
    pull.issue.state = "closed"
    pull.issue.closed_at = pull.issue.updated_at = now()
    events.pull_changed(world, repository, login, pull, "closed")
