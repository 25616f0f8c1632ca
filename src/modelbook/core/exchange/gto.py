"""The tags by which GTO keeps a registry in git, and the runs that follow from them.

`model@v1.2.3` registers what the tagged commit holds, `model@v1.2.3!` takes that back; `model#stage` assigns the
version of the tagged commit to a stage, `model#stage!` takes that back; `model@deprecated` takes all of it back. Each
may end in `#N`. A model `name` of a folder is `folder=name` in a tag, and `folder:name` to people.
Source: https://github.com/iterative/gto
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelbook.core.addresses import without_credentials
from modelbook.core.exchange.imports import UNKNOWN, import_id, timestamp
from modelbook.core.records import StoredFile
from modelbook.core.run_record import Code, Environment, Imported, RunRecord
from modelbook.errors import BadInput

_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9/_-]*[a-zA-Z0-9])?"
_SEMVER = r"v(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_TAG = re.compile(
    rf"(?:(?P<folder>[a-zA-Z0-9_./-]+)=)?(?P<name>{_NAME})"
    rf"(?:#(?P<stage>{_NAME})(?P<unassigned>!?)|@(?P<version>{_SEMVER})(?P<deregistered>!?)|@(?P<deprecated>deprecated))"
    r"(?:#(?P<count>[0-9]+))?"
)
INDEXES = ("artifacts.yaml", "dvc.yaml")
"""Where an artifact's path is written: GTO's own file, and DVC's, which holds them below `artifacts`."""


@dataclass(frozen=True)
class GitTag:
    """An annotated tag: its name, the commit that it names, when (seconds since 1970) and by whom it was made."""

    name: str
    commit: str
    time: int
    by: str
    subject: str = ""


@dataclass(frozen=True)
class GtoVersion:
    """A version that is registered: `version` with its `v`, and the stages that it is assigned to now."""

    artifact: str
    folder: str
    version: str
    tag: GitTag
    stages: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As people write it there."""
        return f"{self.full_name}@{self.version}"

    @property
    def full_name(self) -> str:
        """The artifact with its folder, as GTO writes it."""
        return f"{self.folder}:{self.artifact}" if self.folder else self.artifact

    @property
    def run(self) -> str:
        """The id of the run that it becomes here."""
        return import_id("gto", self.full_name, self.version, self.tag.commit)


def versions_of(tags: Iterable[GitTag]) -> tuple[list[GtoVersion], list[str]]:
    """The versions that the tags register, in the order in which they were, and the names of those taken back."""
    found: dict[tuple[str, str], GtoVersion] = {}
    gone: list[str] = []
    assigned: dict[tuple[str, str], list[str]] = {}
    for tag, parts in sorted(
        ((tag, match.groupdict()) for tag in tags if (match := _TAG.fullmatch(tag.name))),
        key=lambda each: (each[0].time, int(each[1]["count"] or 0), each[0].name),
    ):
        folder, name, version = parts["folder"] or "", parts["name"], parts["version"]
        full = f"{folder}:{name}" if folder else name
        if parts["deprecated"]:
            gone += [found.pop(key).name for key in list(found) if key[0] == full]
        elif version and parts["deregistered"]:
            gone += [found.pop((full, version)).name] if (full, version) in found else []
        elif version:
            found[full, version] = GtoVersion(name, folder, version, tag)
        else:
            held = assigned.setdefault((full, parts["stage"]), [])
            held[:] = [commit for commit in held if commit != tag.commit]
            held += [] if parts["unassigned"] else [tag.commit]
    versions = []
    for (full, _), one in found.items():
        stages = [stage for (name, stage), held in assigned.items() if name == full and held[-1:] == [one.tag.commit]]
        versions.append(replace(one, stages=tuple(sorted(stages))))
    return versions, gone


def artifact_path(indexes: Mapping[str, Any], version: GtoVersion) -> str:
    """Where the artifact lies, from the top of the repository, by the parsed `indexes` of its commit.

    Raises BadInput where that is not said, or where it is no model.
    """
    for index in INDEXES:
        document = indexes.get(f"{version.folder}/{index}" if version.folder else index)
        entries = document.get("artifacts") if index == "dvc.yaml" and isinstance(document, dict) else document
        entry = entries.get(version.artifact) if isinstance(entries, dict) else None
        if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
            continue
        if entry.get("type") not in {None, "model"}:
            raise BadInput(f"it is a {entry['type']}, not a model. Add data with `modelbook data add`.")
        path = entry["path"].strip("/")
        if "://" in path or ".." in path.split("/"):
            raise BadInput(f"it lies at {without_credentials(path)!r}, outside its repository.")
        return f"{version.folder}/{path}" if version.folder else path
    raise BadInput("no artifacts.yaml and no dvc.yaml of its commit says where it lies (`gto annotate … --path`).")


def record_of(version: GtoVersion, files: Iterable[StoredFile], *, repository: str | None) -> RunRecord:
    """The record of the run that `version` becomes; `repository` is the address that others reach it by."""
    tag = version.tag
    address = without_credentials(repository) if repository else None
    return RunRecord(
        id=version.run,
        experiment=UNKNOWN,
        job=f"gto:{tag.commit}",
        user=tag.by or UNKNOWN,
        # When it was trained is not known: it was there when it was tagged.
        started=timestamp(tag.time),
        ended=timestamp(tag.time),
        tags=(version.version,) if len(version.version) <= 64 else (),
        imported=Imported(
            source="gto", registry=address, model=version.full_name, version=version.version, aliases=version.stages
        ),
        code=Code(repository=address, commit=tag.commit, entry_point=UNKNOWN),
        environment=Environment(python=UNKNOWN, platform=UNKNOWN),
        artifacts=tuple(files),
    )


def description_of(version: GtoVersion) -> str:
    """What the card says of where it comes from."""
    own = f"\n\n{version.tag.subject}" if version.tag.subject else ""
    known = "Not known: when, by what script and on what data and machine it was trained."
    return f"Imported from GTO: {version.name}, at its commit {version.tag.commit}.\n{known}{own}"[:10_000]
