"""The interpreter that a version is trained again by: with the recorded packages, or with those of this machine."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from modelbook.adapters.checkout import inside
from modelbook.adapters.virtual_environment import install_folders, make_environment, minor_version, outside
from modelbook.commands._console import say
from modelbook.commands._workspace import Workspace
from modelbook.core.card import ModelCard
from modelbook.core.digests import digest_of, hex_of
from modelbook.core.run_record import Environment
from modelbook.core.storage import key_in
from modelbook.errors import BadInput, IntegrityError, ModelbookError
from modelbook.training.child_environment import without_secrets
from modelbook.training.installed import installable
from modelbook.training.provenance import REQUIREMENTS

LIMIT = 4 * 1024 * 1024  # bytes of a lock file
HERE = "Train it with the packages of this machine: --environment machine."
_CAPTURE = """\
import sys
from pathlib import Path
from modelbook.training.provenance import locked_environment
print(locked_environment(Path(sys.argv[1]))[0].model_dump_json())
"""


def interpreter(
    workspace: Workspace, card: ModelCard, scratch: Path, *, own: bool
) -> tuple[Path, Mapping[str, str], Environment]:
    """An interpreter, what its processes are told, and what it is; `scratch` holds the checked out `code`.

    With `own` it has the packages of the recorded lock file, in an environment that is kept. What was installed from
    folders of the repository is installed from the checkout, either way: the working tree is not what was trained.
    Raises BadInput where the lock or the Python is not at hand, ModelbookError where pip fails.
    """
    # pip runs code of others while it installs: it sees nothing that signs, stores or speaks for somebody.
    environ = without_secrets(os.environ)
    told = {name: value for name, value in environ.items() if not name.startswith("AWS_")}
    python = Path(sys.executable)
    if own:
        python, environ = _own(workspace, card, told), outside(environ)
    if local := card.lineage.environment.local:
        target = scratch / "local"
        folders = [
            inside(scratch / "code", folder, f"the package {name} in {folder}") for name, folder in local.items()
        ]
        install_folders(python, folders, target, told)
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(target), environ.get("PYTHONPATH"))))
    return python, environ, _capture(python, scratch / "code", environ)


def _own(workspace: Workspace, card: ModelCard, environ: Mapping[str, str]) -> Path:
    python = card.lineage.environment.python
    sources = workspace.registry.policy.reproduce.sources
    lock = installable(recorded_file(workspace, card, REQUIREMENTS, LIMIT), REQUIREMENTS, sources)
    key = f"{minor_version(python)}-{hex_of(digest_of(lock))[:16]}"
    folder = workspace.repository.main_root / ".modelbook" / "environments" / key
    say(f"the recorded packages: {folder}", as_json=True)
    if lost := [name for name in card.lineage.environment.unlocked if name != "modelbook"]:
        say(f"warning: nobody can install these again: {', '.join(lost)}", as_json=True)
    return make_environment(lock, folder, python, environ)


def recorded_file(workspace: Workspace, card: ModelCard, path: str, limit: int) -> bytes:
    """A small artifact of a version. Raises BadInput where it has none of that name, IntegrityError for other bytes."""
    artifact = next((one for one in card.artifacts if one.path == path), None)
    if artifact is None:
        raise BadInput(f"no {path} was recorded with {card.model}@{card.version}", remedy=HERE)
    data = workspace.store.read_bytes(key_in(workspace.store.uri, artifact.uri), limit=limit)
    if digest_of(data) != artifact.digest:
        raise IntegrityError("the bytes are not those that the card names", where=artifact.uri)
    return data


def _capture(python: Path, code: Path, environ: Mapping[str, str]) -> Environment:
    command = [str(python), "-c", _CAPTURE, str(code)]
    asked = subprocess.run(command, env=environ, cwd=code.parent, capture_output=True, check=False)
    if asked.returncode:
        said = asked.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ModelbookError(f"these packages cannot run Modelbook: {''.join(said)}", where=str(python), remedy=HERE)
    try:
        return Environment.model_validate_json(asked.stdout.strip().rpartition(b"\n")[2])  # packages may talk before it
    except ValidationError:
        raise ModelbookError(
            "the Modelbook in these packages is another version", where=str(python), remedy=HERE
        ) from None
