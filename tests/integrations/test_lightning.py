"""A real Lightning training as a run."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.commands.workbench import Workbench

TRAIN = """\
import os, signal
import lightning as L
import torch
import modelbook
from modelbook.integrations.lightning import ModelbookCheckpoints, ModelbookLogger

run = modelbook.run()

class Net(L.LightningModule):
    def __init__(self, hidden, rate, activation):
        super().__init__()
        self.save_hyperparameters()
        self.net = torch.nn.Sequential(torch.nn.Linear(4, hidden), activation(), torch.nn.Dropout(0.2),
                                       torch.nn.Linear(hidden, 1))

    def training_step(self, batch, index):
        if self.current_epoch == run.param("cut", -1) and index == 1 and not os.path.exists("was-cut"):
            open("was-cut", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        loss = self.net(batch).square().mean()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, index):
        self.log("val_loss", self.net(batch).square().mean())

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.rate)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)]

class Drawing(L.Callback):
    def on_fit_start(self, trainer, module):
        torch.randn(3 if os.path.exists("was-cut") else 1)  # what is drawn on the way makes no difference

L.seed_everything(run.param("random", 1), verbose=False)
data = torch.randn(24, 4)
net = Net(run.param("hidden", 8), 1e-2, torch.nn.Tanh)
saver = ModelbookCheckpoints(metric="val_loss", mode="min")
stop = L.pytorch.callbacks.EarlyStopping("val_loss", patience=9)
trainer = L.Trainer(logger=ModelbookLogger(), callbacks=[saver, stop, Drawing()], max_epochs=6, log_every_n_steps=2,
                    accelerator="cpu", enable_progress_bar=False, enable_model_summary=False)
loaders = [torch.utils.data.DataLoader(data, batch_size=4, shuffle=shuffled) for shuffled in (True, False)]
trainer.fit(net, *loaders, ckpt_path=saver.restore())
"""


@pytest.mark.timeout(300)
def test_a_lightning_training_becomes_a_run_and_goes_on_where_it_was_killed(bench: Workbench) -> None:
    bench.commit({"train.py": TRAIN, ".gitignore": "was-cut\n.modelbook\n"})
    bench.ok("train", "train.py", "--run-id", "whole", "--param", "hidden=6")
    events = [json.loads(line) for line in bench.ok("runs", "show", "whole", "--json", "--follow").splitlines()]
    steps = [event["step"] for event in events if event["kind"] == "metrics" and "loss" in event["values"]]
    assert steps == list(range(1, 36, 2))
    whole = json.loads(bench.ok("show", "run:whole", "--json"))
    assert whole["status"] == "completed"
    assert (whole["params"]["hidden"], whole["params"]["rate"]) == (6, 0.01)
    assert whole["params"]["activation"] == "<class 'torch.nn.modules.activation.Tanh'>"
    assert {"loss", "val_loss", "epoch"} <= whole["metrics"].keys()
    assert (whole["checkpoints"][-1]["step"], whole["checkpoints"][-1]["metric_name"]) == (5, "val_loss")
    assert not list(bench.root.rglob("*.ckpt"))

    assert bench.run("train", "train.py", "--run-id", "cut", "--param", "hidden=6", "--param", "cut=4").code == 1
    bench.ok("train", "--resume", "cut")
    cut = json.loads(bench.ok("show", "run:cut", "--json"))
    [restored] = cut["restored"]
    assert restored["step"] in {2, 3}  # the last one, unless the kill came while it was being written
    assert cut["metrics"]["epoch"]["value"] == 5
    weights = [load_file(bench.weights(run)) for run in ("whole", "cut")]
    assert weights[0].keys() == {f"net.{layer}.{kind}" for layer in (0, 3) for kind in ("weight", "bias")}
    for name in weights[0]:
        assert np.array_equal(weights[0][name], weights[1][name])


@pytest.mark.timeout(300)
@pytest.mark.campaign
def test_in_two_processes_one_of_them_logs_and_saves(bench: Workbench) -> None:
    train = TRAIN.replace('accelerator="cpu"', 'accelerator="cpu", devices=2, strategy="ddp"')
    bench.commit({"train.py": train.replace("max_epochs=6", "max_epochs=2"), ".gitignore": ".modelbook\n"})
    bench.ok("train", "train.py", "--run-id", "two", "--nproc", "2")
    two = json.loads(bench.ok("show", "run:two", "--json"))
    assert two["status"] == "completed"
    assert {"loss", "val_loss"} <= two["metrics"].keys()
    assert two.get("checkpoints", []) == []
    assert len([note for note in two["notes"] if "left to Lightning" in note]) == 1
    assert len(load_file(bench.weights("two"))) == 4
