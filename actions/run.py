"""One step of a workflow: `python3 run.py VERB` runs the modelbook verb with what the step's inputs say.

An action hands its inputs over as variables named MODELBOOK_INPUT_…, so that no input is ever part of a script. The
tool that runs is the one of this checkout: the action's ref is the tool's version. Standard library only, since
nothing is installed yet when it starts.
"""

# What an older Python would not understand stands in annotations only, so that it still gets to say so.
from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "MODELBOOK_INPUT_"
# pip runs code of others while it installs: it sees nothing that signs, stores or speaks for this job.
SECRET = ("AWS_", "MODELBOOK_", "GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_")


def main(verb: str, installed: bool) -> int:
    """Install this checkout's modelbook where it is missing, and run `verb`. Gives the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it starts on whatever python3 is
        fail(f"modelbook needs Python 3.11 or newer, and python3 is {sys.version.split()[0]}: use actions/setup-python")
    missing = [extra for extra, package in extras(verb) if importlib.util.find_spec(package) is None]
    if same_as_checkout(importlib.util.find_spec("modelbook")) and not missing:
        return run(verb)
    if externally_managed():
        again(venv_python(), verb)
    if installed:
        fail(f"pip did not install {missing[0] if missing else 'the modelbook of this checkout'}")
    install(missing)
    again(sys.executable, verb, "installed")


def same_as_checkout(found: Any | None) -> bool:
    """Whether the modelbook that would be imported is, byte for byte, that of this checkout."""
    places = list(found.submodule_search_locations or []) if found else []
    return bool(places) and digests(Path(places[0])) == digests(ROOT / "src" / "modelbook")


def digests(package: Path) -> dict[str, str]:
    """The sha256 of every file of a package by its path, without what Python itself writes there.

    The examples that an installed one carries for its demo lie elsewhere in the checkout, and nothing imports them.
    """
    files = {path.relative_to(package): path for path in package.rglob("*") if path.is_file()}
    own = {str(name): path for name, path in files.items() if not {"__pycache__", "examples"} & set(name.parts)}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in own.items()}


def extras(verb: str) -> list[tuple[str, str]]:
    """What modelbook needs here beside itself: the names of extras, each with a package that it brings.

    Sigstore, where this step signs keyless or the registry trusts it; Optuna, where a sweep asks for it;
    matplotlib, where it draws; what a site takes, where one is made.
    """
    signer = os.environ.get(f"{PREFIX}SIGNER") or os.environ.get("MODELBOOK_SIGNER") or ""
    registry = os.environ.get(f"{PREFIX}REGISTRY") or "registry"
    places = (Path.cwd(), *Path.cwd().parents)
    trusts = any((place / registry / "trusted_root.json").is_file() for place in places)
    wanted = [("sigstore", "sigstore")] if trusts or signer.startswith("sigstore:") else []
    wanted += [("sweep", "optuna")] if verb in ("sweep-trial", "sweep-report") else []
    wanted += [("site", "lets_plot")] if verb.startswith("site-") else []
    return wanted + ([("matplotlib", "matplotlib")] if os.environ.get(f"{PREFIX}PLOTS") else [])


def externally_managed() -> bool:
    """Whether this Python belongs to the operating system, which asks pip to keep out (PEP 668)."""
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    return sys.prefix == sys.base_prefix and marker.exists()


def venv_python() -> str:
    """The Python of this job's own environment, which sees what the system's Python has."""
    folder = Path(os.environ.get("RUNNER_TEMP") or tempfile.mkdtemp()) / "modelbook-venv"
    python = folder / "bin" / "python"
    if not python.exists():
        call("making an environment", "-P", "-m", "venv", "--system-site-packages", str(folder))
    return str(python)


def install(extras: Sequence[str]) -> None:
    """Install this checkout and the extras, with the exact versions that it was tested with."""
    options = ["--quiet", "--disable-pip-version-check", "--constraint", str(ROOT / "constraints.txt")]
    call(
        "installing modelbook",
        "-P",
        "-m",
        "pip",
        "install",
        *options,
        f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT),
    )


def call(what: str, *arguments: str) -> None:
    """Run this Python. `-P` among the arguments: the workspace is a caller's, and nothing in it may be imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SECRET)}
    done = subprocess.run([sys.executable, *arguments], env=kept, stdout=sys.stderr, check=False)
    if done.returncode:
        fail(f"{what} failed with exit status {done.returncode}: see above")


def again(python: str, verb: str, *flag: str) -> NoReturn:
    sys.stdout.flush()
    os.execv(python, [python, __file__, verb, *flag])  # noqa: S606 - no shell is the point


def run(verb: str) -> int:
    """Run the verb with the options that the inputs say."""
    from modelbook import cli

    arguments = [*verb.split("-"), *arguments_of(command_of(cli.cli, verb).params, os.environ)]
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    print(shown(arguments), flush=True)
    return cli.run(arguments)


def command_of(command: Any, verb: str) -> Any:
    """The command that a verb names; `env-check` is the command `check` of `env`."""
    import click

    for word in verb.split("-"):
        command = command.get_command(click.Context(command), word) if hasattr(command, "get_command") else None
        if command is None:
            fail(f"modelbook has no verb {verb!r}")
    return command


def shown(arguments: Sequence[str]) -> str:
    """The command on one line: an input whose own line began with `::` would be a command to the runner."""
    return f"$ modelbook {shlex.join(arguments)}".replace("\n", "\\n").replace("\r", "\\r")


def arguments_of(params: Sequence[Any], environment: Mapping[str, str]) -> list[str]:
    """What to write after the verb. An empty input is one that was not given; an unknown one is refused."""
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value.strip()}
    options: list[str] = []
    positional: list[str] = []
    for param in params:
        name = input_name(param)
        value = given.pop(PREFIX + name.upper().replace("-", "_"), "")
        if not value:
            continue
        if param.param_type_name == "argument":
            positional += several(value) if param.nargs == -1 else [value]
        elif param.is_flag:
            if value not in ("true", "false"):
                fail(f"the input {name} is {value!r}: write true or false")
            options += [f"--{name}"] if value == "true" else []
        else:
            options += [f"--{name}={one}" for one in (several(value) if param.multiple else [value])]
    if given:
        fail(f"no option of this verb: {', '.join(sorted(name[len(PREFIX) :].lower() for name in given))}")
    return [*options, "--", *positional] if positional else options


def input_name(param: Any) -> str:
    """The name of the input that stands for an option (its long form), or for an argument (as help shows it)."""
    if param.param_type_name == "argument":
        return re.sub(r"[^a-z-]", "", (param.metavar or param.name).lower())
    return str(max(param.opts, key=len)).lstrip("-")


def several(value: str) -> list[str]:
    """The values of an input that takes several: one a line, or on a single line with spaces between them."""
    parts = value.splitlines() if "\n" in value else value.split()
    return [part.strip() for part in parts if part.strip()]


def fail(message: str) -> NoReturn:
    print(f"::error::{message}".replace("\n", "%0A"), flush=True)
    sys.exit(2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "installed" in sys.argv[2:]))
