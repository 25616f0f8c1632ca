"""Measure a trained GPT on the text that training never read.

`modelbook evaluate` starts this with MODELBOOK_EVALUATION: the path of a JSON file that says where the model's
folder and the dataset's folder are, and where to write the metrics.
"""

import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from corpus import Tokenizer, read_corpus
from safetensors.torch import load_file
from torch import Tensor
from train import GPT

WINDOWS = 1024  # at most so many are measured, evenly spread over the text
BATCH = 16  # windows


@torch.inference_mode()
def losses(gpt: GPT, tokens: Tensor) -> tuple[Tensor, float]:
    """The loss of each token, float64 of shape (windows, block), and the seconds that it took."""
    found: list[Tensor] = []
    started = 0.0
    for index, batch in enumerate([tokens[:BATCH], *tokens.split(BATCH)]):
        if index == 1:  # the first batch only warms up
            found, started = [], time.perf_counter()
        found.append(gpt(batch[:, :-1], batch[:, 1:]).double().cpu().view(len(batch), -1))
    return torch.cat(found), time.perf_counter() - started


def estimate(value: float, samples: Tensor, scale: float) -> dict[str, float]:
    """A value that is `scale` times the mean of `samples` (shape (n,)) to first order, with its standard error."""
    n = len(samples)
    # A single sample says nothing of how far off it is.
    error = {"stderr": scale * samples.std().item() / math.sqrt(n)} if n > 1 else {}
    return {"value": value, "n": n, **error}


def measure(model: Path, dataset: Path) -> dict[str, object]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shape = json.loads((model / "config.json").read_text())
    gpt = GPT(**shape).to(device).eval()
    gpt.load_state_dict(load_file(model / "model.safetensors", device=device))
    tokenizer, block = Tokenizer.from_json((model / "tokenizer.json").read_text()), shape["block"]

    tokens = tokenizer.encode(read_corpus(dataset).test)
    count = (len(tokens) - 1) // block
    if not count:
        sys.exit(f"{dataset}: {len(tokens)} tokens are too few to measure a model that reads {block}: add text")
    chosen = np.unique(np.linspace(0, count - 1, min(count, WINDOWS), dtype=np.int64))
    windows = tokens[chosen[:, None] * block + np.arange(block + 1)]
    each, seconds = losses(gpt, torch.from_numpy(windows.astype(np.int64)).to(device))

    # Tokens of one window are not independent of each other; windows are, nearly: they are the sample.
    means = each.mean(dim=1)
    loss = means.mean().item()
    bits_per_token = loss / math.log(2)
    tokens_per_byte = windows[:, 1:].size / len(tokenizer.decode(windows[:, 1:].ravel()))
    return {
        "loss": estimate(loss, means, 1.0),
        "perplexity": estimate(math.exp(loss), means, math.exp(loss)),
        "bits_per_byte": estimate(bits_per_token * tokens_per_byte, means, tokens_per_byte / math.log(2)),
        "tokens_per_second": {"value": each.numel() / seconds, "n": len(windows), "hardware": True},
    }


def main() -> None:
    task = json.loads(Path(os.environ["MODELBOOK_EVALUATION"]).read_text())
    metrics = measure(Path(task["model"]), Path(task["dataset"]))
    Path(task["output"]).write_text(json.dumps({"metrics": metrics}, indent=1) + "\n")


if __name__ == "__main__":
    main()
