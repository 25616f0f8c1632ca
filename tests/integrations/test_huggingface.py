"""A real Trainer, on a tiny model made from a configuration, as a run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tests.adapters.training_scripts import ENVIRON
from tests.commands.workbench import Workbench

TRAIN = """\
import os, signal
import torch
from tokenizers import Tokenizer, models
from transformers import (
    EarlyStoppingCallback, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, Trainer, TrainerCallback,
    TrainingArguments,
)
import modelbook
from modelbook.integrations.huggingface import ModelbookCallback

run = modelbook.run()

class Cut(TrainerCallback):
    def on_step_end(self, args, state, control, **parts):
        if state.global_step == run.param("cut", 0) and not os.path.exists("was-cut"):
            open("was-cut", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)

words = {"[UNK]": 0} | {f"w{n}": n for n in range(1, 32)}
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, "[UNK]")), unk_token="[UNK]",
                                    pad_token="[UNK]")
torch.manual_seed(0)
rows = [{"input_ids": row, "labels": row} for row in torch.randint(0, 32, (24, 8))]
model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_head=2, n_embd=16, n_positions=8, vocab_size=32, bos_token_id=0,
                                   eos_token_id=0))
args = TrainingArguments(
    output_dir="out", per_device_train_batch_size=4, num_train_epochs=3, learning_rate=run.param("rate", 1e-2),
    logging_steps=2, eval_strategy="steps", eval_steps=4, save_strategy="steps", save_steps=4, seed=3,
    metric_for_best_model="loss", greater_is_better=False, report_to="none", disable_tqdm=True, use_cpu=True,
    hub_token="not-for-the-record", dataloader_pin_memory=False,
)
callback = ModelbookCallback()
trainer = Trainer(
    model, args, train_dataset=rows, eval_dataset=rows[:4], processing_class=tokenizer,
    callbacks=[callback, EarlyStoppingCallback(early_stopping_patience=9), Cut()],
)
trainer.train(resume_from_checkpoint=callback.restore(args))
"""


def shown(bench: Workbench, run: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(bench.ok("show", f"run:{run}", "--json"))
    return found


@pytest.mark.timeout(300)
def test_a_trainer_becomes_a_run_and_goes_on_where_it_was_killed(bench: Workbench, tmp_path: Path) -> None:
    bench.env["HF_HUB_OFFLINE"] = "1"
    bench.commit({"train.py": TRAIN, ".gitignore": "out\nwas-cut\n.modelbook\n"})
    bench.ok("train", "train.py", "--run-id", "whole", "--param", "rate=0.02")
    events = [json.loads(line) for line in bench.ok("runs", "show", "whole", "--json", "--follow").splitlines()]
    losses = [
        (event["step"], event["values"]) for event in events if event["kind"] == "metrics" and "loss" in event["values"]
    ]
    assert [step for step, _ in losses] == list(range(2, 19, 2))
    assert losses[-1][1]["loss"] < losses[0][1]["loss"]
    whole = shown(bench, "whole")
    assert whole["status"] == "completed"
    params = whole["params"]
    assert isinstance(params, dict)
    assert (params["learning_rate"], params["save_strategy"], params["seed"]) == (0.02, "steps", 3)
    assert "not-for-the-record" not in json.dumps(whole)
    assert not {"hub_token", "output_dir"} & params.keys()
    metrics = whole["metrics"]
    assert isinstance(metrics, dict)
    assert {"eval_loss", "train_loss", "learning_rate", "grad_norm"} <= metrics.keys()
    kept = whole["checkpoints"]
    assert isinstance(kept, list)
    assert (kept[-1]["step"], kept[-1]["metric_name"], kept[-1]["mode"]) == (18, "eval_loss", "min")
    names = {file["path"] for one in kept for file in one["files"]}
    assert names == {"model.safetensors", "state.json", "state.safetensors"}  # and no pickle

    assert bench.run("train", "train.py", "--run-id", "cut", "--param", "rate=0.02", "--param", "cut=10").code == 1
    bench.ok("train", "--resume", "cut")
    cut = shown(bench, "cut")
    restored = cut["restored"]
    assert isinstance(restored, list)
    assert [event["step"] for event in restored] in ([8], [4])  # the last one, unless it was still being written
    folders = [bench.root / f".modelbook/store/runs/{run}/artifacts" for run in ("whole", "cut")]
    for name in ("model.safetensors", "config.json", "tokenizer.json", "generation_config.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    assert cut["metrics"].keys() == metrics.keys()  # type: ignore[attr-defined]

    version = bench.ok("register", "toy", "--run", "cut").partition(":")[0]
    bench.ok("pull", version, str(tmp_path / "pulled"))
    assert load_file(tmp_path / "pulled/model.safetensors")["transformer.wte.weight"].shape == (32, 16)
    code = (
        "import sys; from transformers import AutoModelForCausalLM as M, AutoTokenizer as T\n"
        "print(T.from_pretrained(sys.argv[1])('w1 w2')['input_ids'], M.from_pretrained(sys.argv[1]).config.n_embd)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "pulled")]
    loaded = subprocess.run(command, env=bench.env, capture_output=True, text=True, check=False)
    assert loaded.stdout.endswith(" 16\n"), loaded.stderr


def test_without_transformers_the_extra_is_named() -> None:
    for module, extra in (("huggingface", "huggingface"), ("lightning", "lightning")):
        hidden = ("transformers", "lightning", "pytorch_lightning")
        code = f"import sys\nfor name in {hidden}: sys.modules[name] = None\nimport modelbook.integrations.{module}"
        done = subprocess.run([sys.executable, "-c", code], env=ENVIRON, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.endswith(f"pip install 'modelbook[{extra}]'\n")


@pytest.mark.timeout(300)
@pytest.mark.campaign
def test_in_two_processes_one_of_them_logs_and_saves(bench: Workbench) -> None:
    bench.env["HF_HUB_OFFLINE"] = "1"
    bench.commit({"train.py": TRAIN.replace("num_train_epochs=3", "num_train_epochs=1"), ".gitignore": "out\n"})
    bench.ok("train", "train.py", "--run-id", "two", "--nproc", "2")
    two = shown(bench, "two")
    assert two["status"] == "completed"
    assert two.get("checkpoints", []) == []
    notes = two["notes"]
    assert isinstance(notes, list)
    assert len([note for note in notes if "left to Trainer" in note]) == 1
    assert load_file(bench.weights("two"))["transformer.wte.weight"].shape == (32, 16)
