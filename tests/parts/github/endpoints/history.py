"""Branches, commits and what lies between two of them."""

from tests.parts.github import refusals
from tests.parts.github.answers.commits import commit as commit_shape
from tests.parts.github.answers.commits import diff_entry
from tests.parts.github.answers.people import api, page
from tests.parts.github.answers.pulls import pull_simple
from tests.parts.github.changes import EMPTY_TREE, changed_files
from tests.parts.github.routes import Answer, Call, endpoint

_REPO = "/repos/{owner}/{repo}"
_HEADS = "refs/heads/"


@endpoint("GET", _REPO + "/branches", "contents:read")
def branches(call: Call) -> Answer:
    found = [
        (ref.removeprefix(_HEADS), sha) for ref, sha in call.repository.git.refs().items() if ref.startswith(_HEADS)
    ]

    def shown(branch: tuple[str, str]) -> dict[str, object]:
        name, sha = branch
        address = api(call.world, call.repository, f"/commits/{sha}")
        return {"name": name, "commit": {"sha": sha, "url": address}, "protected": _protected(call, name)}

    return call.paged(found, shown)


@endpoint("GET", _REPO + "/branches/{branch}", "contents:read")
def branch(call: Call) -> Answer:
    name = call.arguments["branch"]
    sha = call.repository.git.refs().get(_HEADS + name)
    if sha is None:
        raise refusals.Refusal(404, "Branch not found")
    address = api(call.world, call.repository, f"/branches/{name}")
    shown = {
        "name": name,
        "commit": commit_shape(call.world, call.repository, call.repository.git.commit(sha)),
        "_links": {"self": address, "html": page(call.world, call.repository, f"/tree/{name}")},
        "protected": _protected(call, name),
        "protection": _protection(call, name),
        "protection_url": f"{address}/protection",
    }
    return Answer(200, shown)


@endpoint("GET", _REPO + "/commits", "contents:read")
def commits(call: Call) -> Answer:
    git = call.repository.git
    start = git.resolve(call.query.get("sha", call.repository.default_branch))
    if start is None:
        raise refusals.Refusal(409, "Git Repository is empty.") if not git.refs() else refusals.not_found()
    limits = [f"--{name}={call.query[name]}" for name in ("since", "until") if name in call.query]
    paths = ["--", call.query["path"]] if "path" in call.query else []
    ids = git.git("rev-list", *limits, start, *paths).decode().split()
    return call.paged(ids, lambda sha: commit_shape(call.world, call.repository, git.commit(sha)))


@endpoint("GET", _REPO + "/commits/{ref}", "contents:read")
def commit(call: Call) -> Answer:
    record = call.repository.git.commit(call.commit("ref"))
    before = record.parents[0] if record.parents else EMPTY_TREE
    changes = changed_files(call.repository.git, before, record.sha, patches=True)
    return Answer(200, commit_shape(call.world, call.repository, record, changes))


@endpoint("GET", _REPO + "/commits/{commit_sha}/pulls", "pull_requests:read")
def pulls_of_commit(call: Call) -> Answer:
    sha, git = call.commit("commit_sha"), call.repository.git
    found = [
        pull
        for pull in call.repository.pulls.values()
        if sha == pull.merge_commit_sha
        or (git.is_ancestor(sha, pull.head_sha) and not git.is_ancestor(sha, pull.base_sha))
        or sha == pull.head_sha
    ]
    return call.paged(found, lambda pull: pull_simple(call.world, call.repository, pull))


@endpoint("GET", _REPO + "/compare/{basehead}", "contents:read")
def compare(call: Call) -> Answer:
    git = call.repository.git
    names = call.arguments["basehead"].split("...")
    base, head = (git.resolve(name.rpartition(":")[2]) for name in names) if len(names) == 2 else (None, None)
    if base is None or head is None:
        raise refusals.not_found()
    fork = git.merge_base(base, head)
    if fork is None:
        raise refusals.Refusal(404, f"No common ancestor between {names[0]} and {names[1]}.")
    ahead, behind = git.count(base, head), git.count(head, base)
    status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
    html = page(call.world, call.repository, f"/compare/{call.arguments['basehead']}")
    chosen, headers = call.slice(git.commits("--reverse", f"{base}..{head}"))
    shown = {
        "url": api(call.world, call.repository, f"/compare/{call.arguments['basehead']}"),
        "html_url": html,
        "permalink_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": commit_shape(call.world, call.repository, git.commit(base)),
        "merge_base_commit": commit_shape(call.world, call.repository, git.commit(fork)),
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [commit_shape(call.world, call.repository, record) for record in chosen],
        "files": [
            diff_entry(call.world, call.repository, head, change)
            for change in changed_files(git, fork, head, patches=True)[:300]  # as GitHub does, and says nowhere in it
        ],
    }
    return Answer(200, shown, headers)


def _protected(call: Call, name: str) -> bool:
    repository = call.repository
    required = repository.required_checks or repository.required_approvals or repository.protection
    return bool(required or repository.rulesets) and name == call.repository.default_branch


def _protection(call: Call, name: str) -> dict[str, object]:
    contexts = call.repository.required_checks if _protected(call, name) else []
    checks = [{"context": context, "app_id": None} for context in contexts]
    level = "non_admins" if contexts else "off"
    required = {"enforcement_level": level, "contexts": contexts, "checks": checks}
    return {"enabled": _protected(call, name), "required_status_checks": required}
