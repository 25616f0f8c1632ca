"""Pull requests: listed, opened, read, edited, and what they change."""

from tests.parts.github import events, refusals
from tests.parts.github.answers.commits import commit as commit_shape
from tests.parts.github.answers.commits import diff_entry
from tests.parts.github.answers.pulls import pull as pull_shape
from tests.parts.github.answers.pulls import pull_simple
from tests.parts.github.changes import changed_files
from tests.parts.github.noticing import close, follow, take_head, try_merge
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import DEFAULT_TOKEN, Issue, Pull, Repository, now

_PULLS = "/repos/{owner}/{repo}/pulls"
_TITLE, _BODY = 256, 65536  # the most characters that GitHub takes


def found_pull(call: Call) -> Pull:
    """The pull request that the path names; anything else is not found."""
    pull = call.repository.pulls.get(call.number("pull_number"))
    if pull is None:
        raise refusals.not_found()
    return pull


@endpoint("GET", _PULLS, "pull_requests:read")
def list_pulls(call: Call) -> Answer:
    state, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")
    found = [
        pull
        for pull in call.repository.pulls.values()
        if state in ("all", pull.issue.state)
        and (base is None or pull.base_ref == base)
        # GitHub ignores a head without its owner: such a filter finds everything.
        and (head is None or ":" not in head or head == _label(call, pull))
    ]
    newest_first = call.query.get("direction", "asc" if "sort" in call.query else "desc") == "desc"
    key = call.query.get("sort", "created")
    found.sort(key=lambda p: (p.issue.updated_at if key == "updated" else "", p.number), reverse=newest_first)
    return call.paged(found, lambda pull: pull_simple(call.world, call.repository, pull))


@endpoint("POST", _PULLS, "pull_requests:write")
def create_pull(call: Call) -> Answer:
    body, base_side = call.body, call.repository
    if "title" not in body:
        raise refusals.validation_failed("PullRequest", "missing_field", "title")
    _check_text(call)
    if call.login == DEFAULT_TOKEN and not base_side.actions_may_open_pulls:
        raise refusals.Refusal(403, "GitHub Actions is not permitted to create or approve pull requests.")
    head_side, head_ref = _head(call)
    head = head_side.git.resolve(f"refs/heads/{head_ref}")
    base = base_side.git.resolve(f"refs/heads/{body['base']}")
    if base is None or head is None:
        raise refusals.validation_failed("PullRequest", "invalid", "base" if base is None else "head")
    label = f"{head_side.owner}:{head_ref}"
    for other in base_side.pulls.values():
        if other.issue.state == "open" and (_label(call, other), other.base_ref) == (label, body["base"]):
            message = f"A pull request already exists for {label}."
            raise refusals.validation_failed("PullRequest", "custom", message=message)
    number = max(base_side.issues, default=0) + 1
    issue = Issue(call.world.next_id(), number, call.login, body["title"], body.get("body"), now(), now())
    pull = Pull(
        call.world.next_id(),
        issue,
        head_side.full_name,
        head_ref,
        head,
        body["base"],
        base,
        body.get("draft", False),
    )
    take_head(call.world, base_side, pull)
    _refuse_nothing_to_merge(base_side, pull, body["head"])
    base_side.issues[number], base_side.pulls[number] = issue, pull
    try_merge(base_side, pull)
    events.pull_changed(call.world, base_side, call.login, pull, "opened")
    return Answer(201, pull_shape(call.world, base_side, pull))


@endpoint("GET", _PULLS + "/{pull_number}", "pull_requests:read")
def get_pull(call: Call) -> Answer:
    pull = found_pull(call)
    answer = Answer(200, pull_shape(call.world, call.repository, pull))
    pull.unanswered = max(0, pull.unanswered - 1)
    return answer


@endpoint("PATCH", _PULLS + "/{pull_number}", "pull_requests:write")
def update_pull(call: Call) -> Answer:
    pull, body, repository = found_pull(call), call.body, call.repository
    issue = pull.issue
    _check_text(call)
    if "base" in body and repository.git.resolve(f"refs/heads/{body['base']}") is None:
        raise refusals.validation_failed("PullRequest", "invalid", "base")
    if body.get("state") == "open" and issue.state == "closed":
        _reopen(call, pull)
    edited = {name: {"from": getattr(issue, name)} for name in ("title", "body") if body.get(name, issue) is not issue}
    issue.title, issue.body = body.get("title", issue.title), body.get("body", issue.body)
    issue.updated_at = now()
    if "base" in body and body["base"] != pull.base_ref:
        edited["base"] = {"from": pull.base_ref}
        pull.base_ref = body["base"]
        follow(call.world, repository, pull, call.login)
    if edited:
        events.pull_changed(call.world, repository, call.login, pull, "edited", edited)
    if body.get("state") == "closed" and issue.state == "open":
        close(call.world, repository, pull, call.login)
    return Answer(200, pull_shape(call.world, repository, pull))


@endpoint("GET", _PULLS + "/{pull_number}/commits", "pull_requests:read")
def pull_commits(call: Call) -> Answer:
    pull = found_pull(call)
    commits = call.repository.git.commits("--reverse", f"{pull.base_sha}..{pull.head_sha}")
    return call.paged(commits, lambda record: commit_shape(call.world, call.repository, record))


@endpoint("GET", _PULLS + "/{pull_number}/files", "pull_requests:read")
def pull_files(call: Call) -> Answer:
    pull, git = found_pull(call), call.repository.git
    start = git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    changes = changed_files(git, start, pull.head_sha, patches=True)
    return call.paged(changes, lambda change: diff_entry(call.world, call.repository, pull.head_sha, change))


def _label(call: Call, pull: Pull) -> str:
    return f"{call.world.repositories[pull.head_repository].owner}:{pull.head_ref}"


def _head(call: Call) -> tuple[Repository, str]:
    """The repository and the branch that a `head` names: `branch`, or `owner:branch` of a fork."""
    owner, colon, branch = call.body["head"].rpartition(":")
    if not colon or owner == call.repository.owner:
        return call.repository, branch
    for fork in call.world.repositories.values():
        if fork.owner == owner and fork.fork_of == call.repository.full_name:
            return fork, branch
    raise refusals.validation_failed("PullRequest", "invalid", "head")


def _refuse_nothing_to_merge(repository: Repository, pull: Pull, head: str) -> None:
    if repository.git.merge_base(pull.base_sha, pull.head_sha) is None:
        message = f"The {head} branch has no history in common with {pull.base_ref}"
    elif repository.git.is_ancestor(pull.head_sha, pull.base_sha):
        message = f"No commits between {pull.base_ref} and {head}"
    else:
        return
    repository.git.delete_ref(f"refs/pull/{pull.number}/head")
    raise refusals.validation_failed("PullRequest", "custom", message=message)


def _reopen(call: Call, pull: Pull) -> None:
    repository = call.repository
    head_side = call.world.repositories[pull.head_repository]
    branch = head_side.git.resolve(f"refs/heads/{pull.head_ref}")
    if pull.merged_at or branch is None:
        message = "state cannot be changed. The pull request cannot be reopened."
        raise refusals.validation_failed("PullRequest", "invalid", "state", message)
    pull.issue.state, pull.issue.closed_at = "open", None
    pull.head_sha = branch
    follow(call.world, repository, pull, call.login)
    events.pull_changed(call.world, repository, call.login, pull, "reopened")


def _check_text(call: Call) -> None:
    refusals.too_long("PullRequest", "title", call.body.get("title"), _TITLE)
    refusals.too_long("PullRequest", "body", call.body.get("body"), _BODY)
