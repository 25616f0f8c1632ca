"""What is installed for this interpreter, and the requirements file that installs it again."""

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from modelbook.core.addresses import without_credentials
from modelbook.errors import BadInput

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9]+([._+!-][A-Za-z0-9]+)*")
# Nothing that could end the line or begin another word, nor `${NAME}`, which pip would replace by a variable's value.
_URL = re.compile(r"[a-z][a-z0-9+.-]*:[!#%-\[\]-~]+")
_ABOUT = re.compile(r"^(Name|Version):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_OBJECT_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CLIMBS = re.compile(r"/(\.|%2e){1,2}(?=[/@#?]|$)", re.IGNORECASE)
_HEAD = """\
# What was installed where this model was trained. To install it again:
#   python -m pip install --no-deps -r requirements.txt
"""


@dataclass(frozen=True)
class Installed:
    """One distribution, by its normalised name (PEP 503).

    `requirement` is a line that installs it again, None where there is no such line; then `folder` is the folder that
    it was installed from, if it was one.
    """

    name: str
    version: str
    requirement: str | None
    folder: Path | None = None


def installed(path: Iterable[str] | None = None) -> tuple[Installed, ...]:
    """Every distribution on `path`, by default Python's own, sorted by name; of two by one name the first counts."""
    found: dict[str, Installed] = {}
    for distribution in importlib.metadata.distributions(path=list(sys.path if path is None else path)):
        # A broken installation leaves folders without a name or without metadata; they are no distribution.
        about = _about(distribution)
        name, version = about.get("Name"), about.get("Version")
        if name and version:
            normal = re.sub(r"[-_.]+", "-", name).lower()
            if normal not in found:
                found[normal] = _from_source_tree(distribution, normal, version) or _installed(
                    normal, version, distribution.read_text("direct_url.json"), distribution.read_text("INSTALLER")
                )
    return tuple(found[name] for name in sorted(found))


def _about(distribution: importlib.metadata.Distribution) -> dict[str, str]:
    """Name and version as a distribution says them; `Distribution.metadata` parses its whole text at each look."""
    files = ("METADATA", "PKG-INFO", "")
    text = next(filter(None, map(distribution.read_text, files)), "")
    return dict(reversed(_ABOUT.findall(text.partition("\n\n")[0])))  # of two by one name the first counts


def _from_source_tree(distribution: importlib.metadata.Distribution, name: str, version: str) -> Installed | None:
    """What `setup.py develop`, or a build, leaves beside the source: importable from there, and installed nowhere."""
    around = Path(str(distribution.locate_file("")))
    if any((around / file).is_file() for file in ("pyproject.toml", "setup.py", "setup.cfg")):
        return Installed(name, version, None, around)
    return None


def _installed(name: str, version: str, direct_url: str | None, installer: str | None) -> Installed:
    if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
        return Installed(name, version, None)
    # conda records where it built a package; what anybody can install is the version.
    if not direct_url or (installer or "").strip() == "conda":
        return Installed(name, version, f"{name}=={version}")
    try:
        origin = json.loads(direct_url)
        folder = Path(unquote(urlsplit(origin["url"]).path)) if "dir_info" in origin else None
        return Installed(name, version, _direct(name, origin), folder)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Installed(name, version, None)


def _direct(name: str, origin: dict[str, Any]) -> str | None:
    """The line for what was installed from a URL (PEP 610), if anybody else could do the same."""
    url = without_credentials(origin["url"])
    if url.startswith("file:") or not origin["url"].isprintable():
        return None
    below = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
    if vcs := origin.get("vcs_info"):
        kind, commit = vcs["vcs"], vcs["commit_id"]
        line = f"{name} @ {kind}+{url}@{commit}{below}"
        exact = kind == "git" and _OBJECT_ID.fullmatch(commit)
        return line if exact and _URL.fullmatch(line.partition(" @ ")[2]) else None
    if (archive := origin.get("archive_info")) is None:
        return None
    digits = (archive.get("hashes") or {}).get("sha256") or archive.get("hash", "").removeprefix("sha256=")
    parts = [f"sha256={digits}"] if _SHA256.fullmatch(digits) else []
    parts += [below.removeprefix("#")] if below else []
    line = f"{name} @ {url}" + ("#" + "&".join(parts) if parts else "")
    return line if _URL.fullmatch(line.partition(" @ ")[2]) else None


def requirements(distributions: Iterable[Installed]) -> bytes:
    """The requirements file: an exact line for each, a comment for what no line can install again. ASCII.

    The same bytes for the same distributions.
    """
    lines = [each.requirement or f"# {_plain(each)}: {_why(each)}" for each in distributions]
    return (_HEAD + "".join(f"{line}\n" for line in lines)).encode()


def installable(lock: bytes, where: str, sources: Sequence[str]) -> bytes:
    """The lines of a requirements file that install something, if they are such as `requirements` writes.

    Raises BadInput for any other, since pip reads options there too, and for a URL that begins with none of `sources`.
    """
    lines = []
    # Split as pip splits it: not at line feeds alone.
    for number, line in enumerate(lock.decode("ascii", errors="replace").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        name, _, url = line.partition(" @ ")
        _, _, version = line.partition("==")
        if not (_NAME.fullmatch(name) and _URL.fullmatch(url)) and not (
            _NAME.fullmatch(line.removesuffix(f"=={version}")) and _VERSION.fullmatch(version)
        ):
            raise BadInput(
                f"{line[:100]!r} is no exact line for one package",
                where=where,
                line=number,
                remedy="Modelbook wrote no such line. Use what this machine has: --environment machine.",
            )
        if url and (_CLIMBS.search(url) or not url.startswith(tuple(sources))):
            raise BadInput(
                f"{name} comes from {url[:200]}, which policy.yaml does not allow",
                where=where,
                line=number,
                remedy=f"Allow it there, as in `reproduce: {{sources: [{url.rpartition('/')[0]}/]}}`, or use what this "
                "machine has: --environment machine.",
            )
        lines.append(line)
    return "".join(f"{line}\n" for line in lines).encode()


def _plain(each: Installed) -> str:
    # The words are those of a package's author: none of them may end the comment.
    return re.sub(r"[^!-~]+", "?", f"{each.name}=={each.version}")[:200]


def _why(each: Installed) -> str:
    came = "from a folder" if each.folder else "from a file, or in a way that was not recorded"
    return f"installed {came}, so that no line can install it again"
