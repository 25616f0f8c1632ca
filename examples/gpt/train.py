"""Train a small GPT. README.md says how to start it: on a CPU, on a GPU, on many."""

import json
import math
import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from corpus import Tokenizer, read_corpus
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.functional import cross_entropy, gelu, linear, scaled_dot_product_attention
from torch.nn.parallel import DistributedDataParallel

import modelbook
from modelbook.training.run import Run

# Dense bf16 operations a second, from NVIDIA's data sheets. Of several that fit, the first counts.
PEAKS = {
    **{"B200": 2250e12, "H200 NVL": 835e12, "H200": 989e12, "H100 NVL": 835e12, "H100 PCIe": 756e12, "H100": 989e12},
    **{"A100": 312e12, "L40S": 362e12, "L4": 121e12, "RTX 4090": 165e12},
}


@dataclass(frozen=True)
class Settings:
    """Every parameter but the corpus and the seed, with the defaults of the tiny size."""

    layers: int = 2
    heads: int = 2
    width: int = 64
    block: int = 64  # tokens that the model reads at once
    vocabulary: int = 256
    batch: int = 16  # windows of `block` tokens that a process takes at once, `accumulate` times a step
    accumulate: int = 1
    steps: int = 400
    warm_up: int = 20
    lr: float = 3e-3
    weight_decay: float = 0.1
    clip: float = 1.0  # the largest norm of a gradient
    log_every: int = 20
    validate_every: int = 100  # steps; the best by this is kept
    checkpoint_every: str = "60s"  # or a number of steps
    validation_batches: int = 8
    parallel: str = "ddp"  # or fsdp; either takes effect in several processes
    compile: bool = torch.cuda.is_available()
    peak_tflops: float = 0.0  # of one device, for the utilisation; 0: as PEAKS has it

    @property
    def shape(self) -> dict[str, int]:
        """What the model is made of: its config.json."""
        return {name: getattr(self, name) for name in ("layers", "heads", "width", "block", "vocabulary")}


SIZES: dict[str, dict[str, Any]] = {
    "tiny": {},
    "124M": {
        **{"layers": 12, "heads": 12, "width": 768, "block": 1024, "vocabulary": 50304},
        **{"batch": 32, "accumulate": 16, "steps": 2000, "warm_up": 100, "lr": 6e-4, "log_every": 10},
    },
}


def read_settings(run: Run) -> Settings:
    """What the run was given as parameters. Ends the program if nobody could train by them."""
    if (size := run.param("size", "tiny")) not in SIZES:
        sys.exit(f"size={size}: the sizes are {', '.join(SIZES)}")
    defaults: dict[str, Any] = {field.name: field.default for field in fields(Settings)} | SIZES[size]
    if other := sorted(run.params.keys() - defaults.keys() - {"size", "folder"}):
        sys.exit(f"{', '.join(other)}: the parameters are size, folder, {', '.join(defaults)}")
    settings = Settings(**{name: run.param(name, value) for name, value in defaults.items()})
    if settings.parallel not in {"ddp", "fsdp"}:
        sys.exit(f"parallel={settings.parallel}: it is ddp or fsdp")
    if small := [f"{name}={value}" for name, value in vars(settings).items() if type(value) is int and value < 1]:
        sys.exit(f"{', '.join(small)}: give 1 or more")
    if settings.width % settings.heads:
        sys.exit(f"width={settings.width}: it is no multiple of heads={settings.heads}")
    return settings


class Block(nn.Module):
    """Attention, then a feed-forward network: each reads the stream, normalised, and adds to it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """From and to the shape (batch, time, width)."""
        query, key, value = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        x = x + self.down(gelu(self.up(self.norm2(x)), approximate="tanh"))
        return x


class GPT(nn.Module):
    """A decoder that reads up to `block` tokens. The embedding of tokens is the output layer as well."""

    def __init__(self, *, layers: int, heads: int, width: int, block: int, vocabulary: int) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(block, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                # Something is added to the stream 2 x `layers` times: it should not grow with the depth.
                adds = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * layers) if adds else 0.02)
        # 6 N + 12 L H Q T, where H Q is the width: forward and backward through the weights, and through attention.
        # Positions are looked up, not multiplied.
        self.size = sum(weight.numel() for weight in self.parameters())
        self.flops_per_token = 6 * (self.size - self.position.weight.numel()) + 12 * layers * width * block

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:
        """Tokens (batch, time) to logits (batch, time, vocabulary), or with targets to losses (batch x time,)."""
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        logits = linear(self.norm(x), self.token.weight)
        if targets is None:
            return logits
        return cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")


class Training:
    """One process's share of a training."""

    def __init__(self, settings: Settings, folder: Path, seed: int, device: torch.device) -> None:
        self.settings, self.seed, self.device = settings, seed, device
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        self.corpus = read_corpus(folder)
        self.tokenizer = Tokenizer.learn(self.corpus.train, settings.vocabulary)
        self.text = self.tokenizer.encode(self.corpus.train)
        self.held_out = self.tokenizer.encode(self.corpus.validation)
        if min(len(self.text), len(self.held_out)) <= settings.block:
            sys.exit(f"{folder}: {self.corpus.size} bytes are too few for windows of {settings.block} tokens: add text")

        torch.manual_seed(seed)  # every process begins with the same weights
        self.gpt = GPT(**settings.shape).to(device)
        self.model = self.joined()
        matrices = [weight for weight in self.gpt.parameters() if weight.dim() > 1]
        vectors = [weight for weight in self.gpt.parameters() if weight.dim() == 1]
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=device.type == "cuda")
        self.peak = (settings.peak_tflops * 1e12 or peak_flops(device) or 0.0) * self.world

    def joined(self) -> nn.Module:
        """The model, compiled if that is wanted, and one with those of the other processes."""
        sharded = self.world > 1 and self.settings.parallel == "fsdp"
        if self.settings.compile:
            # Where weights are gathered block by block, what lies between two gatherings is compiled.
            for part in self.gpt.blocks if sharded else [self.gpt]:
                part.compile()
        if sharded:
            for each in (*self.gpt.blocks, self.gpt):
                fully_shard(each)
        return DistributedDataParallel(self.gpt) if self.world > 1 and not sharded else self.gpt

    def loss(self, tokens: NDArray[np.uint16], starts: NDArray[np.int64]) -> Tensor:
        """The mean loss over the windows of `tokens` that begin at `starts`: a scalar."""
        chosen = starts[:, None] + np.arange(self.settings.block + 1)
        batch, cuda = torch.from_numpy(tokens[chosen].astype(np.int64)), self.device.type == "cuda"
        if cuda:
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        with torch.autocast("cuda", torch.bfloat16, enabled=cuda and torch.cuda.is_bf16_supported()):
            losses: Tensor = self.model(batch[:, :-1], batch[:, 1:])
        return losses.mean()

    def learning_rate(self, step: int) -> float:
        """Up in a line, then down to a tenth along a cosine."""
        up, steps = self.settings.warm_up, self.settings.steps
        share: float = step / up if step <= up else 0.55 + 0.45 * math.cos(math.pi * (step - up) / (steps - up))
        return share * self.settings.lr

    def update(self, step: int) -> Tensor:
        """Do one step; returns the loss of this process's share of it."""
        total, parts = torch.zeros((), device=self.device), self.settings.accumulate
        for part in range(parts):
            # Drawn from nothing but these four numbers: a training that goes on meets the text it would have met.
            draw = np.random.default_rng((self.seed, step, part, self.rank))
            starts = draw.integers(len(self.text) - self.settings.block, size=self.settings.batch)
            with self.synchronised(part == parts - 1):
                loss = self.loss(self.text, starts) / parts
                loss.backward()
            total += loss.detach()
        nn.utils.clip_grad_norm_(self.gpt.parameters(), self.settings.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total

    def synchronised(self, now: bool) -> AbstractContextManager[None]:
        """Gradients are averaged over the processes once a step, in the backward pass of its last part."""
        if isinstance(self.model, FSDPModule):
            self.model.set_requires_gradient_sync(now)
        return self.model.no_sync() if isinstance(self.model, DistributedDataParallel) and not now else nullcontext()

    def mean(self, value: Tensor) -> float:
        """The mean over the processes. Here, and nowhere else in the loop, the CPU waits for the GPU."""
        if self.world > 1:
            dist.all_reduce(value)
        return float(value.item()) / self.world

    @torch.no_grad()
    def validate(self) -> float:
        """The mean loss over windows of the text that was held back: the same windows each time."""
        batches, size = self.settings.validation_batches, self.settings.batch
        last = len(self.held_out) - self.settings.block - 1
        starts = np.linspace(0, last, batches * size * self.world, dtype=np.int64)
        own = starts[self.rank :: self.world].reshape(batches, size)
        return self.mean(torch.stack([self.loss(self.held_out, each) for each in own]).mean())

    def train(self, steps: range, run: Run | None = None, saver: Any = None) -> None:
        """Do these steps; log, validate and save as often as the settings say, and at the last step of all."""
        settings, total, count = self.settings, torch.zeros((), device=self.device), 0
        tokens = settings.accumulate * settings.batch * settings.block * self.world
        started = None  # the first interval is not timed: compilation is in it
        for step in steps:
            total += self.update(step)
            count += 1
            validate = step % settings.validate_every == 0 or step == settings.steps
            metrics: dict[str, float] = {}
            if validate or step % settings.log_every == 0:
                metrics = {"loss": self.mean(total / count), "lr": self.learning_rate(step)}
                if started is not None:
                    metrics["tokens_per_second"] = count * tokens / (time.perf_counter() - started)
                    if self.peak:
                        metrics["mfu"] = metrics["tokens_per_second"] * self.gpt.flops_per_token / self.peak
            if validate:
                metrics["validation_loss"] = self.validate()
                metrics["perplexity"] = float(np.exp(metrics["validation_loss"]))
            if metrics and run:
                run.log(metrics, step=step)
            if metrics and self.rank == 0:
                print(f"{step}:", ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()), flush=True)
            if saver:
                saver.step(step, metrics if validate else None)
            if metrics:
                total.zero_()
                started, count = time.perf_counter(), 0


def join() -> torch.device:
    """This process's device. If torchrun started it, it waits here for the others."""
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        dist.init_process_group("nccl" if cuda else "gloo", device_id=device if cuda else None)
    return device


def peak_flops(device: torch.device) -> float | None:
    """Dense bf16 operations a second, at most. None for a CPU, and for a GPU that the table lacks."""
    words = torch.cuda.get_device_name(device).replace("-", " ").split() if device.type == "cuda" else []
    return next((peak for name, peak in PEAKS.items() if set(name.split()) <= set(words)), None)


def fit(device: torch.device) -> None:
    """One whole training, the same in every process."""
    params = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    with modelbook.run("gpt", params=params) as run:
        settings, seed = read_settings(run), run.seed(0)
        folder = run.param("folder", "")  # for a run by hand, which has no datasets
        training = Training(settings, Path(folder) if folder else run.dataset("python-text"), seed, device)
        corpus = training.corpus
        run.log_params({"weights": training.gpt.size, "corpus_bytes": corpus.size, "corpus_sha256": corpus.sha256})
        model, optimizer, pace = training.model, training.optimizer, settings.checkpoint_every
        every = int(pace) if pace.isdecimal() else pace
        saver = run.checkpoints(model=model, optimizer=optimizer, every=every, metric="validation_loss", mode="min")
        training.train(range(saver.restore() or 1, settings.steps + 1), run, saver)
        run.save_weights(training.gpt.state_dict())
        run.log_artifact("config.json", json.dumps(settings.shape, indent=1))
        run.log_artifact("tokenizer.json", training.tokenizer.to_json())


def main() -> None:
    fit(join())
    # Not before the model is gone: a DistributedDataParallel that outlives its process group takes the group along
    # while it holds Python's lock, and a thread of gloo that wants that lock then waits for ever.
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
