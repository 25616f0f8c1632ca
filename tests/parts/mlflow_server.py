"""A real MLflow server on loopback, over SQLite and a folder, of MLflow's client package and what it asks for."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

START_SECONDS = 100  # it makes its database table by table, on a machine that does other things as well
_ANNOUNCES = re.compile(r"running on (http://127\.0\.0\.1:[0-9]+)")


class MlflowServer:
    """A server process group, from `with` to the end of its block; it chooses its port itself."""

    endpoint = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.database = f"sqlite:///{folder}/mlflow.db"

    def __enter__(self) -> Self:
        folder = self._folder
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", "0", "--workers", "1"]
        command += [
            "--backend-store-uri",
            self.database,
            "--artifacts-destination",
            f"{folder}/files",
        ]
        env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8"}
        # Its jobs have a process of their own, which takes as long to start as all else, and nobody asks for one.
        env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # it starts others, and all are to end together
        )
        self._log: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        if not self._listening.wait(START_SECONDS) or not self.endpoint:
            self.__exit__()
            raise RuntimeError("MLflow did not start:\n" + "".join(self._log))
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def runs(self, experiment: str) -> list[Any]:
        """All runs of an experiment, as MLflow's own client reads them."""
        from mlflow import MlflowClient

        client = MlflowClient(self.endpoint)
        found = client.get_experiment_by_name(experiment)
        return list(client.search_runs([found.experiment_id])) if found else []

    def history(self, run: str, metric: str) -> list[tuple[int, float]]:
        """The values of a metric with their steps."""
        from mlflow import MlflowClient

        points = MlflowClient(self.endpoint).get_metric_history(run, metric)
        return sorted((point.step, point.value) for point in points)

    def file(self, run: str, path: str, folder: Path) -> bytes:
        """A file that MLflow keeps."""
        from mlflow import MlflowClient

        return Path(MlflowClient(self.endpoint).download_artifacts(run, path, str(folder))).read_bytes()

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.append(line)
            if found := _ANNOUNCES.search(line):
                self.endpoint = found[1]
                self._listening.set()
        self._listening.set()  # the process ended: whoever waits for its port must not wait on
