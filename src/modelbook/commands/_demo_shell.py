"""The demo's own shell: shows a command, runs it for real, and stops if it does not end as told."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

from modelbook.commands._console import console
from modelbook.core.card import ModelCard
from modelbook.core.digests import digest_of
from modelbook.core.documents import load
from modelbook.errors import ModelbookError


class DemoShell:
    """Runs commands in the folder `root`, with a key and an identity of the demo's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = root.parent / "signing-key.pem"
        identity = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _WHO.items()}
        self._env = os.environ | identity | {"MODELBOOK_SIGNER": f"file:{self.key}", "MODELBOOK_FORGE": "git"}
        for name in ("MODELBOOK_REGISTRY", "GITHUB_ACTIONS"):
            self._env.pop(name, None)
        self._console = console()

    def tell(self, heading: str, *lines: str) -> None:
        """A heading, and lines below it."""
        self._console.print(f"\n[bold]{heading}.[/bold]")
        for line in lines:
            self.say(line)

    def say(self, line: str) -> None:
        """One line, as it is."""
        self._console.print(line, markup=False, soft_wrap=True)

    def modelbook(self, *args: str, expect: int = 0) -> str:
        """Run `modelbook args`, show and return what it prints."""
        return self._run([sys.executable, "-m", "modelbook", *args], ["modelbook", *args], expect)

    def offline(self, folder: str, *args: str) -> str:
        """Run `modelbook args` in `folder`, in a network of its own that leads nowhere, or say that it was not cut."""
        cut = cut_off()
        if not cut:
            self.say("# this machine lets nobody cut a command off from the network, so this one could reach it:")
        self._show(["cd", folder])
        command = [*cut, sys.executable, "-m", "modelbook", *args]
        return self._run(command, [*cut, "modelbook", *args], 0, self.root / folder)

    def killed_after_a_checkpoint(self, run: str, *args: str) -> None:
        """Start `modelbook args`, and kill it with all that it started once the store has a checkpoint of `run`."""
        self._show(["modelbook", *args])
        command = [sys.executable, "-m", "modelbook", *args]
        checkpoints = self.root / ".modelbook/store/runs" / run / "checkpoints"
        with subprocess.Popen(
            command, cwd=self.root, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None and not (checkpoints.is_dir() and any(checkpoints.iterdir())):
                time.sleep(0.005)
            for pid in (process.pid, *_children(process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._console.print("[cyan]# kill -9, while it trains[/cyan]")

    def python(self, *args: str) -> str:
        """Run `python args`."""
        return self._run([sys.executable, *args], ["python", *args], 0)

    def git(self, *args: str) -> str:
        """Run `git args`."""
        return self._run(["git", *args], ["git", *(arg for arg in args if arg != "--quiet")], 0)

    def _run(self, command: list[str], shown: list[str], expect: int, cwd: Path | None = None) -> str:
        self._show(shown)
        done = subprocess.run(
            command, cwd=cwd or self.root, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        text = done.stdout.decode(errors="replace")
        for line in text.splitlines():
            self.say(f"  {line}")
        if expect and done.returncode == expect:
            self._console.print(f"  [dim](exit status {done.returncode}: refused, as it should be)[/dim]")
        if done.returncode != expect:
            raise ModelbookError(
                f"this step of the demo ended with exit status {done.returncode}, not {expect}",
                where=shlex.join(shown),
                remedy=f"What it left is in {self.root}.",
            )
        return text

    def _show(self, command: list[str]) -> None:
        self._console.print(f"[cyan]$ {_escaped(shlex.join(command))}[/cyan]", soft_wrap=True)

    def copy_example(self, name: str) -> None:
        """Copy the files of an example into the folder, as a user would write them there."""
        inside = Path(str(files("modelbook"))) / "examples" / name
        source = inside if inside.is_dir() else Path(__file__).parents[3] / "examples" / name
        self._console.print(f"[cyan]$ cp examples/{name}/*.py .[/cyan]")
        for file in sorted(source.glob("*.py")):
            shutil.copy(file, self.root)

    def write(self, path: str, text: str) -> None:
        """Write a file, and show it."""
        self._console.print(f"[cyan]$ cat > {path}[/cyan]")
        for line in text.splitlines():
            self.say(f"  {line}")
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    @contextmanager
    def flipped(self, path: Path) -> Iterator[None]:
        """Inside the block, one bit in the middle of the file is not what it was."""
        self._console.print(f"[cyan]# flip one bit of {os.path.relpath(path, self.root)}[/cyan]", soft_wrap=True)
        original, mode = path.read_bytes(), path.stat().st_mode
        middle = len(original) // 2
        path.chmod(0o644)
        path.write_bytes(original[:middle] + bytes([original[middle] ^ 1]) + original[middle + 1 :])
        try:
            yield
        finally:
            path.write_bytes(original)
            path.chmod(mode)

    def run_of(self, version: str) -> str:
        """The run that a version was made by, as its card has it."""
        model, _, number = version.partition("@")
        path = self.root / f"registry/models/{model}/versions/{number}/card.yaml"
        return load(ModelCard, path.read_bytes(), str(path)).run.id

    def stored_weights(self, version: str) -> Path:
        """The file in the store that holds the weights of a version."""
        return self._weights(self.run_of(version))

    def weights_of_run(self, run: str) -> str:
        """The digest of a run's weights, as they lie in the store."""
        return digest_of(self._weights(run).read_bytes())

    def _weights(self, run: str) -> Path:
        return self.root / ".modelbook/store/runs" / run / "artifacts/model.safetensors"


def cut_off() -> list[str]:
    """What runs a command in a network of its own that leads nowhere; nothing where the machine does not allow it."""
    cut = ["unshare", "--net", "--map-root-user"]
    if shutil.which(cut[0]) is None or subprocess.run([*cut, "true"], capture_output=True, check=False).returncode:
        return []
    return cut


_WHO = {"NAME": "Ada Example", "EMAIL": "ada@example.org"}


def _children(pid: int) -> list[int]:
    """The processes that `pid` has started: the training has a session of its own."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(child) for child, parent in (line.split() for line in listed.splitlines()) if int(parent) == pid]


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
