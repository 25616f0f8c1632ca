"""The device that this process computes on, and the other processes that torchrun started with it."""

import os
from typing import TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")

# Dense bf16 operations a second, from the vendor's data sheets. Of several that fit, the first counts.
PEAKS = {
    "B200": 2250e12,
    "H200 NVL": 835e12,
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
}


def join() -> torch.device:
    """This process's device. If torchrun started it, it waits here for the others."""
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        dist.init_process_group("nccl" if cuda else "gloo", device_id=device if cuda else None)
    return device


def leave() -> None:
    """Part with the other processes. Call it when the model is gone.

    A DistributedDataParallel that goes after its process group takes the group along, while it holds Python's lock:
    a thread of gloo that wants that lock for its last tensor then waits for ever.
    """
    if dist.is_initialized():
        dist.destroy_process_group()


def shared(value: T | None) -> T:
    """What the first process handed in, in all of them."""
    box = [value]
    if dist.is_initialized():
        dist.broadcast_object_list(box, src=0)
    assert box[0] is not None, "the first process hands in a value"  # noqa: S101 - for the type checker
    return box[0]


def peak_flops(device: torch.device) -> float | None:
    """Dense bf16 operations a second, at most. None for a CPU, and for a GPU that the table lacks."""
    if device.type != "cuda":
        return None
    words = torch.cuda.get_device_name(device).replace("-", " ").split()
    return next((peak for name, peak in PEAKS.items() if set(name.split()) <= set(words)), None)
