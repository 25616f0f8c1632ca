"""The command line, each command in a process of its own that need not import everything anew.

A server process has imported the verbs; it forks once a command. What starts with a bare interpreter is held where a
test starts `python -m modelbook` itself, and by the workflows.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelbook import cli

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([cli.module_of(verb) for verb in cli.VERBS])


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def run_modelbook(args: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Done:
    """Run `modelbook args` in `cwd` with nothing but `env` around it, and nothing on its standard input."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        process = _FORKS.Process(target=_command, args=(list(args), str(cwd), dict(env), [out.name, err.name]))
        process.start()
        process.join()
        assert process.exitcode is not None
        return Done(process.exitcode, out.read().decode(), err.read().decode())


def _command(args: list[str], cwd: str, env: dict[str, str], streams: list[str]) -> None:
    """What the forked process does; it ends with the command's exit code."""
    for number, path in enumerate(streams, 1):
        os.dup2(os.open(path, os.O_WRONLY), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["modelbook", *args]
    cli.main()
