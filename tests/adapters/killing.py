"""Trainings that are killed again and again, at moments chosen by a seed, until they complete."""

import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from modelbook.core.runs.run_log import CheckpointRestored, CheckpointStored
from modelbook.core.runs.run_state import replay
from modelbook.core.storage import checkpoint_key
from modelbook.training.run_folder import RunFolder
from modelbook.training.run_reader import read_events, read_record
from tests.adapters.training_scripts import ENVIRON, Bench

STEPS = 60
SAVING = f"""
    import os, time
    import torch
    import modelbook

    class Momentum:
        def __init__(self, layer):
            self.weights = list(layer.parameters())
            self.speed = [torch.zeros_like(weight) for weight in self.weights]
            self.rate = 0.1

        def step(self, loss):
            with torch.no_grad():
                for weight, speed, slope in zip(self.weights, self.speed, torch.autograd.grad(loss, self.weights)):
                    weight -= self.rate * speed.mul_(0.9).add_(slope)
            self.rate *= 0.99

        def state_dict(self):
            return {{"speed": self.speed, "rate": self.rate}}

        def load_state_dict(self, state):
            self.speed, self.rate = state["speed"], state["rate"]

    run = modelbook.run()
    torch.set_num_threads(1)
    layer = torch.nn.Linear(64, 64)
    momentum = Momentum(layer)
    saver = run.checkpoints(model=layer, momentum=momentum, every=3, metric="loss", mode="min")
    begin = saver.restore() or 0
    print("from", begin, os.getpid(), flush=True)
    for step in range(begin, run.param("steps", {STEPS})):
        loss = layer(torch.randn(8, 64)).square().mean()
        momentum.step(loss)
        time.sleep(0.01)  # a step's work, so that a kill can fall into it
        run.log({{"loss": loss}}, step=step)
        saver.step(step, {{"loss": loss}} if step % 7 == 0 else None)
    run.save_weights(layer.state_dict())
"""
_DRIVER = """
import os, sys
from pathlib import Path
from modelbook.training.launch import launch
from tests.adapters.training_scripts import Bench

bench = Bench(Path(sys.argv[1]))
launch(bench.plan(sys.argv[2], seed=1), bench.store, environ=os.environ)
"""


class Campaign:
    """Kills either the training, or the training and its launcher, as when the machine goes down."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.kills = 0
        self.completed: list[str] = []  # runs
        self._run = ""
        self._latest = -1  # the step of the run's newest checkpoint that was ever whole
        self._random = random.Random(seed)
        bench.write(SAVING)

    def run(self, kills: int) -> None:
        """Train one run after the other until there were so many kills. Checks the store after every kill."""
        while self.kills < kills:
            self._run, self._latest = f"r{len(self.completed)}", -1
            while read_record(self.bench.store, self._run) is None:
                self._attempt(kill=self.kills < kills)
            self.completed.append(self._run)

    def _attempt(self, *, kill: bool) -> None:
        environ = ENVIRON | {"PYTHONPATH": os.pathsep.join([ENVIRON["PYTHONPATH"], str(Path(__file__).parents[2])])}
        command = [sys.executable, "-c", _DRIVER, str(self.bench.folder), self._run]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as driver:
            assert driver.stdout is not None
            words = driver.stdout.readline().split()
            if not words and driver.wait() == 0:
                # The kill before this had hit a run that was over, but not yet in the store: nothing was left to train.
                assert read_record(self.bench.store, self._run) is not None
                return
            assert words[:1] == ["from"], words
            begin, pid = int(words[1]), int(words[2])
            # Whatever was whole on this machine, in the store or on its way there, was found again.
            assert begin >= self._latest + 1
            if kill:
                # From the first step to the end of the run and beyond: the last delivery is hit as well.
                timer = threading.Timer(self._random.uniform(0.0, 1.0), self._kill, [driver, pid])
                timer.start()
                driver.wait()
                timer.join()
            driver.stdout.read()
        self._look()

    def _kill(self, driver: "subprocess.Popen[str]", pid: int) -> None:
        victims = [pid] if self._random.random() < 0.5 else [driver.pid, pid]
        for victim in victims:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                self.kills += victim == victims[-1]

    def _look(self) -> None:
        store = self.bench.store
        state = replay(read_events(store, self._run))
        for checkpoint in state.checkpoints:
            for file in checkpoint.files:
                key = checkpoint_key(self._run, checkpoint.folder, file.path)
                target = self.bench.folder / "looked" / checkpoint.folder / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                store.fetch(key, target, digest=file.digest, size=file.size)
        found = [one.step for one in state.checkpoints]
        for path in self.bench.scratch.glob(f"{self._run}-*"):
            folder = RunFolder(path)
            found += [event.step for _, event in folder.lots() if isinstance(event, CheckpointStored)]
            found += [event.step for event in folder.events() if isinstance(event, CheckpointStored)]
            folder.close()
        assert max(found, default=-1) >= self._latest
        self._latest = max(found, default=-1)

    def restored(self) -> list[list[int]]:
        """For each run, the steps from which its attempts went on."""
        return [
            [event.step for event in read_events(self.bench.store, run) if isinstance(event, CheckpointRestored)]
            for run in self.completed
        ]
