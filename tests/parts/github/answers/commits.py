"""Refs, git objects, commits, comparisons and changed files."""

from tests.parts.github.answers.people import api, node_id, page, simple_user
from tests.parts.github.bare import Commit, Entry, Person
from tests.parts.github.changes import FileChange
from tests.parts.github.world import Json, Repository, World


def git_ref(world: World, repository: Repository, ref: str, sha: str) -> Json:
    kind = repository.git.kind(sha) or "commit"
    return {
        "ref": ref,
        "node_id": node_id("Ref", ref),
        "url": api(world, repository, f"/git/{ref}"),
        "object": {"type": kind, "sha": sha, "url": api(world, repository, f"/git/{kind}s/{sha}")},
    }


def git_tree(world: World, repository: Repository, sha: str, entries: list[Entry]) -> Json:
    def shown(entry: Entry) -> Json:
        line: Json = {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha}
        if entry.size is not None:
            line["size"] = entry.size
        if entry.kind != "commit":
            line["url"] = api(world, repository, f"/git/{entry.kind}s/{entry.sha}")
        return line

    return {
        "sha": sha,
        "url": api(world, repository, f"/git/trees/{sha}"),
        "tree": [shown(entry) for entry in entries],
        "truncated": False,
    }


def verification(repository: Repository, sha: str) -> Json:
    """GitHub signs what it commits for an App, or by a merge; every other commit here is unsigned."""
    if sha in repository.signed_commits:
        signature = "-----BEGIN PGP SIGNATURE-----\nby the tests' GitHub\n-----END PGP SIGNATURE-----"
        return {
            "verified": True,
            "reason": "valid",
            "signature": signature,
            "payload": f"commit {sha}",
            "verified_at": "2020-01-01T00:00:00Z",
        }
    return {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def git_commit(world: World, repository: Repository, record: Commit) -> Json:
    """A commit as a git object."""
    return {
        "sha": record.sha,
        "node_id": node_id("Commit", record.sha),
        "url": api(world, repository, f"/git/commits/{record.sha}"),
        "html_url": page(world, repository, f"/commit/{record.sha}"),
        "author": _person(record.author),
        "committer": _person(record.committer),
        "message": record.message,
        "tree": {"sha": record.tree, "url": api(world, repository, f"/git/trees/{record.tree}")},
        "parents": [
            {
                "sha": parent,
                "url": api(world, repository, f"/git/commits/{parent}"),
                "html_url": page(world, repository, f"/commit/{parent}"),
            }
            for parent in record.parents
        ],
        "verification": verification(repository, record.sha),
    }


def commit(world: World, repository: Repository, record: Commit, changes: list[FileChange] | None = None) -> Json:
    """A commit as part of a history; `changes` are its files, shown when it is asked for alone."""
    address = api(world, repository, f"/commits/{record.sha}")
    shown: Json = {
        "url": address,
        "sha": record.sha,
        "node_id": node_id("Commit", record.sha),
        "html_url": page(world, repository, f"/commit/{record.sha}"),
        "comments_url": f"{address}/comments",
        "commit": {
            "url": api(world, repository, f"/git/commits/{record.sha}"),
            "author": _person(record.author),
            "committer": _person(record.committer),
            "message": record.message,
            "comment_count": 0,
            "tree": {"sha": record.tree, "url": api(world, repository, f"/git/trees/{record.tree}")},
            "verification": verification(repository, record.sha),
        },
        "author": _account(world, record.author),
        "committer": _account(world, record.committer),
        "parents": [
            {
                "sha": parent,
                "url": api(world, repository, f"/commits/{parent}"),
                "html_url": page(world, repository, f"/commit/{parent}"),
            }
            for parent in record.parents
        ],
    }
    if changes is not None:
        plus, minus = sum(c.additions for c in changes), sum(c.deletions for c in changes)
        shown["stats"] = {"additions": plus, "deletions": minus, "total": plus + minus}
        shown["files"] = [diff_entry(world, repository, record.sha, change) for change in changes]
    return shown


def diff_entry(world: World, repository: Repository, sha: str, change: FileChange) -> Json:
    entry: Json = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": page(world, repository, f"/blob/{sha}/{change.path}"),
        "raw_url": page(world, repository, f"/raw/{sha}/{change.path}"),
        "contents_url": api(world, repository, f"/contents/{change.path}?ref={sha}"),
    }
    if change.patch is not None:
        entry["patch"] = change.patch
    if change.previous:
        entry["previous_filename"] = change.previous
    return entry


def _person(person: Person) -> Json:
    return {"name": person.name, "email": person.email, "date": person.date.replace("+00:00", "Z")}


def _account(world: World, person: Person) -> Json | None:
    """The account that a commit's email belongs to: GitHub knows its own noreply addresses."""
    local, _, host = person.email.partition("@")
    if host != "users.noreply.github.com":
        return None
    return simple_user(world, local.partition("+")[2] or local)
