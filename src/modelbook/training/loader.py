"""A data loader that follows the seed, whatever the number of its workers, and goes on in the middle of an epoch."""

import hashlib
import random
import sys
from collections.abc import Iterator
from typing import Any

from modelbook.errors import BadInput

_OURS = ("sampler", "batch_sampler", "generator", "worker_init_fn", "persistent_workers")


class Loader:
    """Iterate over it once an epoch: `for epoch in range(loader.epoch, epochs): for batch in loader: …`.

    The order of epoch 3 is the order of epoch 3, however the training came to it. Under torchrun each process gets its
    own share of the samples, of equal size; the rest that cannot be shared is left out. It may go on in another number
    of processes than it was saved by.
    """

    def __init__(self, dataset: Any, seed: int, *, batch_size: int, shuffle: bool, **options: Any) -> None:
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise BadInput(
                f"a {type(dataset).__name__} has no length, so that nobody could go on in the middle of it",
                remedy="Hand in a dataset with __getitem__ and __len__, or make a DataLoader of your own.",
            )
        if taken := sorted(set(options) & set(_OURS)):
            raise BadInput(f"run.loader(...) sets {', '.join(taken)} itself", remedy="Leave it out.")
        if type(batch_size) is not int or batch_size < 1:
            raise BadInput(f"{batch_size!r} is no size for a batch")
        self.epoch = 0
        self._dataset, self._seed = dataset, seed
        self._size, self._shuffle = batch_size, shuffle
        self._drop_last = bool(options.pop("drop_last", False))
        self._options = options
        self._done = 0  # samples of this epoch that the processes have got, all together

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self._batches(0)

    def _batches(self, done: int) -> int:
        """Batches for each process after `done` samples of the epoch."""
        share = (len(self._dataset) - done) // _place()[1]
        return share // self._size if self._drop_last else -(-share // self._size)

    def __iter__(self) -> Iterator[Any]:
        """The batches of the present epoch that are left."""
        import torch
        from torch.utils.data import DataLoader

        self._roll()
        order = self._order()
        batches = [order[at : at + self._size] for at in range(0, len(order), self._size)][: self._batches(self._done)]
        # Of its own, so that the training's generators are where they would be without a loader.
        generator = torch.Generator().manual_seed(_mixed(self._seed, self.epoch))
        seeded: Any = _Seeded(self._dataset, self._seed, self.epoch)
        loader: Any = DataLoader(seeded, batch_sampler=batches, generator=generator, **self._options)
        world = _place()[1]
        for batch, samples in zip(loader, batches, strict=True):
            self._done += len(samples) * world
            yield batch
        self._roll()

    def _roll(self) -> None:
        if not self._batches(self._done):
            self.epoch, self._done = self.epoch + 1, 0

    def _order(self) -> list[int]:
        """The samples of this process that are left in the epoch."""
        import torch

        count = len(self._dataset)
        rank, world = _place()
        generator = torch.Generator().manual_seed(_mixed(self._seed, self.epoch))
        order = torch.randperm(count, generator=generator).tolist() if self._shuffle else list(range(count))
        left = order[self._done :]
        return left[rank : len(left) - len(left) % world : world]

    def state_dict(self) -> dict[str, int]:
        """Where it stands; the same in every process."""
        over = not self._batches(self._done)
        return {"epoch": self.epoch + over, "done": 0 if over else self._done, "samples": len(self._dataset)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where another one stood. Raises ValueError if its dataset had another size."""
        if state["samples"] != len(self._dataset):
            raise ValueError(f"the dataset has {len(self._dataset)} samples, and had {state['samples']}")
        self.epoch, self._done = state["epoch"], state["done"]


class _Seeded:
    """The dataset, with the generators of a worker seeded anew for each sample.

    So what a worker draws depends on the sample, not on the number of workers or on what was loaded before.
    """

    def __init__(self, dataset: Any, seed: int, epoch: int) -> None:
        self._dataset, self._seed, self._epoch = dataset, seed, epoch

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Any:
        import torch
        from torch.utils.data import get_worker_info

        if get_worker_info() is not None:
            seed = _mixed(self._seed, self._epoch, index)
            random.seed(seed)
            torch.manual_seed(seed)
            if numpy := sys.modules.get("numpy"):
                numpy.random.seed(seed)
        return self._dataset[index]


def _mixed(*numbers: int) -> int:
    text = ":".join(map(str, numbers)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")


def _place() -> tuple[int, int]:
    """Rank and number of processes."""
    import torch.distributed as dist

    there = dist.is_available() and dist.is_initialized()
    return (dist.get_rank(), dist.get_world_size()) if there else (0, 1)
