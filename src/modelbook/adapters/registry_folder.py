"""Where the registry lies: the repository around a place, and the folder in it."""

from pathlib import Path
from typing import NamedTuple

from modelbook.adapters.git import Repository
from modelbook.adapters.git_refs import commit_of, tree_of
from modelbook.errors import BadInput

FOLDER = "registry"


class Place(NamedTuple):
    """The repository that holds a registry, and the registry's folder below its top.

    `rev` is the commit that a registry elsewhere was named with; None where the registry is one of this machine.
    """

    repository: Repository
    folder: str
    rev: str | None = None

    def commit(self, rev: str) -> str:
        """The commit that is meant by `--rev`, or by the name of a registry elsewhere. Raises BadInput."""
        return commit_of(self.repository, self.rev if self.rev and rev == "HEAD" else rev)


def is_elsewhere(named: str) -> bool:
    """Whether that names a registry which has to be fetched, and no folder."""
    return named.startswith("github:") or "://" in named


def find_registry(start: Path, named: str | None) -> Place:
    """Where the registry is that `named` names: a folder in whatever repository, or one elsewhere.

    Without a name it is the nearest `registry` above `start`. Raises BadInput where there is none.
    """
    if named and is_elsewhere(named):
        from modelbook.adapters.remote_registry import fetched, remote_of

        if remote := remote_of(named):
            return Place(fetched(remote), FOLDER, remote.rev)
    folder = start / named if named else start
    repository = Repository.find(folder if folder.is_dir() else start)
    if repository.bare:
        return Place(repository, (named or FOLDER).strip("/"))
    root = repository.root.resolve()
    if named:
        if not (folder / "policy.yaml").is_file():
            raise BadInput("no policy.yaml in this folder, so it is no registry", where=str(folder))
        return Place(repository, folder.resolve().relative_to(root).as_posix())
    for above in [start.resolve(), *start.resolve().parents]:
        if (above / FOLDER / "policy.yaml").is_file():
            return Place(repository, (above / FOLDER).relative_to(root).as_posix())
        if above == root:
            break
    if tree_of(repository, "HEAD", f"{FOLDER}/policy.yaml"):  # committed, and not checked out: a sparse clone, say
        return Place(repository, FOLDER)
    raise BadInput(
        "there is no registry here (no registry/policy.yaml)",
        where=str(root),
        remedy="Make one with `modelbook init`, or name its folder with --registry or MODELBOOK_REGISTRY.",
    )
