"""One seed for everything that a training draws, and a record of what held."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import modelbook
from modelbook.core.runs.run_state import RunState, replay
from modelbook.errors import BadInput
from modelbook.training.loader import Loader
from modelbook.training.run import Run
from modelbook.training.run_reader import read_events
from modelbook.training.seeds import seed_everything
from tests.adapters.training_scripts import ENVIRON, Bench

DRAWS = """
    import random
    import numpy as np
    import torch
    import modelbook

    class Noisy:
        def __len__(self):
            return 40

        def __getitem__(self, index):
            return index + torch.rand(3) + random.random() + np.random.rand()

    run = modelbook.run()
    seed = run.seed(5, deterministic=True)
    torch.set_num_threads(1)
    layer = torch.nn.Linear(3, 2)
    loader = run.loader(Noisy(), batch_size=4, num_workers=2)
    for batch in loader:
        loss = layer(batch.float()).square().mean() * (1 + random.random() + np.random.rand())
        gradients = torch.autograd.grad(loss, list(layer.parameters()))
        with torch.no_grad():
            for weight, gradient in zip(layer.parameters(), gradients):
                weight -= 0.001 * gradient
    order = list({"a", "b", "c", "d", "e", "f"})  # follows the hashes of texts
    run.save_weights({**layer.state_dict(), "order": torch.tensor([ord(each) for each in order])})
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    for name in ("MODELBOOK_RUN_CONFIG", "MODELBOOK_STORE", "GITHUB_ACTIONS", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    before = torch.are_deterministic_algorithms_enabled()
    with modelbook.run("test") as opened:
        yield opened
    torch.use_deterministic_algorithms(before)


def test_two_runs_of_one_seed_give_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    results = [
        bench.launch(DRAWS, run=f"r{index}", seed=seed, deterministic=True) for index, seed in enumerate((7, 7, 8))
    ]
    digests = [result.record.artifacts[0].digest for result in results if result.record]
    assert digests[0] == digests[1] != digests[2]
    record = results[0].record
    assert record is not None
    assert record.seed == 7  # what the command line gave counts
    assert record.determinism is not None
    cuda = {"cuda", "cublas"} if torch.cuda.is_available() else set()
    assert set(record.determinism.held) == {"python", "hash", "numpy", "torch", "kernels", "loaders"} | cuda
    assert record.determinism.not_held == {}


def test_what_did_not_hold_is_in_the_record_with_its_reason(tmp_path: Path) -> None:
    script = "import random, modelbook\nrun = modelbook.run()\nrun.log({'drawn': random.random()})\n"
    record = Bench(tmp_path).launch(script, seed=7).record
    assert record is not None
    assert record.determinism is not None
    assert record.determinism.held == ("python", "hash")
    assert record.determinism.not_held["torch"] == "torch was not imported when the seed was set"
    unseeded = Bench(tmp_path).launch(script, run="r2").record
    assert unseeded is not None
    assert (unseeded.seed, unseeded.determinism) == (None, None)


def test_a_training_that_was_taken_up_again_says_where_and_how_it_changed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    script = """
        import os, torch, modelbook
        run = modelbook.run()
        layer = torch.nn.Linear(2, 2)
        saver = run.checkpoints(model=layer, every=1)
        for step in range(saver.restore() or 0, 4):
            saver.step(step)
            if step == 2 and not os.environ.get("AGAIN"):
                saver.wait()
                os._exit(1)
        run.save_weights(layer.state_dict())
    """
    assert bench.launch(script, seed=7).status == "failed"
    record = bench.launch(script, seed=8, force=True, environ=ENVIRON | {"AGAIN": "1"}).record
    assert record is not None
    assert record.determinism is not None
    assert record.determinism.resumed == (2,)
    assert record.determinism.not_held["settings"] == "they changed on the way: seed 8, was 7"


def test_a_run_without_a_seed_asks_for_one(run: Run) -> None:
    with pytest.raises(BadInput, match="has no seed"):
        run.seed()
    with pytest.raises(BadInput, match="is no seed"):
        run.seed(-1)
    assert run.seed(3) == 3


def test_deterministic_kernels_are_asked_of_torch(run: Run) -> None:
    run.seed(3)
    assert not torch.are_deterministic_algorithms_enabled()
    run.seed(3, deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()
    run.finish()
    state: RunState = replay(read_events(run._session.store, run.id))
    assert state.seeds is not None
    assert "kernels" in state.seeds.held
    assert state.seeds.not_held["loaders"] == "no data loader was made by run.loader(...)"


@pytest.mark.parametrize("imported", [True, False])
def test_kernels_without_torch_are_not_promised(imported: bool) -> None:
    code = f"import {'torch' if imported else 'sys'}; from modelbook.training.seeds import seed_everything as s; "
    code += "print(s(3, deterministic=True).held)"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRON, capture_output=True, text=True, check=True)
    assert ("kernels" in done.stdout) == imported


def loader(count: int = 10, **options: Any) -> Loader:
    return Loader(np.arange(count), 3, **({"batch_size": 3, "shuffle": True} | options))


def drawn(made: Loader) -> list[list[int]]:
    return [batch.tolist() for batch in made]


def test_the_order_of_an_epoch_follows_from_seed_and_epoch_alone() -> None:
    made = loader()
    epochs = [drawn(made) for _ in range(3)]
    assert made.epoch == 3
    assert [len(epoch) for epoch in epochs] == [4, 4, 4]
    assert all(sorted(each for batch in epoch for each in batch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    torch.rand(5)
    again = loader()
    again.load_state_dict({"epoch": 2, "done": 0, "samples": 10})
    assert drawn(again) == epochs[2]
    assert [len(batch) for batch in drawn(loader(drop_last=True))] == [3, 3, 3]
    assert drawn(loader(shuffle=False))[0] == [0, 1, 2]


@pytest.mark.parametrize("done", [0, 1, 3, 4])
def test_it_goes_on_in_the_middle_of_an_epoch(done: int) -> None:
    whole = [batch for _ in range(2) for batch in drawn(made)] if (made := loader()) else []
    first = loader()
    batches = iter(first)
    got = [next(batches).tolist() for _ in range(done)]
    again = loader()
    again.load_state_dict(first.state_dict())
    got += drawn(again) + (drawn(again) if again.epoch == 1 and done < 4 else [])
    assert got == whole


def test_the_generators_of_the_training_are_left_alone() -> None:
    seed_everything(3)
    drawn(loader())
    value = torch.rand(1)
    seed_everything(3)
    assert torch.rand(1) == value


def test_what_cannot_be_loaded_again_is_refused() -> None:
    with pytest.raises(BadInput, match="a generator has no length"):
        Loader((n for n in range(3)), 3, batch_size=1, shuffle=False)
    with pytest.raises(BadInput, match=r"sets generator, sampler itself"):
        loader(sampler=None, generator=None)
    with pytest.raises(BadInput, match="no size for a batch"):
        loader(batch_size=0)
    with pytest.raises(ValueError, match="has 10 samples, and had 9"):
        loader().load_state_dict({"epoch": 0, "done": 0, "samples": 9})
