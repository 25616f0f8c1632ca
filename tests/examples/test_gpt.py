"""The small GPT as a user runs it: real processes, a store in a folder, and the text that ships with Python."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

import modelbook
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.core.runs.run_log import MetricsLogged
from modelbook.core.runs.run_state import RunState, replay
from modelbook.training.run_reader import read_events

EXAMPLE = Path(__file__).parents[2] / "examples/gpt"
ENV = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "MODELBOOK_"))} | {
    "PYTHONPATH": str(Path(modelbook.__file__).parents[1]),
    "OMP_NUM_THREADS": "1",
}
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def python(*arguments: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=cwd, env=ENV | env, text=True, stdout=pipe, stderr=pipe) as process:
        try:
            out, err = process.communicate()
        finally:
            process.terminate()  # if the test ran out of time: asked like this, torchrun ends its workers too
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def train(folder: Path, *arguments: str, start: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run train.py on the corpus `folder`/text; its run goes to the store `folder`/store."""
    store = f"file:{folder}/store"
    return python(*start, EXAMPLE / "train.py", "folder=text", *arguments, cwd=folder, MODELBOOK_STORE=store)


def run_of(folder: Path) -> tuple[RunState, dict[str, list[float]], Path]:
    """The only run in the store: its state, every value of each metric in order, and the model's folder."""
    [run] = (folder / "store/runs").iterdir()
    events = read_events(DirectoryStore(folder / "store", f"file:{folder}/store"), run.name)
    metrics: dict[str, list[float]] = {}
    for event in events:
        if isinstance(event, MetricsLogged):
            for name, value in event.values.items():
                metrics.setdefault(name, []).append(value)
    return replay(events), metrics, run / "artifacts"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What make_dataset.py writes."""
    folder = tmp_path_factory.mktemp("corpus")
    done = python(EXAMPLE / "make_dataset.py", folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_tiny_size_learns_and_its_weights_are_measured_again(tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "text").symlink_to(corpus)
    done = train(tmp_path, "steps=120", "batch=8", "log_every=10", "validate_every=60", "vocabulary=300")
    assert done.returncode == 0, done.stderr
    state, metrics, model = run_of(tmp_path)
    assert state.status == "completed"
    losses = metrics["loss"]
    assert len(losses) == 12
    assert losses[-1] < losses[0] - 1
    assert metrics["perplexity"] == pytest.approx([math.exp(loss) for loss in metrics["validation_loss"]])
    assert metrics["perplexity"][1] < metrics["perplexity"][0] < 300
    assert min(metrics["tokens_per_second"]) > 0
    assert "mfu" not in metrics  # nobody knows a CPU's peak
    assert state.checkpoints[-1].metric == metrics["validation_loss"][-1]
    assert state.params["corpus_bytes"] == sum(path.stat().st_size for path in corpus.glob("*.txt"))

    task = {"model": str(model), "dataset": str(corpus), "output": str(tmp_path / "measured.json")}
    (tmp_path / "task.json").write_text(json.dumps(task))
    done = python(EXAMPLE / "evaluate.py", cwd=tmp_path, MODELBOOK_EVALUATION=str(tmp_path / "task.json"))
    assert done.returncode == 0, done.stderr
    measured = json.loads((tmp_path / "measured.json").read_text())["metrics"]
    perplexity = measured["perplexity"]
    assert perplexity["n"] == 1024
    assert 0 < perplexity["stderr"] < perplexity["value"] / 10
    assert perplexity["value"] == pytest.approx(metrics["perplexity"][-1], rel=0.25)
    assert perplexity["value"] == pytest.approx(math.exp(measured["loss"]["value"]))
    assert measured["tokens_per_second"]["value"] > 0
    # Some tokens are longer than a byte.
    assert measured["bits_per_byte"]["value"] < measured["loss"]["value"] / math.log(2)


@pytest.mark.parametrize("parallel", [pytest.param("ddp", marks=pytest.mark.campaign), "fsdp"])
def test_two_processes_train_one_model(tmp_path: Path, parallel: str) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text/a.txt").write_text("The same sentence, time and again.\n" * 200)
    done = train(
        *(tmp_path, f"parallel={parallel}", "steps=20", "accumulate=2", "batch=4", "block=32", "layers=1"),
        *("warm_up=2", "log_every=5", "validate_every=10", "checkpoint_every=7"),
        start=TORCHRUN,
    )
    assert done.returncode == 0, done.stderr
    state, metrics, model = run_of(tmp_path)
    assert state.status == "completed"
    assert metrics["loss"][-1] < metrics["loss"][0] - 1
    assert state.checkpoints[-1].step == 20
    assert {file.path for file in state.checkpoints[-1].files} >= {f"rank-0000{rank}/state.json" for rank in (0, 1)}
    weights = load_file(model / "model.safetensors")
    assert weights["token.weight"].shape == (256, 64)
    assert sum(weight.numel() for weight in weights.values()) == state.params["weights"]


def test_a_mistyped_parameter_ends_it_before_it_trains(tmp_path: Path) -> None:
    done = train(tmp_path, "stps=5")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("stps: the parameters are size, folder, layers, ")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.txt": "", "b/c.txt": "", "d.md": "words"}, "its 2 .txt file(s) hold zero bytes"),
        ({"a.txt": "a few words"}, "11 bytes are too few for windows of 64 tokens"),
    ],
)
def test_a_corpus_without_text_is_refused(tmp_path: Path, files: dict[str, str], words: str) -> None:
    (tmp_path / "text").mkdir()
    for name, text in files.items():
        (tmp_path / "text" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "text" / name).write_text(text)
    done = train(tmp_path)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    state, _, _ = run_of(tmp_path)
    assert state.status == "failed"
    assert state.end is not None
    assert words in (state.end.error or "")


def test_a_corpus_without_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.md").write_text("words")
    script = f"import pathlib, corpus; corpus.read_corpus(pathlib.Path({str(tmp_path)!r}))"
    done = python("-c", script, cwd=EXAMPLE)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "there is no text to learn from: it holds no .txt file. Name a folder" in done.stderr


def test_a_token_stands_for_its_bytes(tmp_path: Path) -> None:
    script = """
from corpus import Tokenizer
every_byte = bytes(range(256)) + "words, wörter and 123 more words\\n\\n   words".encode()
learnt = Tokenizer.learn(b"words and more words\\n   and words" * 3, 260)
assert len(learnt.pieces) == 4, learnt.pieces
again = Tokenizer.from_json(learnt.to_json())
for tokenizer in (learnt, again, Tokenizer.learn(every_byte, 256)):
    assert tokenizer.decode(tokenizer.encode(every_byte)) == every_byte
assert list(again.encode(b" words")) == list(learnt.encode(b" words"))
assert len(learnt.encode(b" words")) == 1
"""
    done = python("-c", script, cwd=EXAMPLE)
    assert done.returncode == 0, done.stderr
