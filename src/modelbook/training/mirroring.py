"""`python -m modelbook.training.mirroring FOLDER`: show in MLflow what the run of a private folder logs.

It ends when its standard input does: the run is over then, or whoever logged it has died.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from select import select

from modelbook.adapters.mlflow_run import MlflowRun
from modelbook.adapters.open_store import open_store
from modelbook.core.exchange.mlflow_view import STATUS, View, view_of, without_user_info
from modelbook.core.records import StoredFile
from modelbook.core.runs.run_log import NoteWritten, decode
from modelbook.core.storage import file_key
from modelbook.errors import Exit, ModelbookError
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.mirror import CAUGHT_UP
from modelbook.training.run_config import FILE_NAME, RunConfig, read_config
from modelbook.training.run_folder import RunFolder

_CHUNK = 1024 * 1024  # bytes of log that are shown at once
_INTERVAL = 1.0  # seconds between two looks at the log
_LONGEST_PAUSE = 30.0
_LARGEST = 32 * 1024 * 1024  # bytes; a larger file of the run is not copied


class Mirroring:
    """Reads the log from its beginning; every method may fail and be called again."""

    def __init__(self, folder: RunFolder, config: RunConfig) -> None:
        self._folder, self._config = folder, config
        self._store = open_store(config.store, base=folder.path)
        self._mlflow = MlflowRun(config.plan.experiment, config.plan.run, self._warn)
        self._offset = 0
        # MLflow's client talks on standard output, which is where answers go.
        self._answers = os.dup(1)
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        self._warned = self._ended = False

    def run(self) -> None:
        """Until standard input ends, or ends again while MLflow fails."""
        pause, asked, listening = 0.0, 0, True
        while True:
            shown = self._show_all()
            if asked and (shown or self._warned):
                with suppress(BrokenPipeError):  # whoever asked has died
                    os.write(self._answers, CAUGHT_UP * asked)
                asked = 0
            if not listening:
                break
            pause = 0.0 if shown else min(max(2 * pause, _INTERVAL), _LONGEST_PAUSE)
            if select([0], [], [], pause or _INTERVAL)[0]:
                word = os.read(0, 1)
                asked, listening = asked + len(word), bool(word)
        if not self._ended:
            end = self._folder.read_end()  # it joins the log last of all, and somebody else may do that later
            self._show(View(status=STATUS[end.status if end else "killed"]), {})

    def _show_all(self) -> bool:
        while data := self._folder.read_log(self._offset, _CHUNK):
            view = view_of(decode(data, str(self._folder.path)), self._config.plan.run, self._config.store)
            files = {file.path: file for file in view.files if file.size <= _LARGEST}
            view.files = list(files.values())
            if not self._show(view, files):
                return False
            self._ended = self._ended or view.status is not None
            self._offset += len(data)
        return True

    def _show(self, view: View, files: dict[str, StoredFile]) -> bool:
        with tempfile.TemporaryDirectory(prefix="modelbook-mlflow-") as scratch:

            def fetch(path: str) -> Path:
                file, target = files[path], Path(scratch, path)
                if not target.exists():
                    key = file_key(self._config.plan.run, path, file.digest)
                    self._store.fetch(key, target, digest=file.digest, size=file.size)
                return target

            try:
                self._mlflow.add(view, fetch)
            except Exception as error:  # noqa: BLE001 - whatever the client raises, the training is not to know
                first = str(error).strip().splitlines()[:1]
                self._warn(f"MLflow does not show this run: {''.join(first) or type(error).__name__}")
                return False
        return True

    def _warn(self, text: str) -> None:
        """One note a run: what is wrong with MLflow is wrong with it every second."""
        if self._warned:
            return
        self._warned = True
        text = without_user_info(text)[:500]  # the note goes wherever the run's log goes
        print(f"modelbook: {text}", file=sys.stderr)
        self._folder.append(NoteWritten(time=timestamp(utc_now()), text=text))


def main(arguments: Sequence[str]) -> int:
    """The exit code: see `modelbook.errors.Exit`."""
    [path] = map(Path, arguments)
    try:
        config = read_config(path / FILE_NAME)
        Mirroring(RunFolder(path), config).run()
    except ModelbookError as error:
        print(f"modelbook: MLflow does not show this run: {error}", file=sys.stderr)
        return error.exit_code
    return Exit.YES


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
