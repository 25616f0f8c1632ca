"""What holds of every import: how a foreign name becomes ours, and which files may come."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from modelbook.core.names import MAX_NAME, check_name
from modelbook.core.records import FilePath
from modelbook.core.runs.pickles import looks_like_pickle
from modelbook.errors import BadInput

UNKNOWN = "unknown"
"""What a record says where the other registry says nothing and ours asks for a word."""

CONVERT = (
    "Load it once, where you trust it, and save it with safetensors; register that there as a new version, and "
    "import again."
)
_PATH: TypeAdapter[str] = TypeAdapter(FilePath)


def our_name(foreign: str) -> str:
    """The name of the registered model here: `Fraud Detector` becomes `fraud-detector`.

    Raises BadInput where nothing is left of it.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", foreign.lower()).strip("-")[:MAX_NAME].strip("-")
    return check_name(plain or foreign, "registered model")


def names_here(foreign: Iterable[str], chosen: str | None = None) -> dict[str, str]:
    """Our name of each foreign model; `chosen` is that of the only one.

    Raises BadInput where two would get the same.
    """
    here: dict[str, str] = {}
    for model in dict.fromkeys(foreign):
        name = chosen or our_name(model)
        if twin := next((other for other, taken in here.items() if taken == name), None):
            message = f"{twin!r} and {model!r} would both be {name!r} here"
            raise BadInput(message, remedy="Import one at a time, and name it with --as.")
        here[model] = name
    return here


def timestamp(seconds: int) -> str:
    """Seconds since 1970 as records write a time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def import_id(source: str, model: str, version: str, *identity: object) -> str:
    """The run id of what is imported: the same whenever the same version is imported again, of nothing else.

    `identity` is what tells it from a version of the same name and number elsewhere.
    """
    digits = hashlib.sha256(json.dumps([source, model, version, *identity]).encode()).hexdigest()[:12]
    plain = re.sub(r"[^a-z0-9]+", "-", f"{our_name(model)[:40]}-{version}".lower()).strip("-")[:60]
    return f"{source}-{plain}-{digits}"


def files_problem(paths: Sequence[str]) -> str | None:
    """Why files of these names cannot become a version, as far as names tell; None if they may."""
    if not paths:
        return "it has no files"
    for path in paths:
        if why := looks_like_pickle(b"", path):
            return f"{path} {why}, and loading that may run code. {CONVERT}"
    for path in paths:
        try:
            _PATH.validate_python(path)
        except ValidationError:
            return f"{path!r} is not a name that a file of a model may have here. Rename it there."
    if not any(path.endswith(".safetensors") for path in paths):
        return f"it has no weights in safetensors. {CONVERT}"
    return None


def pinned(requirements: Iterable[str]) -> dict[str, str]:
    """The packages that a requirements file names with their exact version; what is not exact is not known."""
    form = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([A-Za-z0-9][A-Za-z0-9.!+_-]*)")
    found = (form.fullmatch(line.partition("#")[0].partition(";")[0].strip()) for line in requirements)
    return {match[1]: match[2] for match in found if match}
