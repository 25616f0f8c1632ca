"""Where the registry lies: the repository around a place, and the folder in it."""

from pathlib import Path

from modelbook.adapters.git import Repository
from modelbook.errors import BadInput

FOLDER = "registry"


def find_registry(start: Path, named: str | None) -> tuple[Repository, str]:
    """The repository that holds the registry, and the registry's folder below its top.

    That is the folder `named` (in whatever repository it lies), or the nearest `registry` above `start`. Raises
    BadInput where there is none.
    """
    folder = start / named if named else start
    repository = Repository.find(folder if folder.is_dir() else start)
    if repository.bare:
        return repository, (named or FOLDER).strip("/")
    root = repository.root.resolve()
    if named:
        if not (folder / "policy.yaml").is_file():
            raise BadInput("no policy.yaml in this folder, so it is no registry", where=str(folder))
        return repository, folder.resolve().relative_to(root).as_posix()
    for above in [start.resolve(), *start.resolve().parents]:
        if (above / FOLDER / "policy.yaml").is_file():
            return repository, (above / FOLDER).relative_to(root).as_posix()
        if above == root:
            break
    raise BadInput(
        "there is no registry here (no registry/policy.yaml)",
        where=str(root),
        remedy="Make one with `modelbook init`, or name its folder with --registry or MODELBOOK_REGISTRY.",
    )
