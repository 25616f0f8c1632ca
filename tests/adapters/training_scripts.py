"""Plans, stores and scripts for the tests of training: every script runs as a real process."""

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import modelbook
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.core.digests import digest_of
from modelbook.core.run_record import Code, DatasetUse, Environment
from modelbook.training.launch import LaunchPlan, LaunchResult, launch
from modelbook.training.run_config import RunPlan


def environment() -> dict[str, str]:
    """The environment as it is now; the tests may run from a checkout that is not installed."""
    return os.environ | {"PYTHONPATH": str(Path(modelbook.__file__).parents[1])}


ENVIRON = environment()
TRAIN = """
    import torch
    import modelbook

    run = modelbook.run()
    torch.set_num_threads(1)
    layer = torch.nn.Linear(4, 2)
    lr = run.param("lr", 0.1)
    for step in range(run.param("steps", 3)):
        loss = layer(torch.randn(8, 4)).square().mean()
        # By hand: torch.optim alone takes seconds to import.
        gradients = torch.autograd.grad(loss, list(layer.parameters()))
        with torch.no_grad():
            for weight, gradient in zip(layer.parameters(), gradients):
                weight -= lr * gradient
        run.log({"loss": loss}, step=step)
    run.checkpoint(layer.state_dict(), step=step, metric=loss, optimizer={"state": {0: gradients}, "lr": lr})
"""


class Bench:
    """One store, one folder for scripts, and a way to run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        self.store = DirectoryStore(folder / "store", f"file:{folder}/store")
        self.shown: dict[str, bytes] = {"stdout": b"", "stderr": b""}

    def write(self, text: str, name: str = "train.py") -> Path:
        path = self.folder / name
        path.write_text(textwrap.dedent(text))
        return path

    def plan(self, run: str = "r1", **more: Any) -> LaunchPlan:
        of_run: dict[str, Any] = {"params": {}, "seed": None, "code": Code(entry_point="train.py")}
        of_run |= {key: more.pop(key) for key in RunPlan.model_fields if key in more}
        plan = RunPlan(
            run=run,
            experiment="test",
            job="job",
            user="ada",
            environment=Environment(python="3.11", platform="Linux"),
            **of_run,
        )
        where: dict[str, Any] = {"entry_point": "train.py", "cwd": self.folder, "scratch": self.scratch}
        return LaunchPlan(run=plan, **(where | more))

    def launch(
        self,
        text: str,
        *,
        environ: Mapping[str, str] | None = None,
        grace: float = 10.0,
        patience: float = 5.0,
        **more: Any,
    ) -> LaunchResult:
        """Write `text` as train.py and run it as a run."""
        self.write(text)
        plan = self.plan(**more)
        return launch(
            plan, self.store, terminal=self.show, environ=environ or environment(), grace=grace, patience=patience
        )

    def show(self, name: str, data: bytes) -> None:
        self.shown[name] += data

    def keys(self, prefix: str) -> list[str]:
        return [info.key for info in self.store.list(prefix)]


def dataset_use(name: str) -> DatasetUse:
    return DatasetUse(dataset=name, version=1, digest=digest_of(b"card"))
