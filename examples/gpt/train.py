"""Train a small GPT. README.md says how to start it: on a CPU, on a GPU, on many."""

import json
import math
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from corpus import Tokenizer, read_corpus
from devices import join, leave, peak_flops, shared
from numpy.typing import NDArray
from settings import Settings, read_settings
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, get_optimizer_state_dict
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.functional import cross_entropy, gelu, linear, scaled_dot_product_attention
from torch.nn.parallel import DistributedDataParallel

import modelbook
from modelbook.training.run import Run

WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)  # what is sharded is gathered in the first process


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
    """One process's share of a training. Only the first process has a `run`: it speaks for all."""

    def __init__(self, settings: Settings, folder: Path, seed: int, device: torch.device, run: Run | None) -> None:
        self.settings, self.seed, self.device, self.run = settings, seed, device, run
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        corpus = read_corpus(folder)
        self.tokenizer = Tokenizer.learn(corpus.train, settings.vocabulary)
        self.text = self.tokenizer.encode(corpus.train)
        self.held_out = self.tokenizer.encode(corpus.validation)
        if min(len(self.text), len(self.held_out)) <= settings.block:
            sys.exit(f"{folder}: {corpus.size} bytes are too few for windows of {settings.block} tokens: add text")

        torch.manual_seed(seed)  # every process begins with the same weights
        self.gpt = GPT(**settings.shape).to(device)
        self.model = self.joined()
        matrices = [weight for weight in self.gpt.parameters() if weight.dim() > 1]
        vectors = [weight for weight in self.gpt.parameters() if weight.dim() == 1]
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=device.type == "cuda")
        self.peak = (settings.peak_tflops * 1e12 or peak_flops(device) or 0.0) * self.world
        if run:
            run.log_params({"weights": self.gpt.size, "corpus_bytes": corpus.size, "corpus_sha256": corpus.sha256})

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

    def train(self, steps: range) -> None:
        """Do these steps; log and save as often as the settings say, and at the last step of all."""
        settings, total, count = self.settings, torch.zeros((), device=self.device), 0
        tokens = settings.accumulate * settings.batch * settings.block * self.world
        started = None  # the first interval is not timed: compilation is in it
        for step in steps:
            total += self.update(step)
            count += 1
            save = step % settings.checkpoint_every == 0 or step == settings.steps
            if not save and step % settings.log_every:
                continue
            metrics = {"loss": self.mean(total / count), "lr": self.learning_rate(step)}
            if started is not None:
                metrics["tokens_per_second"] = count * tokens / (time.perf_counter() - started)
                if self.peak:
                    metrics["mfu"] = metrics["tokens_per_second"] * self.gpt.flops_per_token / self.peak
            if save:
                metrics["validation_loss"] = self.validate()
                metrics["perplexity"] = float(np.exp(metrics["validation_loss"]))
            if self.run:
                self.run.log(metrics, step=step)
                print(f"{step}:", ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()), flush=True)
            if save:
                self.checkpoint(step, metrics["validation_loss"])
            total.zero_()
            started, count = time.perf_counter(), 0

    def checkpoint(self, step: int, metric: float) -> None:
        """Save all that is needed to go on after `step`; `metric` is lower for a better model."""
        model: Any = get_model_state_dict(self.gpt, options=WHOLE)
        optimizer = get_optimizer_state_dict(self.gpt, self.optimizer, options=WHOLE)
        if self.run:
            self.run.checkpoint(model, step=step, metric=metric, optimizer=optimizer)

    def save(self) -> None:
        """Save the model: its weights, its shape, and its tokens."""
        weights: Any = get_model_state_dict(self.gpt, options=WHOLE)
        if self.run:
            self.run.save_weights(weights)
            self.run.log_artifact("config.json", json.dumps(self.settings.shape, indent=1))
            self.run.log_artifact("tokenizer.json", self.tokenizer.to_json())


def fit(device: torch.device) -> None:
    """One whole training."""
    first = not dist.is_initialized() or dist.get_rank() == 0
    params = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    run = modelbook.run("gpt", params=params, seed=0) if first else None
    with run or nullcontext():
        settings, folder, seed = shared(read_settings(run) if run else None)
        training = Training(settings, folder, seed, device, run)
        training.train(range(1, settings.steps + 1))
        training.save()


def main() -> None:
    fit(join())
    leave()


if __name__ == "__main__":
    main()
