"""Measure a trained network on the digits that were held back.

`modelbook evaluate` starts this with MODELBOOK_EVALUATION: the path of a JSON file that says where the model's
folder and the dataset's folder are, where to write the metrics, and where to write what was found for each digit.
"""

import json
import math
import os
import time
from pathlib import Path

import torch
from model import DigitNet, read_digits
from safetensors.torch import load_file
from torch import Tensor, nn

WARM_UP, TIMED = 50, 500  # single digits, classified before and while the clock runs


def latencies(network: nn.Module, pixels: Tensor) -> Tensor:
    """Seconds for one digit at a time, float64 of shape (TIMED,)."""
    seconds = []
    for index in range(WARM_UP + TIMED):
        one = pixels[index % len(pixels)].unsqueeze(0)
        started = time.perf_counter()
        network(one)
        seconds.append(time.perf_counter() - started)
    return torch.tensor(seconds[WARM_UP:], dtype=torch.float64)


def proportion(hits: Tensor) -> dict[str, float]:
    """A share of hits (bool, shape (n,)) with its sample size and standard error."""
    n, share = len(hits), hits.double().mean().item()
    return {"value": share, "n": n, "stderr": math.sqrt(share * (1 - share) / n)}


@torch.inference_mode()
def measure(model: Path, dataset: Path) -> tuple[dict[str, object], list[dict[str, object]]]:
    """The metrics, and for each digit of the test set by its place whether it was read, and its loss."""
    network = DigitNet(**json.loads((model / "config.json").read_text()))
    network.load_state_dict(load_file(model / "model.safetensors"))
    network.eval()
    pixels, labels = read_digits(dataset / "test.csv")

    logits = network(pixels)
    losses = nn.functional.cross_entropy(logits, labels, reduction="none").double()
    hits = logits.argmax(dim=1) == labels
    classes = {digit: proportion(hits[labels == digit]) for digit in range(10)}
    seconds = latencies(network, pixels)
    rows = enumerate(zip(hits.tolist(), losses.tolist(), strict=True))
    each = [{"id": str(place), "accuracy": int(hit), "log_loss": loss} for place, (hit, loss) in rows]
    metrics: dict[str, object] = {
        "accuracy": proportion(hits),
        "log_loss": {
            "value": losses.mean().item(),
            "n": len(losses),
            "stderr": losses.std().item() / math.sqrt(len(losses)),
        },
        **{f"by_digit.{digit}.accuracy": share for digit, share in classes.items()},
        "worst_class_accuracy": min(classes.values(), key=lambda share: share["value"]),
        "latency_p50_ms": {"value": 1000 * seconds.quantile(0.50).item(), "n": TIMED},
        "latency_p99_ms": {"value": 1000 * seconds.quantile(0.99).item(), "n": TIMED},
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
