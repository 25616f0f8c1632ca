"""Measure a trained network on the digits that were held back.

`modelbook evaluate` starts this with MODELBOOK_EVALUATION: the path of a JSON file that says where the model's
folder and the dataset's folder are, where to write the metrics, and where to write what was found for each digit.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from model import DigitNet, read_digits
from safetensors.torch import load_file
from torch import Tensor, nn

import modelbook


def share(hits: Tensor) -> dict[str, Any]:
    """The share of `hits` (bool, shape (n,)) with its sample size, standard error and interval."""
    return modelbook.proportion(hits.sum(), len(hits))


@torch.inference_mode()
def measure(model: Path, dataset: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The metrics, and for each digit of the test set by its place whether it was read, and its loss."""
    network = DigitNet(**json.loads((model / "config.json").read_text()))
    network.load_state_dict(load_file(model / "model.safetensors"))
    network.eval()
    pixels, labels = read_digits(dataset / "test.csv")

    logits = network(pixels)
    losses = nn.functional.cross_entropy(logits, labels, reduction="none").double()
    hits = logits.argmax(dim=1) == labels
    classes = {digit: share(hits[labels == digit]) for digit in range(10)}
    rows = enumerate(zip(hits.tolist(), losses.tolist(), strict=True))
    each = [{"id": str(place), "accuracy": int(hit), "log_loss": loss} for place, (hit, loss) in rows]
    metrics = {
        "accuracy": share(hits),
        "log_loss": modelbook.mean(losses),
        **{f"by_digit.{digit}.accuracy": found for digit, found in classes.items()},
        "worst_class_accuracy": min(classes.values(), key=lambda found: found["value"]),
        **modelbook.measure(network, pixels, warmup=0.2, seconds=0.3),
    }
    return metrics, each


def main() -> None:
    torch.set_num_threads(1)  # one digit at a time leaves nothing for a second thread to do
    task = json.loads(Path(os.environ["MODELBOOK_EVALUATION"]).read_text())
    metrics, each = measure(Path(task["model"]), Path(task["dataset"]))
    Path(task["examples"]).write_text("".join(json.dumps(one) + "\n" for one in each))
    Path(task["output"]).write_text(json.dumps({"metrics": metrics}, indent=1) + "\n")


if __name__ == "__main__":
    main()
